"""Schedules, windows, hints, holds: when the next try is, and when there is none."""

from typing import Any

import msgspec
import pytest
from tests.policy import policy_values as v

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.policy import hold, retry, rotation, terms
from gatepost.policy import settings as policy_settings

C = v.Category
FAR = v.NOW + 10_000 * v.H


def delays(category: C, replies: int, code: int = 450, jitter: float = 0.5) -> list[float]:
    """Minutes between the replies of one category, each given the moment it was due."""
    rule, now, found = v.TERMS.rules[category], v.NOW, []
    for count in range(1, replies + 1):
        due = retry.next_try(retry.Turn(count, v.NOW, code), rule, FAR, now, jitter)
        if due is None:
            break
        found.append((due - now) / v.MIN)
        now = due
    return found


@pytest.mark.parametrize(
    ("category", "code", "jitter", "expected"),
    [
        pytest.param(C.UNKNOWN_TEMPORARY, 450, 0.5, [10, 20, 40, 80, 160, 240, 240], id="S"),
        pytest.param(C.UNKNOWN_TEMPORARY, 450, 0.0, [9, 18, 36], id="S-earliest"),
        pytest.param(C.UNKNOWN_TEMPORARY, 450, 1.0, [11, 22, 44], id="S-latest"),
        pytest.param(C.RATE_GREYLISTED, 450, 0.0, [5, 10, 15, 30, 10, 20, 40, 80, 160, 240, 240], id="G"),
        pytest.param(C.RATE_GREYLISTED, 450, 1.0, [6, 12, 18, 36, 12], id="G-latest"),
        pytest.param(C.RECIPIENT_OVER_QUOTA, 452, 0.5, [120, 360, 720, 1440, 1440], id="Q"),
        pytest.param(C.RECIPIENT_OVER_QUOTA, 552, 0.5, [360, 1440], id="Q-on-5xx"),
        pytest.param(C.SESSION_TIMEOUT, 0, 0.5, [15, 30, 60, 120, 240, 360, 360], id="D"),
        pytest.param(C.RECIPIENT_RATE, 450, 0.0, [60, 60, 60, 72], id="gap"),
        pytest.param(C.RATE_LIMITED, 550, 0.0, [10, 20], id="R"),
        pytest.param(C.SENDER_IP_BLOCKLISTED, 550, 0.5, [10, 20], id="L"),
    ],
)
def test_delays_follow_the_categorys_schedule(
    category: C, code: int, jitter: float, expected: list[float]
) -> None:
    assert delays(category, len(expected), code, jitter) == pytest.approx(expected)


@pytest.mark.parametrize("code", [450, 552])
def test_every_schedule_ends_within_its_window(code: int) -> None:
    for rule in v.TERMS.rules.values():
        found = delays(C(rule.word), 500, code)
        assert 0 < len(found) < 60
        assert sum(found) <= rule.times.window / v.MIN


def test_a_quota_said_with_5xx_is_tried_twice_more_then_ends() -> None:
    seen = (fact_values.Seen("recipient.over_quota", v.NOW - 31 * v.H, 2),)
    settlement = v.settled(v.answer(C.RECIPIENT_OVER_QUOTA, 552), v.facts(seen=seen, attempts=2))
    (event,) = settlement.events
    assert (event.category, event.outcome, event.code) == ("local.expired", v.Outcome.SOFT, 552)


@pytest.mark.parametrize(
    ("count", "hint_s", "expected_s"),
    [
        pytest.param(1, 300, 300, id="sooner-than-the-schedule"),
        pytest.param(1, 7200, 7200, id="later"),
        pytest.param(4, 60, 4800, id="again-and-again-it-yields-to-the-schedule"),
        pytest.param(1, 10**6, 72 * 3600, id="beyond-the-window-its-end"),
    ],
)
def test_a_delay_named_by_the_server_is_followed(count: int, hint_s: int, expected_s: int) -> None:
    turn = retry.Turn(count, v.NOW, 450, hint_s * 1000)
    due = retry.next_try(turn, v.TERMS.rules[C.RATE_LIMITED], FAR, v.NOW, 0.0)
    assert due == v.NOW + expected_s * 1000


