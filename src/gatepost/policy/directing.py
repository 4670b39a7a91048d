"""What follows from an operator's directives for one delivery: held, released, hurried, or given to another Source.

Pure. Guarantees: what its attempts left is kept; no event is written for each delivery, for the directive has its own.
"""

from typing import assert_never

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements


def settle(result: results.Directed, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
    """The delivery's new row, or nothing where it is not in the state that the word is about."""
    changed: settlements.Reschedule | None
    match result:
        case results.Held():
            changed = _held(result, facts)
        case results.Released():
            changed = _released(result, facts)
        case results.Hurried():
            changed = _hurried(facts, now_ms)
        case results.Rerouted():
            changed = _rerouted(result, facts)
        case _:
            assert_never(result)
    return settlements.Settlement(ending=None, reschedule=changed, events=())


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


def _held(result: results.Held, facts: fact_values.Facts) -> settlements.Reschedule:
    """Until its lifetime is over, at most."""
    changed = as_it_was(facts, facts.delivery.expires_at, reason=result.reason)
    return msgspec.structs.replace(changed, status=messages.Status.HELD, hold=result.directive)


def _released(result: results.Released, facts: fact_values.Facts) -> settlements.Reschedule | None:
    return as_it_was(facts, result.at) if facts.delivery.status is messages.Status.HELD else None


def _hurried(facts: fact_values.Facts, now_ms: int) -> settlements.Reschedule | None:
    delivery = facts.delivery
    waits = delivery.status is messages.Status.QUEUED and delivery.next_at > now_ms
    return as_it_was(facts, now_ms, reason="flushed") if waits else None


def _rerouted(result: results.Rerouted, facts: fact_values.Facts) -> settlements.Reschedule:
    delivery = facts.delivery
    changed = as_it_was(facts, delivery.next_at, reason=f"rerouted from lane {delivery.lane}")
    return msgspec.structs.replace(changed, lane=result.lane, source=result.source)
