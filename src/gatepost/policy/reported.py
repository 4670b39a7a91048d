"""What a report leads to that came after the 250: a late bounce, a complaint, a wish to be left alone, or nothing.

Guarantees: only a report that a valid token ties to a delivery that was taken changes anything, and it changes that one and the
recipient that was recorded for it, whatever address the report names (faults.md F01, F02); the delivery stays delivered; a second
report of a kind about one delivery has no effect (F07). Of bounces only those suppress that ``late`` allows, and never an expiry.
Not here: whether a token is valid, what a diagnostic means.
"""

import msgspec

from gatepost.model import address as addresses
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import late
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import late as late_bounces
from gatepost.policy import notices, provenance, remember, streaks, suppress
from gatepost.policy import terms as term_values

Action = events.Action
Flag = events.Flag
Kind = late.Kind
State = events.State

_EXPIRY = frozenset({b"4.4.7", b"5.4.7"})
_NO_ATTEMPT = results.Attempt(0, 0)
_NO_CLAIM = results.Claim(0, 0)


def settle(
    result: results.Reported, facts: fact_values.Facts, now_ms: int, terms: term_values.Terms
) -> settlements.Settlement:
    """The Settlement of one report."""
    sent = facts.sent
    if sent is None and facts.still_open and _awaited(result, facts):
        if result.filed.kind is not Kind.UNSUBSCRIBE:
            return settlements.Settlement(ending=None, reschedule=None, events=(), early=True)
        sent = fact_values.Sent(facts.delivery, 0, 0, facts.still_open)
    problem = _untied(result, sent)
    if sent is None or problem:
        return _noted(result, facts, now_ms, problem)
    match result.filed.kind:
        case Kind.BOUNCE:
            return _bounced(result, facts, sent, now_ms, terms)
        case Kind.COMPLAINT:
            return _complained(result, facts, sent, now_ms, terms)
        case Kind.UNSUBSCRIBE:
            return _unsubscribed(result, facts, sent, now_ms, terms)
        case Kind.NOTICE:
            return _noted(result, facts, now_ms)


def _awaited(result: results.Reported, facts: fact_values.Facts) -> bool:
    """Whether a delivery that is still open will have to hear of it: a server may report before our own commit of its 250.

    Who leaves needs no such commit: that the delivery is known is enough.
    """
    named = not result.of_message or facts.still_open == 1
    verified = result.filed.standing is late.Standing.VERIFIED
    return verified and named and result.filed.kind is not Kind.NOTICE


def _untied(result: results.Reported, sent: fact_values.Sent | None) -> str:
    """Why it is about no delivery that could be changed; empty where it is."""
    if result.filed.standing is late.Standing.EXPIRED:
        return "unverified: its token has expired"
    if not result.delivery or result.filed.standing is late.Standing.UNVERIFIED:
        return "unverified: no valid token ties it to a delivery"
    if sent is None:
        return "without effect: the delivery had not been taken, or was taken without a token"
    if result.of_message and sent.recipients != 1:
        return (
            f"unverified: its token is of a message to {sent.recipients} recipients, and names none of them"
        )
    return ""


def _noted(
    result: results.Reported, facts: fact_values.Facts, now_ms: int, problem: str = ""
) -> settlements.Settlement:
    """Kept and told; nothing follows."""
    filed = result.filed
    what = f"{filed.kind.word}: {result.detail}" if result.detail else filed.kind.word
    told = provenance.Told(
        state=State.REPORTED,
        outcome=None,
        category=result.category,
        action=Action.NONE,
        flags=Flag.LATE,
        detail=f"{problem} ({what})" if problem else what,
    )
    untied = problem.startswith("unverified")
    delivery = facts.delivery
    if untied and filed.standing is late.Standing.VERIFIED:
        filed = msgspec.structs.replace(filed, standing=late.Standing.UNVERIFIED)
        # The message is known, its recipient is not.
        delivery = msgspec.structs.replace(delivery, id=0, recipient="", key="", domain="")
    return settlements.Settlement(
        ending=None,
        reschedule=None,
        events=(_event(told, delivery, filed, now_ms, verdicts.Fault.NONE),),
        filed=filed,
    )


