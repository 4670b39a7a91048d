"""A lane at work: groups meet connections to where they go, and never more of either than the lane's limits allow."""

from collections.abc import Callable, Sequence

import pytest
from tests.delivery import delivery_values as values

from gatepost.delivery import desk as desks
from gatepost.delivery import lane as lanes
from gatepost.delivery import limits, route, session
from gatepost.delivery import settings as delivery_settings
from gatepost.model import message as messages

HERE = route.Plan("here", (route.Target("mx.here.test", 25),))
THERE = route.Plan("there", (route.Target("mx.there.test", 25),))


def desk(connections: int = 10, per_min: int = 0, per_connection: int = 0, per_second: int = 0) -> desks.Desk:
    found = delivery_settings.LaneLimits(connections, per_min, per_connection, per_second)
    return desks.Desk(lanes.Lane(1, "here", 1, 100), values.SOURCE, limits.Allowance(found))


def joined(at: desks.Desk, plan: route.Plan, *extensions: bytes) -> session.Connection:
    """A free connection that the desk knows."""
    made = values.ready(*extensions)
    at.allowance.opened(0)
    at.live[plan.targets] += 1
    at.free(made, plan.targets, 0)
    return made


def given(at: desks.Desk) -> list[tuple[session.Connection, list[int]]]:
    return [(connection, values.ids(group)) for connection, group in at.matches()]


def groups(*numbers: int) -> list[list[messages.Due]]:
    return [[values.due(number)] for number in numbers]


def park(at: desks.Desk, plan: route.Plan, waiting: Sequence[list[messages.Due]]) -> None:
    for group in waiting:
        at.park(plan, group)


async def test_a_group_goes_to_a_free_connection_to_its_own_targets() -> None:
    at = desk()
    there, here = joined(at, THERE), joined(at, HERE)
    park(at, HERE, groups(1))
    assert given(at) == [(here, [1])]
    assert (given(at), at.idle[THERE.targets], at.idle[HERE.targets]) == ([], [there], [])


async def test_groups_go_in_the_order_in_which_they_came() -> None:
    at = desk()
    for _ in range(2):
        joined(at, HERE)
    park(at, HERE, groups(3, 1, 2))
    assert [group for _, group in given(at)] == [[3], [1]]
    assert [values.ids(group) for group in at.take_parked(HERE.targets)] == [[2]]


async def test_a_connection_that_is_closed_takes_nothing() -> None:
    at = desk()
    dead, alive = joined(at, HERE), joined(at, HERE)
    dead.abort()
    park(at, HERE, groups(1))
    assert given(at) == [(alive, [1])]


async def test_a_group_is_cut_to_what_the_rate_allows_and_the_rest_goes_first_later() -> None:
    at = desk(per_second=1)
    connection = joined(at, HERE)
    park(at, HERE, [values.several(3), [values.due(4)]])
    assert given(at) == [(connection, [1])]
    at.free(connection, HERE.targets, 0)
    assert given(at) == []  # the rate is used up, and the connection waits for it
    assert at.idle[HERE.targets] == [connection]
    assert [values.ids(group) for group in at.take_parked(HERE.targets)] == [[2, 3], [4]]


async def test_a_group_is_cut_to_the_recipients_that_the_server_takes_in_a_transaction() -> None:
    at = desk()
    one, other = joined(at, HERE), joined(at, HERE, b"LIMITS RCPTMAX=2")
    park(at, HERE, [values.several(5)])
    assert given(at) == [(other, [1, 2]), (one, [3, 4, 5])]


async def test_a_whole_group_goes_where_the_server_has_room_for_it() -> None:
    at = desk()
    joined(at, HERE, b"LIMITS RCPTMAX=3")
    park(at, HERE, [values.several(3)])
    assert [group for _, group in given(at)] == [[1, 2, 3]]
    assert not at.parked


async def test_recipients_over_the_servers_limit_do_not_use_up_the_rate() -> None:
    at = desk(per_second=1000)
    joined(at, HERE, b"LIMITS RCPTMAX=1")
    joined(at, HERE, b"LIMITS RCPTMAX=1")
    park(at, HERE, [values.several(100)])
    assert [group for _, group in given(at)] == [[1], [2]]


async def test_more_is_wanted_while_a_connection_is_free_or_may_be_opened() -> None:
    at = desk(connections=2)
    wanted = [at.wants_more]
    for number in (1, 2):
        park(at, HERE, groups(number))
        wanted.append(at.wants_more)
    assert wanted == [True, True, False]
    assert len(list(at.to_open(0))) == 2
    assert not at.wants_more


async def test_nothing_more_is_wanted_while_too_many_domains_wait_for_dns() -> None:
    at = desk()
    at.unresolved = {f"d{number}.test": [] for number in range(49)}
    assert at.wants_more
    at.unresolved["one.more.test"] = []
    assert not at.wants_more


async def test_one_connection_is_opened_for_each_group_that_waits_and_counts_while_it_is() -> None:
    at = desk()
    park(at, HERE, groups(1, 2))
    park(at, THERE, groups(3))
    assert list(at.to_open(0)) == [HERE, HERE, THERE]
    assert (list(at.to_open(0)), at.allowance.open) == ([], 3)


