"""What each Result leads to: every category in every code class, and everything that is not an attempt."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tests.policy import policy_values as v

from gatepost.model import directive as directives
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import categories, terms
from gatepost.policy import settings as policy_settings

Action = events.Action
State = events.State
C = v.Category

SUPPRESS_NOW = {C.RECIPIENT_UNKNOWN, C.RECIPIENT_BAD_SYNTAX, C.RECIPIENT_DISABLED, C.RECIPIENT_MOVED}
SUPPRESS_NOW |= {C.RECIPIENT_REFUSED, C.RECIPIENT_PRESUMED_DEAD, C.DOMAIN_NULL_MX}
FAIL_NOW = {C.CONTENT_SPAM, C.CONTENT_MALWARE, C.CONTENT_FORMAT, C.CONTENT_TOO_LARGE, C.UNKNOWN_PERMANENT}
HELD = {C.SOURCE_REFUSED, C.SENDER_IP_BLOCKLISTED, C.SENDER_IP_CONFIG, C.SENDER_DOMAIN_REPUTATION}
HELD |= {C.SENDER_AUTH, C.SENDER_ADDRESS}
FROM_REPLIES = [c for c in C if c not in categories.FIXED]
WHERE = [
    "message",
    "delivery",
    "account",
    "bridge",
    "pool",
    "source",
    "node",
    "local_ip",
    "ehlo",
    "provider",
    "domain",
    "peer_host",
    "peer_ip",
    "sender_domain",
    "list",
    "campaign",
    "tags",
    "recipient",
    "stage",
    "code",
    "tls",
    "duration_ms",
    "rule",
    "confidence",
    "fault",
    "reply",
]


def expected_action(category: C, code: int) -> Action:
    if category in SUPPRESS_NOW:
        return Action.RETRY if 400 <= code < 500 else Action.SUPPRESS
    if category in FAIL_NOW:
        return Action.RETRY if 400 <= code < 500 else Action.FAIL
    if category is C.SESSION_TOO_MANY_RECIPIENTS:
        return Action.RESPLIT
    return Action.HOLD if category in HELD else Action.RETRY


@pytest.mark.parametrize("code", [0, 450, 550])
@pytest.mark.parametrize("category", FROM_REPLIES)
def test_the_first_reply_of_a_category_leads_to_its_action(category: C, code: int) -> None:
    settlement = v.settled(v.answer(category, code))
    action = expected_action(category, code)
    event = settlement.events[0]
    assert event.action is action
    assert event.category == category.value
    if action in {Action.SUPPRESS, Action.FAIL}:
        assert settlement.ending is settlements.Ending.BOUNCED
        assert event.state is State.BOUNCED
        assert bool(settlement.suppress) is (action is Action.SUPPRESS)
    else:
        assert settlement.reschedule is not None
        kept = category in {C.SENDER_AUTH, C.SENDER_ADDRESS}
        assert settlement.reschedule.status is (messages.Status.HELD if kept else messages.Status.QUEUED)
        assert settlement.reschedule.hold == (directives.AUTHENTICATION if kept else 0)
        assert settlement.reschedule.attempts == 1
        assert (event.state, event.next_at) == (State.DEFERRED, settlement.reschedule.next_at)
        assert not settlement.suppress


@pytest.mark.parametrize("category", sorted(SUPPRESS_NOW | FAIL_NOW))
def test_a_4xx_that_says_never_ends_the_message(category: C) -> None:
    assert v.settled(v.answer(category, 450, never=True)).ending is settlements.Ending.BOUNCED


def test_an_unknown_4xx_that_says_never_fails_and_keeps_the_address() -> None:
    settlement = v.settled(v.answer(C.UNKNOWN_TEMPORARY, 451, never=True))
    assert settlement.ending is settlements.Ending.BOUNCED
    assert settlement.events[0].outcome is v.Outcome.REJECTION
    assert not settlement.suppress


@pytest.mark.parametrize("category", sorted(HELD))
def test_what_waits_for_us_is_deferred_with_its_own_outcome(category: C) -> None:
    event = v.settled(v.answer(category, 550)).events[0]
    assert (event.state, event.outcome) == (State.DEFERRED, categories.TABLE[category].outcome)


def test_a_delivery_empties_the_addresss_record_and_says_so() -> None:
    record = fact_values.AddressRecord(
        v.DELIVERY.key,
        soft_count=2,
        soft_first_at=1,
        hard_at=5,
        holds=(fact_values.Hold(3, v.NOW + 1, "recipient.over_quota"),),
        refusals=(fact_values.Refusals(4, ("x",), 1, 2),),
    )
    settlement = v.settled(v.DELIVERED, v.facts(record))
    assert settlement.ending is settlements.Ending.DELIVERED
    assert settlement.address == fact_values.AddressRecord(v.DELIVERY.key, v.NOW)
    (event,) = settlement.events
    assert (event.state, event.outcome, event.code, event.enhanced) == (
        State.DELIVERED,
        v.Outcome.DELIVERED,
        250,
        "2.0.0",
    )


def test_the_event_names_the_blocklist_that_the_reply_names() -> None:
    said = v.settled(v.answer(C.SENDER_IP_BLOCKLISTED, 554, blocklist="Spamhaus ZEN"))
    assert said.events[0].detail == "listed by Spamhaus ZEN"


def test_a_blocked_delivery_is_rejected_and_names_the_entry() -> None:
    entry = suppressions.Suppression(suppressions.Kind.DOMAIN, "example.org", reason="manual")
    settlement = v.settled(results.Blocked(v.DELIVERY.id, v.CLAIM, entry))
    (event,) = settlement.events
    assert settlement.ending is settlements.Ending.REJECTED
    assert (event.state, event.category, event.action) == (State.REJECTED, "local.suppressed", Action.NONE)
    assert event.detail == "suppressed (manual): domain example.org"
    assert event.scope == "instance"


def test_a_cancelled_delivery_is_rejected_under_its_own_flag() -> None:
    settlement = v.settled(results.Cancelled(v.DELIVERY.id, "root", "wrong list"))
    (event,) = settlement.events
    assert settlement.ending is settlements.Ending.CANCELLED
    assert (event.state, event.flags) == (State.REJECTED, events.Flag.CANCELLED)
    assert event.detail == "cancelled by root: wrong list"


def test_a_postponed_delivery_keeps_everything_and_tells_nobody() -> None:
    known = v.facts(attempts=2, last_category="rate.limited", last_reply=b"421 no")
    settlement = v.settled(
        results.Postponed(v.DELIVERY.id, v.CLAIM, v.NOW + v.H, "address held"), known, jitter=0
    )
    assert settlement.events == ()
    assert settlement.reschedule == settlements.Reschedule(
        v.NOW + v.H, 2, last_category="rate.limited", last_reply=b"421 no", reason="address held"
    )


def test_a_postponed_delivery_comes_back_in_time_for_its_end() -> None:
    known = v.facts(attempts=1, expires_at=v.NOW + v.MIN)
    settlement = v.settled(results.Postponed(v.DELIVERY.id, v.CLAIM, v.NOW + v.H, "address held"), known)
    assert settlement.reschedule is not None
    assert settlement.reschedule.next_at == v.NOW + v.MIN


@pytest.mark.parametrize(
    "category", [C.SESSION_TIMEOUT, C.SESSION_NETWORK, C.RECIPIENT_UNKNOWN, C.SESSION_PROTOCOL]
)
def test_an_attempt_in_doubt_is_tried_again_and_marked(category: C) -> None:
    settlement = v.settled(v.answer(category, 0, v.Stage.DOT, in_doubt=True))
    assert settlement.reschedule is not None
    assert settlement.events[0].flags is events.Flag.POSSIBLE_DUPLICATE
    assert not settlement.suppress


def test_too_many_recipients_goes_on_at_once_but_not_for_ever() -> None:
    word = C.SESSION_TOO_MANY_RECIPIENTS.value
    first = v.settled(v.answer(C.SESSION_TOO_MANY_RECIPIENTS, 452))
    assert first.reschedule is not None
    assert first.reschedule.next_at == v.NOW
    known = v.facts(seen=(fact_values.Seen(word, v.NOW - 1, 10),))
    later = v.settled(v.answer(C.SESSION_TOO_MANY_RECIPIENTS, 452), known)
    assert later.reschedule is not None
    assert later.reschedule.next_at > v.NOW
    over = v.settled(v.answer(C.SESSION_TOO_MANY_RECIPIENTS, 452), v.facts(expires_at=v.NOW))
    assert over.ending is settlements.Ending.BOUNCED


@pytest.mark.parametrize(
    ("code", "ends"),
    [pytest.param(503, True, id="a-second-5xx"), pytest.param(0, False, id="garbage")],
)
def test_two_servers_that_do_not_understand_each_other_try_once_more(code: int, *, ends: bool) -> None:
    known = v.facts(attempts=1, seen=(fact_values.Seen(C.SESSION_PROTOCOL.value, v.NOW - v.H, 1),))
    settlement = v.settled(v.answer(C.SESSION_PROTOCOL, code), known)
    assert (settlement.ending is settlements.Ending.BOUNCED) is ends
    assert not settlement.suppress
    assert settlement.events[0].outcome is (v.Outcome.REJECTION if ends else v.Outcome.SOFT)


@pytest.mark.parametrize("category", [C.CONTENT_SPAM, C.SENDER_AUTH, C.RECIPIENT_OVER_QUOTA])
def test_the_literal_preset_suppresses_for_every_5xx_and_no_4xx(category: C) -> None:
    literal = terms.of(policy_settings.PolicySettings(preset="literal-5xx"))
    assert v.settled(v.answer(category, 552), by=literal).suppress
    assert not v.settled(v.answer(category, 452), by=literal).suppress


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"stage": v.Stage.DOT}, id="after-the-dot"),
        pytest.param({"stage": v.Stage.MAIL}, id="at-mail"),
        pytest.param({"stage": v.Stage.GREETING}, id="in-the-greeting"),
        pytest.param({"quotes_us": True}, id="quoting-us"),
    ],
)
def test_codes_alone_never_suppress_where_the_reply_may_speak_of_us(changes: dict[str, Any]) -> None:
    stage = changes.pop("stage", v.Stage.RCPT)
    assert isinstance(stage, v.Stage)
    weak = v.settled(v.answer(C.RECIPIENT_UNKNOWN, 550, stage, explicit=False, **changes))
    assert (weak.events[0].action, weak.events[0].outcome) == (Action.FAIL, v.Outcome.REJECTION)
    assert v.settled(v.answer(C.RECIPIENT_UNKNOWN, 550, stage, **changes)).suppress


@pytest.mark.parametrize("stage", [v.Stage.DATA, v.Stage.DOT])
def test_one_answer_for_several_recipients_suppresses_none_of_them(stage: v.Stage) -> None:
    result = v.answer(C.RECIPIENT_UNKNOWN, 550, stage)
    of_two = msgspec.structs.replace(result, attempt=msgspec.structs.replace(v.ATTEMPT, recipients=2))
    shared = v.settled(of_two)
    assert (shared.events[0].action, shared.events[0].outcome) == (Action.FAIL, v.Outcome.REJECTION)
    assert not shared.suppress
    assert v.settled(result).suppress
    at_rcpt = v.answer(C.RECIPIENT_UNKNOWN, 550)
    assert v.settled(msgspec.structs.replace(at_rcpt, attempt=of_two.attempt)).suppress


def test_a_silence_keeps_the_last_real_reply() -> None:
    known = v.facts(attempts=1, last_category="recipient.over_quota", last_reply=b"452 4.2.2 full")
    again = v.settled(v.answer(C.SESSION_NETWORK, 0, v.Stage.CONNECT), known).reschedule
    assert again is not None
    assert (again.last_category, again.last_reply) == ("recipient.over_quota", b"452 4.2.2 full")
    assert again.reason == "session.network"


@pytest.mark.parametrize("category", [C.DELIVERED, C.LOCAL_REFUSED, C.FEEDBACK_AUTOREPLY])
def test_a_word_of_our_own_as_a_verdict_neither_hangs_nor_suppresses(category: C) -> None:
    assert v.settled(v.answer(category, 450, outcome=v.Outcome.SOFT)).reschedule is not None
    ended = v.settled(v.answer(category, 550, outcome=v.Outcome.REJECTION))
    assert ended.ending is settlements.Ending.BOUNCED
    assert not ended.suppress


def test_an_operator_may_make_any_category_suppress() -> None:
    override = policy_settings.CategoryOverride(action="suppress", scope="bridge", expires_days=3)
    by = terms.of(policy_settings.PolicySettings(categories={C.CONTENT_SPAM: override}))
    (entry,) = v.settled(v.answer(C.CONTENT_SPAM, 554, v.Stage.DOT, explicit=False), by=by).suppress
    assert (entry.scope, entry.owner) == (suppressions.Scope.BRIDGE, v.DELIVERY.bridge)
    assert entry.expires_at == v.NOW + 3 * v.DAY


_SEEN = st.lists(
    st.builds(
        fact_values.Seen,
        st.sampled_from([c.value for c in FROM_REPLIES]),
        st.integers(v.NOW - 100 * v.H, v.NOW),
        st.integers(1, 20),
    ),
    max_size=3,
    unique_by=lambda seen: seen.category,
)
_ANSWERS = st.builds(
    v.answer,
    st.sampled_from(FROM_REPLIES),
    st.sampled_from([0, 421, 450, 452, 550, 552, 554]),
    st.sampled_from(list(v.Stage)),
    in_doubt=st.booleans(),
    never=st.booleans(),
    explicit=st.booleans(),
    quotes_us=st.booleans(),
    hint=st.integers(0, 10**6),
    outcome=st.sampled_from([v.Outcome.SOFT, v.Outcome.HARD, v.Outcome.REJECTION]),
)
_FACTS = st.builds(
    lambda seen, left, attempts, delivered: v.facts(
        fact_values.AddressRecord(v.DELIVERY.key, delivered),
        seen=tuple(seen),
        expires_at=v.NOW + left,
        attempts=attempts,
    ),
    _SEEN,
    st.integers(-v.H, 72 * v.H),
    st.integers(0, 9),
    st.sampled_from([0, v.NOW - v.DAY]),
)


@hypothesis_settings(max_examples=80, deadline=None)
@given(_ANSWERS, _FACTS, st.floats(0, 1))
def test_every_attempt_ends_or_goes_on_and_never_suppresses_without_a_hard_verdict(
    result: results.Attempted, known: fact_values.Facts, jitter: float
) -> None:
    settlement = v.settled(result, known, jitter=jitter)
    assert (settlement.ending is None) is (settlement.reschedule is not None)
    if settlement.reschedule is not None:
        resplit = settlement.events[0].action is Action.RESPLIT
        earliest = v.NOW if resplit else v.NOW + 1
        assert earliest <= settlement.reschedule.next_at <= known.delivery.expires_at
    if settlement.suppress:
        assert settlement.events[0].outcome is v.Outcome.HARD
        assert not result.in_doubt
    for event in settlement.events:
        assert_whole(event, result)


def assert_whole(event: events.Event, result: results.Attempted) -> None:
    sources = (v.DELIVERY, result.attempt, result.reply, result.verdict)
    for name in WHERE:
        if name in {"delivery", "reply"}:
            continue
        wanted = next(getattr(value, name) for value in sources if hasattr(value, name))
        assert getattr(event, name) == wanted, name
    said = result.reply.raw if result.reply.code else b""
    assert (event.delivery, event.reply, event.at) == (v.DELIVERY.id, said, v.NOW)
    assert event.attempt >= 1


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(results.Expired(v.DELIVERY.id, v.CLAIM), id="expired"),
        pytest.param(results.Cancelled(v.DELIVERY.id, "root"), id="cancelled"),
        pytest.param(
            results.Blocked(
                v.DELIVERY.id, v.CLAIM, suppressions.Suppression(suppressions.Kind.ADDRESS, v.DELIVERY.key)
            ),
            id="blocked",
        ),
    ],
)
def test_an_event_without_an_attempt_still_says_where(result: results.Result) -> None:
    (event,) = v.settled(result).events
    for name in [*WHERE[:6], "provider", "domain", "sender_domain", "list", "campaign", "tags", "recipient"]:
        wanted = v.DELIVERY.id if name == "delivery" else getattr(v.DELIVERY, name)
        assert getattr(event, name) == wanted, name


def test_every_action_of_a_verdict_is_one_of_those_that_are_settled() -> None:
    assert {row.action for row in categories.ROWS} <= set(Action)
    assert {row.category for row in categories.ROWS} == set(verdicts.Category)
    assert len(categories.ROWS) == len(set(verdicts.Category))
    assert msgspec.structs.asdict(v.TERMS.rules[C.RECIPIENT_UNKNOWN])["word"] == "recipient.unknown"


def test_one_recipient_alone_cannot_be_divided_and_is_tried_later() -> None:
    result = v.answer(C.SESSION_TOO_MANY_RECIPIENTS, 452)
    alone = msgspec.structs.replace(result, attempt=msgspec.structs.replace(v.ATTEMPT, recipients=1))
    assert [v.settled(one).events[0].action for one in (result, alone)] == [Action.RESPLIT, Action.RETRY]
