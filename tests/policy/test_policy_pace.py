"""One reply slows its lane, three to different recipients pause it, and every pause ends by itself: a probe, then a ramp."""

from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.model import pace as paces
from gatepost.model import verdict as verdicts
from gatepost.policy import pace as policy

Category = verdicts.Category
Mode = paces.Mode
Pace = paces.Pace
NOW = 1_800_000_000_000
MINUTE, HOUR = 60_000, 3_600_000
LIMIT = 10


def verdict(category: Category, **changes: object) -> verdicts.Verdict:
    made = verdicts.Verdict(category, verdicts.Outcome.SOFT, verdicts.Fault.RATE, "test.rule")
    return msgspec.structs.replace(made, **changes)


def said(
    category: Category, provider: str = "mx.test", *, smarthost: bool = False, **changes: object
) -> policy.Answer:
    found = policy.answer(
        verdict(category, **changes), provider, b"451 no\r\n", smarthost=smarthost, scale=1.0
    )
    assert found is not None
    return found


def seen(
    bad: int, good: int, *, recipients: int | None = None, at: int = NOW, open_: int = LIMIT
) -> policy.Seen:
    """So many answers that slow, to so many recipients, after so many good ones, ten a second."""
    who = [""] * good + [f"a{number % (recipients or bad)}@shop.test" for number in range(bad)]
    tried = [(at - 100 * (len(who) - place), one) for place, one in enumerate(who, 1)]
    return policy.Seen(tried, LIMIT, open_)


RATE = said(Category.RATE_LIMITED)
LISTED = said(Category.SENDER_IP_BLOCKLISTED)


def test_one_reply_slows_the_lane_to_half_of_its_connections_and_of_its_rate_and_pauses_nothing() -> None:
    slowed = policy.answered(None, RATE, seen(1, 19), NOW)
    assert slowed == Pace(Mode.SLOWED, "rate.limited", NOW, NOW + 10 * MINUTE, 5, 5.0, 10.0, b"451 no\r\n")


def test_what_was_under_way_when_the_lane_was_slowed_does_not_slow_it_again() -> None:
    slowed = policy.answered(None, RATE, seen(1, 19), NOW)
    assert policy.answered(slowed, RATE, seen(2, 18), NOW + 1000) is slowed
    again = policy.answered(slowed, RATE, seen(2, 18), NOW + MINUTE)
    assert again is not None
    assert (again.connections, again.rate, again.goal) == (2, 2.5, 10.0)


def test_three_recipients_and_a_third_of_the_last_attempts_pause_the_lane() -> None:
    paused = policy.answered(None, LISTED, seen(6, 14), NOW)
    assert paused is not None
    assert (paused.mode, paused.until) == (Mode.PAUSED, NOW + 2 * HOUR)


NOT_ENOUGH = {
    "too few recipients": seen(20, 0, recipients=2),
    "too small a share": seen(5, 15),
    "too long ago": policy.Seen([(NOW - 11 * MINUTE, f"a{n}@shop.test") for n in range(20)], LIMIT, 1),
}


@pytest.mark.parametrize("known", NOT_ENOUGH.values(), ids=NOT_ENOUGH)
def test_less_than_that_only_slows_it(known: policy.Seen) -> None:
    slowed = policy.answered(None, LISTED, known, NOW)
    assert slowed is not None
    assert slowed.mode is Mode.SLOWED


def test_a_smarthost_that_refuses_us_pauses_at_once() -> None:
    refused = said(Category.SOURCE_REFUSED, smarthost=True)
    paused = policy.answered(None, refused, policy.Seen([], 10, 0), NOW)
    assert paused is not None
    assert (paused.mode, paused.until) == (Mode.PAUSED, NOW + 10 * MINUTE)


def test_what_a_receiving_host_says_is_never_taken_for_a_smarthosts_refusal() -> None:
    refused = verdict(Category.SOURCE_REFUSED)
    assert policy.answer(refused, "mx.test", b"", smarthost=False, scale=1.0) is None


def test_a_reply_that_quotes_another_server_does_nothing_to_the_lane() -> None:
    nested = verdict(Category.RATE_LIMITED, nested=True)
    assert policy.answer(nested, "mx.test", b"", smarthost=False, scale=1.0) is None


SAYS_NOTHING = [one for one in Category if one not in policy.REACTIONS]


@pytest.mark.parametrize("category", SAYS_NOTHING)
def test_no_other_category_touches_the_lane(category: Category) -> None:
    assert policy.answer(verdict(category), "google", b"", smarthost=True, scale=1.0) is None


