"""The settlement of an attempt that did not deliver.

Guarantees: a bounce and its suppression are in one Settlement; a delivery that goes on keeps, per category, when its
first such reply came and how many there were, and its last real reply; no reply text changes anything but its own
delivery, its address's record and, where it is about the recipient, the suppressions.
"""

import msgspec

from gatepost.model import directive as directives
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import (
    absence,
    categories,
    decide,
    ending,
    escalate,
    presume,
    provenance,
    remember,
    retry,
    streaks,
    suppress,
)
from gatepost.policy import terms as term_values

Action = events.Action
Flag = events.Flag
Outcome = verdicts.Outcome


class _Case(msgspec.Struct, frozen=True):
    """One attempt on its way through the functions below. seen: with this reply in it, its category first."""

    result: results.Attempted
    facts: fact_values.Facts
    now: int
    jitter: float
    terms: term_values.Terms
    rule: term_values.Rule
    seen: tuple[fact_values.Seen, ...]
    decision: decide.Decision
    weighed: presume.Weighed | None
    domains: fact_values.Streak | None


def settle(
    result: results.Attempted,
    facts: fact_values.Facts,
    now_ms: int,
    jitter: float,
    terms: term_values.Terms,
) -> settlements.Settlement:
    """What follows from a reply that is not a delivery. What may have arrived all the same can be reported about."""
    settled = _settled(result, facts, now_ms, jitter, terms)
    if not result.in_doubt:
        return settled
    return msgspec.structs.replace(settled, sent=remember.sent(result, facts, now_ms))


def _settled(
    result: results.Attempted,
    facts: fact_values.Facts,
    now_ms: int,
    jitter: float,
    terms: term_values.Terms,
) -> settlements.Settlement:
    weighed = presume.weigh(result, facts, now_ms, terms)
    if weighed is not None and weighed.dead:
        result = presume.dead(result)
    rule = terms.rules[result.verdict.category]
    seen = retry.note(facts.delivery.seen, rule.word, now_ms)
    domains = _of_domain(result, rule, facts, now_ms, terms)
    decision = decide.action(result, rule, decide.Known(seen[0], domains), now_ms, terms)
    if rule.word == absence.WORD:
        rule = absence.given_up(rule, domains, now_ms, terms)
    case = _Case(result, facts, now_ms, jitter, terms, rule, seen, decision, weighed, domains)
    match decision.action:
        case Action.SUPPRESS:
            return _suppressed(case)
        case Action.FAIL | Action.NONE:
            return _failed(case)
        case Action.RESPLIT:
            return _resplit(case)
        case Action.HOLD if rule.held:
            return _kept(case)
        case Action.RETRY | Action.HOLD:
            return _again(case)


def _of_domain(
    result: results.Attempted,
    rule: term_values.Rule,
    facts: fact_values.Facts,
    now_ms: int,
    terms: term_values.Terms,
) -> fact_values.Streak | None:
    """The streak of a domain, for a category that suppresses in the end: whom else it said this of matters then."""
    if rule.then is not Action.SUPPRESS:
        return None
    if rule.word == absence.WORD:
        return absence.noted(result, facts, now_ms, rule, terms)
    place, about = streaks.place_of_domain(facts.delivery.domain), streaks.of_category(rule.word)
    return streaks.went_on(facts, place, about, now_ms, terms, counted=facts.delivery.key)


def _suppressed(case: _Case) -> settlements.Settlement:
    """Dead: bounced, and not written to any more, at once."""
    facts, result, terms = case.facts, case.result, case.terms
    streak = _streak(case)
    entry = suppress.of_hard(result, facts, case.now, case.rule, terms, streak)
    bounced = _bounced(case)
    told = [bounced]
    if entry is not None:
        told.append(provenance.suppressed(bounced, entry))
    soften = None
    if streak is not None and case.weighed is None and streaks.begins(facts, streak, case.now, terms):
        told.append(provenance.incident(bounced, streak))
        soften = settlements.Softening(streak.incident, case.now + terms.provisional)
    record = _dead(case)
    return settlements.Settlement(
        ending=settlements.Ending.BOUNCED,
        reschedule=None,
        events=tuple(told),
        address=None if record is facts.address else record,
        suppress=() if entry is None else (entry,),
        streaks=_streaks(case, streak),
        soften=soften,
    )


def _streak(case: _Case) -> fact_values.Streak | None:
    """The streak that a verdict about an address goes on with."""
    if case.weighed is not None:
        return case.weighed.streak
    if case.rule.kind is not suppressions.Kind.ADDRESS or case.rule.word == absence.WORD:
        return None
    facts, about = case.facts, streaks.of_rule(case.result.verdict.rule)
    place = streaks.provider_of(case.result, facts.delivery)
    took = facts.delivery.key if facts.address.delivered_at else ""
    return streaks.went_on(facts, place, about, case.now, case.terms, counted=took)


def _streaks(case: _Case, mine: fact_values.Streak | None) -> tuple[fact_values.Streak, ...]:
    again = absence.found_again(case.result, case.facts, case.now)
    return (*again, *(one for one in (mine, case.domains) if one is not None))


def _dead(case: _Case) -> fact_values.AddressRecord:
    """The address's record with a hard verdict in it."""
    record = case.facts.address
    if case.rule.kind is not suppressions.Kind.ADDRESS:
        return record
    if case.rule.word == presume.WORD:
        record = remember.presumed(record, case.now)
    if case.rule.scope in {None, suppressions.Scope.INSTANCE}:
        record = remember.hard(record, case.now)
    return record


