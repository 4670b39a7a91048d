"""What one Provider says again and again while it takes no mail: the guard, and presumptions of death."""

from typing import Any

import msgspec
import pytest
from tests.policy import policy_values as v

from gatepost.model import address as addresses
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.policy import settings as policy_settings
from gatepost.policy import terms

C = v.Category
State = events.State
Standing = suppressions.Standing
TEMPLATE = "550 - no"
OLD = v.NOW - 200 * v.DAY  # long ago: such an address would be confirmed dead at once


class World:
    """What the store would remember between settlements at one Provider."""

    def __init__(self, by: terms.Terms = v.TERMS) -> None:
        self.by = by
        self.streaks: dict[str, fact_values.Streak] = {}
        self.entries: dict[str, suppressions.Suppression] = {}
        self.host_took_at = 0
        self.events: list[events.Event] = []

    def settle(
        self,
        result: results.Attempted,
        key: str,
        now: int = v.NOW,
        seen: tuple[fact_values.Seen, ...] = (),
        **record: Any,
    ) -> settlements.Settlement:
        known = v.facts(
            fact_values.AddressRecord(key, **record),
            key=key,
            recipient=key,
            id=len(self.events) + 50,
            seen=seen,
            expires_at=now + v.DAY,
        )
        about = f"template {result.verdict.template}"
        presumed = tuple(
            entry
            for entry in self.entries.values()
            if about in self.streaks and entry.incident == self.streaks[about].incident
        )
        known = msgspec.structs.replace(
            known, streaks=tuple(self.streaks.values()), host_took_at=self.host_took_at, presumed=presumed
        )
        settlement = v.settled(result, known, now, by=self.by)
        self.streaks.update({streak.about: streak for streak in settlement.streaks})
        for entry in settlement.release:
            del self.entries[entry.target]
        self.entries.update({entry.target: entry for entry in settlement.suppress})
        self.events += settlement.events
        return settlement

    def taken(self) -> None:
        """The Provider took a mail: what the store does then."""
        self.streaks.clear()

    def states(self, state: State) -> list[events.Event]:
        return [event for event in self.events if event.state is state]


UNKNOWN = v.answer(C.RECIPIENT_UNKNOWN)


def test_the_fifth_of_those_that_took_mail_before_makes_all_of_them_provisional() -> None:
    world = World()
    for n in range(4):
        settlement = world.settle(UNKNOWN, f"u{n}@example.org", delivered_at=OLD)
        assert settlement.suppress[0].standing is Standing.CONFIRMED
        assert settlement.soften is None
    fifth = world.settle(UNKNOWN, "u4@example.org", delivered_at=OLD)
    assert fifth.suppress[0].standing is Standing.PROVISIONAL
    assert fifth.suppress[0].expires_at == v.NOW + 7 * v.DAY
    assert {entry.incident for entry in world.entries.values()} == {50}
    assert fifth.soften == settlements.Softening(50, v.NOW + 7 * v.DAY)
    [told] = world.states(State.INCIDENT)
    assert "rule test.rule: 5 addresses at google" in told.detail
    assert (told.provider, told.rule, told.source) == ("google", "test.rule", v.DELIVERY.source)


def test_what_follows_is_provisional_too_and_is_no_second_incident() -> None:
    world = World()
    for n in range(7):
        world.settle(UNKNOWN, f"u{n}@example.org", delivered_at=OLD)
    new = world.settle(UNKNOWN, "never.seen@example.org")
    assert new.suppress[0].standing is Standing.PROVISIONAL
    assert new.soften is None
    assert len(world.states(State.INCIDENT)) == 1


def test_a_mail_that_is_taken_between_begins_the_count_anew() -> None:
    world = World()
    for n in range(4):
        world.settle(UNKNOWN, f"u{n}@example.org", delivered_at=OLD)
    world.taken()
    for n in range(4, 8):
        settlement = world.settle(UNKNOWN, f"u{n}@example.org", delivered_at=OLD)
        assert settlement.suppress[0].standing is Standing.CONFIRMED
    assert world.states(State.INCIDENT) == []


@pytest.mark.parametrize(
    ("count", "changes"),
    [
        pytest.param(20, {}, id="never-took-mail"),
        pytest.param(4, {"delivered_at": OLD}, id="too-few"),
    ],
)
def test_addresses_that_say_nothing_about_the_provider_stay_confirmed(
    count: int, changes: dict[str, Any]
) -> None:
    world = World()
    for n in range(count):
        world.settle(UNKNOWN, f"u{n}@example.org", **changes)
    assert {entry.standing for entry in world.entries.values()} == {Standing.CONFIRMED}


