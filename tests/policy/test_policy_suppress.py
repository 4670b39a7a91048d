"""Who is not written to any more, for whom and how long; and what several messages together lead to."""

from typing import Any

import msgspec
import pytest
from tests.policy import policy_values as v

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import escalate

C = v.Category
Kind = suppressions.Kind
Scope = suppressions.Scope
Standing = suppressions.Standing
KEY = v.DELIVERY.key


def record(**changes: Any) -> fact_values.AddressRecord:
    return msgspec.structs.replace(v.RECORD, **changes)


def entry(**changes: Any) -> suppressions.Suppression:
    base = suppressions.Suppression(
        Kind.ADDRESS,
        KEY,
        standing=Standing.PROVISIONAL,
        reason="hard",
        category="recipient.unknown",
        created_at=v.NOW - 8 * v.DAY,
        expires_at=v.NOW - v.DAY,
    )
    return msgspec.structs.replace(base, **changes)


def written(
    known: fact_values.Facts, category: C = C.RECIPIENT_UNKNOWN, code: int = 550, **changes: Any
) -> suppressions.Suppression:
    settlement = v.settled(v.answer(category, code, **changes), known)
    (found,) = settlement.suppress
    bounced, suppressed = settlement.events
    assert (bounced.state, suppressed.state) == (events.State.BOUNCED, events.State.SUPPRESSED)
    assert (events.Flag.CONFIRMED in suppressed.flags) is (found.expires_at == 0)
    assert (found.standing is Standing.CONFIRMED) is (found.expires_at == 0)
    return found


@pytest.mark.parametrize(
    ("known", "days"),
    [
        pytest.param(v.facts(), 0, id="never-took-mail"),
        pytest.param(v.facts(record(delivered_at=v.NOW - 91 * v.DAY)), 0, id="long-ago"),
        pytest.param(v.facts(record(delivered_at=v.NOW - 89 * v.DAY)), 7, id="lately"),
        pytest.param(
            v.facts(record(delivered_at=v.NOW - 30 * v.DAY, hard_at=v.NOW - 23 * v.H)), 7, id="again-too-soon"
        ),
        pytest.param(
            v.facts(record(delivered_at=v.NOW - 30 * v.DAY, hard_at=v.NOW - 24 * v.H)),
            0,
            id="again-a-day-later",
        ),
        pytest.param(
            v.facts(record(delivered_at=v.NOW - 30 * v.DAY), (entry(),)), 0, id="again-by-the-old-entry"
        ),
        pytest.param(
            v.facts(record(delivered_at=v.NOW - v.DAY), (entry(),)), 7, id="a-delivery-came-between"
        ),
        pytest.param(
            v.facts(record(delivered_at=v.NOW - 30 * v.DAY), (entry(reason="import"),)), 7, id="not-a-verdict"
        ),
    ],
)
def test_a_hard_verdict_is_confirmed_unless_the_address_lived_lately(
    known: fact_values.Facts, days: int
) -> None:
    found = written(known)
    assert found.expires_at == (v.NOW + days * v.DAY if days else 0)


def test_an_entry_keeps_its_cause() -> None:
    found = written(v.facts())
    assert found == suppressions.Suppression(
        Kind.ADDRESS,
        KEY,
        reason="hard",
        category="recipient.unknown",
        rule="test.rule",
        rule_version=3,
        reply=b"550 5.1.1 no",
        created_at=v.NOW,
        last_at=v.NOW,
        delivery=v.DELIVERY.id,
        account=v.DELIVERY.account,
        bridge=v.DELIVERY.bridge,
        incident=v.DELIVERY.id,
    )


def test_the_first_hard_verdicts_time_is_remembered() -> None:
    first = v.settled(v.answer(C.RECIPIENT_UNKNOWN)).address
    assert first is not None
    assert first.hard_at == v.NOW
    again = v.settled(v.answer(C.RECIPIENT_UNKNOWN), v.facts(record(hard_at=5))).address
    assert again is not None
    assert again.hard_at == 5


