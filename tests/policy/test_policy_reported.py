"""What reports lead to that come after the 250."""

from typing import Any

import msgspec
import pytest
from tests.policy import policy_values as values

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import late
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import suppress

Action = events.Action
Category = verdicts.Category
Flag = events.Flag
Kind = late.Kind
Scope = suppressions.Scope
Standing = late.Standing
State = events.State

SENT_AT = values.NOW - values.DAY
LONG_AGO = values.NOW - 200 * values.DAY
SENT = fact_values.Sent(values.DELIVERY, SENT_AT, values.NOW + 100 * values.DAY, recipients=1)
FILED = late.Filed(
    b"d" * 32,
    values.NOW,
    Kind.BOUNCE,
    Standing.VERIFIED,
    "",
    "b.x@bounce.shop.example",
    "192.0.2.9",
    10,
    b"raw",
    1002,
)


def filed(kind: Kind = Kind.BOUNCE, standing: Standing = Standing.VERIFIED) -> late.Filed:
    return msgspec.structs.replace(FILED, kind=kind, standing=standing)


def told(
    category: Category = Category.RECIPIENT_UNKNOWN,
    *addresses: str,
    raw: str = "550 5.1.1 no such user",
    failed: bool = True,
    **changes: Any,
) -> late.Told:
    reply = replies.Reply(int(raw[:3]), raw.encode())
    return late.Told(addresses or ("ann@example.org",), failed, reply, values.verdict(category, **changes))


def bounce(*of: late.Told, **changes: Any) -> results.Reported:
    base = results.Reported(1002, filed(), of or (told(),))
    return msgspec.structs.replace(base, **changes)


def known(
    sent: fact_values.Sent | None = SENT,
    record: fact_values.AddressRecord | None = None,
    *entries: suppressions.Suppression,
) -> fact_values.Facts:
    record = record or fact_values.AddressRecord(values.DELIVERY.key, delivered_at=SENT_AT)
    return fact_values.Facts(values.DELIVERY, record, entries, sent=sent)


def settled(result: results.Reported, facts: fact_values.Facts | None = None) -> settlements.Settlement:
    return values.settled(result, facts or known())


def test_a_late_bounce_is_told_beside_the_delivery_and_suppresses() -> None:
    done = settled(bounce())
    event, suppressed = done.events
    assert (event.state, event.flags, event.action) == (State.BOUNCED, Flag.LATE, Action.SUPPRESS)
    assert (event.category, event.outcome) == ("recipient.unknown", verdicts.Outcome.HARD)
    assert (event.recipient, event.source, event.delivery) == ("Ann@Example.org", 6, 1002)
    assert (event.reply, event.code, event.enhanced) == (b"550 5.1.1 no such user", 550, "5.1.1")
    assert (event.peer_ip, event.attempt) == ("192.0.2.9", 0)
    assert suppressed.state is State.SUPPRESSED
    assert (done.ending, done.reschedule) == (None, None)
    assert done.charged_at == SENT_AT
    assert done.sent == msgspec.structs.replace(SENT, bounced_at=values.NOW)
    [entry] = done.suppress
    assert (entry.target, entry.scope) == ("ann@example.org", Scope.INSTANCE)


def test_it_revokes_the_deliverys_reset_so_that_an_address_that_never_took_mail_is_confirmed() -> None:
    done = settled(bounce())
    assert done.address is not None
    assert (done.address.delivered_at, done.address.hard_at) == (0, values.NOW)
    assert done.suppress[0].standing is suppressions.Standing.CONFIRMED


def test_where_the_address_took_other_mail_lately_it_is_provisional() -> None:
    before = fact_values.AddressRecord(
        values.DELIVERY.key, delivered_at=SENT_AT - values.DAY, soft_count=2, soft_first_at=5, soft_last_at=6
    )
    done = settled(bounce(), known(msgspec.structs.replace(SENT, before=before)))
    assert done.address == msgspec.structs.replace(before, hard_at=values.NOW)
    assert done.suppress[0].standing is suppressions.Standing.PROVISIONAL


def test_a_delivery_after_that_one_is_not_revoked() -> None:
    newer = fact_values.AddressRecord(values.DELIVERY.key, delivered_at=SENT_AT + values.H)
    done = settled(bounce(), known(record=newer))
    assert done.address is not None
    assert done.address.delivered_at == SENT_AT + values.H
    assert done.suppress[0].standing is suppressions.Standing.PROVISIONAL