def test_one_address_counts_once() -> None:
    world = World()
    for _ in range(9):
        world.settle(UNKNOWN, "u@example.org", delivered_at=OLD)
    [streak] = world.streaks.values()
    assert streak.counted == (addresses.hash64("u@example.org"),)
    assert world.states(State.INCIDENT) == []


def test_another_rule_is_another_streak() -> None:
    world = World()
    for n in range(8):
        world.settle(v.answer(C.RECIPIENT_UNKNOWN, rule=f"r{n % 2}"), f"u{n}@example.org", delivered_at=OLD)
    assert world.states(State.INCIDENT) == []


def test_a_streak_that_nothing_came_to_for_a_week_is_over() -> None:
    world = World()
    for n in range(4):
        world.settle(UNKNOWN, f"u{n}@example.org", delivered_at=OLD)
    later = v.NOW + 7 * v.DAY + 1
    assert world.settle(UNKNOWN, "u4@example.org", later, delivered_at=OLD).soften is None


def test_a_second_verdict_a_day_later_confirms_in_an_incident_too() -> None:
    world = World()
    for n in range(6):
        world.settle(UNKNOWN, f"u{n}@example.org", delivered_at=OLD)
    again = world.settle(UNKNOWN, "u0@example.org", v.NOW + v.DAY, delivered_at=OLD, hard_at=v.NOW)
    assert again.suppress[0].standing is Standing.CONFIRMED
    assert again.suppress[0].incident == 0  # no softening reaches it any more


def test_the_guards_number_is_the_operators() -> None:
    world = World(
        terms.of(policy_settings.read({"suppression": {"guard_recipients": 2}})),
    )
    world.settle(UNKNOWN, "a@example.org", delivered_at=OLD)
    assert world.settle(UNKNOWN, "b@example.org", delivered_at=OLD).soften is not None


# --- presumed dead

BARE = v.answer(C.UNKNOWN_PERMANENT, presumable=True, template=TEMPLATE, explicit=False)


def accepting(took: int = v.NOW - v.H, by: terms.Terms = v.TERMS) -> World:
    world = World(by)
    world.host_took_at = took
    return world


def test_a_bare_no_from_a_host_that_took_another_mail_presumes_the_address_dead() -> None:
    world = accepting()
    settlement = world.settle(BARE, "a@example.org")
    [entry] = settlement.suppress
    assert (entry.category, entry.scope, entry.owner) == (
        "recipient.presumed_dead",
        suppressions.Scope.BRIDGE,
        v.DELIVERY.bridge,
    )
    assert entry.expires_at == v.NOW + 7 * v.DAY
    [bounced, _] = settlement.events
    assert (bounced.state, bounced.category, bounced.outcome) == (
        State.BOUNCED,
        "recipient.presumed_dead",
        v.Outcome.HARD,
    )
    assert settlement.address is not None
    assert (settlement.address.presumed_at, settlement.address.hard_at) == (v.NOW, 0)


@pytest.mark.parametrize(
    ("took", "record"),
    [
        pytest.param(0, {}, id="it-took-none"),
        pytest.param(v.NOW - v.DAY, {}, id="it-took-one-too-long-ago"),
        pytest.param(v.NOW - v.H, {"delivered_at": v.NOW - v.H}, id="it-took-one-of-this-address-only"),
    ],
)
def test_without_another_mail_taken_the_address_is_kept(took: int, record: dict[str, Any]) -> None:
    settlement = accepting(took).settle(BARE, "a@example.org", **record)
    assert settlement.suppress == ()
    assert settlement.events[0].category == "unknown.permanent"
    assert settlement.events[0].outcome is v.Outcome.REJECTION


def test_a_verdict_that_is_not_presumable_is_what_it_is() -> None:
    settlement = accepting().settle(v.answer(C.UNKNOWN_PERMANENT, template=TEMPLATE), "a@example.org")
    assert settlement.suppress == ()
    assert settlement.streaks == ()