def _bounced(
    result: results.Reported,
    facts: fact_values.Facts,
    sent: fact_values.Sent,
    now_ms: int,
    terms: term_values.Terms,
) -> settlements.Settlement:
    """A bounce after all. Its delivery's reset of the address is revoked."""
    one, sure = _about_ours(result.told, sent.delivery.key)
    if one is None:
        return _noted(result, facts, now_ms)
    if sent.bounced_at:
        return _again(result)
    verdict = one.verdict
    rule = terms.rules[verdict.category]
    record = remember.revoked(facts.address, sent)
    entry: suppressions.Suppression | None = None
    streak: fact_values.Streak | None = None
    revoked = msgspec.structs.replace(facts, address=record)
    dead = sure and _names_the_recipient(one, rule)
    if dead:
        attempt = results.Attempted(sent.delivery.id, _NO_CLAIM, _NO_ATTEMPT, one.reply, verdict)
        streak = _streak(verdict, revoked, now_ms, terms)
        entry = suppress.of_hard(attempt, revoked, now_ms, rule, terms, streak)
        if rule.scope in {None, suppressions.Scope.INSTANCE}:
            record = remember.hard(record, now_ms)
    told = provenance.Told(
        state=State.BOUNCED,
        outcome=verdict.outcome,
        category=rule.word,
        action=Action.SUPPRESS if dead else Action.FAIL,
        flags=Flag.LATE,
        detail=result.detail
        if sure
        else "it speaks of several addresses, and this recipient's is none of them",
    )
    event = msgspec.structs.replace(
        _event(told, sent.delivery, result.filed, now_ms, verdict.fault, one.reply.raw),
        code=one.reply.code,
        enhanced=one.reply.enhanced.decode("ascii"),
        rule=verdict.rule,
        rule_version=verdict.rule_version,
        confidence=verdict.confidence,
    )
    settled = settlements.Settlement(
        ending=None,
        reschedule=None,
        events=(event,) if entry is None else (event, provenance.suppressed(event, entry)),
        address=None if record is facts.address else record,
        suppress=() if entry is None else (entry,),
        sent=msgspec.structs.replace(sent, bounced_at=now_ms),
        filed=result.filed,
        charged_at=sent.at,
        notice=notices.of_late_bounce(result, sent.delivery, terms),
    )
    return settled if streak is None else _gone_on(settled, streak, revoked, now_ms, terms)


def _streak(
    verdict: verdicts.Verdict, revoked: fact_values.Facts, now_ms: int, terms: term_values.Terms
) -> fact_values.Streak | None:
    """The Provider's streak of such bounces with this one in it; None where most mail around it stands.

    A delivery that bounced is no history of its address: what it took before counts.
    """
    if streaks.most_stand(revoked.neighbours):
        return None
    place = streaks.place_of_late(revoked.delivery.provider)
    took = revoked.delivery.key if revoked.address.delivered_at else ""
    return streaks.went_on(revoked, place, streaks.of_rule(verdict.rule), now_ms, terms, counted=took)


def _gone_on(
    settled: settlements.Settlement,
    streak: fact_values.Streak,
    facts: fact_values.Facts,
    now_ms: int,
    terms: term_values.Terms,
) -> settlements.Settlement:
    """With the streak, and with what follows where this very bounce made it an incident."""
    told = settled.events
    soften = None
    if streaks.begins(facts, streak, now_ms, terms):
        told = (*told, provenance.incident(told[0], streak))
        soften = settlements.Softening(streak.incident, now_ms + terms.provisional)
    return msgspec.structs.replace(settled, events=told, streaks=(streak,), soften=soften)


def _complained(
    result: results.Reported,
    facts: fact_values.Facts,
    sent: fact_values.Sent,
    now_ms: int,
    terms: term_values.Terms,
) -> settlements.Settlement:
    """The recipient called it spam: no mail of this account any more."""
    if sent.complained_at:
        return _again(result)
    rule = terms.rules[verdicts.Category.FEEDBACK_COMPLAINT]
    wish = _Wish(State.COMPLAINT, rule, suppress.COMPLAINT, counts=not result.exempt)
    marked = msgspec.structs.replace(sent, complained_at=now_ms)
    return _wished(wish, result, facts, marked, now_ms)


