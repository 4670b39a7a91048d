"""A lane never starts more than its limits grant, and its limits come from the layer that stands highest."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.delivery import delivery_values as values

from gatepost.delivery import limits
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories

LaneLimits, Override = delivery_settings.LaneLimits, delivery_settings.LaneOverride
NONE = delivery_settings.DeliverySettings()


def effective(
    provider: str, *lane: delivery_settings.LaneOverride, own: directories.Limits | None = None
) -> delivery_settings.LaneLimits:
    source = msgspec.structs.replace(values.SOURCE, limits=own or directories.Limits())
    return limits.effective(provider, source, delivery_settings.DeliverySettings(lane=lane))


def test_an_unknown_provider_has_the_base_limits() -> None:
    assert effective("mx.test") == LaneLimits()


def test_a_known_provider_stands_above_the_base() -> None:
    assert effective("qq") == LaneLimits(connections=4, per_connection=8)


def test_a_source_stands_above_the_provider_where_it_says_something() -> None:
    assert effective("qq", own=directories.Limits(connections=2, idle_s=0)) == LaneLimits(
        connections=2, per_connection=8, idle_s=0
    )


def test_the_operators_override_stands_above_all() -> None:
    own = directories.Limits(connections=2, per_second=9)
    found = effective("qq", Override(provider="qq", connections=7), own=own)
    assert found == LaneLimits(connections=7, per_connection=8, per_second=9)


FITS = {
    "any lane": (Override(connections=1), 1),
    "this Provider": (Override(provider="qq", connections=1), 1),
    "this Source": (Override(source="out", connections=1), 1),
    "both": (Override(provider="qq", source="out", connections=1), 1),
    "another Provider": (Override(provider="gmx", connections=1), 4),
    "another Source": (Override(source="in", connections=1), 4),
    "this Provider, another Source": (Override(provider="qq", source="in", connections=1), 4),
    "no limit at all": (Override(provider="qq", connections=0), 0),
}


@pytest.mark.parametrize(("override", "connections"), FITS.values(), ids=FITS)
def test_an_override_covers_the_lanes_that_it_names(
    override: delivery_settings.LaneOverride, connections: int
) -> None:
    assert effective("qq", override).connections == connections


def test_of_several_overrides_that_fit_only_the_first_counts() -> None:
    found = effective("qq", Override(source="out", connections=1), Override(idle_s=5))
    assert (found.connections, found.idle_s) == (1, 60)


def test_no_more_connections_are_open_than_allowed() -> None:
    some = limits.Allowance(LaneLimits(connections=2, connections_per_min=0))
    some.opened(0)
    assert some.may_open(0)
    some.opened(0)
    assert not some.may_open(1e6)
    assert some.wait_s(0) == 0
    some.closed()
    assert some.may_open(0)


def test_no_more_connections_are_opened_in_a_minute_than_allowed() -> None:
    some = limits.Allowance(LaneLimits(connections=0, connections_per_min=2))
    for at in (100.0, 110.0):
        assert some.may_open(at)
        some.opened(at)
        some.closed()
    assert not some.may_open(159.9)
    assert some.wait_s(130) == 30
    assert some.may_open(160)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 40), max_size=60), st.integers(1, 5))
def test_in_any_minute_the_connections_stay_within_the_limit(gaps: list[float], per_min: int) -> None:
    some = limits.Allowance(LaneLimits(connections=0, connections_per_min=per_min))
    opened, now = list[float](), 0.0
    for gap in gaps:
        now += gap
        if some.may_open(now):
            some.opened(now)
            opened.append(now)
    for later, before in zip(opened[per_min:], opened, strict=False):
        assert before <= later - 60.0


def test_without_limits_everything_may_start() -> None:
    some = limits.Allowance(LaneLimits(connections=0, connections_per_min=0))
    for _ in range(1000):
        some.opened(0)
    assert some.may_open(0)
    assert some.take_messages(0, 10_000) == 10_000
    assert some.wait_s(0) == 0


def test_messages_are_handed_out_one_after_the_other_at_the_rate() -> None:
    some = limits.Allowance(LaneLimits(per_second=4))
    assert [some.take_messages(at, 5) for at in (0.0, 0.2, 0.25, 0.5)] == [1, 0, 1, 1]
    assert some.wait_s(0.5) == 0.25


def test_what_was_granted_and_not_used_may_be_taken_again() -> None:
    some = limits.Allowance(LaneLimits(per_second=4))
    assert some.take_messages(0, 1) == 1
    some.give_back(1)
    assert some.take_messages(0, 1) == 1


def test_time_without_work_saves_up_a_tenth_of_a_second_and_no_more() -> None:
    some = limits.Allowance(LaneLimits(per_second=100))
    some.take_messages(0, 1)
    assert 10 <= some.take_messages(3600, 1000) <= 11


def test_where_both_the_rate_and_the_minute_are_spent_the_nearer_one_is_waited_for() -> None:
    some = limits.Allowance(LaneLimits(connections_per_min=1, per_second=2))
    some.opened(0)
    some.take_messages(0, 1)
    assert some.wait_s(0) == 0.5


def test_a_reload_changes_the_limits_and_keeps_the_count() -> None:
    some = limits.Allowance(LaneLimits(connections=5))
    some.opened(0)
    some.limits = LaneLimits(connections=1)
    assert not some.may_open(0)


# --- what a host takes at once

LEARNT = {
    "the rest was too many": (90, 100, 10),
    "all but one were too many": (6, 7, 1),
    "all of many": (9, 9, 4),
    "all of two": (2, 2, 1),
    "the only one": (1, 1, 1),
}


@pytest.mark.parametrize(("refused", "of", "most"), LEARNT.values(), ids=LEARNT)
def test_a_host_is_given_what_it_took_and_half_where_it_took_none(refused: int, of: int, most: int) -> None:
    batches = limits.Batches()
    assert batches.learn("mx.test", refused, of, 0) == most
    assert batches.most("mx.test", 0, 1) == most


def test_the_smaller_of_what_is_announced_and_what_is_learnt_holds() -> None:
    batches = limits.Batches()
    batches.learn("mx.test", 5, 10, 0)
    assert [batches.most("mx.test", announced, 1) for announced in (0, 3, 7)] == [5, 3, 5]
    assert [batches.most("other.test", announced, 1) for announced in (0, 3)] == [0, 3]


def test_what_is_learnt_is_forgotten_after_an_hour() -> None:
    batches = limits.Batches()
    batches.learn("mx.test", 5, 10, 100)
    assert [batches.most("mx.test", 0, now) for now in (3699, 3700)] == [5, 0]


def test_the_lanes_of_a_worker_share_what_may_be_open_in_all() -> None:
    total = limits.Total(2)
    one, other = (limits.Allowance(LaneLimits(connections=0, connections_per_min=0), total) for _ in range(2))
    one.opened(0)
    other.opened(0)
    assert not one.may_open(0)
    other.closed()
    assert one.may_open(0)
