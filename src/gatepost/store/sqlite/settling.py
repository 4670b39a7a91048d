"""What ``store.settle`` does: reads the facts of the whole batch, asks for each decision, writes them all.

Guarantees: facts are read inside the transaction that writes the decision; later Results of a batch see what earlier
ones changed; a Result about a delivery that is not open, or under an old epoch, writes nothing.
Runs in the writer's thread. Not here: what to decide.
"""

from collections.abc import Sequence

import msgspec

from gatepost.model import address as addresses
from gatepost.model import facts as fact_values
from gatepost.model import late
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import streaks
from gatepost.store import port
from gatepost.store.sqlite import filing, floor, history, names, noticing, rows
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
        self.filing = filing.Filing(tx, wanted)
        keys = {o.delivery.key for o in self.open.values()} | self.filing.keys
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
        self.history = history.History(tx, self._places(wanted))
        self.noticing = noticing.Noticing(tx)
        self._transcripts: dict[bytes, int] = {}

    def _open(self, wanted: list[int]) -> dict[int, _Open]:
        text = self.tx.texts.of
        found = names.json_rows(self.tx.db, self.tx.sql["facts"], (names.int64s(wanted),), rows.OPEN_ROWS)
        return {row.id: _Open(rows.open_of(row, text), row.recipients, row.parts) for row in found}

    def keep_transcript(self, text: bytes, seq: int) -> None:
        """What was said before this event; the recipients of one transaction share it."""
        if not text:
            return
        if text not in self._transcripts:
            self._transcripts[text] = seq
            self.tx.add_row("insert_transcript", (seq, self.tx.now_ms, text))
        self.tx.add_row("insert_transcript_event", (seq, self._transcripts[text]))

    def _places(self, wanted: Sequence[results.Result]) -> set[str]:
        found: set[str] = set()
        for result in wanted:
            one = self.open.get(result.delivery)
            sent = self.filing.sent(result.delivery) if isinstance(result, results.Reported) else None
            if sent is not None:
                found.add(streaks.place_of_late(sent.delivery.provider))
            if one is not None and isinstance(result, results.Attempted):
                found.add(streaks.provider_of(result, one.delivery))
                found.add(streaks.place_of_domain(one.delivery.domain))
        return found

    def _epochs(self) -> list[int]:
        for (text,) in self.tx.execute("epochs"):
            return _EPOCHS.decode(text)
        return []

    def stale(self, result: results.Result) -> bool:
        """Whether the claim is of an owner who is it no longer."""
        if isinstance(
            result,
            results.Cancelled | results.Released | results.Hurried | results.Failed | results.Reported,
        ):
            return False
        claim = result.claim
        return claim is not None and (
            claim.slot >= len(self.epochs) or self.epochs[claim.slot] != claim.epoch
        )

    def facts(self, one: _Open, result: results.Result) -> fact_values.Facts:
        key = one.delivery.key
        record = self.records.get(key)
        if record is None:
            record = fact_values.AddressRecord(key)
        facts = fact_values.Facts(one.delivery, record, self.floor.of_address(key))
        if not isinstance(result, results.Attempted) or _delivered(result):
            return facts  # the usual case: nothing else is asked
        return self._with_history(facts, result)

    def facts_of_report(self, result: results.Reported) -> fact_values.Facts:
        """What is known of the delivery that a report is about, which may be still open, or none of ours."""
        sent, still_open = self.filing.sent(result.delivery), self.open.get(result.delivery)
        if sent is None and still_open is None:
            return fact_values.Facts(fact_values.NOBODY, fact_values.AddressRecord(""))
        delivery = sent.delivery if sent is not None else still_open.delivery  # type: ignore[union-attr]
        key = delivery.key
        record = self.records.get(key) or fact_values.AddressRecord(key)
        recipients = still_open.recipients if still_open is not None else 0
        facts = fact_values.Facts(
            delivery, record, self.floor.of_address(key), sent=sent, still_open=recipients
        )
        if sent is None or sent.bounced_at or not any(map(_dead, result.told)):
            return facts
        return msgspec.structs.replace(
            facts,
            streaks=self.history.late_streaks(delivery.provider),
            neighbours=self.filing.neighbours(sent),
        )

    def _with_history(self, facts: fact_values.Facts, result: results.Attempted) -> fact_values.Facts:
        """What else the gateway knows of who answered: a mail that is taken never gets here."""
        delivery, history = facts.delivery, self.history
        provider = streaks.provider_of(result, delivery)
        found = history.streaks(provider, delivery.domain)
        taken_at = history.taken_at(provider, delivery.bridge) if facts.address.refusals else 0
        took_at = 0
        presumed: list[suppressions.Suppression] = []
        if result.verdict.presumable:
            host = result.attempt.peer_host
            took_at = history.host_took_at(provider, delivery.source, delivery.sender_domain, host)
            about = streaks.of_template(result.verdict.template)
            presumed = [entry for one in found if one.about == about for entry in self._entries(one.incident)]
        return msgspec.structs.replace(
            facts, streaks=found, taken_at=taken_at, host_took_at=took_at, presumed=tuple(presumed)
        )

    def _entries(self, incident: int) -> list[suppressions.Suppression]:
        """Of an incident: in the table, or about to be written there."""
        fresh = [entry for entry, _ in self.entries.values() if entry.incident == incident]
        return [*self.history.entries(incident), *fresh]