async def test_no_more_connections_are_opened_than_the_limit_allows() -> None:
    at = desk(connections=2)
    park(at, HERE, groups(1, 2, 3))
    assert len(list(at.to_open(0))) == 2


async def test_no_more_connections_are_opened_in_a_minute_than_the_limit_allows() -> None:
    at = desk(per_min=1)
    park(at, HERE, groups(1, 2))
    assert (len(list(at.to_open(0))), len(list(at.to_open(61)))) == (1, 1)


async def test_none_is_opened_for_a_while_after_the_host_refused_one_more() -> None:
    at = desk()
    park(at, HERE, groups(1))
    at.no_open_before = 10
    assert (list(at.to_open(9)), list(at.to_open(10))) == ([], [HERE])


async def test_a_free_connection_to_elsewhere_makes_room_at_the_limit() -> None:
    at = desk(connections=1)
    idle = joined(at, THERE)
    park(at, HERE, groups(1))
    assert list(at.to_open(0)) == []
    assert idle.closed
    at.gone(idle, THERE.targets)
    assert list(at.to_open(0)) == [HERE]


async def test_a_free_connection_is_kept_for_the_groups_that_wait_for_it() -> None:
    at = desk(connections=1)
    idle = joined(at, THERE)
    park(at, HERE, groups(1))
    park(at, THERE, groups(2))
    assert list(at.to_open(0)) == []
    assert not idle.closed


@pytest.mark.parametrize(("sent", "kept"), [(4, True), (5, False), (6, False)])
async def test_a_connection_that_carried_its_share_is_ended(sent: int, kept: bool) -> None:
    at = desk(per_connection=5)
    connection = values.ready()
    connection.sent = sent
    at.free(connection, HERE.targets, 0)
    assert (bool(at.idle), connection.closed) == (kept, not kept)


async def test_a_connection_on_which_the_server_takes_no_more_messages_is_ended() -> None:
    at = desk()
    connection = joined(at, HERE, b"LIMITS MAILMAX=1")
    park(at, HERE, groups(1))
    [(_, _)] = given(at)
    values.sent(connection, values.due(1))
    at.free(connection, HERE.targets, 0)
    assert (connection.closed, at.idle[HERE.targets]) == (True, [])


async def test_a_connection_that_is_gone_gives_its_place_back() -> None:
    at = desk(connections=1)
    connection = joined(at, HERE)
    at.gone(connection, HERE.targets)
    assert (at.allowance.open, at.live[HERE.targets], at.idle) == (0, 0, {})


async def test_one_of_two_that_is_gone_leaves_the_other() -> None:
    at = desk()
    one, other = joined(at, HERE), joined(at, HERE)
    at.gone(one, HERE.targets)
    assert (at.allowance.open, at.live[HERE.targets], at.idle[HERE.targets]) == (1, 1, [other])


async def test_only_what_waited_longer_than_the_limit_is_stale() -> None:
    at = desk()
    old, young = joined(at, HERE), joined(at, THERE)
    young.idle_since = 30
    assert (at.stale(60), at.stale(61), at.stale(91)) == ([], [old], [old, young])


async def test_whoever_takes_what_is_parked_takes_all_of_it_and_nothing_else() -> None:
    at = desk(connections=3)
    park(at, HERE, groups(1, 2))
    park(at, THERE, groups(3))
    assert [values.ids(group) for group in at.take_parked(HERE.targets)] == [[1], [2]]
    assert (at.take_parked(HERE.targets), list(at.parked)) == ([], [THERE.targets])
    assert at.wants_more  # two of three places are free again


EMPTY: dict[str, Callable[[desks.Desk], object]] = {
    "a delivery is known": lambda at: at.lane.add(values.due(1)),
    "the store may have more": lambda at: setattr(at.lane, "more", True),
    "a connection is open": lambda at: at.allowance.opened(0),
    "a group waits for a connection": lambda at: at.park(HERE, groups(1)[0]),
    "a domain waits for DNS": lambda at: at.unresolved.update({"d.test": []}),
}


@pytest.mark.parametrize("change", EMPTY.values(), ids=EMPTY)
async def test_a_desk_is_empty_until_there_is_something(change: Callable[[desks.Desk], object]) -> None:
    at = desk()
    assert at.empty
    change(at)
    assert not at.empty


async def test_a_domain_that_leaves_takes_along_what_is_parked_of_it_and_nothing_else() -> None:
    at = desk()
    gone = [[values.due(number, domain="gone.test")] for number in (1, 2, 3)]
    park(at, HERE, [gone[0], *groups(4), gone[1]])
    park(at, THERE, [gone[2]])
    assert at.leave("gone.test", [values.due(5, domain="gone.test")])
    assert not at.leave("gone.test", [values.due(6, domain="gone.test")])
    assert [values.ids(group) for group in at.leaving["gone.test"]] == [[5], [1], [2], [3], [6]]
    assert [values.ids(group) for group in at.take_parked(HERE.targets)] == [[4]]
    assert at.take_parked(THERE.targets) == []