def test_the_third_with_the_same_answer_is_kept_and_the_first_two_are_taken_back() -> None:
    world = accepting()
    world.settle(BARE, "a@example.org")
    world.settle(BARE, "b@example.org")
    assert set(world.entries) == {"a@example.org", "b@example.org"}
    third = world.settle(BARE, "c@example.org")
    assert world.entries == {}
    assert third.events[0].category == "unknown.permanent"
    told = [(event.recipient, event.delivery) for event in world.states(State.UNSUPPRESSED)]
    assert [recipient for recipient, _ in told] == ["a@example.org", "b@example.org"]
    assert len({delivery for _, delivery in told} - {third.events[0].delivery}) == 2
    world.settle(BARE, "d@example.org")
    assert world.entries == {}


def test_with_a_mail_taken_between_presumptions_go_on() -> None:
    world = accepting()
    for n in range(6):
        world.settle(BARE, f"u{n}@example.org")
        world.taken()
    assert len(world.entries) == 6


def test_the_literal_preset_asks_no_history() -> None:
    literal = terms.of(policy_settings.PolicySettings(preset="literal-5xx"))
    settlement = accepting(by=literal).settle(BARE, "a@example.org")
    assert settlement.suppress[0].category == "unknown.permanent"
    assert settlement.suppress[0].scope is suppressions.Scope.INSTANCE


def test_a_presumption_is_an_operators_to_turn_off() -> None:
    off = terms.of(policy_settings.read({"categories": {"recipient.presumed_dead": {"action": "fail"}}}))
    settlement = accepting(by=off).settle(BARE, "a@example.org")
    assert settlement.suppress == ()
    assert settlement.events[0].action is events.Action.FAIL


# --- what a domain says of all its addresses

TENANT = v.answer(C.DOMAIN_TENANT_GONE, 451)
TEMPFAIL = v.answer(C.RECIPIENT_UNKNOWN_TEMPFAIL, 450)
PATIENT = (fact_values.Seen("recipient.unknown_tempfail", v.NOW - 48 * v.H, 3),)


def test_a_tenant_that_is_gone_for_three_recipients_and_72_hours_is_suppressed_as_a_domain() -> None:
    world = World()
    for n in range(3):
        first = world.settle(TENANT, f"u{n}@example.org")
        assert first.reschedule is not None
    early = world.settle(TENANT, "u3@example.org", v.NOW + 72 * v.H - 1)
    assert early.reschedule is not None
    last = world.settle(TENANT, "u0@example.org", v.NOW + 72 * v.H)
    [entry] = last.suppress
    assert (entry.kind, entry.target) == (suppressions.Kind.DOMAIN, "example.org")
    assert entry.expires_at == v.NOW + 72 * v.H + 7 * v.DAY
    assert last.events[0].outcome is v.Outcome.HARD
    assert last.address is None  # nothing about this address


def test_two_recipients_are_not_enough_to_give_up_a_domain() -> None:
    world = World()
    world.settle(TENANT, "u0@example.org")
    for n in range(9):
        again = world.settle(TENANT, f"u{n % 2}@example.org", v.NOW + 72 * v.H)
        assert again.suppress == ()


def test_a_domain_that_took_a_mail_since_is_not_gone() -> None:
    world = World()
    for n in range(3):
        world.settle(TENANT, f"u{n}@example.org")
    world.taken()
    for n in range(3):
        assert world.settle(TENANT, f"u{n}@example.org", v.NOW + 72 * v.H).suppress == ()


def test_a_4xx_no_such_user_of_one_address_is_believed_in_the_end() -> None:
    assert World().settle(TEMPFAIL, "u@example.org", seen=PATIENT).suppress


def test_of_none_where_the_domain_says_it_of_several_and_takes_no_mail() -> None:
    world = World()
    for n in range(2):
        world.settle(TEMPFAIL, f"u{n}@example.org")
    crowded = world.settle(TEMPFAIL, "u2@example.org", seen=PATIENT)
    assert crowded.suppress == ()
    assert crowded.reschedule is not None
    world.taken()
    assert world.settle(TEMPFAIL, "u2@example.org", seen=PATIENT).suppress


def test_one_4xx_no_such_user_for_several_recipients_is_believed_of_none() -> None:
    shared = v.answer(C.RECIPIENT_UNKNOWN_TEMPFAIL, 450, v.Stage.DOT)
    shared = msgspec.structs.replace(shared, attempt=msgspec.structs.replace(v.ATTEMPT, recipients=2))
    assert World().settle(shared, "u@example.org", seen=PATIENT).suppress == ()
