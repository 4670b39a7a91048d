"""A trickle of bytes wins no time that it does not pay for."""

from hypothesis import given
from hypothesis import strategies as st

from gatepost.net import deadlines


def test_a_commands_deadline_does_not_move_with_its_bytes() -> None:
    deadline = deadlines.Deadline()
    deadline.start(100.0, 30.0)
    deadline.seen(110.0, 10_000)
    assert deadline.at == 130.0


def test_a_bodys_bytes_buy_their_time_at_the_least_rate() -> None:
    deadline = deadlines.Deadline()
    deadline.start(100.0, 30.0, rate=500)
    deadline.seen(120.0, 1_000)
    assert deadline.at == 132.0


def test_a_fast_body_never_has_more_than_a_fresh_wait() -> None:
    deadline = deadlines.Deadline()
    deadline.start(100.0, 30.0, rate=500)
    deadline.seen(101.0, 10_000_000)
    assert deadline.at == 131.0


def test_a_stopped_deadline_is_never_and_stays_so() -> None:
    deadline = deadlines.Deadline()
    deadline.start(100.0, 30.0, rate=500)
    deadline.stop()
    deadline.seen(101.0, 5)
    assert deadline.at == float("inf")


@given(st.integers(1, 499), st.floats(1, 600))
def test_whoever_is_slower_than_the_rate_runs_out(rate: int, seconds: float) -> None:
    """At ``rate`` bytes a second, the time left shrinks by one less rate/500 in each second."""
    deadline = deadlines.Deadline()
    deadline.start(0.0, seconds, rate=500)
    ends = seconds / (1 - rate / 500)
    now = 0.0
    while now < deadline.at:
        now += 1.0
        if now < deadline.at:
            deadline.seen(now, rate)
        assert now <= ends + 1