@pytest.mark.parametrize(
    ("category", "changes", "kind", "scope", "owner", "days"),
    [
        pytest.param(C.RECIPIENT_REFUSED, {}, Kind.ADDRESS, Scope.BRIDGE, 4, 0, id="refused"),
        pytest.param(
            C.RECIPIENT_REFUSED,
            {"confidence": verdicts.Confidence.GUESS},
            Kind.ADDRESS,
            Scope.BRIDGE,
            4,
            30,
            id="refused-perhaps",
        ),
        pytest.param(C.DOMAIN_NULL_MX, {}, Kind.DOMAIN, Scope.INSTANCE, 0, 30, id="null-mx"),
        pytest.param(C.RECIPIENT_PRESUMED_DEAD, {}, Kind.ADDRESS, Scope.BRIDGE, 4, 7, id="presumed"),
    ],
)
def test_scope_target_and_time_are_the_categorys(
    category: C, changes: dict[str, Any], kind: Kind, scope: Scope, owner: int, days: int
) -> None:
    settlement = v.settled(v.answer(category, **changes))
    (found,) = settlement.suppress
    assert (found.kind, found.scope, found.owner) == (kind, scope, owner)
    assert found.target == (KEY if kind is Kind.ADDRESS else "example.org")
    assert found.expires_at == (v.NOW + days * v.DAY if days else 0)
    assert settlement.events[1].scope == ("bridge:4" if scope is Scope.BRIDGE else "instance")
    assert (
        settlement.address is None or not settlement.address.hard_at
    )  # nothing about the address for everyone


@pytest.mark.parametrize(
    "known",
    [
        pytest.param(
            v.facts(entries=(entry(scope=Scope.BRIDGE, owner=4, category="recipient.presumed_dead"),)),
            id="the-entry-is-there",
        ),
        pytest.param(v.facts(record(presumed_at=v.NOW - v.DAY)), id="the-entry-has-expired"),
    ],
)
def test_the_second_presumption_a_day_later_is_for_everyone(known: fact_values.Facts) -> None:
    found = written(known, C.RECIPIENT_PRESUMED_DEAD)
    assert (found.scope, found.expires_at) == (Scope.INSTANCE, v.NOW + 90 * v.DAY)


def test_the_second_presumption_of_the_same_day_is_for_the_bridge() -> None:
    found = written(v.facts(record(presumed_at=v.NOW - v.H)), C.RECIPIENT_PRESUMED_DEAD)
    assert (found.scope, found.expires_at) == (Scope.BRIDGE, v.NOW + 7 * v.DAY)


@pytest.mark.parametrize(
    "old",
    [
        pytest.param(entry(standing=Standing.CONFIRMED, expires_at=0, reason="manual"), id="for-ever"),
        pytest.param(entry(expires_at=v.NOW + 30 * v.DAY, reason="escalated"), id="longer"),
    ],
)
def test_an_entry_that_lasts_as_long_is_left_as_it_is(old: suppressions.Suppression) -> None:
    known = v.facts(record(delivered_at=v.NOW - v.H), (old,))
    settlement = v.settled(v.answer(C.RECIPIENT_UNKNOWN), known)
    assert settlement.suppress == ()
    assert [event.state for event in settlement.events] == [events.State.BOUNCED]


@pytest.mark.parametrize(
    ("replies", "hours", "hard"),
    [
        pytest.param(4, 48, True, id="four-over-two-days"),
        pytest.param(3, 60, False, id="too-few"),
        pytest.param(9, 47, False, id="too-early"),
    ],
)
def test_no_such_user_with_a_4xx_is_believed_in_the_end(replies: int, hours: int, *, hard: bool) -> None:
    seen = (fact_values.Seen("recipient.unknown_tempfail", v.NOW - hours * v.H, replies - 1),)
    known = v.facts(seen=seen, attempts=replies - 1)
    settlement = v.settled(v.answer(C.RECIPIENT_UNKNOWN_TEMPFAIL, 450), known)
    assert bool(settlement.suppress) is hard
    if hard:
        assert settlement.events[0].outcome is v.Outcome.HARD
        assert settlement.suppress[0].expires_at == v.NOW + 30 * v.DAY


# --- a delivery deletes


