"""The port's verbs over one SQLite file: writes go to the writer's thread, hot reads run here, scans in a thread.

Guarantees: as the port says. Hot reads (due, bodies, standing …) take some ten microseconds on this loop's own
connection, which costs less than any hand-over. Fails with StoreUnhealthy and stays closed.
"""

import asyncio
import concurrent.futures
import fcntl
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import apsw

from gatepost import clock as clocks
from gatepost import errors
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import late
from gatepost.model import message as messages
from gatepost.model import pace as paces
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.store import filters, port, retention
from gatepost.store.sqlite import (
    accepting,
    administration,
    connections,
    directory,
    figures,
    noticing,
    pruning,
    reading,
    sessions,
    settling,
    webhooks,
    writer,
)
from gatepost.store.sqlite import transaction as transactions

T = TypeVar("T")
FILE = "gatepost.db"
LOCK = "gatepost.db.lock"
_MOVE = 500  # rows moved in one transaction when a domain's Provider has changed
_WAL_RESET = 64 * 1024 * 1024  # a log larger than this is emptied under the lock


async def open_store(data_dir: Path, worker: int = 0, clock: clocks.Clock | None = None) -> "SqliteStore":
    """Open (and on first use create) the store of a data directory, for one process. Raises BadInput."""
    await asyncio.to_thread(_prepare, data_dir)
    return SqliteStore(data_dir, worker, clock or clocks.SystemClock())