def _failed(case: _Case) -> settlements.Settlement:
    """A final no to this message: the address is kept."""
    facts, delivery = case.facts, case.facts.delivery
    bounced = _bounced(case)
    record = remember.probed(facts.address, delivery, case.now)
    told: tuple[events.Event, ...] = (bounced,)
    written: tuple[suppressions.Suppression, ...] = ()
    if case.rule.escalates is categories.Escalates.REFUSED:
        record, entry = escalate.refused(record, delivery, case.now, case.terms, facts.taken_at)
        if entry is not None and not suppress.stands(facts, entry, case.now):
            entry = _caused(entry, case)
            told, written = (bounced, provenance.suppressed(bounced, entry)), (entry,)
    withdrawn = case.weighed.withdrawn if case.weighed is not None else ()
    why = f"is presumed dead no more: others at {bounced.provider} got the same answer, and no mail was taken"
    return settlements.Settlement(
        ending=settlements.Ending.BOUNCED,
        reschedule=None,
        events=(*told, *(provenance.withdrawn(bounced, one, why) for one in withdrawn)),
        address=None if record is facts.address else record,
        suppress=written,
        release=withdrawn,
        streaks=_streaks(case, case.weighed.streak if case.weighed is not None else None),
    )


def _resplit(case: _Case) -> settlements.Settlement:
    """Too many at once: this recipient goes on now, in a smaller group."""
    if case.facts.delivery.expires_at <= case.now:
        return ending.of_attempt(case.result, case.facts, case.facts.address, case.now, case.terms)
    return _deferred(case, case.now, case.facts.address)


def _kept(case: _Case) -> settlements.Settlement:
    """Not tried again before somebody looked at our authentication (``gatepost.upkeep.authentication``)."""
    result, delivery = case.result, case.facts.delivery
    until = min(case.seen[0].first_at + case.terms.authentication, delivery.expires_at)
    record = remember.probed(case.facts.address, delivery, case.now)
    if until <= case.now:
        return ending.of_attempt(result, case.facts, record, case.now, case.terms)
    settled = _deferred(case, until, record)
    assert settled.reschedule is not None  # noqa: S101 - a deferral has one
    kept = msgspec.structs.replace(
        settled.reschedule, status=messages.Status.HELD, hold=directives.AUTHENTICATION
    )
    return msgspec.structs.replace(settled, reschedule=kept)


def _again(case: _Case) -> settlements.Settlement:
    """Tried again later, unless the window or the lifetime is over."""
    result, delivery = case.result, case.facts.delivery
    mine = case.seen[0]
    turn = retry.Turn(
        count=mine.count,
        first_at=mine.first_at,
        code=result.reply.code,
        hint=round(result.verdict.hint * 1000 * case.terms.scale),
    )
    due = retry.next_try(turn, case.rule, delivery.expires_at, case.now, case.jitter)
    record = _held(case, due)
    if due is None:
        ended = ending.of_attempt(result, case.facts, record, case.now, case.terms)
        return msgspec.structs.replace(ended, streaks=_streaks(case, None))
    return _deferred(case, due, record)


def _held(case: _Case, due: int | None) -> fact_values.AddressRecord:
    """The address's record: bulk mail to it waits for this delivery's next answer, or for as long as a hold may last."""
    record, delivery = case.facts.address, case.facts.delivery
    if not case.rule.holds_address or case.result.in_doubt or case.decision.outcome is not Outcome.SOFT:
        return remember.probed(record, delivery, case.now)
    until = case.now + case.terms.hold
    if due is not None:
        until = min(until, due)
    return remember.held(record, delivery, until, case.rule.word, case.now)


def _deferred(case: _Case, due: int, record: fact_values.AddressRecord) -> settlements.Settlement:
    delivery, reply = case.facts.delivery, case.result.reply
    told = provenance.Told(
        state=events.State.DEFERRED,
        outcome=case.decision.outcome,
        category=case.rule.word,
        action=case.decision.action,
        next_at=due,
        flags=_flags(case),
    )
    keep = not reply.code and ending.is_real(delivery.last_reply)
    return settlements.Settlement(
        ending=None,
        reschedule=settlements.Reschedule(
            next_at=due,
            attempts=delivery.attempts + 1,
            seen=case.seen,
            last_category=delivery.last_category if keep else case.rule.word,
            last_reply=delivery.last_reply if keep else reply.raw,
            reason=case.rule.word,
        ),
        events=(provenance.attempted(told, case.result, delivery, case.now),),
        address=None if record is case.facts.address else record,
        streaks=_streaks(case, None),
    )


def _bounced(case: _Case) -> events.Event:
    told = provenance.Told(
        state=events.State.BOUNCED,
        outcome=case.decision.outcome,
        category=case.rule.word,
        action=case.decision.action,
        flags=_flags(case),
    )
    return provenance.attempted(told, case.result, case.facts.delivery, case.now)


def _flags(case: _Case) -> Flag:
    return Flag.POSSIBLE_DUPLICATE if case.result.in_doubt else Flag.NONE


def _caused(entry: suppressions.Suppression, case: _Case) -> suppressions.Suppression:
    verdict = case.result.verdict
    return msgspec.structs.replace(
        entry,
        category=case.rule.word,
        rule=verdict.rule,
        rule_version=verdict.rule_version,
        reply=case.result.reply.raw,
    )