@pytest.mark.parametrize(
    ("old", "deleted", "told"),
    [
        pytest.param(entry(expires_at=v.NOW + v.DAY), True, True, id="provisional"),
        pytest.param(entry(), True, False, id="expired-already"),
        pytest.param(entry(reason="escalated", expires_at=v.NOW + v.DAY), True, True, id="escalated"),
        pytest.param(entry(scope=Scope.BRIDGE, owner=4, expires_at=v.NOW + 1), True, True, id="this-bridges"),
        pytest.param(entry(scope=Scope.BRIDGE, owner=9, expires_at=v.NOW + 1), False, False, id="anothers"),
        pytest.param(entry(standing=Standing.CONFIRMED, expires_at=0), False, False, id="confirmed"),
        pytest.param(entry(reason="manual", expires_at=v.NOW + 1), False, False, id="a-persons"),
        pytest.param(entry(kind=Kind.DOMAIN, target="example.org"), False, False, id="a-domains"),
    ],
)
def test_a_delivery_deletes_what_was_only_presumed(
    old: suppressions.Suppression, *, deleted: bool, told: bool
) -> None:
    settlement = v.settled(v.DELIVERED, v.facts(entries=(old,)))
    assert settlement.release == ((old,) if deleted else ())
    states = [event.state for event in settlement.events]
    assert states == [events.State.DELIVERED, *([events.State.UNSUPPRESSED] if told else [])]


# --- escalation


def ended_soft(
    known: fact_values.AddressRecord,
    now: int,
    category: C = C.RECIPIENT_OVER_QUOTA,
    stage: v.Stage = v.Stage.RCPT,
    attempts: int = 2,
) -> tuple[fact_values.AddressRecord, tuple[suppressions.Suppression, ...]]:
    settlement = v.settled(
        v.answer(category, 452, stage), v.facts(known, expires_at=now, attempts=attempts - 1), now
    )
    after = settlement.address or known
    return msgspec.structs.replace(after, holds=()), settlement.suppress


@pytest.mark.parametrize(
    ("days", "escalates"),
    [
        pytest.param([0, 7, 14], True, id="three-over-two-weeks"),
        pytest.param([0, 7, 13], False, id="too-close"),
        pytest.param([0, 14], False, id="two"),
        pytest.param([0, 90, 180], True, id="half-a-year"),
        pytest.param([0, 90, 181], False, id="the-first-too-long-ago"),
        pytest.param([0, 90, 181, 190], True, id="then-counted-from-the-last-one"),
        pytest.param([0, 200, 201, 202], False, id="anew-after-a-long-gap"),
        pytest.param([0, 1, 2, 3, 14], True, id="the-span-decides"),
    ],
)
def test_messages_that_bounce_softly_escalate(days: list[int], *, escalates: bool) -> None:
    known = v.RECORD
    found: tuple[suppressions.Suppression, ...] = ()
    for day in days:
        assert not found
        known, found = ended_soft(known, v.NOW + day * v.DAY)
    assert bool(found) is escalates
    if found:
        now = v.NOW + days[-1] * v.DAY
        assert (found[0].reason, found[0].scope, found[0].standing) == (
            "escalated",
            Scope.INSTANCE,
            Standing.PROVISIONAL,
        )
        assert found[0].expires_at == now + 90 * v.DAY
        assert (found[0].category, found[0].rule) == ("recipient.over_quota", "test.rule")
        assert known.soft_count == 0


def test_a_delivery_between_starts_the_count_anew() -> None:
    known, _ = ended_soft(v.RECORD, v.NOW)
    known, _ = ended_soft(known, v.NOW + 7 * v.DAY)
    reset = v.settled(v.DELIVERED, v.facts(known), v.NOW + 8 * v.DAY).address
    assert reset is not None
    _, found = ended_soft(reset, v.NOW + 14 * v.DAY)
    assert not found


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"attempts": 1}, id="tried-once"),
        pytest.param({"category": C.RATE_LIMITED}, id="rate"),
        pytest.param({"category": C.SENDER_IP_BLOCKLISTED}, id="ip"),
        pytest.param({"category": C.SENDER_AUTH}, id="authentication"),
        pytest.param({"category": C.DOMAIN_UNREACHABLE}, id="domain"),
        pytest.param({"category": C.UNKNOWN_TEMPORARY, "stage": v.Stage.DOT}, id="unknown-elsewhere"),
    ],
)
def test_what_says_nothing_about_the_mailbox_never_counts(changes: dict[str, Any]) -> None:
    known, found = ended_soft(v.RECORD, v.NOW, **changes)
    assert known.soft_count == 0
    assert not found


