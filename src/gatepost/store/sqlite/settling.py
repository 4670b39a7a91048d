"""What ``store.settle`` does: reads the facts of the whole batch, asks for each decision, writes them all.

Guarantees: facts are read inside the transaction that writes the decision; later Results of a batch see what earlier
ones changed; a Result about a delivery that is not open, or under an old epoch, writes nothing.
Runs in the writer's thread. Not here: what to decide.
"""

from collections.abc import Sequence

import msgspec

from gatepost.model import address as addresses
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.store import port
from gatepost.store.sqlite import floor, names, rows
from gatepost.store.sqlite import transaction as transactions

_EPOCHS = msgspec.json.Decoder(list[int])
_COLUMN = {
    settlements.Ending.DELIVERED: transactions.DELIVERED,
    settlements.Ending.BOUNCED: transactions.BOUNCED,
    settlements.Ending.REJECTED: transactions.REJECTED,
    settlements.Ending.CANCELLED: transactions.CANCELLED,
}


class _Open(msgspec.Struct):
    """An open delivery as the batch sees it."""

    delivery: fact_values.OpenDelivery
    recipients: int
    parts: int


class _Batch:
    """The state of one batch: what was read, and what its decisions changed."""

    def __init__(self, tx: transactions.Transaction, wanted: Sequence[results.Result]) -> None:
        self.tx = tx
        self.open = self._open([r.delivery for r in wanted])
        keys = {o.delivery.key for o in self.open.values()}
        hashes = [addresses.hash64(key) for key in keys]
        bound = names.int64s(hashes)
        found = names.json_rows(tx.db, tx.sql["addresses"], (bound,), names.ANY_ROWS) if hashes else []
        self.records = {record.key: record for record in map(rows.address_of, found)}
        self.floor = floor.Floor(tx.db, tx.sql["suppressions_by_hash"])
        if hashes:
            self.floor.load_addresses(hashes)
        self.changed: dict[str, fact_values.AddressRecord] = {}
        self.entries: dict[
            tuple[object, ...], tuple[suppressions.Suppression, int]
        ] = {}  # to be written, by identity
        self.ended: list[_Open] = []
        self.moved: dict[int, list[object]] = {}
        self.epochs = self._epochs()

    def _open(self, wanted: list[int]) -> dict[int, _Open]:
        text = self.tx.texts.of
        found = names.json_rows(self.tx.db, self.tx.sql["facts"], (names.int64s(wanted),), rows.OPEN_ROWS)
        return {row.id: _Open(rows.open_of(row, text), row.recipients, row.parts) for row in found}

    def _epochs(self) -> list[int]:
        for (text,) in self.tx.execute("epochs"):
            return _EPOCHS.decode(text)
        return []

    def stale(self, result: results.Result) -> bool:
        """Whether the claim is of an owner who is it no longer."""
        if isinstance(result, results.Cancelled):
            return False
        claim = result.claim
        return claim.slot >= len(self.epochs) or self.epochs[claim.slot] != claim.epoch

    def facts(self, one: _Open) -> fact_values.Facts:
        key = one.delivery.key
        record = self.records.get(key)
        if record is None:
            record = fact_values.AddressRecord(key)
        taken_at = self._taken_at(one) if record.refusals else 0
        return fact_values.Facts(one.delivery, record, self.floor.of_address(key), taken_at)

    def _taken_at(self, one: _Open) -> int:
        """Asked only where refusals could escalate: a mail that is taken never gets here."""
        self.tx.flush()
        return self.tx.value("taken_at", one.delivery.bridge, one.delivery.provider) or 0


def settle(
    tx: transactions.Transaction, wanted: Sequence[results.Result], decide: port.Decide
) -> list[settlements.Settlement | None]:
    """One decision for each Result, or None where there is nothing to decide; all written."""
    tx.flush()  # what earlier jobs of this group wrote has to be seen
    batch = _Batch(tx, wanted)
    decided: list[settlements.Settlement | None] = []
    for result in wanted:
        one = batch.open.get(result.delivery)
        if one is None or batch.stale(result):
            decided.append(None)
            continue
        settlement = decide(result, batch.facts(one), tx.now_ms)
        _take(batch, one, settlement)
        decided.append(settlement)
    _write(batch)
    return decided


