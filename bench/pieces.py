"""What ``bench.parts`` measures with: the bytes of a message, values, ends of connections without sockets, and a store that keeps nothing."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from gatepost import clock as clocks
from gatepost.app import compose
from gatepost.delivery import opener, parts, ring, route, session
from gatepost.delivery import settings as delivery_settings
from gatepost.delivery import worker as deliverers
from gatepost.ingest import accept, connection, conversation, failures, gather
from gatepost.ingest import book as books
from gatepost.ingest import settings as ingest_settings
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.model import pace as paces
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.net import resolver
from gatepost.policy import admit
from gatepost.policy import settings as policy_settings
from gatepost.smtp import client as smtp_client
from gatepost.smtp import server as servers
from gatepost.store import port
from gatepost.store.sqlite import store as sqlite

NOW = 1_800_000_000_000
MAIL = b"MAIL FROM:<bounces@sender.test>\r\n"
RCPT = b"RCPT TO:<user@rcpt.test>\r\n"
_HEAD = (
    b"From: <bounces@sender.test>\r\nTo: <user@rcpt.test>\r\nDate: Mon, 23 Nov 2026 09:00:00 +0000 (UTC)\r\n"
    b"Message-Id: <2f3c.0001.0000@client.test>\r\n\r\n"
)
MESSAGE = _HEAD + b"X" * 70 + b"\r\n" + (b"X" * 78 + b"\r\n") * ((4096 - len(_HEAD) - 72) // 80)
BODY = MESSAGE + b".\r\n"
SERVER = servers.ServerSettings("mta.bench.test", 50 * 1024 * 1024, auth_required=False)
SOURCE = directories.Source(1, 1, "bench-1", ehlo="mta.bench.test")
BRIDGE = directories.Bridge(1, 1, "bench", 1)
BOOK = directories.Directory(
    version=1,
    accounts=(directories.Account(1, "bench"),),
    bridges=(BRIDGE,),
    pools=(directories.Pool(1, 1, "bench"),),
    sources=(SOURCE,),
    sender_domains=(directories.SenderDomain(1, 1, "sender.test"),),
)
_CLAIM = results.Claim(0, 1)
_ACCEPTED = replies.Reply(250, b"250 2.0.0 Ok: queued", replies.Stage.DOT)


# --- values


def submission(number: int, lane: int) -> messages.Submission:
    """A message for one recipient, each to another address."""
    first = NOW * 1000 + number * 2
    message = messages.Message(
        id=first,
        account=1,
        bridge=1,
        pool=1,
        priority=messages.Priority.BULK,
        sender=b"bounces@sender.test",
        sender_domain="sender.test",
        size=len(MESSAGE),
        received_at=NOW,
        expires_at=NOW + 72 * 3_600_000,
        message_id="<2f3c@client.test>",
        campaign="00000000",
        peer_ip="127.0.0.1",
    )
    address = f"user{number}@rcpt.test"
    delivery = messages.NewDelivery(first + 1, address.encode(), address, "rcpt.test", 1, lane, "sink")
    return messages.Submission(
        message=message,
        body=MESSAGE,
        deliveries=(delivery,),
        received=admit.received_event(message, SOURCE),
        queued=(admit.queued_event(message, delivery, SOURCE),),
    )


def delivered(delivery: int, claim: results.Claim = _CLAIM) -> results.Attempted:
    """A 250 to the dot."""
    attempt = results.Attempt(
        NOW, 12, 1, "127.0.0.1", "mta.bench.test", "sink", "127.0.0.1", "127.0.0.1", "", smarthost=False
    )
    return results.Attempted(delivery, claim, attempt, _ACCEPTED, verdicts.DELIVERED)


def facts() -> fact_values.Facts:
    """An open delivery to an address of which nothing is known."""
    delivery = fact_values.OpenDelivery(
        id=2,
        message=1,
        account=1,
        bridge=1,
        pool=1,
        source=1,
        lane=1,
        provider="sink",
        priority=messages.Priority.BULK,
        status=messages.Status.QUEUED,
        recipient="user@rcpt.test",
        key="user@rcpt.test",
        domain="rcpt.test",
        sender_domain="sender.test",
        list="",
        campaign="00000000",
        tags="",
        received_at=NOW,
        expires_at=NOW + 72 * 3_600_000,
        next_at=NOW,
        attempts=0,
    )
    return fact_values.Facts(delivery, fact_values.AddressRecord("user@rcpt.test"), ())


async def open_store(path: Path) -> sqlite.SqliteStore:
    """A real one, with slot 0 owned under epoch 1."""
    opened = await sqlite.open_store(path, 1)
    await opened.assign(1, range(port.SLOTS))
    return opened


class NullStore:
    """Takes everything at once and keeps nothing: what is measured is what stands around a store."""

    async def accept(
        self, submissions: Sequence[messages.Submission], refuse: port.Refuse, *, within_s: float
    ) -> list[messages.Accepted]:
        del refuse, within_s
        return [messages.Accepted(s.message.id, (events.State.QUEUED,), ("",)) for s in submissions]

    async def settle(
        self, batch: Sequence[results.Result], decide: port.Decide
    ) -> list[settlements.Settlement | None]:
        del decide
        return [None] * len(batch)

    async def standing(self, lookups: Sequence[port.Lookup]) -> list[port.Standing]:
        return [port.Standing(None, None)] * len(lookups)

    async def bodies(self, wanted: Sequence[int]) -> Mapping[int, tuple[bytes, ...]]:
        return dict.fromkeys(wanted, (MESSAGE,))

    async def due(self, lane: int, now_ms: int, limit: int) -> list[messages.Due]:
        del lane, now_ms, limit
        return []

    async def heads(self, slots: Sequence[int]) -> list[port.LaneHead]:
        del slots
        return []

    async def lane(self, provider: str, source: int) -> int:
        del provider, source
        return 64

    async def provider_of(self, domain: str) -> str:
        return domain

    async def paces(self) -> Mapping[int, paces.Pace]:
        return {}


def _store() -> port.Store:
    return cast("port.Store", NullStore())


# --- the listener's side


class Wire(asyncio.Transport):
    """A transport without a socket; ``on_write`` is told the bytes."""

    def __init__(self, on_write: Callable[[bytes], None]) -> None:
        super().__init__({"peername": ("127.0.0.1", 4711)})
        self._on_write = on_write

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._on_write(bytes(data))

    def writelines(self, list_of_data: object) -> None:
        self._on_write(cast("list[bytes]", list_of_data)[-1])

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        del high, low

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


class Client:
    """A client of the listener that sends whole messages, a segment at a time."""

    def __init__(self, made: connection.Connection) -> None:
        self._connection = made
        self._replies = 0
        self._wanted = 2
        made.connection_made(Wire(self._heard))
        made.data_received(b"EHLO client.test\r\n")

    def _heard(self, data: bytes) -> None:
        del data
        self._replies += 1

    def send_message(self) -> None:
        """MAIL, RCPT, DATA and the body."""
        for segment in (MAIL, RCPT, b"DATA\r\n", BODY):
            self._connection.data_received(segment)
        self._wanted += 4

    async def answered(self) -> None:
        """Until the dot is answered."""
        while self._replies < self._wanted:
            await asyncio.sleep(0)

    def close(self) -> None:
        """Gone."""
        self._connection.connection_lost(None)


def clients(tasks: asyncio.TaskGroup, count: int) -> list[Client]:
    """So many, on one listener without AUTH."""
    clock = clocks.SystemClock()
    store = _store()
    shelf = books.Shelf()
    shelf.replace(BOOK)
    acceptor = accept.Acceptor(
        accept.Parts(
            store=store,
            ids=ids.IdMaker(1),
            clock=clock,
            tasks=tasks,
            rand=random.Random(1).random,
            offer=lambda jobs, body: None,  # noqa: ARG005 - the delivery side is measured by itself
            hostname="mta.bench.test",
        )
    )

    def note(event: events.Event) -> None:
        """Nothing is refused."""
        del event

    shared = conversation.Parts(
        acceptor=acceptor,
        store=store,
        standings=gather.Gather(store.standing, tasks),
        note=note,
        shelf=shelf,
        pepper=b"",
        clock=clock,
        failures=failures.Failures(clock, 1.0, note),
        shortage=lambda: None,
        settings=ingest_settings.IngestSettings(),
    )
    terms = connection.Terms(
        lambda session, line, grant: conversation.Conversation(shared, session, line, grant),
        shared.settings,
        SERVER,
        None,
        implicit=False,
        tasks=tasks,
    )
    return [
        Client(
            connection.Connection(
                terms,
                lambda ip: books.Grant(1),  # noqa: ARG005 - every client is the Bridge
                lambda made: b"",  # noqa: ARG005 - no cap
                lambda made: None,  # noqa: ARG005 - nobody counts
            )
        )
        for _ in range(count)
    ]


# --- the delivery side


class _Opener:
    """Opens connections to a receiver that takes everything, without a socket."""

    async def suppressed(self) -> suppressions.Networks:
        return suppressions.Networks()

    async def open(
        self, plan: route.Plan, source: directories.Source, callbacks: opener.Opened
    ) -> session.Connection:
        del plan, source
        client = smtp_client.ClientSession(
            smtp_client.ClientSettings(b"mta.bench.test", smtp_client.Tls.NEVER)
        )
        made = session.Connection(
            client,
            session.Times(300, 600),
            clocks.SystemClock().now_ms,
            callbacks.on_done,
            callbacks.on_closed,
        )
        loop = asyncio.get_running_loop()

        def answer(data: bytes) -> None:
            if data.endswith(b"DATA\r\n"):
                loop.call_soon(made.data_received, b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n")
            elif data.endswith(b".\r\n"):
                loop.call_soon(made.data_received, b"250 2.0.0 Ok: queued\r\n")

        made.connection_made(Wire(answer))
        made.data_received(b"220 sink\r\n")
        made.data_received(b"250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 8BITMIME\r\n")
        await made.wait_ready(None, 30)
        return made


class Office:
    """A Deliverer at work."""

    def __init__(self, tasks: asyncio.TaskGroup, keys: ring.Ring = ring.EMPTY) -> None:
        clock = clocks.SystemClock()
        settings = delivery_settings.DeliverySettings(
            lane=(delivery_settings.LaneOverride(connections=50, connections_per_min=0, per_connection=0),)
        )
        routes = (delivery_settings.Route(".", "127.0.0.1:2600"),)
        asked = resolver.Resolver((), clock=clock, shuffle=random.shuffle)
        made = parts.Parts(
            store=_store(),
            classifier=compose.build_classifier(),
            decide=compose.build_decide(policy_settings.PolicySettings()),
            router=route.Router(asked, routes, settings),
            opener=cast("opener.Opener", _Opener()),
            clock=clock,
            settings=settings,
            source=lambda number: SOURCE if number == 1 else None,
            tell_other=lambda lane: None,  # noqa: ARG005 - there is no other worker
            assignment=port.Assignment(1, tuple((slot, 1) for slot in range(port.SLOTS))),
            keys=lambda: keys,
        )
        self._deliverer = deliverers.Deliverer(made)
        self._running = tasks.create_task(self._deliverer.run())
        self._number = 0

    async def deliver(self, count: int, look_s: float = 0) -> None:
        """Hand in so many messages, and wait until they are settled. look_s: how often to look; 0: at every turn of the loop."""
        for _ in range(count):
            self._number += 2
            self._deliverer.offer([_due(self._number)], (MESSAGE,))
            while self._deliverer.depth()["in_memory"] > 400:
                await asyncio.sleep(look_s)
        while self._deliverer.depth()["in_memory"]:
            await asyncio.sleep(look_s)

    def stop(self) -> None:
        """End it."""
        self._running.cancel()


async def delivering(tasks: asyncio.TaskGroup, keys: ring.Ring = ring.EMPTY) -> Office:
    """An Office with its connections open, whose mail these keys sign."""
    office = Office(tasks, keys)
    await office.deliver(500)
    return office


def _due(number: int) -> messages.Due:
    return messages.Due(
        id=number + 1,
        message=number,
        lane=64,
        account=1,
        bridge=1,
        source=1,
        priority=messages.Priority.BULK,
        next_at=NOW,
        expires_at=NOW + 72 * 3_600_000,
        attempts=0,
        sender=b"bounces@sender.test",
        recipient=b"user@rcpt.test",
        key="user@rcpt.test",
        domain="rcpt.test",
        list="",
        size=len(MESSAGE),
        provider="127.0.0.1:2600",
        sender_domain="sender.test",
    )