def test_a_hint_reaches_the_settlement_and_is_not_undercut() -> None:
    for jitter in (0.0, 1.0):
        again = v.settled(v.answer(C.RATE_GREYLISTED, 451, hint=300), jitter=jitter).reschedule
        assert again is not None
        assert 300_000 <= again.next_at - v.NOW <= 360_000


@pytest.mark.parametrize(
    ("first_ago", "left", "what"),
    [
        pytest.param(72 * v.H, 50 * v.H, "window", id="window"),
        pytest.param(72 * v.H - 1000, 50 * v.H, "window", id="seconds-before"),
        pytest.param(v.H, 0, "lifetime", id="lifetime"),
    ],
)
def test_a_window_or_lifetime_that_is_over_bounces_softly(first_ago: int, left: int, what: str) -> None:
    seen = (fact_values.Seen("unknown.temporary", v.NOW - first_ago, 5),)
    known = v.facts(seen=seen, attempts=5, expires_at=v.NOW + left)
    settlement = v.settled(v.answer(C.UNKNOWN_TEMPORARY, 451), known)
    (event,) = settlement.events
    assert settlement.ending is settlements.Ending.BOUNCED
    assert (event.state, event.outcome) == (events.State.BOUNCED, v.Outcome.SOFT)
    assert (event.category, event.flags) == ("local.expired", events.Flag.EXPIRED)
    assert event.detail == f"{what} ended; last answer unknown.temporary"
    assert (event.code, event.rule, event.attempt) == (451, "test.rule", 6)


def test_the_last_try_is_made_at_the_windows_end() -> None:
    seen = (fact_values.Seen("unknown.temporary", v.NOW - 70 * v.H, 25),)
    again = v.settled(v.answer(C.UNKNOWN_TEMPORARY, 451), v.facts(seen=seen)).reschedule
    assert again is not None
    assert again.next_at == v.NOW + 2 * v.H


def test_a_window_runs_from_the_first_reply_of_its_own_category() -> None:
    seen = (fact_values.Seen("rate.limited", v.NOW - 80 * v.H, 9),)
    again = v.settled(v.answer(C.UNKNOWN_TEMPORARY, 451), v.facts(seen=seen)).reschedule
    assert again is not None
    assert again.seen == (fact_values.Seen("unknown.temporary", v.NOW, 1), *seen)


@pytest.mark.parametrize(
    ("hours", "lifetime", "until"), [(0, 120, 72), (50, 120, 22), (0, 24, 24)], ids=["new", "again", "short"]
)
def test_mail_waits_three_days_for_authentication_and_not_beyond_its_life(
    hours: int, lifetime: int, until: int
) -> None:
    seen = (fact_values.Seen("sender.auth", v.NOW - hours * v.H, 1),) if hours else ()
    known = v.facts(seen=seen, expires_at=v.NOW + lifetime * v.H)
    again = v.settled(v.answer(C.SENDER_AUTH, 550), known).reschedule
    assert again is not None
    assert again.next_at == v.NOW + until * v.H


def test_what_was_held_for_three_days_is_held_no_longer() -> None:
    seen = (fact_values.Seen("sender.auth", v.NOW - 72 * v.H, 3),)
    (event,) = v.settled(v.answer(C.SENDER_AUTH, 550), v.facts(seen=seen)).events
    assert (event.category, event.outcome) == ("local.expired", v.Outcome.REJECTION)


def test_what_waited_for_authentication_ends_as_a_rejection() -> None:
    known = v.facts(attempts=5, expires_at=v.NOW)
    (event,) = v.settled(v.answer(C.SENDER_AUTH, 550), known).events
    assert (event.category, event.outcome) == ("local.expired", v.Outcome.REJECTION)


