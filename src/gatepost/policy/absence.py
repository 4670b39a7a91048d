"""A domain that DNS says is not there: when that is believed, and when the whole domain is given up (``domain.not_found``).

Guarantees: pure; only what two resolvers said that know other names counts (``Attempted.gone``): never SERVFAIL, a
time-out, a missing address or a server's words. Times far enough apart count, not recipients, so a domain with a thousand
recipients is no deader than one with one. Whatever shows that the domain is there begins the count anew.
Not here: the asking (``gatepost.net.resolver``); that a mail taken ends the streak (the store does that).
"""

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import streaks
from gatepost.policy import terms as term_values

WORD = verdicts.Category.DOMAIN_NOT_FOUND.value
_SLOTS = 6  # of the patience (an hour): answers in one slot, perhaps of one outage, count once
_ABOUT = streaks.of_category(WORD)
_THERE = frozenset({"failure.null_mx", "failure.no_address"})  # what DNS says of names that it knows


def noted(
    result: results.Attempted,
    facts: fact_values.Facts,
    now_ms: int,
    rule: term_values.Rule,
    terms: term_values.Terms,
) -> fact_values.Streak | None:
    """The domain's streak with this answer in it; None where the answer adds nothing to it."""
    if not result.gone:
        return None
    place = streaks.place_of_domain(facts.delivery.domain)
    slot = now_ms // max(1, rule.patience // _SLOTS)
    return streaks.went_on(facts, place, _ABOUT, now_ms, terms, counted=f"at {slot}")


def found_again(
    result: results.Attempted, facts: fact_values.Facts, now_ms: int
) -> tuple[fact_values.Streak, ...]:
    """What is to be written where the domain has a streak and this answer shows that it is there."""
    if result.reply.stage is replies.Stage.DNS and result.verdict.rule not in _THERE:
        return ()
    place = streaks.place_of_domain(facts.delivery.domain)
    return tuple(
        msgspec.structs.replace(one, counted=(), first_at=now_ms, last_at=now_ms)
        for one in facts.streaks
        if (one.place, one.about) == (place, _ABOUT) and one.counted
    )


def believed(
    result: results.Attempted, rule: term_values.Rule, streak: fact_values.Streak | None, now_ms: int
) -> bool:
    """Whether the domain was missing often and long enough, and is now."""
    if not result.gone or streak is None:
        return False
    return len(streak.counted) >= rule.patience_replies and now_ms - streak.first_at >= rule.patience


def given_up(
    rule: term_values.Rule, streak: fact_values.Streak | None, now_ms: int, terms: term_values.Terms
) -> term_values.Rule:
    """The rule as it suppresses: the address, or the whole domain where it was missing for so much longer."""
    if streak is None or now_ms - streak.first_at < rule.patience + terms.domain_after:
        return rule
    return msgspec.structs.replace(rule, kind=suppressions.Kind.DOMAIN)
