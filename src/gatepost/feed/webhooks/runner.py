"""All webhooks: a Sender for each that is switched on, as the Directory has them now.

Guarantees: a change of an entry is followed within ``FOLLOW_S``; Senders share nothing but the feed and the store. Nothing is
read while there is no webhook but the Directory's version.
"""

import asyncio
import contextlib
from collections.abc import Callable

import msgspec

from gatepost import errors
from gatepost import log as logs
from gatepost.feed.webhooks import schedule, sender, telling
from gatepost.model import directory as directories
from gatepost.model import webhook as webhook_values
from gatepost.store import port, shapes

FOLLOW_S = 0.5
POLL_S = 0.05  # a read of one number
MISTAKE_S = 5.0
ACTOR = "webhooks"


class Runner:
    """``run`` until cancelled."""

    def __init__(
        self,
        store: port.Store,
        means: telling.Means,
        terms: schedule.Terms,
        rand: Callable[[], float],
    ) -> None:
        self._store = store
        self._clock = means.clock
        self._log = logs.get("webhooks")
        self._known = directories.Directory(-1)
        self._names = shapes.Names(self._known)
        self._running: dict[int, tuple[sender.Sender, asyncio.Task[None]]] = {}
        self._newest = 0
        self._news = asyncio.Event()
        self._parts = sender.Parts(
            store, means, terms, lambda: self._names, self._wait_news, self._switch_off, rand, self._log
        )

    async def run(self) -> None:
        """Follow the Directory, and the end of the feed."""
        async with asyncio.TaskGroup() as tasks:
            try:
                tasks.create_task(self._poll())
                while True:
                    await self._follow(tasks)
                    await asyncio.sleep(FOLLOW_S)
            finally:
                for _, task in self._running.values():
                    task.cancel()

    async def _follow(self, tasks: asyncio.TaskGroup) -> None:
        """Begin what is new, end what is gone or was changed."""
        if await self._store.directory_version() == self._known.version:
            return
        self._known = await self._store.directory()
        self._names = shapes.Names(self._known)
        wanted = {one.id: one for one in self._known.webhooks if not one.off_since}
        for number, (running, task) in list(self._running.items()):
            if wanted.get(number) != running.webhook or task.done():
                task.cancel()
                del self._running[number]
        fresh = [one for number, one in wanted.items() if number not in self._running]
        progress = await self._store.webhooks.progress() if fresh else {}
        for one in fresh:
            if one.id in progress:
                # Whoever begins may try at once: what was wrong may be mended.
                began = msgspec.structs.replace(progress[one.id], next_at=0)
                made = sender.Sender(one, began, self._parts)
                self._running[one.id] = made, tasks.create_task(self._guarded(made))

    async def _guarded(self, one: sender.Sender) -> None:
        """A mistake of ours about one webhook stops no other, and no mail."""
        while True:
            try:
                await one.run()
            except errors.StoreUnhealthy:
                raise
            except Exception as error:  # noqa: BLE001 - the top of a webhook's task
                self._log.error("a webhook failed", webhook=one.webhook.name, problem=repr(error))
                await asyncio.sleep(MISTAKE_S)
            else:
                return

    async def _poll(self) -> None:
        while True:
            newest = await self._store.last_seq() if self._running else self._newest
            if newest > self._newest:
                self._newest = newest
                self._news.set()
                self._news = asyncio.Event()
            await asyncio.sleep(POLL_S)

    async def _wait_news(self, cursor: int, seconds: float) -> None:
        if self._newest > cursor:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    async def _switch_off(self, webhook: webhook_values.Webhook, reason: str) -> None:
        """As an operator would, and say so; what is to come waits for the day it is switched on again."""
        while True:
            known = await self._store.directory()
            entry = next((one for one in known.webhooks if one.id == webhook.id), None)
            if entry != webhook:
                return
            now = self._clock.now_ms()
            off = msgspec.structs.replace(entry, off_since=now, off_reason=reason)
            # Said first: the change ends the task that says it.
            detail = f"webhook {webhook.name} was switched off: {reason}"
            await self._store.note([sender.incident(webhook, now, detail)])
            self._log.warning("a webhook was switched off", webhook=webhook.name, reason=reason)
            with contextlib.suppress(errors.Outdated):
                await self._store.change_directory([off], ACTOR, version=known.version)
                return