def test_an_end_in_silence_quotes_the_last_real_reply() -> None:
    known = v.facts(
        attempts=3, expires_at=v.NOW, last_category="recipient.over_quota", last_reply=b"452-4.2.2 a\r\n452 b"
    )
    (event,) = v.settled(v.answer(C.SESSION_NETWORK, 0, v.Stage.CONNECT), known).events
    assert event.detail == "lifetime ended; last answer recipient.over_quota: 452-4.2.2 a 452 b"
    assert event.reply == b""  # our own words are no reply


@pytest.mark.parametrize(
    ("category", "raw", "code", "enhanced", "detail"),
    [
        pytest.param(
            "recipient.over_quota",
            b"452 4.2.2 full",
            452,
            "4.2.2",
            "lifetime ended; last answer recipient.over_quota",
            id="reply",
        ),
        pytest.param(
            "session.timeout",
            b"timed out",
            0,
            "",
            "lifetime ended; last answer session.timeout",
            id="silence",
        ),
        pytest.param("", b"", 0, "", "lifetime ended; no answer was ever given", id="never-tried"),
    ],
)
def test_an_expiry_without_an_attempt_keeps_the_last_reply(
    category: str, raw: bytes, code: int, enhanced: str, detail: str
) -> None:
    known = v.facts(attempts=2, last_category=category, last_reply=raw)
    settlement = v.settled(results.Expired(v.DELIVERY.id, v.CLAIM), known)
    (event,) = settlement.events
    assert settlement.ending is settlements.Ending.BOUNCED
    assert (event.category, event.outcome) == ("local.expired", v.Outcome.SOFT)
    assert (event.code, event.enhanced, event.reply, event.detail) == (code, enhanced, raw, detail)
    assert event.flags is events.Flag.EXPIRED