def _delivered(result: results.Attempted) -> bool:
    return result.verdict.outcome is verdicts.Outcome.DELIVERED


def _dead(told: late.Told) -> bool:
    return told.verdict.outcome is verdicts.Outcome.HARD


def settle(
    tx: transactions.Transaction, wanted: Sequence[results.Result], decide: port.Decide
) -> list[settlements.Settlement | None]:
    """One decision for each Result, or None where there is nothing to decide; all written."""
    tx.flush()  # what earlier jobs of this group wrote has to be seen
    batch = _Batch(tx, wanted)
    decided: list[settlements.Settlement | None] = []
    for result in wanted:
        if isinstance(result, results.Reported):
            decided.append(_report(batch, result, decide))
            continue
        one = batch.open.get(result.delivery)
        if one is None or batch.stale(result):
            decided.append(None)
            continue
        settlement = decide(result, batch.facts(one, result), tx.now_ms)
        _take(batch, one, result, settlement)
        decided.append(settlement)
    _write(batch)
    return decided


def _report(batch: _Batch, result: results.Reported, decide: port.Decide) -> settlements.Settlement | None:
    """One that came before writes nothing, nor does one that comes too early."""
    if batch.filing.is_filed(result.filed):
        return None
    facts = batch.facts_of_report(result)
    settlement = decide(result, facts, batch.tx.now_ms)
    seqs = _change(batch, settlement)
    _learn(batch, settlement)
    if settlement.notice is not None:
        batch.noticing.add(facts.delivery, settlement.notice, seqs[0])
    batch.filing.write(settlement.sent, settlement.filed, seqs[0] if seqs else 0)
    return settlement


def _take(batch: _Batch, one: _Open, result: results.Result, settlement: settlements.Settlement) -> None:
    tx = batch.tx
    delivery = one.delivery
    seqs = _change(batch, settlement)
    if seqs and isinstance(result, results.Attempted) and not _delivered(result):
        batch.keep_transcript(result.attempt.transcript, seqs[0])
    _remember(batch, one, result, settlement)
    if settlement.notice is not None:
        one.delivery = batch.noticing.add(delivery, settlement.notice, seqs[0])
    if settlement.sent is not None:
        batch.filing.leave(settlement.sent, one.recipients)
    if settlement.ending is not None:
        tx.add_ledger(delivery.bridge, _COLUMN[settlement.ending])
        batch.ended.append(one)
        batch.moved.pop(delivery.id, None)
        del batch.open[delivery.id]
    elif settlement.reschedule is not None:
        _move(batch, one, settlement.reschedule)