def test_what_happened_since_the_delivery_stays() -> None:
    hold = fact_values.Hold(3, values.NOW + values.H, "recipient.rate")
    since = fact_values.AddressRecord(
        values.DELIVERY.key, SENT_AT, soft_count=1, soft_first_at=7, soft_last_at=7
    )
    before = fact_values.AddressRecord(values.DELIVERY.key, SENT_AT - values.DAY, soft_count=2)
    soft = bounce(told(Category.CONTENT_SPAM, raw="554 5.7.1 spam"))
    done = settled(soft, known(msgspec.structs.replace(SENT, before=before), since))
    assert done.address == msgspec.structs.replace(since, delivered_at=SENT_AT - values.DAY)
    held = fact_values.AddressRecord(values.DELIVERY.key, SENT_AT, holds=(hold,))
    done = settled(soft, known(msgspec.structs.replace(SENT, before=before), held))
    assert done.address == msgspec.structs.replace(before, holds=(hold,))


@pytest.mark.parametrize(
    ("one", "suppresses"),
    [
        pytest.param(told(rule="codes.5.1.1", explicit=False), True, id="code 5.1.1"),
        pytest.param(
            told(Category.RECIPIENT_BAD_SYNTAX, raw="553 5.1.3 x", rule="codes.5.1.3", explicit=False),
            True,
            id="code 5.1.3",
        ),
        pytest.param(
            told(Category.RECIPIENT_DISABLED, raw="550 5.2.1 x", rule="codes.5.2.1", explicit=False),
            True,
            id="code 5.2.1",
        ),
        pytest.param(
            told(raw="550 5.1.10 x", rule="codes.5.1.10", explicit=False), False, id="another code alone"
        ),
        pytest.param(told(raw="550 5.1.10 no such user"), True, id="another code with words"),
        pytest.param(told(raw="550 5.4.7 expired", rule="general.unknown"), False, id="expired, 5.4.7"),
        pytest.param(told(raw="450 4.4.7 expired", rule="general.unknown"), False, id="expired, 4.4.7"),
        pytest.param(told(quotes_us=True, explicit=False), False, id="quotes us"),
        pytest.param(told(quotes_us=True), True, id="quotes us, with explicit words"),
        pytest.param(told(outcome=verdicts.Outcome.SOFT, raw="450 4.1.1 x"), False, id="soft"),
        pytest.param(told(Category.RECIPIENT_OVER_QUOTA, raw="552 5.2.2 full"), False, id="full"),
        pytest.param(told(Category.CONTENT_SPAM, raw="554 5.7.1 spam"), False, id="content"),
        pytest.param(told(Category.SENDER_AUTH, raw="550 5.7.26 x"), False, id="authentication"),
        pytest.param(told(Category.SENDER_IP_BLOCKLISTED, raw="550 5.7.1 listed"), False, id="blocklist"),
        pytest.param(told(Category.DOMAIN_NULL_MX, raw="556 5.1.10 null MX"), False, id="a domain"),
        pytest.param(told(Category.UNKNOWN_PERMANENT, raw="550 no"), False, id="unknown"),
    ],
)
def test_only_what_is_plainly_about_the_recipient_suppresses(one: late.Told, *, suppresses: bool) -> None:
    done = settled(bounce(one))
    assert bool(done.suppress) is suppresses
    assert done.events[0].state is State.BOUNCED
    assert done.events[0].action is (Action.SUPPRESS if suppresses else Action.FAIL)
    assert all(streak.place == "late google" for streak in done.streaks)


def late_bounces(
    count: int, neighbours: fact_values.Neighbours, *, lived: bool = True
) -> list[settlements.Settlement]:
    """Of so many addresses, one after the other; lived: they had taken mail before the one that bounced."""
    done: list[settlements.Settlement] = []
    streaks: tuple[fact_values.Streak, ...] = ()
    for n in range(count):
        delivery = msgspec.structs.replace(values.DELIVERY, id=2000 + n, key=f"u{n}@example.org")
        record = fact_values.AddressRecord(delivery.key, delivered_at=SENT_AT)
        before = fact_values.AddressRecord(delivery.key, delivered_at=LONG_AGO) if lived else None
        sent = msgspec.structs.replace(SENT, delivery=delivery, before=before)
        facts = fact_values.Facts(delivery, record, sent=sent, streaks=streaks, neighbours=neighbours)
        done.append(settled(bounce(told(), delivery=delivery.id), facts))
        streaks = done[-1].streaks or streaks
    return done