def test_the_time_scale_shortens_delays_windows_hints_and_holds() -> None:
    fast = terms.of(policy_settings.PolicySettings(time_scale=0.001))
    again = v.settled(v.answer(C.UNKNOWN_TEMPORARY, 451), by=fast).reschedule
    hinted = v.settled(v.answer(C.RATE_LIMITED, 451, hint=300), by=fast, jitter=0).reschedule
    assert again is not None
    assert hinted is not None
    assert again.next_at == v.NOW + 600
    assert hinted.next_at == v.NOW + 300
    seen = (fact_values.Seen("unknown.temporary", v.NOW - 72 * v.H // 1000, 5),)
    assert v.settled(v.answer(C.UNKNOWN_TEMPORARY, 451), v.facts(seen=seen), by=fast).ending is not None
    assert fast.hold == v.TERMS.hold // 1000
    assert fast.provisional == v.TERMS.provisional


# --- holds


DUE = messages.Due(
    id=1,
    message=1,
    lane=1,
    account=3,
    bridge=4,
    source=1,
    priority=messages.Priority.BULK,
    next_at=v.NOW,
    expires_at=v.NOW + v.H,
    attempts=0,
    sender=b"",
    recipient=b"",
    key=v.DELIVERY.key,
    domain="example.org",
    list="",
    size=1,
)
T = messages.Priority.TRANSACTIONAL


@pytest.mark.parametrize(
    ("held", "changes", "until"),
    [
        pytest.param(None, {}, None, id="nothing-held"),
        pytest.param((3, 60, 0), {}, 60, id="bulk-waits"),
        pytest.param((9, 60, 0), {}, None, id="another-accounts"),
        pytest.param((3, 0, 0), {}, None, id="over"),
        pytest.param((3, 60, 0), {"priority": T}, None, id="transactional-goes"),
        pytest.param((3, 60, -5), {"priority": T}, 10, id="probed-just-now"),
        pytest.param((3, 5, -5), {"priority": T}, 5, id="a-probe-waits-no-longer-than-the-hold"),
        pytest.param((3, 60, -20), {"priority": T}, None, id="probed-a-while-ago"),
        pytest.param((3, 60, 0), {"expires_at": v.NOW - v.H}, 60, id="expired-and-never-tried"),
        pytest.param((3, 60, 0), {"expires_at": v.NOW - 24 * v.H}, None, id="a-day-ago-gets-its-one-try"),
    ],
)
def test_a_held_address_is_left_alone(
    held: tuple[int, int, int] | None, changes: dict[str, Any], until: int | None
) -> None:
    holds: tuple[fact_values.Hold, ...] = ()
    if held is not None:
        account, minutes, probed = held
        probe_at = v.NOW + probed * v.MIN if probed else 0
        holds = (fact_values.Hold(account, v.NOW + minutes * v.MIN, "recipient.over_quota", probe_at),)
    record = fact_values.AddressRecord(v.DELIVERY.key, holds=holds)
    found = hold.may_go(record, msgspec.structs.replace(DUE, **changes), v.NOW)
    assert found == (None if until is None else v.NOW + until * v.MIN)


@pytest.mark.parametrize(
    ("category", "code", "minutes"),
    [
        pytest.param(C.RECIPIENT_OVER_QUOTA, 452, 120, id="until-the-next-try"),
        pytest.param(C.RECIPIENT_OVER_QUOTA, 552, 360, id="six-hours-at-most"),
        pytest.param(C.RECIPIENT_UNKNOWN_TEMPFAIL, 450, 10, id="tempfail"),
        pytest.param(C.RECIPIENT_DISABLED, 450, 10, id="hard-words-with-a-4xx"),
        pytest.param(C.RATE_LIMITED, 450, 0, id="not-for-rate"),
        pytest.param(C.DOMAIN_UNREACHABLE, 0, 0, id="not-for-a-domain"),
    ],
)
def test_only_the_recipients_own_trouble_holds_the_address(category: C, code: int, minutes: int) -> None:
    settlement = v.settled(v.answer(category, code), jitter=0.5)
    if not minutes:
        assert settlement.address is None
        return
    assert settlement.address is not None
    assert settlement.address.holds == (
        fact_values.Hold(v.DELIVERY.account, v.NOW + minutes * v.MIN, category.value),
    )


def test_a_transactional_answer_renews_the_hold_and_counts_as_a_probe() -> None:
    other = fact_values.Hold(9, v.NOW + v.H, "recipient.rate")
    over = fact_values.Hold(8, v.NOW - 1, "recipient.rate")
    record = fact_values.AddressRecord(
        v.DELIVERY.key, holds=(fact_values.Hold(3, v.NOW + v.MIN, "recipient.rate"), other, over)
    )
    known = v.facts(record, priority=T)
    renewed = v.settled(v.answer(C.RECIPIENT_OVER_QUOTA, 452), known).address
    assert renewed is not None
    assert renewed.holds == (fact_values.Hold(3, v.NOW + 2 * v.H, "recipient.over_quota", v.NOW), other)
    probed = v.settled(v.answer(C.RATE_LIMITED, 450), known).address
    assert probed is not None
    assert probed.holds[0] == fact_values.Hold(3, v.NOW + v.MIN, "recipient.rate", v.NOW)


# --- rotation


@pytest.mark.parametrize(
    ("weights", "r", "expected"),
    [
        pytest.param([1], 0.0, 0, id="one"),
        pytest.param([1, 3], 0.24, 0, id="first"),
        pytest.param([1, 3], 0.26, 1, id="second"),
        pytest.param([0, 1, 0], 0.999, 1, id="weightless-never"),
        pytest.param([1, 1, 0], 1.0, 1, id="rounded-past-the-end"),
        pytest.param([-1, 1], 0.0, 1, id="negative-never"),
    ],
)
def test_a_source_is_picked_by_its_weight(weights: list[int], r: float, expected: int) -> None:
    assert rotation.pick(weights, r) == expected


@pytest.mark.parametrize("weights", [[], [0, 0]])
def test_a_pool_without_weight_is_an_error(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="no weight"):
        rotation.pick(weights, 0.5)
