"""From one Result and what the store knows to everything that changes: the one decision about a delivery.

Guarantees: pure; one of ``ending`` and ``reschedule`` is set, but for reports; every event carries all that is known about
where it happened. The way of a delivered mail is short on purpose: it is run for every mail (bench/).
Not here: what a reply means (``gatepost.classify``), what a failed attempt leads to (``attempted``).
"""

from typing import assert_never

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import verdict as verdicts
from gatepost.policy import attempted, directing, ending, notices, provenance, remember, reported, suppress
from gatepost.policy import terms as term_values

Category = verdicts.Category

_DELIVERED = provenance.Told(
    events.State.DELIVERED,
    verdicts.Outcome.DELIVERED,
    Category.DELIVERED.value,
    events.Action.NONE,
)
_SPREAD_MS = 60_000  # deliveries that wait for the same moment come back within this time of it


def settle(
    result: results.Result,
    facts: fact_values.Facts,
    now_ms: int,
    jitter: float,
    terms: term_values.Terms,
) -> settlements.Settlement:
    """The Settlement of one Result. jitter: 0…1, drawn anew for each."""
    match result:
        case results.Attempted():
            if result.verdict.outcome is verdicts.Outcome.DELIVERED:
                return _delivered(result, facts, now_ms, terms)
            settled = attempted.settle(result, facts, now_ms, jitter, terms)
            return notices.added(settled, facts.delivery, now_ms, terms)
        case results.Reported():
            return reported.settle(result, facts, now_ms, terms)
        case results.Held() | results.Released() | results.Hurried() | results.Rerouted() | results.Failed():
            return directing.settle(result, facts, now_ms, terms)
        case _:
            return _unattempted(result, facts, now_ms, jitter, terms)


def _unattempted(
    result: results.Blocked | results.Postponed | results.Expired | results.Cancelled,
    facts: fact_values.Facts,
    now_ms: int,
    jitter: float,
    terms: term_values.Terms,
) -> settlements.Settlement:
    match result:
        case results.Blocked():
            return notices.added(
                _blocked(result, facts, now_ms), facts.delivery, now_ms, terms, notices.blocked(result, facts)
            )
        case results.Postponed():
            return _postponed(result, facts, now_ms, result.until + round(_SPREAD_MS * terms.scale * jitter))
        case results.Expired():
            return notices.added(ending.of_lifetime(facts, now_ms, terms), facts.delivery, now_ms, terms)
        case results.Cancelled():
            return _cancelled(result, facts, now_ms)
        case _:
            assert_never(result)


def _delivered(
    result: results.Attempted, facts: fact_values.Facts, now_ms: int, terms: term_values.Terms
) -> settlements.Settlement:
    """It was taken: what was held against the address is over, and what was only presumed is deleted."""
    event = provenance.attempted(_DELIVERED, result, facts.delivery, now_ms)
    told: tuple[events.Event, ...] = (event,)
    lifted = suppress.lifted(facts) if facts.suppressions else ()
    if lifted:
        told = (
            event,
            *(
                provenance.unsuppressed(event, entry, "took a mail")
                for entry in lifted
                if not entry.expires_at or entry.expires_at > now_ms
            ),
        )
    return settlements.Settlement(
        ending=settlements.Ending.DELIVERED,
        reschedule=None,
        events=told,
        address=remember.delivered(facts.address, now_ms),
        release=lifted,
        sent=remember.sent(result, facts, now_ms),
        notice=notices.of_relay(result, facts.delivery, terms) if facts.delivery.notify else None,
    )


def _blocked(result: results.Blocked, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
    entry = result.entry
    told = provenance.Told(
        state=events.State.REJECTED,
        outcome=None,
        category=Category.LOCAL_SUPPRESSED.value,
        action=events.Action.NONE,
        scope=provenance.scope_word(entry),
        detail=provenance.entry_words(entry),
    )
    return settlements.Settlement(
        ending=settlements.Ending.REJECTED,
        reschedule=None,
        events=(provenance.unattempted(told, facts.delivery, now_ms),),
    )


def _postponed(
    result: results.Postponed, facts: fact_values.Facts, now_ms: int, due: int
) -> settlements.Settlement:
    """Later, without an event: what it waits for has one, and a held address may have thousands waiting."""
    delivery = facts.delivery
    if delivery.attempts:
        due = max(now_ms + 1, min(due, delivery.expires_at))  # in time for its end
    return settlements.Settlement(
        ending=None,
        reschedule=directing.as_it_was(facts, due, reason=result.reason),
        events=(),
    )


def _cancelled(result: results.Cancelled, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
    detail = f"cancelled by {result.actor}"
    told = provenance.Told(
        state=events.State.REJECTED,
        outcome=None,
        category=Category.LOCAL_CANCELLED.value,
        action=events.Action.NONE,
        flags=events.Flag.CANCELLED,
        detail=f"{detail}: {result.reason}" if result.reason else detail,
    )
    return settlements.Settlement(
        ending=settlements.Ending.CANCELLED,
        reschedule=None,
        events=(provenance.unattempted(told, facts.delivery, now_ms),),
    )