def test_the_fifth_late_bounce_among_mail_that_bounced_makes_an_incident() -> None:
    done = late_bounces(6, fact_values.Neighbours(10, 5))
    standings = [one.suppress[0].standing for one in done]
    provisional, confirmed = suppressions.Standing.PROVISIONAL, suppressions.Standing.CONFIRMED
    assert standings == [confirmed] * 4 + [provisional] * 2
    assert {one.suppress[0].incident for one in done} == {2000}
    assert [one.soften is not None for one in done] == [False] * 4 + [True, False]
    [event] = [e for one in done for e in one.events if e.state is State.INCIDENT]
    assert "5 addresses at google, in bounce mails, that took mail before" in event.detail


@pytest.mark.parametrize(
    ("neighbours", "lived"),
    [
        pytest.param(fact_values.Neighbours(10, 4), True, id="most mail around them stands"),
        pytest.param(fact_values.Neighbours(10, 10), False, id="they took no mail before"),
    ],
)
def test_late_bounces_that_say_something_about_their_addresses_are_confirmed(
    neighbours: fact_values.Neighbours, *, lived: bool
) -> None:
    done = late_bounces(7, neighbours, lived=lived)
    assert {one.suppress[0].standing for one in done} == {suppressions.Standing.CONFIRMED}
    assert State.INCIDENT not in {e.state for one in done for e in one.events}


def test_a_refusal_by_the_recipient_is_for_the_bridge() -> None:
    [entry] = settled(bounce(told(Category.RECIPIENT_REFUSED, raw="550 5.7.1 blocked by recipient"))).suppress
    assert (entry.scope, entry.owner) == (Scope.BRIDGE, 4)


def test_the_address_that_is_suppressed_is_ours_whatever_the_report_names() -> None:
    [entry] = settled(bounce(told(Category.RECIPIENT_UNKNOWN, "victim@elsewhere.test"))).suppress
    assert entry.target == "ann@example.org"


def test_of_several_addresses_ours_counts() -> None:
    dead, alive = told(), told(Category.RECIPIENT_OVER_QUOTA, "bob@example.org", raw="552 5.2.2 full")
    assert settled(bounce(alive, dead)).suppress
    ours_is_full = told(Category.RECIPIENT_OVER_QUOTA, "x@y.test", "ANN@example.org", raw="552 5.2.2 full")
    assert not settled(bounce(told(Category.RECIPIENT_UNKNOWN, "bob@example.org"), ours_is_full)).suppress


def test_of_several_addresses_none_of_which_is_ours_nobody_is_suppressed() -> None:
    done = settled(
        bounce(told(Category.RECIPIENT_UNKNOWN, "a@x.test"), told(Category.RECIPIENT_UNKNOWN, "b@x.test"))
    )
    assert not done.suppress
    assert (done.events[0].state, done.events[0].action) == (State.BOUNCED, Action.FAIL)


@pytest.mark.parametrize(
    "of", [(told(failed=False),), (told(failed=False), told(Category.RECIPIENT_UNKNOWN, "b@x.test"))]
)
def test_no_failure_is_only_noted(of: tuple[late.Told, ...]) -> None:
    done = settled(bounce(*of))
    assert [e.state for e in done.events] == [State.REPORTED]
    assert (done.suppress, done.address, done.sent) == ((), None, None)


def test_the_second_of_a_kind_has_no_effect() -> None:
    for kind, mark in (
        (Kind.BOUNCE, "bounced_at"),
        (Kind.COMPLAINT, "complained_at"),
        (Kind.UNSUBSCRIBE, "unsubscribed_at"),
    ):
        stands = settled(bounce(filed=filed(kind))).suppress
        before = msgspec.structs.replace(SENT, **{mark: 5})
        done = settled(bounce(filed=filed(kind)), known(before, None, *stands))
        assert (done.events, done.suppress, done.address, done.sent) == ((), (), None, None)
        assert done.filed is not None


def test_who_leaves_again_after_a_release_is_followed_again_and_who_complains_is_not() -> None:
    left = msgspec.structs.replace(SENT, unsubscribed_at=5, complained_at=5)
    assert settled(bounce(filed=filed(Kind.UNSUBSCRIBE)), known(left)).suppress
    assert not settled(bounce(filed=filed(Kind.COMPLAINT)), known(left)).suppress


