"""Submission over the real store, for tests: a directory with two accounts, a listener on loopback, the HTTP app."""

import asyncio
import contextlib
import fcntl
import math
import random
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec

from gatepost import clock as clocks
from gatepost import errors
from gatepost.ingest import accept, conversation, failures, gather, http, listener
from gatepost.ingest import book as books
from gatepost.ingest import settings as ingest_settings
from gatepost.ingest import shortage as shortages
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.net import listen
from gatepost.store import credentials, port
from gatepost.store.sqlite import store as sqlite

PEPPER = b"p" * 32
PASSWORD = "secret-of-shop"
KEY = "gp_key-of-shop"
HOSTNAME = "gw.example"


class Valve:
    """The real store behind a valve: ``sick`` makes its writes fail, ``open`` is waited for before each."""

    def __init__(self, store: port.Store) -> None:
        self._store = store
        self.sick = False
        self.open = asyncio.Event()
        self.open.set()
        self.calls: list[int] = []
        self.called = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    async def accept(
        self,
        submissions: Sequence[messages.Submission],
        refuse: port.Refuse,
        *,
        idempotency: messages.Idempotency | None = None,
        within_s: float = math.inf,
    ) -> list[messages.Accepted]:
        self.calls.append(len(submissions))
        self.called.set()
        await self._flow()
        return await self._store.accept(submissions, refuse, idempotency=idempotency, within_s=within_s)

    async def put_parts(
        self, message: int, first: int, parts: Sequence[bytes], *, within_s: float = math.inf
    ) -> None:
        await self._flow()
        await self._store.put_parts(message, first, parts, within_s=within_s)

    async def standing(self, lookups: Sequence[port.Lookup]) -> list[port.Standing]:
        await self._flow()
        return await self._store.standing(lookups)

    async def _flow(self) -> None:
        await self.open.wait()
        if self.sick:
            raise errors.StoreUnhealthy("the disk is gone")


class Office:
    """Everything that takes mail, and what it took."""

    def __init__(
        self, store: port.Store, tasks: asyncio.TaskGroup, settings: ingest_settings.IngestSettings
    ) -> None:
        self.store = store
        self.valve = Valve(store)
        self.tasks = tasks
        self.settings = settings
        self.shelf = books.Shelf()
        self.offered: list[messages.Due] = []
        self.got = asyncio.Event()
        self.bodies: dict[int, tuple[bytes, ...] | None] = {}
        self.listeners: list[listener.Listener] = []
        self.short: shortages.Shortage | None = None
        self.ready = True
        valve = cast("port.Store", self.valve)
        clock = clocks.SystemClock()
        self.acceptor = accept.Acceptor(
            accept.Parts(
                store=valve,
                ids=ids.IdMaker(1),
                clock=clock,
                tasks=tasks,
                rand=random.Random(1).random,
                offer=self._offer,
                hostname=HOSTNAME,
                accept_timeout_s=settings.accept_timeout_s,
            )
        )
        noting: gather.Gather[events.Event, None] = gather.Gather(self._note, tasks)

        def note(event: events.Event) -> None:
            noting.ask(event, lambda _: None)

        counted = failures.Failures(clock, 0.01, note)
        self.parts = conversation.Parts(
            acceptor=self.acceptor,
            store=valve,
            standings=gather.Gather(valve.standing, tasks),
            note=note,
            shelf=self.shelf,
            pepper=PEPPER,
            clock=clock,
            failures=counted,
            shortage=lambda: self.short,
            settings=settings,
        )
        self.app = http.App(
            http.Parts(
                acceptor=self.acceptor,
                shelf=self.shelf,
                pepper=PEPPER,
                failures=counted,
                settings=settings,
                shortage=lambda: self.short,
                ready=lambda: self.ready,
            )
        )

    async def listen(
        self, settings: ingest_settings.ListenerSettings, context: ssl.SSLContext | None = None
    ) -> tuple[listener.Listener, int]:
        """A listener on a free port."""
        sockets = listen.bind("127.0.0.1", 0, "test")
        made = listener.Listener(settings, self.parts, HOSTNAME, context, self.tasks)
        await made.start(sockets)
        self.listeners.append(made)
        return made, int(sockets[0].getsockname()[1])

    async def change(self, *changes: directories.Change) -> None:
        """Change the Directory, as an operator does."""
        self.shelf.replace(await self.store.change_directory(changes, "test"))

    def bridge(self, name: str = "shop") -> directories.Bridge:
        """A Bridge by its name."""
        sending = self.shelf.book().by_name(name)
        assert sending is not None
        return sending.bridge

    async def body(self, due: messages.Due) -> bytes:
        """A message as kept."""
        return b"".join((await self.store.bodies([due.message]))[due.message])

    async def found(self, state: events.State) -> list[events.Event]:
        """Every event of one state."""
        return [event for event in await self.store.feed(0, 1000) if event.state is state]

    def _offer(self, dues: Sequence[messages.Due], body: tuple[bytes, ...] | None) -> None:
        self.offered += dues
        self.got.set()
        self.bodies[dues[0].message] = body

    async def _note(self, noted: Sequence[events.Event]) -> list[None]:
        await self.store.note(noted)
        return [None] * len(noted)