def _prepare(data_dir: Path) -> None:
    path = data_dir / FILE
    if not data_dir.is_dir():
        raise errors.BadInput(str(data_dir), "there is no such directory: run `gatepost init` first")
    try:
        lock = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise errors.BadInput(str(data_dir), f"cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        db = connections.open_file(path, write=True)
        try:
            connections.make_ready(db, path)
        finally:
            db.close()
    finally:
        os.close(lock)


class SqliteStore:
    """See ``gatepost.store.port.Store``."""

    def __init__(self, data_dir: Path, worker: int, clock: clocks.Clock) -> None:
        path = data_dir / FILE
        self._path = path
        self._lock_path = data_dir / LOCK
        self._clock = clock
        self._read = reading.Reader(path)
        self._scans = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="store-scan")
        self._scanner: reading.Reader | None = None
        self._writer = writer.Writer(
            lambda: connections.open_file(path, write=True), self._lock_path, worker, clock
        )
        self._closed = False
        self.webhooks = webhooks.Webhooks(self._write, self._scan)
        self.sessions = sessions.Sessions(self._write, self._read)
        self.figures = figures.Figures(self._scan)

    # --- the flow of mail

    async def accept(
        self,
        submissions: Sequence[messages.Submission],
        refuse: port.Refuse,
        *,
        idempotency: messages.Idempotency | None = None,
        within_s: float = math.inf,
    ) -> list[messages.Accepted]:
        """See the port."""
        return await self._write(
            len(submissions), lambda tx: accepting.accept(tx, submissions, refuse, idempotency), within_s
        )

    async def put_parts(
        self, message: int, first: int, parts: Sequence[bytes], *, within_s: float = math.inf
    ) -> None:
        """See the port."""

        def run(tx: transactions.Transaction) -> None:
            for number, part in enumerate(parts, first):
                tx.add_row("insert_parts", (message, number, part))

        await self._write(len(parts) * 10, run, within_s)

    async def settle(
        self, batch: Sequence[results.Result], decide: port.Decide
    ) -> list[settlements.Settlement | None]:
        """See the port."""
        return await self._write(len(batch), lambda tx: settling.settle(tx, batch, decide))

    async def note(self, noted: Sequence[events.Event]) -> None:
        """See the port."""

        def run(tx: transactions.Transaction) -> None:
            for event in noted:
                tx.add_event(event)

        await self._write(len(noted), run)

    async def due(self, lane: int, now_ms: int, limit: int) -> list[messages.Due]:
        """See the port."""
        return self._read.due(lane, now_ms, limit)

    async def heads(self, slots: Sequence[int]) -> list[port.LaneHead]:
        """See the port."""
        return await self._scan(lambda reader: reader.heads(slots))

    async def bodies(self, wanted: Sequence[int]) -> Mapping[int, tuple[bytes, ...]]:
        """See the port."""
        return self._read.bodies(wanted)

    async def standing(self, lookups: Sequence[port.Lookup]) -> list[port.Standing]:
        """See the port."""
        return self._read.standing(lookups, self._clock.now_ms())

    async def lane(self, provider: str, source: int) -> int:
        """See the port."""
        found = self._read.lane(provider, source)
        if not found:
            await self._write(1, lambda tx: administration.make_lane(tx, provider, source))
            found = self._read.lane(provider, source)
        return found

    async def keep_pace(self, lane: int, pace: paces.Pace | None, event: events.Event) -> None:
        """See the port."""
        await self._write(1, lambda tx: administration.keep_pace(tx, lane, pace, event))

    async def paces(self) -> Mapping[int, paces.Pace]:
        """See the port."""
        return await self._scan(lambda reader: reader.paces())

    async def provider_of(self, domain: str) -> str:
        """See the port."""
        return self._read.provider_of(domain)

    async def learn_provider(self, domain: str, provider: str) -> None:
        """See the port."""
        if self._read.provider_of(domain) != provider:
            await self._write(1, lambda tx: administration.learn_provider(tx, domain, provider))

    async def move(self, domain: str, lane: int, to: int) -> None:
        """See the port."""
        while await self._write(10, lambda tx: administration.move_rows(tx, domain, lane, to, _MOVE)):
            continue

    # --- the floor

    async def suppress(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, keep: bool = False
    ) -> list[bool]:
        """See the port."""
        return await self._write(
            len(entries), lambda tx: administration.suppress(tx, entries, actor, keep=keep)
        )

    async def release(
        self, entries: Sequence[suppressions.Suppression], actor: str, *, exact: bool = False
    ) -> list[bool]:
        """See the port."""
        return await self._write(
            len(entries), lambda tx: administration.release(tx, entries, actor, exact=exact)
        )

    async def networks(self) -> list[suppressions.Suppression]:
        """See the port."""
        return self._read.networks(self._clock.now_ms())

    async def suppressions(
        self, where: filters.Where, after: int, limit: int
    ) -> list[tuple[int, suppressions.Suppression]]:
        """See the port."""
        return await self._scan(lambda reader: reader.suppressions(where, after, limit))

    # --- the directory

    async def directory(self) -> directories.Directory:
        """See the port."""
        return self._read.directory()

    async def directory_version(self) -> int:
        """See the port."""
        return self._read.directory_version()

    async def change_directory(
        self,
        changes: Sequence[directories.Change],
        actor: str,
        *,
        version: int | None = None,
        once: port.Once | None = None,
    ) -> directories.Directory:
        """See the port."""
        return await self._write(len(changes), lambda tx: directory.change(tx, changes, actor, version, once))

    async def done_once(self, owner: int, key: str) -> bytes | None:
        """See the port."""
        return self._read.done_once(owner, key)

    async def audit(self, where: filters.Where, before: int, limit: int) -> list[port.Audited]:
        """See the port."""
        return await self._scan(lambda reader: reader.audit(where, before, limit))

    # --- what people and programs read

    async def feed(
        self, after: int, limit: int, where: filters.Where = (), until: int = 0
    ) -> list[events.Event]:
        """See the port."""
        return await self._scan(lambda reader: reader.feed(after, limit, where, until))

    async def tail(self, after: int, limit: int) -> list[events.Event]:
        """See the port."""
        return self._read.tail(after, limit)

    async def first_seq(self) -> int:
        """See the port."""
        return self._read.first_seq()

    async def last_seq(self) -> int:
        """See the port."""
        return self._read.last_seq()

    async def trace(self, message: int) -> list[events.Event]:
        """See the port."""
        return await self._scan(lambda reader: reader.trace(message))

    async def transcripts(self, seqs: Sequence[int]) -> Mapping[int, bytes]:
        """See the port."""
        return self._read.transcripts(seqs)

    async def messages_to(self, key: str, limit: int) -> list[int]:
        """See the port."""
        return await self._scan(lambda reader: reader.messages_to(key, limit))

    async def message(self, identity: int) -> messages.Message | None:
        """See the port."""
        return await self._scan(lambda reader: reader.message(identity))

    async def find_messages(self, where: filters.Where, before: int, limit: int) -> port.Messages:
        """See the port."""
        return await self._scan(lambda reader: reader.find_messages(where, before, limit))

    async def open_delivery(self, identity: int) -> tuple[fact_values.OpenDelivery, str] | None:
        """See the port."""
        return await self._scan(lambda reader: reader.open_delivery(identity))

    async def open_ids(self, where: filters.Where, after: int, limit: int) -> list[int]:
        """See the port."""
        return await self._scan(lambda reader: reader.open_ids(where, after, limit))

    async def open_matching(self, where: filters.Where) -> int:
        """See the port."""
        return await self._scan(lambda reader: reader.open_matching(where))

    async def held(self) -> Mapping[int, int]:
        """See the port."""
        return await self._scan(lambda reader: reader.held())

    async def holds(self) -> list[int]:
        """See the port."""
        return self._read.holds()

    async def held_by(self, directive: int, limit: int, after: int = 0) -> list[int]:
        """See the port."""
        return self._read.held_by(directive, limit, after)

    async def held_to_end(self, now_ms: int, limit: int) -> list[int]:
        """See the port."""
        return self._read.held_to_end(now_ms, limit)

    async def queues(self, where: filters.Where, limit: int) -> list[port.QueueLine]:
        """See the port."""
        return await self._scan(lambda reader: reader.queues(where, limit))

    async def ledger(self) -> list[tuple[port.LedgerLine, port.LedgerLine]]:
        """See the port."""
        return await self._scan(lambda reader: reader.ledger())

    async def stuck(self, before_ms: int, limit: int) -> list[int]:
        """See the port."""
        return await self._scan(lambda reader: reader.stuck(before_ms, limit))

    async def counted(self, minute: int) -> list[port.Counted]:
        """See the port."""
        return await self._scan(lambda reader: reader.counted(minute))

    async def open_count(self) -> int:
        """See the port."""
        return await self._scan(lambda reader: reader.open_count())

    async def sent(self, deliveries: Sequence[int]) -> Mapping[int, fact_values.Sent]:
        """See the port."""
        return self._read.sent(deliveries)

    async def reports(self, before: int, limit: int) -> list[late.Filed]:
        """See the port."""
        return await self._scan(lambda reader: reader.reports(before, limit))

    async def report(self, identity: int) -> late.Filed | None:
        """See the port."""
        return await self._scan(lambda reader: reader.report(identity))

    async def notices(self, now_ms: int, limit: int, most: int) -> list[port.Pending]:
        """See the port."""
        return await self._scan(lambda reader: reader.notices(now_ms, limit, most))

    async def put_off_notices(self, messages: Sequence[int], until: int) -> None:
        """See the port."""
        await self._write(1, lambda tx: noticing.put_off(tx, messages, until))

    async def drop_notices(self, messages: Sequence[int]) -> None:
        """See the port."""
        await self._write(1, lambda tx: noticing.drop(tx, messages))

    # --- owners and upkeep

    async def lease_worker(self) -> int:
        """See the port."""
        return await self._write(1, administration.lease_worker)

    async def assign(self, worker: int, slots: Sequence[int]) -> port.Assignment:
        """See the port."""
        return await self._write(1, lambda tx: administration.assign(tx, worker, slots))

    async def sweep(self, before_ms: int) -> int:
        """See the port."""
        return await self._write(writer.GROUP, lambda tx: administration.sweep(tx, before_ms))

    async def prune(self, kind: retention.Kind, before_ms: int, limit: int) -> int:
        """See the port."""
        return await self._write(writer.GROUP, lambda tx: pruning.prune(tx, kind, before_ms, limit))

    async def checkpoint(self) -> int:
        """See the port."""
        return await asyncio.to_thread(self._checkpoint)

    async def close(self) -> None:
        """See the port."""
        if self._closed:
            return
        self._closed = True
        await self._writer.close()
        await asyncio.to_thread(self._scans.shutdown)
        if self._scanner is not None:
            self._scanner.close()
        self._read.close()

    # --- inside

    async def _write(
        self, weight: int, run: Callable[[transactions.Transaction], T], within_s: float = math.inf
    ) -> T:
        return await self._writer.submit(writer.Job(weight, run, within_s))

    async def _scan(self, read: Callable[[reading.Reader], T]) -> T:
        def run() -> T:
            if self._scanner is None:
                self._scanner = reading.Reader(self._path)
            return read(self._scanner)

        return await asyncio.get_running_loop().run_in_executor(self._scans, run)

    def _checkpoint(self) -> int:
        """Copy the log into the database while writers go on; only a log that has grown large is emptied under the lock."""
        log = self._path.with_name(FILE + "-wal")
        size = log.stat().st_size if log.exists() else 0
        db = connections.open_file(self._path, write=True)
        try:
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if size > _WAL_RESET:
                lock = os.open(self._lock_path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
                except apsw.BusyError:
                    return size  # a reader still looks at it: the next time
                finally:
                    os.close(lock)
        finally:
            db.close()
        return size
