"""The rarer writes: lanes, Providers, suppressions by hand, slots and worker numbers, sweeping.

Runs in the writer's thread, inside a transaction.
"""

from collections.abc import Sequence

import msgspec

from gatepost.model import event as events
from gatepost.model import ids
from gatepost.model import pace as paces
from gatepost.model import suppression as suppressions
from gatepost.policy import suppress as suppress_policy
from gatepost.reports import token as tokens
from gatepost.store import port
from gatepost.store.sqlite import names, rows, settling
from gatepost.store.sqlite import transaction as transactions

_KEPT_ANSWERS_MS = 24 * 3600 * 1000  # of Idempotency-Keys
_KEPT_TRANSCRIPTS_MS = 30 * 24 * 3600 * 1000
_KEPT_TAKEN_MS = 180 * 24 * 3600 * 1000  # the longest time over which anything escalates (taxonomy.md)


def make_lane(tx: transactions.Transaction, provider: str, source: int) -> None:
    """Make the lane, unless somebody else just did."""
    tx.execute("make_lane", tx.names.number(provider), source)


def keep_pace(tx: transactions.Transaction, lane: int, pace: paces.Pace | None, event: events.Event) -> None:
    """A lane's pace, and the event that tells of it."""
    tx.add_event(event)
    tx.execute("keep_pace", lane, msgspec.json.encode(pace).decode() if pace is not None else None)


def learn_provider(tx: transactions.Transaction, domain: str, provider: str) -> None:
    """Remember a domain's Provider."""
    tx.execute("learn_provider", tx.names.number(domain), tx.names.number(provider), tx.now_ms)


def move_rows(tx: transactions.Transaction, domain: str, lane: int, to: int, limit: int) -> int:
    """Move some of a domain's queued rows to another lane. How many."""
    found = [row for (row,) in tx.execute("rows_to_move", lane, tx.names.number(domain), limit)]
    if found:
        tx.execute("move_rows", to, names.int64s(found))
    return len(found)


def suppress(
    tx: transactions.Transaction, entries: Sequence[suppressions.Suppression], actor: str, *, keep: bool
) -> list[bool]:
    """Write entries with their events."""
    fresh = []
    for entry in entries:
        old = _standing(tx, entry) if keep else None
        if old is not None and suppress_policy.outlasts(old, entry, tx.now_ms):
            fresh.append(False)
            continue
        seq = tx.add_event(_event(tx.now_ms, entry, events.State.SUPPRESSED, actor))
        fresh.append(settling.write_entry(tx, entry, seq) or keep)
        tx.execute("audit", tx.now_ms, actor, "suppress", None, _named(entry))
    return fresh


def release(
    tx: transactions.Transaction, entries: Sequence[suppressions.Suppression], actor: str, *, exact: bool
) -> list[bool]:
    """Delete entries with their events."""
    gone = []
    for entry in entries:
        was_there = (not exact or _standing(tx, entry) == entry) and settling.delete_entry(tx, entry)
        if was_there:
            tx.add_event(_event(tx.now_ms, entry, events.State.UNSUPPRESSED, actor))
            tx.execute("audit", tx.now_ms, actor, "release", _named(entry), None)
        gone.append(was_there)
    return gone


def _standing(
    tx: transactions.Transaction, entry: suppressions.Suppression
) -> suppressions.Suppression | None:
    """The entry of the same identity as the table has it."""
    hashed = suppressions.hash_of(entry.kind, entry.target)
    for row in tx.execute("suppressions_by_hash", names.int64s([hashed])):
        found = rows.suppression_of(row)
        if found.identity == entry.identity:
            return found
    return None


def lease_worker(tx: transactions.Transaction) -> int:
    """The number that has not been given for the longest time."""
    count = tx.value("workers") or 0
    number = count if count < ids.WORKERS else tx.value("lease_oldest") or 0
    tx.execute("lease", number, (tx.value("newest_lease") or 0) + 1)
    return number


def assign(tx: transactions.Transaction, worker: int, slots: Sequence[int]) -> port.Assignment:
    """Raise the epochs of these slots and name their new owner."""
    for slot in slots:
        tx.add_row("assign_slots", (slot, worker))
    tx.flush()
    owned = tuple((slot, epoch) for slot, epoch in tx.execute("slots_of", names.int64s(list(slots))))
    newest = tx.value("newest_message") or 0
    return port.Assignment(worker, owned, ids.time_ms(newest))


def sweep(tx: transactions.Transaction, before_ms: int) -> int:
    """Delete some of what has outlived its use."""
    tx.execute("orphan_parts", ids.first_at(before_ms))
    swept = tx.db.changes()
    expired = [rows.suppression_of(row) for row in tx.execute("expired_suppressions", tx.now_ms)]
    for entry in expired:
        settling.delete_entry(tx, entry)
        tx.add_event(_event(tx.now_ms, entry, events.State.UNSUPPRESSED, "expired"))
    tx.execute("old_sent", ids.first_at(tx.now_ms - tokens.HEADER_MS), tx.now_ms)
    swept += tx.db.changes()
    tx.execute("old_transcripts", tx.now_ms - _KEPT_TRANSCRIPTS_MS)
    swept += tx.db.changes()
    tx.execute("old_transcript_events")
    tx.execute("old_sessions", tx.now_ms)
    swept += tx.db.changes()
    tx.execute("old_notices")
    swept += tx.db.changes()
    tx.execute("old_taken", tx.now_ms - _KEPT_TAKEN_MS)
    tx.execute("old_streaks", tx.now_ms - _KEPT_TAKEN_MS)
    tx.execute("old_answers", tx.now_ms - _KEPT_ANSWERS_MS)
    return swept + len(expired) + tx.db.changes()


def _event(now_ms: int, entry: suppressions.Suppression, state: events.State, actor: str) -> events.Event:
    confirmed = entry.standing is suppressions.Standing.CONFIRMED
    return events.Event(
        at=now_ms,
        state=state,
        account=entry.account,
        bridge=entry.bridge,
        domain=entry.target.rpartition("@")[2],
        recipient=entry.target if entry.kind is suppressions.Kind.ADDRESS else "",
        list=entry.list,
        category=entry.category,
        rule=entry.rule,
        rule_version=entry.rule_version,
        next_at=entry.expires_at if state is events.State.SUPPRESSED else 0,
        flags=events.Flag.CONFIRMED if confirmed else events.Flag.NONE,
        scope=scope_text(entry),
        detail=f"{port.actor_name(actor)}: {entry.reason}" + (f" ({entry.note})" if entry.note else ""),
    )


def scope_text(entry: suppressions.Suppression) -> str:
    """As events name it: ``instance``, ``account:1``, ``list:1:news``."""
    owner = f":{entry.owner}" if entry.owner else ""
    return f"{entry.scope.word}{owner}{':' + entry.list if entry.list else ''}"


def _named(entry: suppressions.Suppression) -> str:
    return f"{entry.kind.name.lower()} {entry.target} for {scope_text(entry)}: {entry.reason}"