@contextlib.asynccontextmanager
async def opened(path: Path, **settings: object) -> AsyncIterator[Office]:
    """An office in a new data directory; ``settings`` are of ``[ingest]``."""
    store = await sqlite.open_store(path)
    try:
        async with asyncio.TaskGroup() as tasks:
            made = Office(store, tasks, msgspec.convert(settings, ingest_settings.IngestSettings))
            await _furnish(made)
            try:
                yield made
            finally:
                made.valve.open.set()
                for one in made.listeners:
                    await one.drain(1.0)
    finally:
        await store.close()


async def _furnish(office: Office) -> None:
    await office.change(directories.Account(0, "default"), directories.Account(0, "other"))
    found = await office.store.directory()
    mine, other = (account.id for account in found.accounts)
    await office.change(directories.Pool(0, mine, "main"), directories.Pool(0, other, "main"))
    pools = (await office.store.directory()).pools
    await office.change(
        directories.Source(0, pools[0].id, "s1", ehlo="gw.example"),
        directories.SenderDomain(0, mine, "shop.example"),
        directories.SenderDomain(0, mine, "news.example"),
        directories.Bridge(
            0,
            mine,
            "shop",
            pools[0].id,
            password_mac=credentials.mac(PEPPER, PASSWORD),
            key_mac=credentials.mac(PEPPER, KEY),
        ),
        directories.Bridge(0, other, "sourceless", pools[1].id, key_mac=credentials.mac(PEPPER, "gp_other")),
    )


@contextlib.contextmanager
def stalled(path: Path) -> Iterator[None]:
    """While another process holds the file lock of the store in ``path``, its writers wait."""
    with (path / sqlite.LOCK).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Client:
    """An SMTP client that says exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def reply(self) -> bytes:
        """One whole reply."""
        lines = []
        while True:
            line = await asyncio.wait_for(self.reader.readline(), 5)
            lines.append(line)
            if line[3:4] != b"-":
                return b"".join(lines)

    async def say(self, line: bytes) -> bytes:
        """One command and its reply."""
        self.writer.write(line + b"\r\n")
        return await self.reply()

    async def ended(self) -> bool:
        """Whether the server closes now."""
        try:
            return not await asyncio.wait_for(self.reader.read(), 5)
        except ConnectionError:
            return True

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Upgrade our side."""
        await self.writer.start_tls(context)


@contextlib.asynccontextmanager
async def dial(port_number: int, context: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
    """A connection whose greeting is still to be read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_number, ssl=context)
    sock = cast("socket.socket", writer.get_extra_info("socket"))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
