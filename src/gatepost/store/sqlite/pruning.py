"""Deletes what has outlived its time, a bounded number of rows in each transaction.

Guarantees: events go from the oldest on and leave the ledger's proof whole: what they counted is carried over in the same commit;
the sums of counters stay when minutes become hours and days. Runs in the writer's thread, inside a transaction.
"""

from collections.abc import Callable

from gatepost.model import ids
from gatepost.store import retention
from gatepost.store.sqlite import transaction as transactions

_HOUR = 60  # minutes
_DAY = 24 * _HOUR
_MINUTE_MS = 60_000


def prune(tx: transactions.Transaction, kind: retention.Kind, before_ms: int, limit: int) -> int:
    """Delete up to so many rows of a kind that are older. How many were."""
    return _OF_KIND[kind](tx, before_ms, limit)


def _events(tx: transactions.Transaction, before_ms: int, limit: int) -> int:
    tx.flush()
    last = tx.value("last_old_event", limit, before_ms)
    if last is None:
        return 0
    tx.execute("carry_ledger", last)
    tx.execute("old_events", last)
    return tx.db.changes()


def _messages(tx: transactions.Transaction, before_ms: int, limit: int) -> int:
    tx.execute("old_messages", ids.first_at(before_ms), limit)
    return tx.db.changes()


def _counters(tx: transactions.Transaction, before_ms: int, limit: int) -> int:
    tx.execute("old_counters", limit, before_ms // _MINUTE_MS)
    return tx.db.changes()


def _hours(tx: transactions.Transaction, before_ms: int, limit: int) -> int:
    return _roll_up(tx, _HOUR, before_ms // _MINUTE_MS, limit)


def _days(tx: transactions.Transaction, before_ms: int, limit: int) -> int:
    return _roll_up(tx, _DAY, before_ms // _MINUTE_MS, limit)


def _roll_up(tx: transactions.Transaction, span: int, before: int, limit: int) -> int:
    """Add minutes up into the first of their span, one after the other. Only whole spans that are over.

    Where it stands is kept; what is charged to a minute behind that (a late bounce) stays a row of its minute.
    """
    tx.flush()
    mark = f"counters of {span}"
    at = tx.value("rolled_to", mark) or -1
    moved = 0
    while moved < limit:
        following = tx.value("next_counted", at, before - before % span)
        if following is None:
            break
        at = following
        first = at - at % span
        tx.execute("add_up", first, at)
        tx.execute("added_up", at, first)
        moved += tx.db.changes() or 1
    if moved:
        tx.execute("roll_to", mark, at)
    return moved


def _webhooks(tx: transactions.Transaction, before_ms: int, limit: int) -> int:
    tx.execute("old_webhook_tries", limit, before_ms)
    deleted = tx.db.changes()
    tx.execute("old_webhook_requests", before_ms, limit)
    return deleted + tx.db.changes()


def _reports(tx: transactions.Transaction, before_ms: int, limit: int) -> int:
    tx.execute("old_reports", limit, before_ms)
    return tx.db.changes()


def _audit(tx: transactions.Transaction, before_ms: int, limit: int) -> int:
    tx.execute("open_audit")
    tx.execute("old_audit", limit, before_ms)
    deleted = tx.db.changes()
    tx.execute("close_audit")
    return deleted


_Prune = Callable[[transactions.Transaction, int, int], int]
_OF_KIND: dict[retention.Kind, _Prune] = {
    retention.Kind.EVENTS: _events,
    retention.Kind.MESSAGES: _messages,
    retention.Kind.COUNTERS: _counters,
    retention.Kind.HOURS: _hours,
    retention.Kind.DAYS: _days,
    retention.Kind.WEBHOOKS: _webhooks,
    retention.Kind.REPORTS: _reports,
    retention.Kind.AUDIT: _audit,
}
