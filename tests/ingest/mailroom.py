"""The inbound listener over the real store and the real policy, for tests. Reading is a test's own: a word in the subject."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tests.store import store_values

from gatepost import clock as clocks
from gatepost.app import compose, signing
from gatepost.ingest import intake, ours, reading, reception
from gatepost.ingest import settings as ingest_settings
from gatepost.ingest import shortage as shortages
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.net import listen
from gatepost.policy import settings as policy_settings
from gatepost.reports import token as tokens
from gatepost.store import port
from gatepost.store.sqlite import open_store

Purpose = tokens.Purpose
HOST = "gw.shop.test"
BOUNCE = "bounce.shop.test"
DAY = 24 * 3600 * 1000
_SUBJECT = re.compile(rb"^Subject: (\S+)(?: (.*?))?\r?$", re.MULTILINE)
Of = reading.Of


class Room:
    """The listener, and what came in. read: mails handed to the reader; forwarded: to the operator."""

    def __init__(
        self, store: port.Store, clock: clocks.FakeClock, tasks: asyncio.TaskGroup, **settings: Any
    ) -> None:
        self.store = store
        self.clock = clock
        self.tasks = tasks
        self.settings = msgspec.convert({"address": "x", **settings}, ingest_settings.InboundSettings)
        self.keys = tokens.Keys(())
        self.directory = directories.Directory()
        self.read: list[bytes] = []
        self.forwarded: list[str] = []
        self.reading = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.overloaded = False
        self.short: shortages.Shortage | None = None
        self.exempt: set[int] = set()
        self.decide = compose.build_decide(policy_settings.PolicySettings(), lambda: 0.5)
        self.door: reception.Inbound
        self.intake: intake.Intake
        self.port = 0

    async def open(self) -> None:
        """Make everything and listen."""
        self.directory = await self.store.directory()
        self.keys = signing.keys(self.directory)
        classifier = compose.build_classifier()
        self.intake = intake.Intake(
            intake.Parts(
                sent=self.store.sent,
                settle=self._settle,
                parse=self._parse,
                classifier=lambda: classifier,
                ours=self.known,
                provider=lambda host: host,
                exempt=lambda bridge: bridge in self.exempt,
                forward=self._forward,
                hostname=HOST,
                tasks=self.tasks,
            )
        )
        parts = reception.Parts(
            ours=self.known,
            intake=self.intake,
            clock=self.clock,
            shortage=lambda: self.short,
            quota=reception.Quota(self.settings.unverified_per_min, self.clock),
            budget=reception.Budget(self.settings.budget),
        )
        waits = ingest_settings.IngestSettings()
        self.door = reception.Inbound(self.settings, parts, waits, HOST, None, self.tasks)
        sockets = listen.bind("127.0.0.1", 0, "test")
        await self.door.start(sockets)
        self.port = int(sockets[0].getsockname()[1])

    async def _settle(self, batch: Sequence[results.Reported]) -> Sequence[settlements.Settlement | None]:
        return await self.store.settle(batch, self.decide)

    def known(self) -> ours.Ours:
        """By the Directory as it was at the start."""
        return ours.Ours(self.directory, self.keys, [HOST])

    async def delivered(self, *recipients: str, maker: int = 1) -> list[int]:
        """A message that was taken with a token for each; its deliveries."""
        deliveries = await self.accepted(*recipients, maker=maker)
        await self.settle_delivered(deliveries)
        return deliveries

    async def accepted(self, *recipients: str, maker: int = 1) -> list[int]:
        """A message on its way; its deliveries."""
        submission = store_values.Maker(maker).submission(*recipients)
        await self.store.accept([submission], store_values.refuse)
        return [one.id for one in submission.deliveries]

    async def settle_delivered(self, deliveries: list[int]) -> None:
        """They were taken with a token."""
        assignment = await self.store.assign(await self.store.lease_worker(), range(port.SLOTS))
        claim = results.Claim(1, dict(assignment.slots)[1])
        attempt = msgspec.structs.replace(store_values.ATTEMPT, reports_until=self.clock.now_ms() + 180 * DAY)
        taken = [
            msgspec.structs.replace(store_values.attempted(one, claim), attempt=attempt) for one in deliveries
        ]
        await self.store.settle(taken, self.decide)

    def token(self, about: int, purpose: Purpose = Purpose.RETURN_PATH, days: int = 30) -> str:
        """As the gateway makes it."""
        key = self.keys.signing(self.clock.now_ms())
        assert key is not None
        return tokens.make(purpose, about, self.clock.now_ms() + days * DAY, key)

    async def suppressed(self) -> list[str]:
        """Every target that is suppressed."""
        return [entry.target for _, entry in await self.store.suppressions((), 0, 1000)]

    async def states(self, delivery: int) -> list[events.State]:
        """Of the events of one delivery."""
        return [e.state for e in await self.store.trace(delivery) if e.delivery == delivery]

    async def _parse(self, raw: bytes) -> reading.Gist | None:
        self.read.append(raw)
        self.reading.set()
        await self.gate.wait()
        if self.overloaded:
            raise intake.Overloaded
        return gist(raw)

    async def _forward(self, received: reading.Received, place: ours.Place) -> None:
        del received
        self.forwarded.append(place.address)


def gist(raw: bytes) -> reading.Gist | None:
    """``Subject: dsn 550 5.1.1 …``, ``Subject: abuse``, ``Subject: not-spam`` …; ``bomb`` cannot be read."""
    found = _SUBJECT.search(raw)
    word, rest = (found[1].decode(), found[2] or b"") if found else ("", b"")
    match word:
        case "bomb":
            return None
        case "dsn":
            return reading.Gist(
                Of.DSN, (reading.Line(("someone@else.test",), "failed", int(rest[:3]), rest),)
            )
        case "delayed":
            return reading.Gist(
                Of.DSN, (reading.Line(("someone@else.test",), "delayed", 450, b"450 4.2.0 x"),)
            )
        case "abuse" | "not-spam" | "opt-out" | "fraud":
            return reading.Gist(Of.ARF, feedback=(word,))
        case "vacation":
            return reading.Gist(Of.AUTOREPLY, notice=word)
        case "unsubscribe":
            return reading.Gist(Of.UNSUBSCRIBE)
        case _:
            return reading.Gist(Of.OTHER)


@contextlib.asynccontextmanager
async def opened(path: Path, **settings: Any) -> AsyncIterator[Room]:
    """A listener in a new data directory; ``settings`` are of ``[inbound]``."""
    clock = clocks.FakeClock(store_values.NOW)
    store = await open_store(path, 1, clock)
    try:
        await store.change_directory([directories.Account(0, "default")], "test")
        await store.change_directory(
            [
                directories.SenderDomain(
                    0, 1, "shop.test", directories.ReturnPath.VERP, BOUNCE, proved_since=1
                )
            ],
            "test",
        )
        await signing.ensure(store)
        async with asyncio.TaskGroup() as tasks:
            room = Room(store, clock, tasks, **settings)
            await room.open()
            try:
                yield room
            finally:
                room.gate.set()
                await room.door.drain(1.0)
    finally:
        await store.close()
