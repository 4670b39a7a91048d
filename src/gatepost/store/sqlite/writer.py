"""The one thread of a process that writes: takes what has gathered, does it in one transaction, syncs, then tells all.

Guarantees: an answer is given only after the commit's sync returned; while one commit runs, what comes in gathers for the
next (no timers), at most ``GROUP`` messages or results at a time; a file lock is taken before ``BEGIN IMMEDIATE``, so
processes queue instead of sleeping in SQLite's busy handler. A job that fails alone harms no other: the group is
rolled back and done again one by one. A job whose time is over before a group has taken it is taken back whole and
fails with StoreBusy; one that was taken is waited for, and a lock decides which of the two it is (P4). When a write cannot be confirmed the handle is closed for good, and every job
waiting fails with StoreUnhealthy; a sync is never tried twice (faults.md P2).
Not here: what a job writes.
"""

import asyncio
import collections
import fcntl
import math
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import apsw

from gatepost import clock as clocks
from gatepost import errors
from gatepost.store.sqlite import transaction

T = TypeVar("T")
GROUP = 100  # messages or results in one commit (design.md §4)

_FATAL = (
    apsw.IOError,
    apsw.FullError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
)


class Job(Generic[T]):
    """Something to write. ``run`` is called inside the transaction, perhaps again after a roll-back.

    within_s: how long it may wait for its group.
    """

    def __init__(
        self, weight: int, run: Callable[[transaction.Transaction], T], within_s: float = math.inf
    ) -> None:
        loop = asyncio.get_running_loop()
        self.weight = weight
        self.run = run
        self.until = loop.time() + within_s
        self.answer: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.error: Exception | None = None


Work = Callable[[transaction.Transaction, Sequence[Job[object]]], None]


class Writer:
    """Runs jobs in groups. ``close`` finishes what was handed in."""

    def __init__(
        self, connect: Callable[[], apsw.Connection], lock: Path, writer: int, clock: clocks.Clock
    ) -> None:
        self._connect = connect
        self._lock_path = lock
        self._number = writer
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._waiting: collections.deque[Job[object]] = collections.deque()
        self._taking = threading.Lock()  # held by whoever changes ``_waiting``
        self._wake = threading.Semaphore(0)
        self._watch: asyncio.TimerHandle | None = None
        self._watch_at = math.inf  # when the one timer looks for jobs whose time is over
        self._closing = False
        self._broken = ""
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def submit(self, job: Job[T]) -> asyncio.Future[T]:
        """Hand a job in. Its future gives what ``run`` gave, once it is committed."""
        with self._taking:
            taken = not (self._closing or self._broken)
            if taken:
                self._waiting.append(job)  # type: ignore[arg-type]
        if not taken:
            job.answer.set_exception(errors.StoreUnhealthy(self._broken or "the store is closed"))
            return job.answer
        self._wake.release()
        if job.until < self._watch_at:
            self._watch_until(job.until)
        return job.answer

    async def close(self) -> None:
        """Commit what was handed in, then end the thread."""
        self._closing = True
        self._wake.release()
        await asyncio.to_thread(self._thread.join)
        self._watch_until(math.inf)

    def _watch_until(self, at: float) -> None:
        """Set the one timer again: it moves when it fires, or for a job with less time, never for each job."""
        if self._watch is not None:
            self._watch.cancel()
        self._watch_at = at
        self._watch = self._loop.call_at(at, self._take_back) if at < math.inf else None

    def _take_back(self) -> None:
        """Fail what no group has taken in its time; nothing of it was written, and nothing of it will be."""
        now = self._loop.time()
        with self._taking:
            late = [job for job in self._waiting if job.until <= now]
            if late:
                left = [job for job in self._waiting if job.until > now]
                self._waiting.clear()
                self._waiting.extend(left)
            following = min((job.until for job in self._waiting), default=math.inf)
        self._watch_until(following)
        for job in late:
            if not job.answer.done():
                job.answer.set_exception(errors.StoreBusy("the store did not begin with a write in time"))

    # --- in the thread

    def _run(self) -> None:
        try:
            db = self._connect()
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (errors.GatepostError, OSError, apsw.Error) as error:
            self._break(error, [])
            return
        tx = transaction.Transaction(db, self._number)
        while not self._broken:
            self._wake.acquire()
            if self._waiting:
                self._do(tx, lock)
            elif self._closing:
                break
        db.close()
        os.close(lock)

    def _take(self) -> list[Job[object]]:
        group: list[Job[object]] = []
        weight = 0
        with self._taking:
            while self._waiting and weight < GROUP:
                job = self._waiting.popleft()
                group.append(job)
                weight += job.weight
                if len(group) > 1:
                    self._wake.acquire(blocking=False)
            if self._waiting:
                self._wake.release()
        return group

    def _do(self, tx: transaction.Transaction, lock: int) -> None:
        fcntl.flock(lock, fcntl.LOCK_EX)
        group: list[Job[object]] = []
        try:
            group = (
                self._take()
            )  # only under the lock: what waits for another process can still be taken back
            if group and not self._together(tx, group):
                for job in group:
                    self._alone(tx, job)
        except _FATAL as error:
            self._break(error, group)
            return
        except apsw.Error as error:
            self._break(error, group)
            return
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)
        self._tell(group)

    def _together(self, tx: transaction.Transaction, group: list[Job[object]]) -> bool:
        """All in one transaction; False: it was rolled back because of one of them."""
        tx.begin(self._clock.now_ms())
        try:
            for job in group:
                job.result = job.run(tx)
            tx.flush()
        except _FATAL:
            tx.rollback()
            raise
        except Exception as error:  # noqa: BLE001 - told to the job that caused it, once it is found
            tx.rollback()
            if len(group) > 1:
                return False
            group[0].error = error
            return True
        tx.commit()
        return True

    def _alone(self, tx: transaction.Transaction, job: Job[object]) -> None:
        job.error = None
        self._together(tx, [job])

    def _tell(self, group: list[Job[object]]) -> None:
        try:
            self._loop.call_soon_threadsafe(_answer, group)
        except RuntimeError:
            return  # the loop is gone, and with it everybody who waited

    def _break(self, error: Exception, group: list[Job[object]]) -> None:
        with self._taking:
            self._broken = f"a write could not be confirmed: {error}"
            left = [*group, *self._waiting]
            self._waiting.clear()
        for job in left:
            job.error = errors.StoreUnhealthy(self._broken)
        self._tell(left)


def _answer(group: list[Job[object]]) -> None:
    for job in group:
        if job.answer.cancelled():
            continue
        if job.error is not None:
            job.answer.set_exception(job.error)
        else:
            job.answer.set_result(job.result)
