"""When a refused request is tried again, and what becomes of a receiver that takes nothing."""

import pytest

from gatepost.feed.webhooks import schedule
from gatepost.net import posting
from gatepost.store import webhooks

NOW = 1_800_000_000_000
TERMS = schedule.Terms()
HOUR = 3_600_000
MIDDLE = 0.5  # a jitter that changes nothing
AT = webhooks.Progress(1, 10)


def ended(
    status: int, *, tries: int = 0, first_at: int = 0, ident: int = 0, later: str = ""
) -> schedule.Ended:
    request = webhooks.Request(ident, 1, (11,), first_at, tries)
    return schedule.Ended(
        request, posting.Answer(status, problem="" if status else "refused", retry_after=later)
    )


def test_what_was_taken_is_over_and_clears_the_failures() -> None:
    before = webhooks.Progress(1, 10, failures=3, failing_since=5, next_at=6)
    made = schedule.round_of(before, [ended(204, ident=7)], NOW, MIDDLE, TERMS)
    assert made.progress == webhooks.Progress(1, 10, last_ok_at=NOW)
    assert (made.ended, made.refused, made.hasten) == ([7], [], NOW + 2_500)


@pytest.mark.parametrize("status", [0, 301, 404, 500])
def test_what_was_refused_waits(status: int) -> None:
    made = schedule.round_of(AT, [ended(200), ended(status)], NOW, MIDDLE, TERMS)
    [waits] = made.refused
    assert (waits.tries, waits.first_at, waits.next_at) == (1, NOW, NOW + 5_000)
    assert waits.problem
    assert made.progress.failures == 0


def test_a_request_is_tried_for_28_hours_and_then_given_up() -> None:
    at, tries, delays = NOW, 0, []
    while True:
        made = schedule.round_of(AT, [ended(200), ended(500, tries=tries, first_at=NOW)], at, MIDDLE, TERMS)
        [waits] = made.refused
        if not waits.next_at:
            break
        delays.append(waits.next_at - at)
        at, tries = waits.next_at, waits.tries
    assert delays[:4] == [5_000, 15_000, 45_000, 135_000]
    assert max(delays) == 6 * HOUR
    assert 22 * HOUR < at - NOW <= 28 * HOUR
    assert 10 <= len(delays) <= 14


def test_jitter_spreads_a_delay_by_a_fifth_to_each_side() -> None:
    spread = [
        schedule.round_of(AT, [ended(500)], NOW, jitter, TERMS).refused[0].next_at - NOW
        for jitter in (0.0, 1.0)
    ]
    assert spread == [4_000, 6_000]


def test_a_receiver_that_takes_nothing_is_left_alone_longer_and_longer_but_at_most_ten_minutes() -> None:
    progress, now, delays = AT, NOW, []
    for _ in range(12):
        progress = schedule.round_of(progress, [ended(500)], now, MIDDLE, TERMS).progress
        delays.append(progress.next_at - now)
        now = progress.next_at
    assert delays[:3] == [5_000, 10_000, 20_000]
    assert delays[-1] == 600_000
    assert progress.failing_since == NOW
    assert not schedule.over(progress, now, TERMS)
    assert schedule.over(progress, NOW + 28 * HOUR, TERMS)


def test_retry_after_is_heeded_for_the_receiver_and_for_the_request() -> None:
    made = schedule.round_of(AT, [ended(200), ended(429, later="120")], NOW, MIDDLE, TERMS)
    assert made.progress.next_at == NOW + 120_000
    assert made.refused[0].next_at == NOW + 125_000


def test_retry_after_cannot_silence_a_webhook_for_days() -> None:
    made = schedule.round_of(AT, [ended(503, later="999999999")], NOW, MIDDLE, TERMS)
    assert made.progress.next_at == NOW + 6 * HOUR


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("7", 7),
        ("Fri, 15 Jan 2027 08:01:00 GMT", 60),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0),
        ("soon", 0),
        ("", 0),
        ("-5", 0),
    ],
)
def test_retry_after_is_read_in_both_forms(given: str, seconds: int) -> None:
    assert posting.seconds(given, NOW) == seconds


def test_410_ends_it() -> None:
    assert ended(410).gone
    assert not ended(404).gone


def test_what_has_nothing_to_say_is_over() -> None:
    nothing = schedule.Ended(webhooks.Request(7, 1, (11,), NOW), None)
    made = schedule.round_of(AT, [nothing], NOW, MIDDLE, TERMS)
    assert (made.ended, made.refused) == ([7], [])
