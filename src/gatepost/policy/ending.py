"""How a delivery ends when its window or its lifetime is over: bounced, with the last real answer kept beside it.

Guarantees: the category is ``local.expired``; the outcome is soft, or rejection where the delivery waited for
something of ours to be mended; the address is kept unless this message was one too many (``escalate``).
"""

import msgspec

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import escalate, provenance, suppress
from gatepost.policy import terms as term_values

Outcome = verdicts.Outcome
Flag = events.Flag

EXPIRED = verdicts.Category.LOCAL_EXPIRED.value
_QUOTED = 200  # characters of an earlier reply in the detail line


def of_attempt(
    result: results.Attempted,
    facts: fact_values.Facts,
    record: fact_values.AddressRecord,
    now_ms: int,
    terms: term_values.Terms,
) -> settlements.Settlement:
    """The last attempt failed, and there is no time left. record: with what this reply added to it."""
    delivery, reply = facts.delivery, result.reply
    word, at_rcpt = terms.rules[result.verdict.category].word, reply.stage is replies.Stage.RCPT
    earlier = not reply.code and bool(delivery.last_category) and is_real(delivery.last_reply)
    if earlier:
        word, at_rcpt = delivery.last_category, False
    ended = escalate.Ended(word, delivery.attempts + 1, at_rcpt)
    record, entry = escalate.soft(ended, record, delivery, now_ms, terms)
    what = "lifetime" if delivery.expires_at <= now_ms else "window"
    detail = f"{what} ended; last answer {word}"
    if earlier:
        detail += f": {_quoted(delivery.last_reply)}"
    flags = Flag.EXPIRED | (Flag.POSSIBLE_DUPLICATE if result.in_doubt else Flag.NONE)
    bounced = provenance.attempted(_told(terms.by_word.get(word), detail, flags), result, delivery, now_ms)
    if entry is not None:
        entry = _caused(entry, word, reply.raw if not earlier else delivery.last_reply)
        if not earlier:
            entry = msgspec.structs.replace(
                entry, rule=result.verdict.rule, rule_version=result.verdict.rule_version
            )
    return _settled(bounced, record, entry, facts, now_ms)


def of_lifetime(facts: fact_values.Facts, now_ms: int, terms: term_values.Terms) -> settlements.Settlement:
    """The lifetime ended while nothing was under way."""
    delivery = facts.delivery
    word = delivery.last_category
    record, entry = escalate.soft(
        escalate.Ended(word, delivery.attempts), facts.address, delivery, now_ms, terms
    )
    rule = terms.by_word.get(word)
    what = "lifetime ended"
    if delivery.status is messages.Status.HELD and delivery.expires_at > now_ms:
        what = "held for authentication as long as mail is"
        rule = terms.rules[verdicts.Category.SENDER_AUTH]
    detail = f"{what}; last answer {word}" if word else f"{what}; no answer was ever given"
    told = _told(rule, detail, Flag.EXPIRED)
    bounced = provenance.unattempted(
        told, delivery, now_ms, fault=verdicts.Fault.NONE, reply=delivery.last_reply
    )
    bounced = _quoting(bounced)
    if entry is not None:
        entry = _caused(entry, word, delivery.last_reply)
    return _settled(bounced, record, entry, facts, now_ms)


def of_hold(facts: fact_values.Facts, detail: str, now_ms: int) -> settlements.Settlement:
    """What it was held for will not be mended: the message ends with the reply that it was held for, the address is kept."""
    delivery = facts.delivery
    told = provenance.Told(
        state=events.State.BOUNCED,
        outcome=Outcome.REJECTION,
        category=delivery.last_category or EXPIRED,
        action=events.Action.FAIL,
        detail=detail,
    )
    bounced = provenance.unattempted(
        told, delivery, now_ms, fault=verdicts.Fault.SENDER, reply=delivery.last_reply
    )
    bounced = _quoting(bounced)
    return _settled(bounced, facts.address, None, facts, now_ms)


def is_real(raw: bytes) -> bool:
    """Whether bytes kept as the last reply came from a server, and are not our words for a silence."""
    return raw[:3].isdigit() and raw[3:4] in b"- "


def _quoting(bounced: events.Event) -> events.Event:
    """With the codes of the reply in it."""
    if not is_real(bounced.reply):
        return bounced
    last = replies.Reply(int(bounced.reply[:3]), bounced.reply)
    return msgspec.structs.replace(bounced, code=last.code, enhanced=last.enhanced.decode("ascii"))


def _told(rule: term_values.Rule | None, detail: str, flags: Flag) -> provenance.Told:
    waited_for_us = rule is not None and rule.outcome is Outcome.REJECTION
    return provenance.Told(
        state=events.State.BOUNCED,
        outcome=Outcome.REJECTION if waited_for_us else Outcome.SOFT,
        category=EXPIRED,
        action=events.Action.FAIL,
        flags=flags,
        detail=detail,
    )


def _settled(
    bounced: events.Event,
    record: fact_values.AddressRecord,
    entry: suppressions.Suppression | None,
    facts: fact_values.Facts,
    now_ms: int,
) -> settlements.Settlement:
    told: tuple[events.Event, ...] = (bounced,)
    written: tuple[suppressions.Suppression, ...] = ()
    if entry is not None and not suppress.stands(facts, entry, now_ms):
        bounced = msgspec.structs.replace(bounced, action=events.Action.SUPPRESS)
        told = (bounced, provenance.suppressed(bounced, entry))
        written = (entry,)
    return settlements.Settlement(
        ending=settlements.Ending.BOUNCED,
        reschedule=None,
        events=told,
        address=None if record is facts.address else record,
        suppress=written,
    )


def _caused(entry: suppressions.Suppression, word: str, reply: bytes) -> suppressions.Suppression:
    return msgspec.structs.replace(entry, category=word, reply=reply)


def _quoted(reply: bytes) -> str:
    return reply.decode("utf-8", "replace").replace("\r\n", " ")[:_QUOTED]