def test_a_complaint_suppresses_for_the_account() -> None:
    done = settled(bounce(filed=filed(Kind.COMPLAINT), detail="abuse"))
    event, suppressed = done.events
    assert (event.state, event.category, event.action) == (
        State.COMPLAINT,
        "feedback.complaint",
        Action.SUPPRESS,
    )
    assert (suppressed.state, suppressed.scope) == (State.SUPPRESSED, "account:3")
    [entry] = done.suppress
    assert (entry.scope, entry.owner, entry.reason) == (Scope.ACCOUNT, 3, "complaint")
    assert (entry.standing, entry.expires_at) == (suppressions.Standing.CONFIRMED, 0)
    assert (done.address, done.charged_at) == (None, 0)
    assert done.sent == msgspec.structs.replace(SENT, complained_at=values.NOW)


def test_a_complaint_counts_for_transactional_mail_too_unless_its_bridge_is_exempt() -> None:
    urgent = msgspec.structs.replace(values.DELIVERY, priority=messages.Priority.TRANSACTIONAL)
    sent = msgspec.structs.replace(SENT, delivery=urgent)
    assert settled(bounce(filed=filed(Kind.COMPLAINT)), known(sent)).suppress
    done = settled(bounce(filed=filed(Kind.COMPLAINT), exempt=True), known(sent))
    assert not done.suppress
    assert (done.events[0].state, done.events[0].action) == (State.COMPLAINT, Action.NONE)


def test_an_unsubscribe_is_for_the_list_or_else_for_the_bridges_bulk_mail() -> None:
    done = settled(bounce(filed=filed(Kind.UNSUBSCRIBE)))
    [entry] = done.suppress
    assert (entry.scope, entry.owner, entry.list, entry.reason) == (Scope.LIST, 3, "news", "unsubscribed")
    assert done.events[0].state is State.UNSUBSCRIBED
    unlisted = msgspec.structs.replace(SENT, delivery=msgspec.structs.replace(values.DELIVERY, list=""))
    [entry] = settled(bounce(filed=filed(Kind.UNSUBSCRIBE)), known(unlisted)).suppress
    assert (entry.scope, entry.owner) == (Scope.BRIDGE, 4)


def test_transactional_mail_cannot_be_left() -> None:
    urgent = msgspec.structs.replace(values.DELIVERY, priority=messages.Priority.TRANSACTIONAL)
    done = settled(
        bounce(filed=filed(Kind.UNSUBSCRIBE)), known(msgspec.structs.replace(SENT, delivery=urgent))
    )
    assert not done.suppress
    assert done.events[0].state is State.UNSUBSCRIBED


def test_an_entry_that_stands_is_not_written_again() -> None:
    first = settled(bounce(filed=filed(Kind.COMPLAINT))).suppress[0]
    done = settled(bounce(filed=filed(Kind.COMPLAINT)), known(SENT, None, first))
    assert not done.suppress
    assert [e.state for e in done.events] == [State.COMPLAINT]


@pytest.mark.parametrize(
    ("kind", "word"), [(Kind.COMPLAINT, "complaint"), (Kind.UNSUBSCRIBE, "unsubscribed")]
)
def test_what_a_recipient_said_outlives_the_undo_of_an_import(kind: Kind, word: str) -> None:
    [first] = settled(bounce(filed=filed(kind))).suppress
    imported = msgspec.structs.replace(first, reason="import", category="")
    [entry] = settled(bounce(filed=filed(kind)), known(SENT, None, imported)).suppress
    assert (entry.reason, entry.identity, entry.expires_at) == (word, imported.identity, 0)


def test_a_wish_that_would_end_earlier_leaves_what_stands() -> None:
    complaint = bounce(filed=filed(Kind.COMPLAINT))
    [first] = settled(complaint).suppress
    wish = msgspec.structs.replace(first, expires_at=values.NOW + values.DAY)
    stands = known(SENT, None, msgspec.structs.replace(first, reason="import"))
    assert suppress.told_already(stands, wish, values.NOW)
    assert not suppress.told_already(stands, first, values.NOW)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        pytest.param({"delivery": 0, "filed_standing": Standing.UNVERIFIED}, None, id="no token"),
        pytest.param({"filed_standing": Standing.EXPIRED}, SENT, id="expired"),
        pytest.param({"filed_standing": Standing.UNVERIFIED}, SENT, id="unverified"),
        pytest.param({}, None, id="not delivered"),
        pytest.param(
            {"of_message": True}, msgspec.structs.replace(SENT, recipients=2), id="of several recipients"
        ),
    ],
)
def test_what_is_tied_to_no_delivery_changes_nothing(
    kind: Kind, changes: dict[str, Any], sent: fact_values.Sent | None
) -> None:
    changes = dict(changes)
    standing = changes.pop("filed_standing", Standing.VERIFIED)
    done = settled(bounce(filed=filed(kind, standing), **changes), known(sent))
    [event] = done.events
    assert (event.state, event.action) == (State.REPORTED, Action.NONE)
    assert "unverified" in event.detail or "without effect" in event.detail
    assert (done.suppress, done.release, done.address, done.sent) == ((), (), None, None)
    assert done.filed is not None


