"""The store's port: the verbs that any adapter gives, each with its guarantee. ``tests/store/contract.py`` proves them.

Guarantees of every verb: batches go in and come out in order; a returned write is committed and fsynced; a raised
``StoreUnhealthy`` means that nothing of that call may be taken as done, and that the handle is closed for good.
A call with ``within_s`` whose write has not begun when that time is over is taken back: it raises ``StoreBusy``, nothing
of it is or will be written, and the handle goes on. A write that has begun is waited for, however long it takes.
Reads see committed data only, and hold no snapshot longer than the call.
Not here: what to decide (callers pass pure functions), and SQL (``store/sql``).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import late, notify
from gatepost.model import message as messages
from gatepost.model import pace as paces
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.store import figures, filters, retention, sessions, webhooks

SLOTS = 64  # lanes are hashed over these: lane % SLOTS
PART_BYTES = 256 * 1024

Refuse = Callable[[messages.Submission, int, suppressions.Suppression], events.Event]
Decide = Callable[[results.Result, fact_values.Facts, int], settlements.Settlement]


class Assignment(msgspec.Struct, frozen=True):
    """What a process may do: its worker number (for ids and counters), and its slots with their epochs."""

    worker: int
    slots: tuple[tuple[int, int], ...] = ()
    floor_ms: int = 0


class LaneHead(msgspec.Struct, frozen=True):
    """A lane with queued rows: which, and when its first one is due (ms)."""

    lane: int
    source: int
    provider: str
    next_at: int


NETWORKS = 10_000  # suppressed networks that count: each worker keeps them in memory


class Lookup(msgspec.Struct, frozen=True, gc=False):
    """One address about to be used, and for whom."""

    key: str
    domain: str
    sender: suppressions.Sender


class Standing(msgspec.Struct, frozen=True, gc=False):
    """What stands against an address now: the most specific suppression, and its record if there is one."""

    entry: suppressions.Suppression | None
    record: fact_values.AddressRecord | None


class LedgerLine(msgspec.Struct, frozen=True):
    """One Bridge's totals, as kept and as recounted from events and open rows."""

    bridge: int
    accepted: int
    delivered: int
    bounced: int
    rejected: int
    cancelled: int
    open: int

    @property
    def holds(self) -> bool:
        """Whether every accepted recipient is open or left exactly once (design.md §4)."""
        return self.accepted == self.delivered + self.bounced + self.rejected + self.cancelled + self.open


class Once(msgspec.Struct, frozen=True):
    """An ``Idempotency-Key`` of a change: whose it is (a Bridge's id; an API key's below zero), and what came with it."""

    owner: int
    key: str
    digest: bytes


class Audited(msgspec.Struct, frozen=True):
    """One change: who made it (``actor``, with the address it came from, where there is one), and what was before and after.

    at: ms. what: the kind of what was changed. before, after: JSON or a line, without secrets; empty: there was nothing.
    """

    id: int
    at: int
    actor: str
    what: str
    before: str
    after: str


def actor_name(actor: str) -> str:
    """An actor without the address that it came from: events are read by others than the audit log."""
    return actor.partition(" from ")[0]


class Messages(msgspec.Struct, frozen=True):
    """Messages that were found, the newest first, and the id before which to go on; 0: there are no more."""

    found: list[messages.Message]
    before: int


class Counted(msgspec.Struct, frozen=True, gc=False):
    """Events of one minute (since 1970), of all writers, Bridges and Sources together. state, outcome: their numbers."""

    minute: int
    state: int
    outcome: int
    category: str
    provider: str
    count: int


class QueueLine(msgspec.Struct, frozen=True):
    """One queue (destination domain × Source) as listed: open rows by status, its oldest and next times (ms), its lane's pace."""

    domain: str
    source: int
    provider: str
    queued: int
    held: int
    oldest_at: int
    next_at: int
    pace: paces.Pace | None = None


class Told(msgspec.Struct, frozen=True):
    """One recipient that a sender is to be told of: by which event. orcpt: as given, or empty. detail: see ``notify.Notice``."""

    event: events.Event
    action: notify.Action
    orcpt: str
    detail: str


class Pending(msgspec.Struct, frozen=True):
    """A message whose notice is due. made: how many it had before. original: its header, or all of it where that was asked for."""

    message: messages.Message
    made: int
    original: bytes
    told: tuple[Told, ...]


