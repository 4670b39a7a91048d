"""The same answer for many addresses at one Provider or domain, and no mail taken between: perhaps not their fault.

Providers have told senders for hours that living users are unknown (Gmail, 14–15 December 2020; AOL, 29 March 2017). A
streak counts the addresses for which that would be odd; from the ``guard_recipients``-th on what its rule says is taken as
provisional, and what it said before becomes so (taxonomy: Suppression, Guard). A domain that says one thing of all its
addresses speaks of itself: its directory is down, or it is gone.
What a Provider takes and bounces afterwards has streaks of its own: that it takes mail says nothing there, and only what bounced
where most mail around it bounced is counted.
Guarantees: pure; what is kept of a streak is bounded; one that nothing was added to for as long as a provisional entry
lasts is over. Not here: that a mail taken ends it (the store does that with every delivery).
"""

from gatepost.model import address as addresses
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.policy import settings as policy_settings
from gatepost.policy import terms as term_values

_LONGEST = 200  # characters of a template: a hostile server may say 4,096


def of_rule(rule: str) -> str:
    """What a streak of a rule's verdicts is about."""
    return f"rule {rule}"


def of_template(template: str) -> str:
    """What a streak of replies that no rule knew is about. Long ones that begin alike count as one: the milder reading."""
    return f"template {template[:_LONGEST]}"


def of_category(word: str) -> str:
    """What a streak of a domain's replies of one category is about."""
    return f"category {word}"


def place_of_domain(domain: str) -> str:
    """Where the streaks of a domain are kept; no Provider's name looks so."""
    return f"@{domain}"


def place_of_late(provider: str) -> str:
    """Where the streaks of a Provider's late bounces are kept; no Provider's name looks so."""
    return f"late {provider}"


def most_stand(neighbours: fact_values.Neighbours) -> bool:
    """Whether a late bounce is one of few around it: then it says something about its address."""
    return neighbours.bounced * 2 < neighbours.taken


def provider_of(result: results.Attempted, delivery: fact_values.OpenDelivery) -> str:
    """Whose answer it is: of the host that was asked, else of the queue."""
    return result.attempt.provider or delivery.provider


def went_on(
    facts: fact_values.Facts,
    place: str,
    about: str,
    now_ms: int,
    terms: term_values.Terms,
    *,
    counted: str,
) -> fact_values.Streak:
    """The streak with this answer in it. counted: what it is counted by, once each, usually the address; empty: not."""
    delivery = facts.delivery
    old = _find(facts, place, about, now_ms, terms)
    hashes = old.counted if old is not None else ()
    if counted and len(hashes) < policy_settings.MOST_COUNTED:
        hashed = addresses.hash64(counted)
        if hashed not in hashes:
            hashes = (*hashes, hashed)
    return fact_values.Streak(
        place=place,
        about=about,
        incident=old.incident if old is not None else delivery.id,
        counted=hashes,
        first_at=old.first_at if old is not None else now_ms,
        last_at=now_ms,
    )


def guarded(streak: fact_values.Streak, terms: term_values.Terms) -> bool:
    """Whether so many answers say more about the Provider than about the addresses."""
    return len(streak.counted) >= terms.guard_recipients


def begins(
    facts: fact_values.Facts, streak: fact_values.Streak, now_ms: int, terms: term_values.Terms
) -> bool:
    """Whether this very answer made it an incident."""
    old = _find(facts, streak.place, streak.about, now_ms, terms)
    return guarded(streak, terms) and not (old is not None and guarded(old, terms))


def _find(
    facts: fact_values.Facts, place: str, about: str, now_ms: int, terms: term_values.Terms
) -> fact_values.Streak | None:
    for one in facts.streaks:
        if (one.place, one.about) == (place, about) and now_ms - one.last_at <= terms.provisional:
            return one
    return None