def _change(batch: _Batch, settlement: settlements.Settlement) -> list[int]:
    """Events, the address's record, the suppressions. The events' seqs."""
    tx = batch.tx
    seqs = [tx.add_event(event, settlement.charged_at) for event in settlement.events]
    if settlement.address is not None:
        key = settlement.address.key
        batch.records[key] = settlement.address
        batch.changed[key] = settlement.address
    for entry in settlement.release:
        batch.floor.remove(entry)
        _withdraw(batch, entry)
    for entry in settlement.suppress:
        # What was read of an address is all that stands about it; of a domain nothing was read.
        if batch.floor.remove(entry) or entry.kind is not suppressions.Kind.ADDRESS:
            _withdraw(batch, entry)
        batch.floor.add(entry)
        # The first event of a settlement is its cause; the entry names it for ever.
        batch.entries[entry.identity] = (entry, seqs[0] if seqs else 0)
    return seqs


def _withdraw(batch: _Batch, entry: suppressions.Suppression) -> None:
    """Take an entry of that identity out of what is to be written, else out of the table."""
    if batch.entries.pop(entry.identity, None) is None:
        delete_entry(batch.tx, entry)


def _remember(batch: _Batch, one: _Open, result: results.Result, settlement: settlements.Settlement) -> None:
    """What was learned of the Provider that answered."""
    if settlement.ending is settlements.Ending.DELIVERED and isinstance(result, results.Attempted):
        delivery, host = one.delivery, result.attempt.peer_host
        provider = streaks.provider_of(result, delivery)
        batch.history.took(
            (provider, delivery.source, delivery.sender_domain, host, delivery.bridge), delivery.domain
        )
        return
    _learn(batch, settlement)


def _learn(batch: _Batch, settlement: settlements.Settlement) -> None:
    for streak in settlement.streaks:
        batch.history.went_on(streak)
    if settlement.soften is not None:
        _soften(batch, settlement.soften)


def _soften(batch: _Batch, softening: settlements.Softening) -> None:
    """In the table, and among what was read of it or is about to be written."""
    batch.tx.execute("soften", softening.incident, softening.expires_at)
    batch.floor.soften(softening)
    for identity, (entry, event) in batch.entries.items():
        batch.entries[identity] = (floor.softened(entry, softening), event)


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
        to.hold or None,
        to.lane or delivery.lane,
        to.source or delivery.source,
    ]
    one.delivery = msgspec.structs.replace(
        delivery,
        next_at=to.next_at,
        attempts=to.attempts,
        status=to.status,
        lane=to.lane or delivery.lane,
        source=to.source or delivery.source,
        seen=to.seen,
        last_category=to.last_category,
        last_reply=to.last_reply,
    )


def _write(batch: _Batch) -> None:
    tx = batch.tx
    batch.noticing.read()
    if batch.ended:
        tx.execute("delete_deliveries", names.int64s([one.delivery.id for one in batch.ended]))
        batch.noticing.ended = _drop_bodies(batch)
    batch.noticing.write()
    for entry, event in batch.entries.values():
        tx.add_row("insert_suppression", rows.suppression_row(entry, event))
    if batch.moved:
        tx.execute("reschedule", msgspec.json.encode(list(batch.moved.values())).decode())
    batch.history.write()
    for record in batch.changed.values():
        tx.add_row("put_addresses", rows.address_row(record))
    if batch.entries:
        tx.flush()  # the next job may be an acceptance, which reads them


def _drop_bodies(batch: _Batch) -> set[int]:
    """Bodies whose last delivery has just ended: with one recipient that is certain, else the rows tell. Those messages."""
    tx = batch.tx
    messages = {one.delivery.message: one for one in batch.ended}
    shared = [message for message, one in messages.items() if one.recipients > 1]
    if shared:
        told: list[int] = []
        for message, still_open, waits in tx.execute("open_of_messages", names.int64s(shared)):
            if still_open:
                del messages[message]
            elif waits:
                told.append(message)
        if told:
            tx.execute("notices_due", tx.now_ms, names.int64s(told))
    if messages:
        tx.execute("delete_bodies", names.int64s(list(messages)))
    with_parts = [message for message, one in messages.items() if one.parts]
    if with_parts:
        tx.execute("delete_parts", names.int64s(with_parts))
    return set(messages)


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
