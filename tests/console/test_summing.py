"""Rates, causes and the sentence that sums up an hour."""

from collections import Counter

import pytest

from gatepost.console import summing
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import verdict as verdicts
from gatepost.store import figures, shapes

S, HARD = events.State, verdicts.Outcome.HARD
NAMES = shapes.Names(
    directories.Directory(
        bridges=(directories.Bridge(1, 1, "news", 1),), sources=(directories.Source(2, 1, "promo-1"),)
    )
)


def counts(delivered: int = 0, hard: int = 0, deferred: int = 0, complaints: int = 0) -> summing.Counts:
    return Counter(
        {
            (S.DELIVERED, verdicts.Outcome.DELIVERED): delivered,
            (S.BOUNCED, HARD): hard,
            (S.DEFERRED, verdicts.Outcome.SOFT): deferred,
            (S.COMPLAINT, 0): complaints,
        }
    )


def rate(name: str, now: summing.Counts, before: summing.Counts) -> summing.Rate:
    return next(one for one in summing.rates(now, before) if one.name == name)


def share(count: int, state: events.State = S.BOUNCED, category: str = "sender.auth") -> figures.Share:
    return figures.Share(0, (1, 2, "google", category), state, HARD, count)


@pytest.mark.parametrize(
    ("name", "now", "before", "over"),
    [
        pytest.param("hard bounces", counts(95, 5), counts(), True, id="at the limit"),
        pytest.param("hard bounces", counts(96, 4), counts(), False, id="below it"),
        pytest.param("hard bounces", counts(20, 20), counts(), False, id="too few to say"),
        pytest.param("hard bounces", counts(98, 2), counts(990, 10), True, id="twice what it was"),
        pytest.param("hard bounces", counts(98, 2), counts(9, 0), False, id="nothing to compare with"),
        pytest.param("complaints", counts(1000, complaints=1), counts(), True, id="Google's limit"),
        pytest.param(
            "deferrals", counts(50, deferred=60), counts(900, deferred=100), True, id="deferrals rise"
        ),
        pytest.param("delivered", counts(100), counts(50, 50), False, id="good news"),
        pytest.param("hard bounces", counts(100), counts(100), False, id="none at all"),
    ],
)
def test_a_rate_is_too_much_above_its_limit_or_at_twice_what_it_was(
    name: str, now: summing.Counts, before: summing.Counts, *, over: bool
) -> None:
    assert rate(name, now, before).over is over


def test_a_rate_of_nothing_is_none() -> None:
    assert all(one.now is None and one.before is None for one in summing.rates(counts(), counts()))


def test_the_largest_causes_come_first_with_their_share_of_their_state() -> None:
    found = summing.causes(
        [share(3), share(1, category="content.spam"), share(1), share(9, S.DELIVERED)], NAMES
    )
    assert [(one.bridge, one.source, one.provider, one.category, one.count, one.share) for one in found] == [
        ("news", "promo-1", "google", "sender.auth", 4, 0.8),
        ("news", "promo-1", "google", "content.spam", 1, 0.2),
    ]


def test_the_sentence_tells_what_rose_and_where_it_comes_from() -> None:
    now = counts(800, 200)
    causes = summing.causes([share(184), share(16, category="content.spam")], NAMES)
    said = summing.sentence(now, summing.rates(now, counts(950, 50)), causes, lanes=2, incidents=1)
    assert said.startswith("800 delivered in the last hour, 80.0 % of what came to an end.")
    assert "Hard bounces are up 4.0× to 20.0 %." in said
    assert "92 % of what was bounced comes from news → promo-1 → google: sender.auth." in said
    assert said.endswith("1 incident within a day. 2 lanes go slower than usual.")


def test_the_sentence_of_an_idle_hour_says_so() -> None:
    assert summing.sentence(counts(), [], [], 0, 0) == "Nothing was sent in the last hour."
