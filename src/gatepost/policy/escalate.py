"""When several messages together say what none of them said alone: the address is given up for a while.

Guarantees: only what a receiver said about the mailbox counts; rate, IP, authentication and content never do; any
delivery starts the count anew. Not here: domains (they need to know what else the Source delivered in that hour).
"""

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import suppression as suppressions
from gatepost.policy import categories, remember, suppress
from gatepost.policy import terms as term_values

Escalates = categories.Escalates
Found = tuple[fact_values.AddressRecord, suppressions.Suppression | None]


class Ended(msgspec.Struct, frozen=True):
    """How a message ended: the category of its last real reply, whether that came at RCPT, and how often it was tried."""

    word: str
    attempts: int
    at_rcpt: bool = False


def soft(
    ended: Ended,
    record: fact_values.AddressRecord,
    delivery: fact_values.OpenDelivery,
    now_ms: int,
    terms: term_values.Terms,
) -> Found:
    """A message bounced soft: the record with it, and the entry if it is one too many."""
    rule = terms.by_word.get(ended.word)
    if rule is None or ended.attempts < terms.escalation.soft_attempts:
        return record, None
    unknown = rule.escalates is Escalates.SOFT_AT_RCPT
    if not (rule.escalates is Escalates.SOFT or (unknown and ended.at_rcpt)):
        return record, None
    counted = remember.soft(record, now_ms, terms, unknown=unknown)
    if not _enough(counted, terms):
        return counted, None
    entry = suppress.escalated(
        delivery, suppressions.Scope.INSTANCE, suppress.ESCALATED, now_ms, terms.soft_expires
    )
    # The entry now holds what was counted: after its time three more messages are needed, not one.
    emptied = msgspec.structs.replace(counted, soft_count=0, unknown_count=0, soft_first_at=0, soft_last_at=0)
    return emptied, entry


def refused(
    record: fact_values.AddressRecord,
    delivery: fact_values.OpenDelivery,
    now_ms: int,
    terms: term_values.Terms,
    taken_at: int,
) -> Found:
    """A message ended in a final no to itself. taken_at: when that provider last took this Bridge's mail (ms).

    Only where it took mail to others since the first no: else the no is about the sender, and a blocked Bridge would
    suppress every recipient it has there. (A mail that this address takes wipes its refusals out.)
    """
    counted = remember.refused(record, delivery, now_ms)
    found = remember.refusals_of(counted, delivery.bridge)
    if found is None or taken_at <= found.first_at:
        return counted, None
    if len(found.campaigns) < terms.escalation.refused_campaigns:
        return counted, None
    if found.last_at - found.first_at < terms.refused_min:
        return counted, None
    entry = suppress.escalated(
        delivery, suppressions.Scope.BRIDGE, suppress.REFUSED, now_ms, terms.refused_expires
    )
    others = tuple(one for one in counted.refusals if one.bridge != delivery.bridge)
    return msgspec.structs.replace(counted, refusals=others), entry


def _enough(record: fact_values.AddressRecord, terms: term_values.Terms) -> bool:
    known = record.soft_count - record.unknown_count
    enough = known >= terms.escalation.soft_messages or record.soft_count >= terms.escalation.unknown_messages
    return enough and terms.soft_min <= record.soft_last_at - record.soft_first_at <= terms.soft_max
