"""Webhooks' rows: how far each has been told, what was refused, what receivers said.

Guarantees: see ``gatepost.store.webhooks``. Not here: a webhook's row itself, which is made and deleted with its entry (``directory``).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.store import webhooks
from gatepost.store.sqlite import names, reading, rows
from gatepost.store.sqlite import transaction as transactions

T = TypeVar("T")
_NEWEST = (1 << 63) - 1
_SEQS = msgspec.json.Decoder(tuple[int, ...])


class Write(Protocol):
    """The store's way to its writer."""

    def __call__(self, weight: int, run: Callable[[transactions.Transaction], T], /) -> Awaitable[T]:
        """Run it in a transaction."""
        ...


class Scan(Protocol):
    """The store's way to its reader in a thread."""

    def __call__(self, read: Callable[[reading.Reader], T], /) -> Awaitable[T]:
        """Run it there."""
        ...


class Webhooks:
    """See ``gatepost.store.webhooks.Webhooks``."""

    def __init__(self, write: Write, scan: Scan) -> None:
        self._write = write
        self._scan = scan

    async def progress(self) -> Mapping[int, webhooks.Progress]:
        """See the port."""
        found = await self._scan(lambda reader: list(reader.rows("webhook_progress")))
        return {rows.integer(row[0]): webhooks.Progress(*map(rows.integer, row)) for row in found}

    async def keep(self, done: webhooks.Round) -> None:
        """See the port."""
        await self._write(1 + len(done.refused), lambda tx: _keep(tx, done))

    async def due(self, webhook: int, now_ms: int, limit: int) -> list[webhooks.Request]:
        """See the port."""
        found = await self._scan(lambda reader: list(reader.rows("webhook_due", webhook, now_ms, limit)))
        return [_request(row) for row in found]

    async def waiting(self, webhook: int) -> int:
        """See the port."""
        [(count,)] = await self._scan(lambda reader: list(reader.rows("webhook_waiting", webhook)))
        return rows.integer(count)

    async def counts(self) -> Mapping[int, webhooks.Counts]:
        """See the port."""
        found = await self._scan(lambda reader: list(reader.rows("webhook_counts")))
        return {
            rows.integer(webhook): webhooks.Counts(rows.integer(waiting), rows.integer(dead))
            for webhook, waiting, dead in found
        }

    async def events_at(self, seqs: Sequence[int]) -> list[events.Event]:
        """See the port."""
        return await self._scan(lambda reader: reader.events_at(seqs)) if seqs else []

    async def messages_at(self, wanted: Sequence[int]) -> Mapping[int, messages.Message]:
        """See the port."""
        found = await self._scan(lambda reader: reader.messages_at(wanted)) if wanted else []
        return {one.id: one for one in found}

    async def tries(self, webhook: int, before: int, limit: int, *, failed: bool) -> list[webhooks.Try]:
        """See the port."""
        statement = "webhook_failed_tries" if failed else "webhook_tries"
        found = await self._scan(
            lambda reader: list(reader.rows(statement, webhook, before or _NEWEST, limit))
        )
        return [_try(row) for row in found]

    async def dead(self, webhook: int, before: int, limit: int) -> list[webhooks.Request]:
        """See the port."""
        found = await self._scan(
            lambda reader: list(reader.rows("webhook_dead", webhook, before or _NEWEST, limit))
        )
        return [_request(row) for row in found]

    async def revive(self, webhook: int) -> None:
        """See the port."""

        def run(tx: transactions.Transaction) -> None:
            tx.execute("revive_webhook_requests", webhook, tx.now_ms)

        await self._write(1, run)

    async def replay(self, webhook: int, after: int, until: int) -> bool:
        """See the port."""

        def run(tx: transactions.Transaction) -> bool:
            if (tx.value("webhook_replay_count", webhook) or 0) >= webhooks.REPLAYS:
                return False
            tx.execute("add_webhook_replay", webhook, after, until)
            return True

        return await self._write(1, run)

    async def replays(self, webhook: int) -> list[webhooks.Replay]:
        """See the port."""
        found = await self._scan(lambda reader: list(reader.rows("webhook_replays", webhook)))
        return [webhooks.Replay(*map(rows.integer, row)) for row in found]


def _keep(tx: transactions.Transaction, done: webhooks.Round) -> None:
    at = done.progress
    if tx.value("webhook_there", at.webhook) is None:
        return
    tx.execute(
        "keep_webhook", at.webhook, at.cursor, at.failures, at.failing_since, at.next_at, at.last_ok_at
    )
    if done.hasten:
        tx.execute("hasten_webhook_requests", at.webhook, done.hasten)
    if done.ended:
        tx.execute("end_webhook_requests", names.int64s(list(done.ended)))
    for one in done.refused:
        due = one.next_at or None
        if one.id:
            tx.execute("change_webhook_request", one.id, one.first_at, one.tries, due, one.problem)
        else:
            seqs = msgspec.json.encode(one.seqs).decode()
            tx.add_row("add_webhook_requests", (at.webhook, seqs, one.first_at, one.tries, due, one.problem))
    for attempt in done.tries:
        tx.add_row("add_webhook_tries", _try_row(attempt))
    if done.replay is not None:
        if done.replay.cursor < done.replay.until:
            tx.execute("keep_webhook_replay", done.replay.cursor, done.replay.id)
        else:
            tx.execute("end_webhook_replay", done.replay.id)
    tx.flush()
    _cut(tx, done)


def _cut(tx: transactions.Transaction, done: webhooks.Round) -> None:
    """Only so much of each webhook is kept."""
    webhook = done.progress.webhook
    if any(not one.next_at for one in done.refused):
        tx.execute("cut_webhook_requests", webhook, webhooks.DEAD)
    for good in {not one.problem for one in done.tries}:
        tx.execute("cut_webhook_tries", webhook, int(good), webhooks.TRIES)


def _request(row: tuple[object, ...]) -> webhooks.Request:
    ident, webhook, seqs, first_at, tries, next_at, problem = row
    return webhooks.Request(
        rows.integer(ident),
        rows.integer(webhook),
        _SEQS.decode(str(seqs)),
        rows.integer(first_at),
        rows.integer(tries),
        rows.integer(next_at),
        str(problem),
    )


def _try_row(one: webhooks.Try) -> rows.Row:
    return (
        one.webhook,
        int(not one.problem),
        one.at,
        one.key,
        one.seq,
        one.events,
        one.tries,
        one.status,
        one.took_ms,
        one.problem,
        one.answer,
    )


def _try(row: tuple[object, ...]) -> webhooks.Try:
    ident, webhook, at, key, seq, count, tries, status, took_ms, problem, answer = row
    return webhooks.Try(
        rows.integer(webhook),
        rows.integer(at),
        str(key),
        rows.integer(seq),
        rows.integer(count),
        rows.integer(tries),
        rows.integer(status),
        rows.integer(took_ms),
        str(problem),
        rows.octets(answer),
        rows.integer(ident),
    )
