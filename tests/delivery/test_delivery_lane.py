"""A lane's window is bounded, keeps each delivery once, and hands out groups in a fair order."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.delivery import delivery_values as values

from gatepost.delivery import lane as lanes
from gatepost.model import message as messages

due, ids = values.due, values.ids


def lane(*jobs: messages.Due, window: int = 100) -> lanes.Lane:
    made = lanes.Lane(1, "google", 1, window)
    for job in jobs:
        assert made.add(job)
    return made


def all_groups(of: lanes.Lane, limit: int = 100) -> list[list[int]]:
    return [ids(group) for group in iter(lambda: of.take(limit), [])]


def test_an_empty_lane_has_nothing_to_hand_out() -> None:
    empty = lane()
    assert (empty.take(5), empty.pick(bool), empty.waiting, empty.known) == ([], [], 0, 0)


def test_a_full_window_takes_no_more_and_remembers_that_the_store_has_some() -> None:
    full = lane(due(1), due(2), window=2)
    assert not full.more
    assert not full.add(due(3))
    assert (full.more, full.known, full.waiting) == (True, 2, 2)


def test_a_delivery_is_taken_in_once_even_while_it_is_under_way() -> None:
    one = lane(due(1))
    assert not one.add(due(1))
    one.take(1)
    assert not one.add(due(1))
    assert (one.known, one.waiting, one.more) == (1, 0, False)


def test_a_settled_delivery_makes_room_and_may_come_again() -> None:
    one = lane(due(1), window=1)
    one.take(1)
    assert not one.add(due(2))
    one.forget(1)
    assert one.add(due(1))
    assert (one.known, one.waiting) == (1, 1)


def test_forgetting_what_is_not_known_does_no_harm() -> None:
    one = lane(due(1))
    one.forget(99)
    assert (one.known, one.waiting) == (1, 1)


@pytest.mark.parametrize("complete", [True, False])
def test_a_refill_counts_what_was_new_and_notes_whether_the_store_has_more(complete: bool) -> None:
    some = lane(due(1))
    assert some.refill([due(1), due(2), due(3)], complete=complete) == 2
    assert (some.more, some.known) == (not complete, 3)


def test_a_refill_that_does_not_fit_leaves_more_in_the_store_though_the_read_was_complete() -> None:
    some = lane(window=2)
    assert some.refill([due(1), due(2), due(3)], complete=True) == 2
    assert some.more


def test_transactional_mail_goes_before_bulk_that_waited_longer() -> None:
    mixed = lane(due(1), due(2), due(3, priority=values.TRANSACTIONAL))
    assert all_groups(mixed) == [[3], [1], [2]]


def test_bridges_take_turns_however_much_one_of_them_has() -> None:
    mixed = lane(*(due(n, bridge=1) for n in (1, 2, 3)), due(4, bridge=2), due(5, bridge=3), due(6, bridge=2))
    assert all_groups(mixed) == [[1], [4], [5], [2], [6], [3]]


def test_a_bridge_that_comes_late_waits_only_for_its_turn() -> None:
    some = lane(due(1), due(2), due(3))
    some.take(1)
    assert some.add(due(4, bridge=2))
    assert all_groups(some) == [[2], [4], [3]]


APART = {
    "one message and domain": ({}, [[1, 2]]),
    "another message": ({"message": 8}, [[1], [2]]),
    "another domain": ({"domain": "other.test"}, [[1], [2]]),
    "another sender": ({"sender": b""}, [[1], [2]]),
    "another Bridge": ({"bridge": 2}, [[1], [2]]),
    "another priority": ({"priority": values.TRANSACTIONAL}, [[2], [1]]),
}


@pytest.mark.parametrize(("changed", "groups"), APART.values(), ids=APART)
def test_only_what_can_share_a_transaction_is_one_group(
    changed: dict[str, int], groups: list[list[int]]
) -> None:
    assert all_groups(lane(due(1, message=7), due(2, **{"message": 7, **changed}))) == groups  # type: ignore[arg-type]


def test_a_group_is_cut_at_the_limit_and_the_rest_goes_on_at_its_next_turn() -> None:
    some = lane(*values.several(5), due(6, bridge=2))
    assert all_groups(some, limit=2) == [[1, 2], [6], [3, 4], [5]]


def test_a_group_does_not_reach_over_a_delivery_between() -> None:
    assert all_groups(lane(due(1, message=7), due(2), due(3, message=7))) == [[1], [2], [3]]


def test_what_is_put_back_goes_first_and_in_its_order() -> None:
    some = lane(*values.several(3), due(4))
    some.put_back(some.take(2))
    assert (some.waiting, some.known) == (4, 4)
    assert all_groups(some) == [[1, 2, 3], [4]]


def test_what_is_put_back_is_not_taken_in_again() -> None:
    some = lane(due(1))
    some.put_back(some.take(1))
    assert not some.add(due(1))
    assert all_groups(some) == [[1]]


def test_putting_back_nothing_changes_nothing() -> None:
    some = lane(due(1))
    some.put_back([])
    assert (some.waiting, all_groups(some)) == (1, [[1]])


def test_a_drained_lane_hands_out_nothing_and_still_knows_its_deliveries() -> None:
    some = lane(due(1), due(2, bridge=2), due(3, priority=values.TRANSACTIONAL))
    assert sorted(ids(some.pick(bool))) == [1, 2, 3]
    assert (some.waiting, some.known, some.take(9)) == (0, 3, [])
    some.forget(2)
    assert some.add(due(2, bridge=2))


STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "take", "back", "settle"]), st.integers(1, 12)), max_size=60
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_happens_each_delivery_is_in_one_place_and_the_window_holds(
    steps: list[tuple[str, int]],
) -> None:
    some, out = lane(window=5), list[messages.Due]()
    for step, number in steps:
        match step:
            case "add":
                some.add(due(number, message=number // 3, bridge=number % 2))
            case "take":
                out += some.take(number)
            case "back":
                some.put_back(out)
                out = []
            case _:
                for settled in out[:1]:
                    some.forget(settled.id)
                out = out[1:]
        assert some.known == some.waiting + len(out) <= 5
        assert some.waiting + len(out) == len({*ids(out), *ids(waiting(some))})


def waiting(some: lanes.Lane) -> list[messages.Due]:
    """What waits, left as it was."""
    return [one for turns in some._turns.values() for queue in turns.values() for one in queue]