def _take(batch: _Batch, one: _Open, settlement: settlements.Settlement) -> None:
    tx = batch.tx
    delivery = one.delivery
    seqs = [tx.add_event(event) for event in settlement.events]
    if settlement.address is not None:
        batch.records[delivery.key] = settlement.address
        batch.changed[delivery.key] = settlement.address
    for entry in settlement.release:
        if batch.floor.remove(entry):
            _withdraw(batch, entry)
    for entry in settlement.suppress:
        # What was read of an address is all that stands about it; of a domain nothing was read.
        if batch.floor.remove(entry) or entry.kind is not suppressions.Kind.ADDRESS:
            _withdraw(batch, entry)
        batch.floor.add(entry)
        # The first event of a settlement is its cause; the entry names it for ever.
        batch.entries[entry.identity] = (entry, seqs[0] if seqs else 0)
    if settlement.ending is settlements.Ending.DELIVERED:
        tx.add_taken((delivery.bridge, delivery.provider, delivery.source, delivery.sender_domain))
    if settlement.ending is not None:
        tx.add_ledger(delivery.bridge, _COLUMN[settlement.ending])
        batch.ended.append(one)
        batch.moved.pop(delivery.id, None)
        del batch.open[delivery.id]
    elif settlement.reschedule is not None:
        _move(batch, one, settlement.reschedule)


def _withdraw(batch: _Batch, entry: suppressions.Suppression) -> None:
    """Take an entry of that identity out of what is to be written, else out of the table."""
    if batch.entries.pop(entry.identity, None) is None:
        delete_entry(batch.tx, entry)


def _move(batch: _Batch, one: _Open, to: settlements.Reschedule) -> None:
    delivery = one.delivery
    batch.moved[delivery.id] = [
        delivery.id,
        to.next_at,
        to.attempts,
        to.status.value,
        rows.seen_text(to.seen),
        to.last_category or None,
        to.last_reply.hex() if to.last_reply else None,
        to.reason or None,
    ]
    one.delivery = msgspec.structs.replace(
        delivery,
        next_at=to.next_at,
        attempts=to.attempts,
        status=to.status,
        seen=to.seen,
        last_category=to.last_category,
        last_reply=to.last_reply,
    )


def _write(batch: _Batch) -> None:
    tx = batch.tx
    if batch.ended:
        tx.execute("delete_deliveries", names.int64s([one.delivery.id for one in batch.ended]))
        _drop_bodies(batch)
    for entry, event in batch.entries.values():
        tx.add_row("insert_suppression", rows.suppression_row(entry, event))
    if batch.moved:
        tx.execute("reschedule", msgspec.json.encode(list(batch.moved.values())).decode())
    for record in batch.changed.values():
        tx.add_row("put_addresses", rows.address_row(record))
    if batch.entries:
        tx.flush()  # the next job may be an acceptance, which reads them


def _drop_bodies(batch: _Batch) -> None:
    """Bodies whose last delivery has just ended: with one recipient that is certain, else the rows tell."""
    tx = batch.tx
    messages = {one.delivery.message: one for one in batch.ended}
    shared = [message for message, one in messages.items() if one.recipients > 1]
    if shared:
        for (still_open,) in tx.execute("open_of_messages", names.int64s(shared)):
            del messages[still_open]
    if messages:
        tx.execute("delete_bodies", names.int64s(list(messages)))
    with_parts = [message for message, one in messages.items() if one.parts]
    if with_parts:
        tx.execute("delete_parts", names.int64s(with_parts))


def write_entry(tx: transactions.Transaction, entry: suppressions.Suppression, event: int) -> bool:
    """Write an entry in place of the one with its identity, if there is one. Whether there was none."""
    was_there = delete_entry(tx, entry)
    tx.add_row("insert_suppression", rows.suppression_row(entry, event))
    tx.flush()
    return not was_there


def delete_entry(tx: transactions.Transaction, entry: suppressions.Suppression) -> bool:
    """Delete an entry by its identity. Whether it was there."""
    kind, target, scope, owner, listed = entry.identity
    hashed = suppressions.hash_of(entry.kind, target)
    tx.execute("delete_suppression", hashed, int(kind), target, int(scope), owner, listed)
    return tx.db.changes() > 0