class Store(Protocol):
    """Everything durable. See the module's guarantees."""

    @property
    def webhooks(self) -> webhooks.Webhooks:
        """How far webhooks have been told."""
        ...

    @property
    def sessions(self) -> sessions.Sessions:
        """Who is logged in to the dashboard."""
        ...

    @property
    def figures(self) -> figures.Figures:
        """What was counted."""
        ...

    async def accept(
        self,
        submissions: Sequence[messages.Submission],
        refuse: Refuse,
        *,
        idempotency: messages.Idempotency | None = None,
        within_s: float = math.inf,
    ) -> list[messages.Accepted]:
        """Write messages, bodies, open rows, events, counters and ledger in one transaction.

        Every recipient is looked up among the suppressions inside that transaction; for one that is blocked the
        event of ``refuse(submission, position, entry)`` takes the place of its ``queued`` event and no row is written.
        A message none of whose recipients is left keeps no body. Idempotent by message id. With ``idempotency`` the
        call is one request of one Bridge: a repeat of key and digest returns the kept answers and writes nothing;
        a repeat of the key with another digest raises BadInput("Idempotency-Key", …). Kept 24 h. Raises StoreBusy.
        A notice (``telling``) is taken once: where what it tells of was told or dropped meanwhile, nothing is written and
        the answer is a duplicate's.
        """
        ...

    async def put_parts(
        self, message: int, first: int, parts: Sequence[bytes], *, within_s: float = math.inf
    ) -> None:
        """Commit body parts (numbered from ``first`` ≥ 1, each ≤ PART_BYTES) before their message row; orphans are swept.

        Raises StoreBusy.
        """
        ...

    async def settle(
        self, batch: Sequence[results.Result], decide: Decide
    ) -> list[settlements.Settlement | None]:
        """The only verb that changes a delivery.

        One transaction: reads the facts of the whole batch, calls ``decide(result, facts, now_ms)`` for each in
        order — later ones see what earlier ones changed — and writes everything. None: the delivery is no longer
        open, or the result's claim names an old epoch, or the report is filed already; nothing was written for it.
        """
        ...

    async def note(self, noted: Sequence[events.Event]) -> None:
        """Write events that change nothing else: a recipient refused in the conversation (``Flag.OUTSIDE``), and the like."""
        ...

    async def due(self, lane: int, now_ms: int, limit: int) -> list[messages.Due]:
        """Queued rows of a lane that are due: by priority, then round-robin over its Bridges, then by time."""
        ...

    async def heads(self, slots: Sequence[int]) -> list[LaneHead]:
        """Every lane of those slots that has queued rows, with the time of its first: one seek per lane."""
        ...

    async def bodies(self, wanted: Sequence[int]) -> Mapping[int, tuple[bytes, ...]]:
        """The body parts of these messages, in order; a message that is gone is absent."""
        ...

    async def standing(self, lookups: Sequence[Lookup]) -> list[Standing]:
        """What stands against these addresses, in one batched read. Cheap: done before every attempt."""
        ...

    async def lane(self, provider: str, source: int) -> int:
        """The lane's number; made and committed when new."""
        ...

    async def keep_pace(self, lane: int, pace: paces.Pace | None, event: events.Event) -> None:
        """A lane's pace from now on (None: its limits alone), with the event that tells of it, in one transaction."""
        ...

    async def paces(self) -> Mapping[int, paces.Pace]:
        """The lanes that go slower than their limits, by number."""
        ...

    async def provider_of(self, domain: str) -> str:
        """The last known Provider of a domain; the domain itself while none is known."""
        ...

    async def learn_provider(self, domain: str, provider: str) -> None:
        """Remember a domain's Provider, for what is accepted from now on; rows that wait are ``move``d by their lane's owner."""
        ...

    async def move(self, domain: str, lane: int, to: int) -> None:
        """Move a domain's queued rows from one lane to another, in bounded batches."""
        ...

    async def suppress(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, keep: bool = False
    ) -> list[bool]:
        """Add or replace entries with their ``suppressed`` events. True: was not there before.

        keep: what stands and lasts as long is left as it is; then True: was written.
        """
        ...

    async def release(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, exact: bool = False
    ) -> list[bool]:
        """Delete entries (by identity) with their ``unsuppressed`` events. True: was there.

        exact: only those that are still what they were when they were read.
        """
        ...

    async def networks(self) -> list[suppressions.Suppression]:
        """The suppressed networks that hold now, at most ``NETWORKS``. Cheap enough to ask twenty times a second while there are few."""
        ...

    async def suppressions(
        self, where: filters.Where, after: int, limit: int
    ) -> list[tuple[int, suppressions.Suppression]]:
        """Entries, each with its cursor, from behind ``after`` (0 at first), in the order they were made."""
        ...

    async def directory(self) -> directories.Directory:
        """All accounts, Bridges, Pools, Sources and sender domains at the current version."""
        ...

    async def directory_version(self) -> int:
        """Its version alone: cheap enough to ask twice a second."""
        ...

    async def change_directory(
        self,
        changes: Sequence[directories.Change],
        actor: str,
        *,
        version: int | None = None,
        once: Once | None = None,
    ) -> directories.Directory:
        """Write entries (id 0: new; the given id: replaced) all or none, raise the version, write ``changed`` events.

        version: of the Directory that the change was made for; Outdated is raised where it is another one now. once: kept
        with the change, for ``done_once``. Raises BadInput for a name that is taken or a reference to nothing.
        """
        ...

    async def done_once(self, owner: int, key: str) -> bytes | None:
        """What came with this ``Idempotency-Key``, as its digest, where there was such a request; kept 24 h."""
        ...

    async def audit(self, where: filters.Where, before: int, limit: int) -> list[Audited]:
        """Changes, the newest first, from before the id ``before`` (0: the newest)."""
        ...

    async def feed(
        self, after: int, limit: int, where: filters.Where = (), until: int = 0
    ) -> list[events.Event]:
        """Events with seq > after in order, without holes among what matches; empty at the end of the feed.

        until: the last seq that is looked at, which bounds the work where little matches; 0: the end of the feed.
        """
        ...

    async def tail(self, after: int, limit: int) -> list[events.Event]:
        """The same for all events, for who follows the end of the feed. Cheap: asked a hundred times a second."""
        ...

    async def first_seq(self) -> int:
        """The oldest seq that is kept; behind the newest one where there is none."""
        ...

    async def last_seq(self) -> int:
        """The newest committed seq, 0 at first."""
        ...

    async def trace(self, message: int) -> list[events.Event]:
        """Every event of a message and its deliveries, in order."""
        ...

    async def transcripts(self, seqs: Sequence[int]) -> Mapping[int, bytes]:
        """What was said in the attempts that these events tell of; absent where nothing is kept."""
        ...

    async def messages_to(self, key: str, limit: int) -> list[int]:
        """The newest messages that had this address (normal form) as a recipient."""
        ...

    async def message(self, identity: int) -> messages.Message | None:
        """A message's row; a delivery's id gives its message's."""
        ...

    async def find_messages(self, where: filters.Where, before: int, limit: int) -> Messages:
        """Messages that match, the newest first, from before the id ``before`` (0: the newest). Looks at a bounded number of them:
        fewer than ``limit`` may be found, or none, before the end.
        """
        ...

    async def open_delivery(self, identity: int) -> tuple[fact_values.OpenDelivery, str] | None:
        """An open row and the reason of its last reschedule (empty: none was given), for ``why``."""
        ...

    async def open_ids(self, where: filters.Where, after: int, limit: int) -> list[int]:
        """Ids of open rows that match, from behind ``after``."""
        ...

    async def open_matching(self, where: filters.Where) -> int:
        """How many open rows match."""
        ...

    async def holds(self) -> list[int]:
        """The directives that hold something. Cheap."""
        ...

    async def held(self) -> Mapping[int, int]:
        """How many each of those holds."""
        ...

    async def held_by(self, directive: int, limit: int, after: int = 0) -> list[int]:
        """Deliveries that a directive holds, the oldest first, from behind ``after``."""
        ...

    async def held_to_end(self, now_ms: int, limit: int) -> list[int]:
        """Deliveries that are held, and whose lifetime is over."""
        ...

    async def queues(self, where: filters.Where, limit: int) -> list[QueueLine]:
        """Queues with open rows, fullest first."""
        ...

    async def ledger(self) -> list[tuple[LedgerLine, LedgerLine]]:
        """Per Bridge the totals as kept beside the totals as recounted, read in one snapshot."""
        ...

    async def counted(self, minute: int) -> list[Counted]:
        """Events by minute and kind from that minute on."""
        ...

    async def open_count(self) -> int:
        """How many deliveries are open, by the ledger: cheap, however many there are."""
        ...

    async def sent(self, deliveries: Sequence[int]) -> Mapping[int, fact_values.Sent]:
        """What these deliveries left behind; one that left nothing is absent."""
        ...

    async def reports(self, before: int, limit: int) -> list[late.Filed]:
        """Reports as they came in, the newest first, from before the id ``before`` (0: the newest), without their bytes."""
        ...

    async def report(self, identity: int) -> late.Filed | None:
        """One report with the beginning of its bytes."""
        ...

    async def notices(self, now_ms: int, limit: int, most: int) -> list[Pending]:
        """Messages whose notice is due, the longest due first, each with at most ``most`` recipients to tell of."""
        ...

    async def put_off_notices(self, messages: Sequence[int], until: int) -> None:
        """Their notices are due again at ``until`` (ms)."""
        ...

    async def drop_notices(self, messages: Sequence[int]) -> None:
        """What is to be told of these messages now is not told."""
        ...

    async def lease_worker(self) -> int:
        """A worker number that no living process has; never given twice while the data directory's lock is held."""
        ...

    async def assign(self, worker: int, slots: Sequence[int]) -> Assignment:
        """Give slots to a worker; every epoch rises, so that settlements of an earlier owner are refused."""
        ...

    async def sweep(self, before_ms: int) -> int:
        """Delete orphaned body parts, expired suppressions, old idempotency keys and transcripts, and what deliveries left
        behind whose time for reports is over; bounded. How much was deleted.
        """
        ...

    async def prune(self, kind: retention.Kind, before_ms: int, limit: int) -> int:
        """Delete rows of a kind that are older, at most about so many in one transaction. How many: less than ``limit`` at the end.

        Of events a prefix goes, and what the ledger counted of them is carried over. Minutes of counters are added up to
        hours and days before that time, whole ones only.
        """
        ...

    async def checkpoint(self) -> int:
        """Move the log into the database (one process does so); the log's size in bytes before."""
        ...

    async def stuck(self, before_ms: int, limit: int) -> list[int]:
        """Open rows that nobody will ever look at: neither due since ``before_ms`` unlooked nor held by anything."""
        ...

    async def close(self) -> None:
        """Commit what was handed in, and close. A second call does nothing."""
        ...