def open_facts(recipients: int = 1) -> fact_values.Facts:
    return msgspec.structs.replace(known(None), still_open=recipients)


@pytest.mark.parametrize("kind", [Kind.BOUNCE, Kind.COMPLAINT])
def test_a_report_about_what_is_still_to_be_delivered_is_to_be_asked_about_again(kind: Kind) -> None:
    done = settled(bounce(filed=filed(kind)), open_facts())
    assert done == settlements.Settlement(ending=None, reschedule=None, events=(), early=True)


def test_who_leaves_is_followed_before_the_delivery_is_over() -> None:
    done = settled(bounce(filed=filed(Kind.UNSUBSCRIBE)), open_facts())
    assert [e.state for e in done.events] == [State.UNSUBSCRIBED, State.SUPPRESSED]
    assert (done.early, done.sent, done.filed) == (False, None, filed(Kind.UNSUBSCRIBE))


@pytest.mark.parametrize(
    ("result", "recipients"),
    [
        pytest.param(bounce(filed=filed(Kind.NOTICE)), 1, id="a notice"),
        pytest.param(bounce(of_message=True), 2, id="a token that names nobody"),
        pytest.param(bounce(filed=filed(standing=Standing.EXPIRED)), 1, id="an expired token"),
    ],
)
def test_what_would_not_act_anyway_is_not_waited_for(result: results.Reported, recipients: int) -> None:
    done = settled(result, open_facts(recipients))
    assert [e.state for e in done.events] == [State.REPORTED]
    assert not done.early


@pytest.mark.parametrize("tried", [1, 30])
def test_a_try_in_doubt_leaves_behind_what_a_delivery_would(tried: int) -> None:
    delivery = msgspec.structs.replace(values.DELIVERY, expires_at=values.NOW + tried)
    attempt = msgspec.structs.replace(values.ATTEMPT, reports_until=77)
    lost = replies.Reply(0, b"closed", replies.Stage.DOT)
    result = results.Attempted(
        1002, values.CLAIM, attempt, lost, values.verdict(Category.SESSION_NETWORK), in_doubt=True
    )
    facts = fact_values.Facts(delivery, fact_values.AddressRecord(delivery.key))
    assert values.settled(result, facts).sent == fact_values.Sent(delivery, values.NOW, 77)
    assert values.settled(msgspec.structs.replace(result, in_doubt=False), facts).sent is None


def test_a_messages_token_counts_where_it_has_one_recipient() -> None:
    assert settled(bounce(of_message=True)).suppress


def test_of_several_recipients_none_is_named() -> None:
    several = msgspec.structs.replace(SENT, recipients=2)
    done = settled(bounce(of_message=True), known(several))
    assert (done.events[0].delivery, done.events[0].message) == (0, 1001)
    assert done.events[0].recipient == FILED.recipient
    assert done.filed is not None
    assert done.filed.standing is Standing.UNVERIFIED


def test_a_notice_is_only_noted() -> None:
    done = settled(bounce(filed=filed(Kind.NOTICE), category="feedback.not_spam", detail="not-spam"))
    [event] = done.events
    assert (event.state, event.category, event.delivery) == (State.REPORTED, "feedback.not_spam", 1002)
    assert event.detail == "notice: not-spam"


def test_a_delivery_leaves_something_behind_only_where_it_had_a_token() -> None:
    assert values.settled(values.DELIVERED).sent is None
    attempt = msgspec.structs.replace(values.ATTEMPT, reports_until=77)
    with_token = msgspec.structs.replace(values.DELIVERED, attempt=attempt)
    assert values.settled(with_token).sent == fact_values.Sent(values.DELIVERY, values.NOW, 77)
    record = msgspec.structs.replace(values.RECORD, soft_count=1)
    sent = values.settled(with_token, values.facts(record)).sent
    assert sent is not None
    assert sent.before == record
