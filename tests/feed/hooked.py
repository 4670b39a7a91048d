"""A receiver of webhooks on loopback, and what tells it."""

import asyncio
import collections
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from gatepost import clock as clocks
from gatepost.feed.webhooks import dialect, runner, schedule, telling
from gatepost.model import event as events
from gatepost.model import webhook as webhook_values
from gatepost.net import addresses, resolver, tls
from gatepost.store import port, webhooks

SECRET = "whsec_" + "c2VjcmV0" * 6
FAST = schedule.Terms(20, 2, 200, 60, 600_000, 1_000)

T = TypeVar("T")
Says = Callable[["Receiver", str], web.Response | None]


class Receiver:
    """says: the answer to a request by its id; None: none, ever. taken: ids of the events that were answered 2xx, as often as they were."""

    def __init__(self, says: Says | None = None) -> None:
        self.says = says or (lambda *_: web.Response())
        self.asked: list[tuple[str, bytes, dict[str, str]]] = []
        self.taken: collections.Counter[int] = collections.Counter()
        self.at_once = self.most_at_once = 0
        self.port = 0
        self._over = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [key for key, _, _ in self.asked]

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        key = request.headers["webhook-id"]
        self.asked.append((key, body, dict(request.headers)))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            said = self.says(self, key)
            if said is None:
                await self._over.wait()
                return web.Response(status=500)
            if 200 <= said.status < 300:
                self.taken.update(seqs_of(body))
            return said
        finally:
            self.at_once -= 1

    async def wait_taken(self, seqs: Sequence[int], seconds: float = 20) -> None:
        """Until each of these was taken."""
        await until(lambda: set(seqs) <= set(self.taken), seconds)

    async def wait_asked(self, count: int) -> None:
        await until(lambda: len(self.asked) >= count)

    def end(self) -> None:
        self._over.set()


async def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what the test is about."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - it is no event's
            await asyncio.sleep(0.01)


async def until_known(asks: Callable[[], Awaitable[T]], seconds: float = 20) -> T:
    """Wait until the store has something to say."""
    async with asyncio.timeout(seconds):
        while not (found := await asks()):  # noqa: ASYNC110 - it is no event's
            await asyncio.sleep(0.01)
    return found


def seqs_of(body: bytes) -> list[int]:
    told: Any = json.loads(body)
    if isinstance(told, dict) and "data" not in told:
        return []  # a dialect of others
    return [one["data"]["seq"] for one in (told if isinstance(told, list) else [told])]


@contextlib.asynccontextmanager
async def receiving(says: Says | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    made = Receiver(says)
    application = web.Application()
    application.router.add_post("/hook", made.answer)
    listening = web.AppRunner(application, shutdown_timeout=0.2)
    await listening.setup()
    site = web.TCPSite(listening, "127.0.0.1", 0)
    await site.start()
    made.port = listening.addresses[0][1]
    try:
        yield made
    finally:
        made.end()
        await listening.cleanup()


def means(timeout_s: float = 1.0, clock: clocks.Clock | None = None) -> telling.Means:
    """What reaches loopback alone."""
    used = clock or clocks.SystemClock()
    return telling.Means(
        finds=resolver.Resolver(("127.0.0.1:9",), clock=used, shuffle=lambda _: None),
        rules=addresses.rules((), ("127.0.0.0/8",)),
        context=tls.client_context(verify=True),
        dialects={one: dialect.read(one.value) for one in webhook_values.Dialect if one.value != "events"},
        timeout_s=timeout_s,
        clock=used,
    )


@contextlib.asynccontextmanager
async def telling_all(
    store: port.Store, terms: schedule.Terms = FAST, timeout_s: float = 1.0
) -> AsyncIterator[runner.Runner]:
    """All webhooks of the store are told."""
    made = runner.Runner(store, means(timeout_s), terms, lambda: 0.5)
    task = asyncio.ensure_future(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def add(store: port.Store, url: str, name: str = "hook", **given: object) -> webhook_values.Webhook:
    """A webhook of all events, but for what is given."""
    fresh = msgspec.convert(
        {
            "id": 0,
            "account": 0,
            "bridge": 0,
            "name": name,
            "url": url,
            "secret": SECRET,
            "type": "webhook",
            **given,
        },
        webhook_values.Webhook,
    )
    known = await store.change_directory([fresh], "test")
    return next(one for one in known.webhooks if one.name == name)


async def entry(store: port.Store) -> webhook_values.Webhook:
    """The only one, as it is now."""
    [found] = (await store.directory()).webhooks
    return found


async def note(store: port.Store, count: int, **given: object) -> list[int]:
    """Events; their seqs."""
    made = msgspec.convert(
        {"at": 1_800_000_000_000, "state": int(events.State.BOUNCED), **given}, events.Event
    )
    await store.note([made] * count)
    newest = await store.last_seq()
    return list(range(newest - count + 1, newest + 1))


async def wait_progress(
    store: port.Store, webhook: int, holds: Callable[[webhooks.Progress], bool]
) -> webhooks.Progress:
    """Until the store knows it."""

    async def asks() -> webhooks.Progress | None:
        found = (await store.webhooks.progress())[webhook]
        return found if holds(found) else None

    found = await until_known(asks)
    assert found is not None
    return found


async def wait_off(store: port.Store) -> webhook_values.Webhook:
    """Until the only one is switched off."""

    async def asks() -> int:
        return (await entry(store)).off_since

    await until_known(asks)
    return await entry(store)


async def wait_nothing_waits(store: port.Store) -> None:
    """Until every refused request was taken or given up."""

    async def asks() -> bool:
        return not await store.webhooks.counts()

    await until_known(asks)
