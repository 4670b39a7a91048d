"""What an answer adds to an address's record. Each function gives the new record and changes nothing."""

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.policy import terms as term_values

MAX_CAMPAIGNS = 10  # of one Bridge's refusals: more than any rule asks for

_replace = msgspec.structs.replace


def delivered(record: fact_values.AddressRecord, now_ms: int) -> fact_values.AddressRecord:
    """It took a mail: everything else that was held against it is over."""
    return fact_values.AddressRecord(record.key, now_ms)


def sent(result: results.Attempted, facts: fact_values.Facts, now_ms: int) -> fact_values.Sent | None:
    """What is kept for reports of a mail that was taken, or may have been; nothing where it had no token."""
    if not result.attempt.reports_until:
        return None
    record = facts.address
    before = None if record == fact_values.AddressRecord(record.key) else record
    return fact_values.Sent(facts.delivery, now_ms, result.attempt.reports_until, before=before)


def revoked(record: fact_values.AddressRecord, sent: fact_values.Sent) -> fact_values.AddressRecord:
    """The last delivery was none: what it wiped out counts again, unless more has happened since."""
    if record.delivered_at != sent.at:
        return record
    before = sent.before or fact_values.AddressRecord(record.key)
    if record == _replace(delivered(record, sent.at), holds=record.holds):
        return _replace(before, holds=record.holds)
    return _replace(record, delivered_at=before.delivered_at)


def hard(record: fact_values.AddressRecord, now_ms: int) -> fact_values.AddressRecord:
    """A hard verdict for everyone; the first one's time is kept, because a second one a day later confirms it."""
    return _replace(record, hard_at=record.hard_at or now_ms)


def presumed(record: fact_values.AddressRecord, now_ms: int) -> fact_values.AddressRecord:
    """Presumed dead; the first time is kept, because a second one a day later is for everyone."""
    return _replace(record, presumed_at=record.presumed_at or now_ms)


def held(
    record: fact_values.AddressRecord, delivery: fact_values.OpenDelivery, until: int, word: str, now_ms: int
) -> fact_values.AddressRecord:
    """Bulk mail of this account waits until then; who asked out of turn is noted as a probe."""
    probed = now_ms if delivery.priority is messages.Priority.TRANSACTIONAL else 0
    others = []
    for one in record.holds:
        if one.account == delivery.account:
            probed = probed or one.probe_at
        elif one.until > now_ms:
            others.append(one)
    hold = fact_values.Hold(delivery.account, until, word, probed)
    return _replace(record, holds=(hold, *others))


def probed(
    record: fact_values.AddressRecord, delivery: fact_values.OpenDelivery, now_ms: int
) -> fact_values.AddressRecord:
    """A transactional delivery asked although the address is held, and learned nothing about the mailbox."""
    if delivery.priority is not messages.Priority.TRANSACTIONAL:
        return record
    for one in record.holds:
        if one.account == delivery.account and one.until > now_ms:
            return held(record, delivery, one.until, one.category, now_ms)
    return record


def soft(
    record: fact_values.AddressRecord, now_ms: int, terms: term_values.Terms, *, unknown: bool
) -> fact_values.AddressRecord:
    """One more message bounced soft. When the first one lies too far back, counting starts again at the last one."""
    count, unknowns, first = record.soft_count, record.unknown_count, record.soft_first_at
    if count and now_ms - first > terms.soft_max:
        recent = now_ms - record.soft_last_at <= terms.soft_max
        count, first = (1, record.soft_last_at) if recent else (0, 0)
        unknowns = min(unknowns, count)  # which of them the last one was is not known: the milder reading
    return _replace(
        record,
        soft_count=count + 1,
        unknown_count=unknowns + unknown,
        soft_first_at=first if count else now_ms,
        soft_last_at=now_ms,
    )


def refused(
    record: fact_values.AddressRecord, delivery: fact_values.OpenDelivery, now_ms: int
) -> fact_values.AddressRecord:
    """One more message of this Bridge ended in a final no."""
    old = refusals_of(record, delivery.bridge)
    campaigns = old.campaigns if old else ()
    if delivery.campaign not in campaigns:
        campaigns = (*campaigns, delivery.campaign)[-MAX_CAMPAIGNS:]
    new = fact_values.Refusals(delivery.bridge, campaigns, old.first_at if old else now_ms, now_ms)
    others = tuple(one for one in record.refusals if one.bridge != delivery.bridge)
    return _replace(record, refusals=(*others, new))


def refusals_of(record: fact_values.AddressRecord, bridge: int) -> fact_values.Refusals | None:
    """What is remembered of one Bridge's refusals."""
    for one in record.refusals:
        if one.bridge == bridge:
            return one
    return None