def test_a_delay_that_the_text_names_is_followed_but_not_for_ever() -> None:
    hinted = policy.answered(None, said(Category.RATE_LIMITED, hint=1800), seen(1, 19), NOW)
    assert hinted is not None
    assert hinted.until == NOW + 30 * MINUTE
    endless = policy.answered(None, said(Category.RATE_LIMITED, hint=10**6), seen(1, 19), NOW)
    assert endless is not None
    assert endless.until == NOW + 4 * HOUR


def test_microsofts_too_many_connections_means_one_for_an_hour() -> None:
    slowed = policy.answered(None, said(Category.RATE_LIMITED, "microsoft"), seen(1, 19), NOW)
    assert slowed is not None
    assert (slowed.connections, slowed.until) == (1, NOW + HOUR)


def test_a_wrong_name_of_ours_slows_and_never_pauses() -> None:
    slowed = policy.answered(None, said(Category.SENDER_IP_CONFIG), seen(20, 0), NOW)
    assert slowed is not None
    assert slowed.mode is Mode.SLOWED


def paused() -> Pace:
    found = policy.answered(None, LISTED, seen(6, 14), NOW)
    assert found is not None
    return found


def test_an_answer_to_what_was_under_way_changes_nothing_of_a_pause() -> None:
    pace = paused()
    assert policy.answered(pace, LISTED, seen(9, 0), NOW + 1) is pace
    assert policy.answered(pace, None, seen(0, 1), NOW + 1) is pace


def test_a_pause_ends_with_one_probe_whose_answer_decides() -> None:
    pace = paused()
    assert policy.passed(pace, LIMIT, pace.until - 1) is pace
    probing = policy.passed(pace, LIMIT, pace.until)
    assert probing is not None
    assert (probing.mode, probing.connections) == (Mode.PROBING, 1)
    assert policy.passed(probing, LIMIT, pace.until + HOUR) is probing
    slowed = policy.answered(probing, None, seen(0, 1), pace.until + 5)
    assert slowed is not None
    assert (slowed.mode, slowed.connections) == (Mode.SLOWED, 1)
    again = policy.answered(probing, LISTED, seen(1, 0), pace.until + 5)
    assert again is not None
    assert (again.mode, again.until) == (Mode.PAUSED, pace.until + 5 + 2 * HOUR)


def ramp(pace: Pace | None, limit: int) -> Iterator[Pace]:
    while pace is not None:
        yield pace
        pace = policy.passed(pace, limit, pace.until)


def test_after_the_probe_the_lane_goes_faster_step_by_step_until_its_limits_alone_hold() -> None:
    probing = policy.passed(paused(), LIMIT, paused().until)
    slowed = policy.answered(probing, None, seen(0, 1), NOW)
    steps = list(ramp(slowed, LIMIT))
    assert [one.connections for one in steps] == [1, 2, 3, 5, 8]
    assert {one.until - one.since for one in steps} == {MINUTE}


answers = st.sampled_from(
    [None, RATE, LISTED, said(Category.RATE_LIMITED, hint=900), said(Category.SENDER_IP_REPUTATION)]
)


@given(st.lists(st.tuples(answers, st.integers(0, 30 * MINUTE)), max_size=60), st.integers(0, 40))
def test_whatever_is_answered_a_lane_is_within_its_limits_and_comes_back_once_the_answers_are_good(
    said_when: list[tuple[policy.Answer | None, int]], limit: int
) -> None:
    pace: Pace | None = None
    now, tried = NOW, list[policy.Tried]()
    for answer, later in said_when:
        now += later
        pace = policy.passed(pace, limit, now) if pace is not None else None
        tried.append((now, f"a{now}@shop.test" if answer is not None else ""))
        pace = policy.answered(pace, answer, policy.Seen(tried[-policy.LAST :], limit, 10), now)
        if pace is not None:
            assert pace.connections >= 0
            assert pace.rate == 0 or 1 / 60 <= pace.rate <= pace.goal
            assert pace.until == 0 or now <= pace.until <= now + 4 * HOUR
    steps = 0
    while pace is not None:
        steps += 1
        assert steps < 200
        now = max(now, pace.until)
        pace = policy.passed(pace, limit, now)
        if pace is not None and pace.mode is Mode.PROBING:
            pace = policy.answered(pace, None, policy.Seen([(now, "")], limit, 1), now)
