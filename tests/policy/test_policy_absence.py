"""A domain that DNS does not know: when its mail ends, and for whom."""

from typing import Any

import msgspec
import pytest
from tests.policy import policy_values as v

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.policy import settings as policy_settings
from gatepost.policy import terms

C, Stage, MIN, H, DAY = v.Category, v.Stage, v.MIN, v.H, v.DAY
Kind, Action = suppressions.Kind, events.Action
NX = "failure.nxdomain"


def absent(*, gone: bool = True, rule: str = NX) -> results.Attempted:
    verdict = v.verdict(C.DOMAIN_NOT_FOUND, rule=rule)
    said = replies.Reply(0, b"no such domain", Stage.DNS)
    return results.Attempted(v.DELIVERY.id, v.CLAIM, v.ATTEMPT, said, verdict, gone=gone)


class Domain:
    """What the store remembers of the domain between settlements."""

    def __init__(self, by: terms.Terms = v.TERMS) -> None:
        self.by = by
        self.streaks: dict[str, fact_values.Streak] = {}

    def hears(self, result: results.Attempted, at: int, **changes: Any) -> settlements.Settlement:
        """at: ms after the first time."""
        known = v.facts(expires_at=v.NOW + 400 * DAY, **changes)
        known = msgspec.structs.replace(known, streaks=tuple(self.streaks.values()))
        settlement = v.settled(result, known, v.NOW + at, by=self.by)
        self.streaks.update({streak.about: streak for streak in settlement.streaks})
        return settlement

    def entries(self, *times: int, result: results.Attempted | None = None) -> list[suppressions.Suppression]:
        """What the last of these times suppressed."""
        last: tuple[suppressions.Suppression, ...] = ()
        for at in times:
            last = self.hears(result or absent(), at).suppress
        return list(last)


TIMES = {
    "once": ((0,), False),
    "twice over a day": ((0, DAY), False),
    "three times within the hour": ((0, 20 * MIN, 59 * MIN), False),
    "a hundred times at one moment and once later": ((*range(100), 2 * H), False),
    "three times over an hour": ((0, 20 * MIN, 61 * MIN), True),
    "as the schedule asks": ((0, 15 * MIN, 45 * MIN, 105 * MIN), True),
    "once in a week and a day": ((0, 8 * DAY, 16 * DAY), False),
}


@pytest.mark.parametrize(("times", "dead"), TIMES.values(), ids=TIMES)
def test_a_domain_has_to_be_missing_often_and_long_enough(times: tuple[int, ...], dead: bool) -> None:
    assert bool(Domain().entries(*times)) is dead


def test_the_address_is_given_up_for_thirty_days_and_the_delivery_bounces_hard() -> None:
    domain = Domain()
    domain.entries(0, 20 * MIN)
    settlement = domain.hears(absent(), 2 * H)
    [entry] = settlement.suppress
    assert (entry.kind, entry.target, entry.scope) == (
        Kind.ADDRESS,
        v.DELIVERY.key,
        suppressions.Scope.INSTANCE,
    )
    assert entry.standing is suppressions.Standing.PROVISIONAL
    assert entry.expires_at - (v.NOW + 2 * H) == 30 * DAY
    assert settlement.ending is settlements.Ending.BOUNCED
    bounced, suppressed = settlement.events
    assert (bounced.state, bounced.outcome) == (events.State.BOUNCED, v.Outcome.HARD)
    assert suppressed.state is events.State.SUPPRESSED


def test_after_another_day_the_whole_domain_is_given_up_for_thirty_days() -> None:
    domain = Domain()
    assert domain.entries(0, 20 * MIN, 24 * H)[0].kind is Kind.ADDRESS
    [entry] = domain.entries(26 * H)
    assert (entry.kind, entry.target) == (Kind.DOMAIN, v.DELIVERY.domain)
    assert entry.expires_at - (v.NOW + 26 * H) == 30 * DAY


def test_what_is_known_of_the_domain_holds_for_every_address_in_it() -> None:
    domain = Domain()
    domain.entries(0, 20 * MIN, 2 * H)
    settlement = domain.hears(absent(), 3 * H, key="new@example.org", recipient="new@example.org")
    assert [entry.target for entry in settlement.suppress] == ["new@example.org"]


NOTHING = {
    "one resolver alone": absent(gone=False),
    "a domain that has no address": absent(gone=False, rule="failure.no_address"),
    "a server's words": v.answer(C.DOMAIN_NOT_FOUND, 550),
    "no answer from DNS": results.Attempted(
        v.DELIVERY.id,
        v.CLAIM,
        v.ATTEMPT,
        replies.Reply(0, b"SERVFAIL", Stage.DNS),
        v.verdict(C.DOMAIN_UNREACHABLE, rule="failure.dns_failure"),
    ),
}


@pytest.mark.parametrize("result", NOTHING.values(), ids=NOTHING)
def test_nothing_else_is_ever_a_verdict_about_a_domain(result: results.Attempted) -> None:
    domain = Domain()
    times = [n * H for n in range(70)]
    assert domain.entries(*times, result=result) == []
    assert domain.streaks == {}
    assert domain.hears(result, 71 * H).events[0].action is Action.RETRY


@pytest.mark.parametrize("result", NOTHING.values(), ids=NOTHING)
def test_after_an_absence_nothing_else_completes_it(result: results.Attempted) -> None:
    domain = Domain()
    domain.entries(0, 20 * MIN, 50 * MIN)
    assert domain.entries(2 * H, result=result) == []


AGAIN = {
    "a server answered": v.answer(C.RATE_GREYLISTED, 451),
    "a server refused the recipient": v.answer(C.RECIPIENT_UNKNOWN, 550),
    "it takes no mail": absent(gone=False, rule="failure.null_mx"),
    "it has no address": absent(gone=False, rule="failure.no_address"),
}


@pytest.mark.parametrize("result", AGAIN.values(), ids=AGAIN)
def test_a_domain_that_was_there_between_is_counted_anew(result: results.Attempted) -> None:
    domain = Domain()
    domain.entries(0, 20 * MIN)
    domain.hears(result, 30 * MIN)
    assert domain.entries(2 * H, 2 * H + 20 * MIN) == []
    assert domain.entries(4 * H)


def test_dns_trouble_between_takes_nothing_back() -> None:
    domain = Domain()
    domain.entries(0, 20 * MIN)
    domain.hears(NOTHING["no answer from DNS"], 30 * MIN)
    domain.hears(NOTHING["one resolver alone"], 40 * MIN)
    assert domain.entries(2 * H)


def test_many_dead_recipients_that_took_mail_before_are_no_incident_of_their_provider() -> None:
    domain = Domain()
    domain.entries(0, 20 * MIN)
    for number in range(10):
        key = f"a{number}@example.org"
        record = fact_values.AddressRecord(key, delivered_at=v.NOW - DAY)
        known = msgspec.structs.replace(
            v.facts(record, key=key, recipient=key), streaks=tuple(domain.streaks.values())
        )
        settlement = v.settled(absent(), known, v.NOW + 2 * H)
        assert [e.state for e in settlement.events] == [events.State.BOUNCED, events.State.SUPPRESSED]


def test_the_times_follow_the_settings() -> None:
    settings = policy_settings.PolicySettings(
        time_scale=0.1, suppression=policy_settings.SuppressionSettings(domain_after_h=1)
    )
    domain = Domain(terms.of(settings))
    assert domain.entries(0, 2 * MIN, 6 * MIN)[0].kind is Kind.ADDRESS
    assert domain.entries(67 * MIN)[0].kind is Kind.DOMAIN
