"""Which mail a directive means."""

from typing import Any

import msgspec
import pytest

from gatepost.model import directive as directives
from gatepost.model import ids
from gatepost.model import message as messages

Kind = directives.DirectiveKind
Filter = directives.Filter
NOW = 1_800_000_000_000
POOLS = {3: 1, 4: 1, 5: 2}
USABLE = {1: (3, 4), 2: (5,)}
DUE = messages.Due(
    id=ids.first_at(NOW) + 1,
    message=ids.first_at(NOW),
    lane=1,
    account=1,
    bridge=7,
    source=3,
    priority=messages.Priority.BULK,
    next_at=NOW,
    expires_at=NOW + 1000,
    attempts=0,
    sender=b"news@shop.test",
    recipient=b"ann@rcpt.test",
    key="ann@rcpt.test",
    domain="rcpt.test",
    list="news",
    size=10,
    parts=0,
    eight_bit=False,
    utf8=False,
    sender_domain="shop.test",
    campaign="spring",
    tags="a,blue",
)


def directive(kind: Kind = Kind.PAUSE, number: int = 1, **changes: Any) -> directives.Directive:
    given = {"which": Filter(bridge=7), **changes}
    return directives.Directive(number, kind, given.pop("which"), "cli:ann", NOW, **given)


def standing(*found: directives.Directive) -> directives.Standing:
    return directives.Standing(found, POOLS, USABLE)


def stops(which: Filter, **changes: Any) -> bool:
    due = msgspec.structs.replace(DUE, **changes)
    return standing(directive(which=which)).stopping(due, "google", NOW) is not None


MATCHES = [
    Filter(account=1),
    Filter(bridge=7),
    Filter(pool=1),
    Filter(source=3),
    Filter(provider="google"),
    Filter(domain="rcpt.test"),
    Filter(sender_domain="shop.test"),
    Filter(list="news"),
    Filter(campaign="spring"),
    Filter(tag="blue"),
    Filter(recipient="ann@rcpt.test"),
    Filter(message=DUE.message),
    Filter(deliveries=(1, DUE.id)),
]


@pytest.mark.parametrize("which", MATCHES)
def test_each_field_means_mail_that_has_it(which: Filter) -> None:
    assert stops(which)


OTHERS = [
    Filter(account=2),
    Filter(bridge=8),
    Filter(pool=2),
    Filter(source=4),
    Filter(provider="yahoo"),
    Filter(domain="other.test"),
    Filter(sender_domain="other.test"),
    Filter(list="other"),
    Filter(campaign="other"),
    Filter(tag="lue"),
    Filter(recipient="bob@rcpt.test"),
    Filter(message=DUE.message + 100),
    Filter(deliveries=(1,)),
]


@pytest.mark.parametrize("which", OTHERS)
def test_and_no_other(which: Filter) -> None:
    assert not stops(which)


@pytest.mark.parametrize("which", OTHERS)
def test_all_that_is_given_must_hold(which: Filter) -> None:
    assert not stops(msgspec.structs.replace(which, **_given(Filter(list="news"), which)))


def _given(first: Filter, second: Filter) -> dict[str, object]:
    """What the first names and the second does not."""
    empty = Filter()
    return {
        name: getattr(first, name)
        for name in Filter.__struct_fields__
        if getattr(first, name) != getattr(empty, name) and getattr(second, name) == getattr(empty, name)
    }


def test_a_filter_without_anything_is_empty() -> None:
    assert Filter().empty
    assert not any(one.empty for one in MATCHES)


def test_what_is_over_or_expired_stops_nothing() -> None:
    for one in (directive(ended_at=NOW), directive(expires_at=NOW)):
        assert standing(one).stopping(DUE, "google", NOW) is None
    assert standing(directive(expires_at=NOW + 1)).stopping(DUE, "google", NOW) is not None


def test_pauses_cancels_and_holds_stop() -> None:
    stopped = {kind: standing(directive(kind)).stopping(DUE, "google", NOW) is not None for kind in Kind}
    assert {kind for kind, stops in stopped.items() if stops} == {Kind.PAUSE, Kind.CANCEL, Kind.HOLD}


def test_what_a_directive_let_go_is_not_stopped_by_it_and_still_by_others() -> None:
    let_go = msgspec.structs.replace(DUE, hold=1)
    assert standing(directive(Kind.HOLD, 1)).stopping(let_go, "google", NOW) is None
    assert standing(directive(Kind.HOLD, 1), directive(number=2)).stopping(let_go, "google", NOW) is not None


def test_a_cancel_means_what_was_there_when_it_was_said() -> None:
    later = msgspec.structs.replace(DUE, message=ids.first_at(NOW + 1))
    assert standing(directive(Kind.CANCEL)).stopping(DUE, "google", NOW) is not None
    assert standing(directive(Kind.CANCEL)).stopping(later, "google", NOW) is None


def test_a_reroute_gives_another_source_until_mail_has_it() -> None:
    one = standing(directive(Kind.REROUTE, to_source=5))
    assert one.source_for(DUE, "google", NOW) == 5
    assert one.source_for(msgspec.structs.replace(DUE, source=5), "google", NOW) == 0


def test_a_reroute_to_a_pool_spreads_over_its_sources_and_leaves_those_that_are_there() -> None:
    one = standing(directive(Kind.REROUTE, to_pool=1))
    away = [msgspec.structs.replace(DUE, source=5, id=DUE.id + n) for n in range(4)]
    assert {one.source_for(due, "google", NOW) for due in away} == {3, 4}
    assert one.source_for(DUE, "google", NOW) == 0


def test_mail_stays_where_the_target_takes_none() -> None:
    disabled = directives.Standing([directive(Kind.REROUTE, to_source=9)], POOLS, USABLE)
    empty = directives.Standing([directive(Kind.REROUTE, to_pool=9)], POOLS, USABLE)
    assert (disabled.source_for(DUE, "google", NOW), empty.source_for(DUE, "google", NOW)) == (0, 0)


def test_of_two_reroutes_the_newer_one_counts() -> None:
    both = standing(directive(Kind.REROUTE, 1, to_source=4), directive(Kind.REROUTE, 2, to_source=5))
    assert both.source_for(DUE, "google", NOW) == 5
    assert both.source_for(msgspec.structs.replace(DUE, source=5), "google", NOW) == 0


def test_without_directives_nothing_is_to_be_asked() -> None:
    assert not directives.NONE
    assert not standing(directive(Kind.FLUSH), directive(ended_at=NOW))
    assert standing(directive())


def test_why_mail_waits_is_said_with_who_and_the_reason() -> None:
    assert directive(reason="blocklisted").words == "paused by directive 1 of cli:ann: blocklisted"
    assert directive(Kind.CANCEL).words == "about to be cancelled by directive 1 of cli:ann"