def test_unknown_answers_at_rcpt_count_but_need_five() -> None:
    known = v.RECORD
    for number in range(5):
        known, found = ended_soft(known, v.NOW + number * 4 * v.DAY, C.UNKNOWN_TEMPORARY)
        assert bool(found) is (number == 4)


def test_an_expiry_between_attempts_escalates_too() -> None:
    known = record(soft_count=2, soft_first_at=v.NOW - 20 * v.DAY, soft_last_at=v.NOW - v.DAY)
    delivery = v.facts(known, attempts=2, last_category="recipient.over_quota", last_reply=b"452 full")
    settlement = v.settled(results.Expired(v.DELIVERY.id, v.CLAIM), delivery)
    assert [event.state for event in settlement.events] == [events.State.BOUNCED, events.State.SUPPRESSED]
    assert settlement.events[0].action is events.Action.SUPPRESS
    assert settlement.suppress[0].reply == b"452 full"


def test_refusals_are_remembered_per_bridge_and_suppress_nobody_alone() -> None:
    known = v.RECORD
    for number in range(4):
        now = v.NOW + number * 10 * v.DAY
        facts = v.facts(known, campaign=f"c{number % 3}", expires_at=now + v.H)
        settlement = v.settled(v.answer(C.CONTENT_SPAM, 554, v.Stage.DOT), facts, now)
        assert not settlement.suppress
        assert settlement.address is not None
        known = settlement.address
    assert known.refusals == (fact_values.Refusals(4, ("c0", "c1", "c2"), v.NOW, v.NOW + 30 * v.DAY),)


def test_three_campaigns_refused_while_others_are_taken_suppress_for_the_bridge() -> None:
    known = v.RECORD
    for number in range(3):
        now = v.NOW + number * 10 * v.DAY
        facts = v.facts(known, campaign=f"c{number}", expires_at=now + v.H)
        facts = msgspec.structs.replace(facts, taken_at=now - v.H)
        settlement = v.settled(v.answer(C.CONTENT_SPAM, 554, v.Stage.DOT), facts, now)
        assert settlement.address is not None
        known = settlement.address
    assert [event.state for event in settlement.events] == [events.State.BOUNCED, events.State.SUPPRESSED]
    [entry] = settlement.suppress
    assert (entry.scope, entry.reason, entry.category) == (Scope.BRIDGE, "refused", "content.spam")


@pytest.mark.parametrize(
    ("campaigns", "days", "others_taken", "found"),
    [
        pytest.param(("a", "b"), 14, True, True, id="three-campaigns"),
        pytest.param(("a", "b"), 14, False, False, id="the-provider-takes-nothing-of-us"),
        pytest.param(("a", "spring"), 14, True, False, id="two-campaigns"),
        pytest.param(("a", "b"), 13, True, False, id="too-close"),
    ],
)
def test_refused_campaigns_escalate_only_where_others_are_taken(
    campaigns: tuple[str, ...], days: int, *, others_taken: bool, found: bool
) -> None:
    other = fact_values.Refusals(9, ("x",), 1, 2)
    mine = fact_values.Refusals(4, campaigns, v.NOW - days * v.DAY, v.NOW - v.DAY)
    known = record(refusals=(other, mine))
    after, made = escalate.refused(known, v.DELIVERY, v.NOW, v.TERMS, v.NOW if others_taken else 0)
    assert (made is not None) is found
    if made is not None:
        assert (made.scope, made.owner, made.reason) == (Scope.BRIDGE, 4, "refused")
        assert made.expires_at == v.NOW + 90 * v.DAY
        assert after.refusals == (other,)
