"""A no at RCPT that no rule knew, weighed by what only the gateway knows: who else that host took a mail for.

Guarantees: pure; dead is presumed only of a reply that speaks of nothing else (``Verdict.presumable``), from a host that
took another mail of the same Source and sender domain lately, and that has not answered several addresses with the
same template without taking one; when it has, the presumptions made of that template are taken back.
Not here: what a presumption leads to (``attempted``, ``suppress``).
"""

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import streaks
from gatepost.policy import terms as term_values

WORD = verdicts.Category.RECIPIENT_PRESUMED_DEAD.value


class Weighed(msgspec.Struct, frozen=True):
    """dead: whether the address is presumed dead. streak: of the template. withdrawn: presumptions to take back."""

    dead: bool
    streak: fact_values.Streak
    withdrawn: tuple[suppressions.Suppression, ...] = ()


def weigh(
    result: results.Attempted, facts: fact_values.Facts, now_ms: int, terms: term_values.Terms
) -> Weighed | None:
    """What history says of a presumable verdict; None for any other."""
    if not result.verdict.presumable or terms.literal:
        return None
    about = streaks.of_template(result.verdict.template)
    provider = streaks.provider_of(result, facts.delivery)
    streak = streaks.went_on(facts, provider, about, now_ms, terms, counted=facts.delivery.key)
    if len(streak.counted) >= terms.presumed_recipients:
        withdrawn = tuple(entry for entry in facts.presumed if entry.category == WORD)
        return Weighed(dead=False, streak=streak, withdrawn=withdrawn)
    # What this address itself took says nothing about the others.
    lately = max(now_ms - terms.presumed_within, facts.address.delivered_at)
    return Weighed(dead=facts.host_took_at > lately, streak=streak)


def dead(result: results.Attempted) -> results.Attempted:
    """The Result as presumed."""
    verdict = msgspec.structs.replace(
        result.verdict,
        category=verdicts.Category.RECIPIENT_PRESUMED_DEAD,
        outcome=verdicts.Outcome.HARD,
        fault=verdicts.Fault.RECIPIENT,
        confidence=verdicts.Confidence.GUESS,
    )
    return msgspec.structs.replace(result, verdict=verdict)
