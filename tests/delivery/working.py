"""A Deliverer at work for tests: a real SQLite store, real sockets on loopback, a clock that stands until it is moved."""

import asyncio
import functools
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from tests.store import store_values

from gatepost import clock as clocks
from gatepost.app import compose
from gatepost.classify import classifier as classifiers
from gatepost.delivery import opener, parts, ranges, ring, route, strict, worker
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.net import addresses, resolver
from gatepost.policy import settings as policy_settings
from gatepost.store import port
from gatepost.store.sqlite import open_store
from gatepost.store.sqlite import store as sqlite_stores

SOURCE = directories.Source(3, 2, "out", ehlo="gate.test", tls="never")
BODY = b"Subject: x\r\n\r\nhi\r\n"
Settled = tuple[results.Result, settlements.Settlement | None]


@functools.cache
def classifier() -> classifiers.Classifier:
    """The shipped one; its rules are read once."""
    return compose.build_classifier()


class NotingStore(sqlite_stores.SqliteStore):
    """The real store, which also lets a test wait for what is settled."""

    def __init__(self, path: Path, clock: clocks.Clock) -> None:
        super().__init__(path, 1, clock)
        self.settled: list[Settled] = []
        self._more = asyncio.Event()
        self.swept = asyncio.Event()

    async def heads(self, slots: Sequence[int]) -> list[port.LaneHead]:
        found = await super().heads(slots)
        self.swept.set()
        return found

    async def settle(self, batch: Any, decide: port.Decide) -> list[settlements.Settlement | None]:
        written = await super().settle(batch, decide)
        self.settled += zip(batch, written, strict=True)
        self._more.set()
        return written

    async def wait_settled(self, count: int) -> list[Settled]:
        """Until so many Results were settled, since the start."""
        async with asyncio.timeout(10):
            while len(self.settled) < count:
                self._more.clear()
                await self._more.wait()
        return self.settled


class Given(msgspec.Struct, frozen=True):
    """What a test may choose. slots: of the Deliverer. fixed: the way of all mail, as a port of 127.0.0.1, 0 for DNS.

    others: Sources beside ``source``. ca: a certificate that is trusted. web: where MTA-STS policies are fetched; None: not.
    """

    fixed: int = 0
    dns: tuple[str, ...] = ("127.0.0.1:9",)
    mx_port: int = 25
    slots: Collection[int] = range(port.SLOTS)
    scale: float = 1.0
    source: directories.Source = SOURCE
    others: tuple[directories.Source, ...] = ()
    limits: delivery_settings.LaneOverride = delivery_settings.LaneOverride()
    max_connections: int = 100
    pacing: bool = True
    threads: int = 2
    reply_s: float = 5
    ca: str = ""
    tls: tuple[delivery_settings.TlsRule, ...] = ()
    web: strict.Fetches | None = None
    chunking: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        """The Provider of every domain, where the way is fixed."""
        return f"127.0.0.1:{self.fixed}"


class Works:
    """The Deliverer with everything around it. told: lanes that another worker was told of."""

    def __init__(self, store: NotingStore, clock: clocks.FakeClock, assignment: port.Assignment) -> None:
        self.store = store
        self.clock = clock
        self.told: list[int] = []
        self._told_more = asyncio.Event()
        self._maker = store_values.Maker(1)
        self._assignment = assignment
        self.ring = ring.EMPTY
        self.standing = directives.NONE
        self.deliverer: worker.Deliverer

    def parts(self, given: Given) -> parts.Parts:
        """Sweeps are far apart: what a test sees came from elsewhere."""
        settings = delivery_settings.DeliverySettings(
            port=given.mx_port,
            connect_timeout_s=3,
            reply_timeout_s=given.reply_s,
            dot_timeout_s=given.reply_s,
            tls_ca=given.ca,
            tls=given.tls,
            sweep_s=3600,
            max_connections=given.max_connections,
            pacing=given.pacing,
            lane=(given.limits,),
            chunking=given.chunking,
        )
        finds = resolver.Resolver(
            given.dns,
            clock=self.clock,
            shuffle=lambda _: None,
            timeout_s=2,
            lifetime_s=4,
            control="known.test",
        )
        policies = strict.Policies(finds, given.web, self.clock) if given.web is not None else None
        routes = (delivery_settings.Route(".", given.provider),) if given.fixed else ()
        rules = addresses.rules(["127.0.0.0/8"], [])
        return parts.Parts(
            store=self.store,
            classifier=classifier(),
            decide=compose.build_decide(policy_settings.PolicySettings(time_scale=given.scale), lambda: 0.5),
            router=route.Router(finds, routes, settings, policies),
            opener=opener.Opener(
                finds,
                rules,
                settings,
                self.clock,
                "gate.test",
                shuffle=lambda _: None,
                suppressed=ranges.Ranges(self.store.networks, self.clock).now,
            ),
            clock=self.clock,
            settings=settings,
            source=lambda number: next((one for one in given.others if one.id == number), given.source),
            tell_other=self._tell_other,
            assignment=self._assignment,
            signing=delivery_settings.SigningSettings(threads=given.threads),
            keys=lambda: self.ring,
            standing=lambda: self.standing,
            time_scale=given.scale,
        )

    async def accept(self, *recipients: str, provider: str, **changes: Any) -> list[messages.Due]:
        """A message in the store, as an acceptance leaves it; what its lane's owner would be offered."""
        lane = await self.store.lane(provider, SOURCE.id)
        submission = self._maker.submission(*recipients, lane=lane, body=changes.pop("body", BODY))
        changes = {"expires_at": 2 * store_values.NOW, **changes}
        await self.store.accept(
            [
                msgspec.structs.replace(
                    submission, message=msgspec.structs.replace(submission.message, **changes)
                )
            ],
            store_values.refuse,
        )
        found = await self.store.due(lane, self.clock.now_ms(), 1000)
        return [
            msgspec.structs.replace(row, provider=provider)
            for row in found
            if row.message == submission.message.id
        ]

    def _tell_other(self, lane: int) -> None:
        self.told.append(lane)
        self._told_more.set()

    async def wait_told(self, count: int) -> None:
        """Until other workers were told so often."""
        async with asyncio.timeout(10):
            while len(self.told) < count:
                self._told_more.clear()
                await self._told_more.wait()

    def offer(self, jobs: list[messages.Due], body: bytes = BODY) -> None:
        """Hand an accepted message over with its body."""
        self.deliverer.offer(jobs, (body,))

    async def events(self, *states: events.State) -> list[events.Event]:
        """The feed's events of these states."""
        return [e for e in await store_values.every_event(self.store) if e.state in states]


@asynccontextmanager
async def working(path: Path, given: Given) -> AsyncIterator[Works]:
    """A Deliverer that runs."""
    clock = clocks.FakeClock(store_values.NOW)
    await (await open_store(path, 1, clock)).close()
    store = NotingStore(path, clock)
    works = Works(store, clock, await store.assign(1, list(given.slots)))
    works.deliverer = worker.Deliverer(works.parts(given))
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(works.deliverer.run())
            await store.swept.wait()  # or the first sweep would find what a test has not offered yet
            yield works
            await works.deliverer.drain(0)
            running.cancel()
    finally:
        await store.close()