def _unsubscribed(
    result: results.Reported,
    facts: fact_values.Facts,
    sent: fact_values.Sent,
    now_ms: int,
    terms: term_values.Terms,
) -> settlements.Settlement:
    """The recipient left the list, or this Bridge's mail where there is no list; transactional mail cannot be left.

    Who was written to again meanwhile, because an operator released the address, and asks again is followed again.
    """
    rule = terms.rules[verdicts.Category.FEEDBACK_UNSUBSCRIBE]
    bulk = sent.delivery.priority is messages.Priority.BULK
    if sent.unsubscribed_at:
        stands = suppress.of_feedback(sent.delivery, rule, suppress.UNSUBSCRIBED, b"", now_ms)
        if not bulk or suppress.told_already(facts, stands, now_ms):
            return _again(result)
    wish = _Wish(State.UNSUBSCRIBED, rule, suppress.UNSUBSCRIBED, counts=bulk)
    marked = msgspec.structs.replace(sent, unsubscribed_at=now_ms)
    return _wished(wish, result, facts, marked, now_ms)


class _Wish(msgspec.Struct, frozen=True):
    """What a recipient said. counts: whether it is followed."""

    state: State
    rule: term_values.Rule
    reason: str
    counts: bool


def _wished(
    wish: _Wish, result: results.Reported, facts: fact_values.Facts, sent: fact_values.Sent, now_ms: int
) -> settlements.Settlement:
    delivery = sent.delivery
    entry: suppressions.Suppression | None = None
    if wish.counts:
        entry = suppress.of_feedback(delivery, wish.rule, wish.reason, b"", now_ms)
        if suppress.told_already(facts, entry, now_ms):
            entry = None
    told = provenance.Told(
        state=wish.state,
        outcome=None,
        category=wish.rule.word,
        action=Action.SUPPRESS if wish.counts else Action.NONE,
        flags=Flag.LATE,
        detail=result.detail if wish.counts else f"not followed, as this Bridge is set: {result.detail}",
    )
    event = _event(told, delivery, result.filed, now_ms, verdicts.Fault.RECIPIENT)
    return settlements.Settlement(
        ending=None,
        reschedule=None,
        events=(event,) if entry is None else (event, provenance.suppressed(event, entry)),
        suppress=() if entry is None else (entry,),
        sent=sent if sent.at else None,
        filed=result.filed,
    )


def _again(result: results.Reported) -> settlements.Settlement:
    """The second of its kind about one delivery: kept, without an event."""
    return settlements.Settlement(ending=None, reschedule=None, events=(), filed=result.filed)


def _about_ours(told: tuple[late.Told, ...], key: str) -> tuple[late.Told | None, bool]:
    """What a bounce tells of our recipient, and whether that is sure; None: no failure.

    A forwarder names another address than ours: where there is only one, it is meant all the same. Where there are several
    and none is ours, a list was expanded behind it, and the address itself may well be alive.
    """
    mine = [one for one in told if any(_is(text, key) for text in one.addresses)]
    if mine or len(told) == 1:
        one = (mine or list(told))[0]
        return (one if one.failed else None), True
    failed = [one for one in told if one.failed]
    return (failed[0] if failed else None), False


def _is(text: str, key: str) -> bool:
    try:
        return addresses.parse(text, utf8=True).key == key
    except addresses.AddressError:
        return False


def _names_the_recipient(one: late.Told, rule: term_values.Rule) -> bool:
    verdict = one.verdict
    if rule.action is not Action.SUPPRESS or one.reply.enhanced in _EXPIRY:
        return False
    return late_bounces.may_suppress(verdict) and (verdict.explicit or not verdict.quotes_us)


def _event(
    told: provenance.Told,
    delivery: fact_values.OpenDelivery,
    filed: late.Filed,
    now_ms: int,
    fault: verdicts.Fault,
    reply: bytes = b"",
) -> events.Event:
    event = provenance.unattempted(told, delivery, now_ms, fault, reply)
    recipient = delivery.recipient or filed.recipient
    return msgspec.structs.replace(event, peer_ip=filed.peer_ip, recipient=recipient, attempt=0)
