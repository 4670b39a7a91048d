"""What follows from an operator's directives for one delivery: held, released, hurried, or given to another Source.

Pure. Guarantees: what its attempts left is kept; no event is written for each delivery, for the directive has its own.
"""

from typing import assert_never

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.policy import ending, notices
from gatepost.policy import terms as term_values


def settle(
    result: results.Directed, facts: fact_values.Facts, now_ms: int, terms: term_values.Terms
) -> settlements.Settlement:
    """The delivery's new row, or nothing where it is not in the state that the word is about."""
    changed: settlements.Reschedule | None
    match result:
        case results.Held():
            changed = _held(result, facts, now_ms, terms)
        case results.Released():
            changed = _released(result, facts) if is_held(facts.delivery) else None
        case results.Hurried():
            changed = _hurried(facts, now_ms)
        case results.Rerouted():
            changed = _rerouted(result, facts)
        case results.Failed():
            if is_held(facts.delivery):
                settled = ending.of_hold(facts, result.detail, now_ms)
                return notices.added(settled, facts.delivery, now_ms, terms)
            changed = None
        case _:
            assert_never(result)
    return settlements.Settlement(ending=None, reschedule=changed, events=())


def is_held(delivery: fact_values.OpenDelivery) -> bool:
    """Whether something holds it now."""
    return delivery.status is messages.Status.HELD


def as_it_was(facts: fact_values.Facts, next_at: int, *, reason: str = "") -> settlements.Reschedule:
    """Due at another time, with all that its attempts left."""
    delivery = facts.delivery
    return settlements.Reschedule(
        next_at=next_at,
        attempts=delivery.attempts,
        seen=delivery.seen,
        last_category=delivery.last_category,
        last_reply=delivery.last_reply,
        reason=reason,
    )


def _held(
    result: results.Held, facts: fact_values.Facts, now_ms: int, terms: term_values.Terms
) -> settlements.Reschedule:
    """Until its lifetime is over, at most; for authentication only so long, from its first refusal or from now."""
    delivery = facts.delivery
    until = delivery.expires_at
    if result.authentication:
        until = min(until, delivery.next_at if is_held(delivery) else now_ms + terms.authentication)
    changed = as_it_was(facts, until, reason=result.reason)
    return msgspec.structs.replace(changed, status=messages.Status.HELD, hold=result.directive)


def _released(result: results.Released, facts: fact_values.Facts) -> settlements.Reschedule:
    return msgspec.structs.replace(as_it_was(facts, result.at), hold=result.past)


def _hurried(facts: fact_values.Facts, now_ms: int) -> settlements.Reschedule | None:
    delivery = facts.delivery
    waits = delivery.status is messages.Status.QUEUED and delivery.next_at > now_ms
    return as_it_was(facts, now_ms, reason="flushed") if waits else None


def _rerouted(result: results.Rerouted, facts: fact_values.Facts) -> settlements.Reschedule:
    delivery = facts.delivery
    changed = as_it_was(facts, delivery.next_at, reason=f"rerouted from lane {delivery.lane}")
    return msgspec.structs.replace(changed, lane=result.lane, source=result.source)
