"""One webhook: follows the feed behind its cursor and tells its receiver, round by round.

Guarantees: at least once: the cursor moves over an event in the transaction that knows it as told, waiting or none of this
webhook's; what is under way at a kill is told again, with the same id. A round has at most ``ROUND`` requests, ``AT_ONCE`` of them at
the same time; what was refused and waits is bounded, then the cursor waits, too, and the feed keeps the rest. A receiver
that takes nothing is asked with one request at a time. Order is not promised.
Not here: when to try again (``schedule``), other webhooks: each has a Sender of its own, and none waits for another.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from gatepost import log as logs
from gatepost.feed.webhooks import payload, schedule, telling
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import webhook as webhook_values
from gatepost.net import posting
from gatepost.store import port, shapes, webhooks, windows

ROUND = 200  # requests
AT_ONCE = posting.CONNECTIONS
EVENTS = 1_000  # of one round
WAITING = 1_000  # requests of one webhook
IDLE_S = 1.0  # what waits is looked for so often
_UNWRITTEN = 10_000  # events passed over before the cursor is written though nothing was told
_EVER = 1 << 62

SwitchOff = Callable[[webhook_values.Webhook, str], Awaitable[None]]


class Parts(msgspec.Struct, frozen=True):
    """names: the Directory's, as they are now. wait_news: until there is something new in the feed behind a seq, or for some time.

    switch_off: a receiver that wants no more, or has taken nothing for too long.
    """

    store: port.Store
    means: telling.Means
    terms: schedule.Terms
    names: Callable[[], shapes.Names]
    wait_news: Callable[[int, float], Awaitable[None]]
    switch_off: SwitchOff
    rand: Callable[[], float]
    log: logs.Logger


_Pair = tuple[webhooks.Request, Sequence[events.Event]]


class _Work(msgspec.Struct, frozen=True):
    """What a round is to tell: requests with their events, where the cursor is then, and the replay that some of them are of.

    full: so much waits to be tried again that nothing new is taken.
    """

    told: list[_Pair]
    cursor: int
    replay: webhooks.Replay | None = None
    full: bool = False


class Sender:
    """``run`` until cancelled, or until it is switched off."""

    def __init__(self, webhook: webhook_values.Webhook, progress: webhooks.Progress, parts: Parts) -> None:
        self.webhook = webhook
        self.progress = progress
        self._p = parts
        self._store = parts.store.webhooks
        self._where = payload.conditions(webhook)
        self._written = progress.cursor
        self._permits = asyncio.Semaphore(AT_ONCE)

    async def run(self) -> None:
        """Tell."""
        receiver = telling.Receiver(self.webhook, self._p.names, self._p.means)
        try:
            while True:
                wait_ms = self.progress.next_at - self._p.means.clock.now_ms()
                if wait_ms > 0:
                    await asyncio.sleep(wait_ms / 1000)
                work = await self._work()
                if not work.told and work.replay is None:
                    await self._rest(work)
                elif reason := await self._round(receiver, work):
                    await self._p.switch_off(self.webhook, reason)
                    return
        finally:
            await receiver.close()

    async def _rest(self, work: _Work) -> None:
        """There is nothing to tell: wait for news, or for what waits."""
        moved = work.cursor > self.progress.cursor
        self.progress = msgspec.structs.replace(self.progress, cursor=work.cursor)
        if work.cursor - self._written > _UNWRITTEN:
            await self._keep(webhooks.Round(self.progress))
        if work.full:
            await asyncio.sleep(IDLE_S)
        elif not moved:
            await self._p.wait_news(work.cursor, IDLE_S)

    async def _work(self) -> _Work:
        """What waits comes first, then the feed, then what is to be told once more."""
        await self._skip_lost()
        trying = self.progress.failures > 0
        most, now = (1, _EVER) if trying else (ROUND // 2, self._p.means.clock.now_ms())
        told = await self._due(now, most)
        most = 1 - len(told) if trying else ROUND - len(told)
        cursor = self.progress.cursor
        full = await self._store.waiting(self.webhook.id) >= WAITING
        if most and not full:
            fresh, cursor = await self._fresh(cursor, most)
            told += fresh
            most -= len(fresh)
        if not most or trying or full:
            return _Work(told, cursor, full=full)
        replay, again = await self._again(most)
        return _Work(told + again, cursor, replay)

    async def _due(self, now_ms: int, most: int) -> list[_Pair]:
        waiting = await self._store.due(self.webhook.id, now_ms, most)
        seqs = list(itertools.chain.from_iterable(one.seqs for one in waiting))
        known = {event.seq: event for event in await self._store.events_at(seqs)}
        return [(one, [known[seq] for seq in one.seqs if seq in known]) for one in waiting]

    async def _fresh(self, cursor: int, most: int, until: int = _EVER) -> tuple[list[_Pair], int]:
        """Requests of what is behind a cursor, up to a seq, and where the cursor is then."""
        batch = self.webhook.batch
        window = await windows.read(self._p.store, cursor, min(EVENTS, most * batch), self._where)
        found = [event for event in window.found if event.seq <= until]
        parts = [found[at : at + batch] for at in range(0, len(found), batch)]
        requests = [
            webhooks.Request(0, self.webhook.id, tuple([event.seq for event in part]), 0) for part in parts
        ]
        return list(zip(requests, parts, strict=True)), window.until

    async def _again(self, most: int) -> tuple[webhooks.Replay | None, list[_Pair]]:
        """Some of the first range that is to be told once more."""
        for replay in await self._store.replays(self.webhook.id):
            fresh, cursor = await self._fresh(replay.cursor, most, replay.until)
            done = replay.until if cursor == replay.cursor else min(cursor, replay.until)
            return msgspec.structs.replace(replay, cursor=done), fresh
        return None, []

    async def _skip_lost(self) -> None:
        """Events that retention took before they were told are told by nobody: that is said, and the cursor goes on."""
        first = await self._p.store.first_seq()
        if self.progress.cursor < first - 1:
            lost = f"webhook {self.webhook.name}: events {self.progress.cursor + 1} to {first - 1} were not kept long enough to be told"
            await self._p.store.note([incident(self.webhook, self._p.means.clock.now_ms(), lost)])
            self.progress = msgspec.structs.replace(self.progress, cursor=first - 1)
            await self._keep(webhooks.Round(self.progress))

    async def _round(self, receiver: telling.Receiver, work: _Work) -> str:
        """Tell, and write what came of it. Why it is to be switched off, or empty."""

        known = await self._messages(work)

        async def told(
            request: webhooks.Request, found: Sequence[events.Event]
        ) -> tuple[schedule.Ended, webhooks.Try | None]:
            async with self._permits:
                return await receiver.tell(request, found, known)

        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(told(request, found)) for request, found in work.told]
        done = [task.result() for task in asked]
        ended = [one for one, _ in done]
        now = self._p.means.clock.now_ms()
        before = msgspec.structs.replace(self.progress, cursor=work.cursor)
        made = schedule.round_of(before, ended, now, self._p.rand(), self._p.terms)
        tries = [attempt for _, attempt in done if attempt is not None]
        self.progress = made.progress
        await self._keep(msgspec.structs.replace(made, tries=tries, replay=work.replay))
        if any(one.gone for one in ended):
            return "the receiver said 410 Gone"
        if schedule.over(made.progress, now, self._p.terms):
            last = next((one.problem for one in ended if one.problem), "")
            return f"the receiver has taken nothing for too long; at last: {last}"
        return ""

    async def _messages(self, work: _Work) -> Mapping[int, messages.Message]:
        """The messages of the events that are told; Gatepost's own form needs none."""
        if self.webhook.dialect is webhook_values.Dialect.EVENTS:
            return {}
        wanted = {event.message for _, found in work.told for event in found if event.message}
        return await self._store.messages_at(sorted(wanted))

    async def _keep(self, done: webhooks.Round) -> None:
        await self._store.keep(done)
        self._written = done.progress.cursor


def incident(webhook: webhook_values.Webhook, now_ms: int, detail: str) -> events.Event:
    """The event that tells a webhook's people of something that is wrong with it."""
    return events.Event(
        at=now_ms,
        state=events.State.INCIDENT,
        account=webhook.account,
        bridge=webhook.bridge,
        detail=detail,
    )
