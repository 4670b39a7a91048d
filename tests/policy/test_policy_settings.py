"""What an operator may change about policy, how a mistake is named, and that the page says what is decided."""

import pathlib

import pytest

from gatepost import errors
from gatepost.model import verdict as verdicts
from gatepost.policy import categories, categories_page, terms
from gatepost.policy import settings as policy_settings

C = verdicts.Category
PAGE = pathlib.Path(__file__).parents[2] / "docs" / "categories.md"


def test_the_committed_page_is_the_table() -> None:
    assert PAGE.read_text() == categories_page.render()


def test_the_defaults_are_good() -> None:
    assert list(policy_settings.problems(policy_settings.PolicySettings())) == []
    assert policy_settings.read({}) == policy_settings.PolicySettings()


@pytest.mark.parametrize(
    ("table", "place"),
    [
        pytest.param({"nonsense": 1}, "policy", id="unknown-key"),
        pytest.param({"lifetime_s": 0}, "policy.lifetime_s", id="lifetime"),
        pytest.param({"time_scale": 0}, "policy.time_scale", id="scale"),
        pytest.param({"preset": "mild"}, "policy.preset", id="preset"),
        pytest.param(
            {"suppression": {"provisional_days": 0}}, "policy.suppression.provisional_days", id="days"
        ),
        pytest.param(
            {"escalation": {"unknown_messages": 2}}, "policy.escalation.unknown_messages", id="unknown"
        ),
        pytest.param({"schedules": {"0": {}}}, "policy.schedules.0", id="schedule-0"),
        pytest.param({"schedules": {"S": {"delays_s": []}}}, "policy.schedules.S.delays_s", id="no-delays"),
        pytest.param({"schedules": {"S": {"cap_s": 1}}}, "policy.schedules.S.cap_s", id="cap"),
        pytest.param({"schedules": {"S": {"factor": 0.5}}}, "policy.schedules.S.factor", id="factor"),
        pytest.param({"schedules": {"S": {"window_s": 0}}}, "policy.schedules.S.window_s", id="window"),
        pytest.param({"schedules": {"S": {"jitter": [0.5, 0.1]}}}, "policy.schedules.S.jitter", id="jitter"),
        pytest.param({"schedules": {"S": {"then": "G"}}}, "policy.schedules.S.then", id="circle"),
        pytest.param({"categories": {"local.expired": {}}}, 'policy.categories."local.expired"', id="fixed"),
        pytest.param(
            {"categories": {"content.spam": {"action": "suppress"}}},
            'policy.categories."content.spam".scope',
            id="no-scope",
        ),
        pytest.param(
            {"categories": {"content.spam": {"action": "retry"}}},
            'policy.categories."content.spam".schedule',
            id="no-schedule",
        ),
        pytest.param(
            {"categories": {"recipient.rate": {"gap_s": -1}}},
            'policy.categories."recipient.rate".gap_s',
            id="negative",
        ),
    ],
)
def test_a_mistake_is_named(table: dict[str, object], place: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        policy_settings.read(table)
    assert caught.value.place == place


def test_a_change_reaches_the_terms_and_leaves_the_rest() -> None:
    settings = policy_settings.read(
        {
            "schedules": {"S": {"delays_s": [1, 2], "cap_s": 2, "window_s": 9}},
            "categories": {"content.spam": {"action": "retry", "schedule": "S"}},
        }
    )
    made = terms.of(settings)
    changed = made.rules[C.CONTENT_SPAM]
    assert changed.action is categories.Action.RETRY
    assert (changed.times.delays, changed.times.window) == ((1000, 2000), 9000)
    assert made.rules[C.CONTENT_MALWARE].action is categories.Action.FAIL
    assert not changed.insisted


def test_a_schedule_that_never_grows_still_makes_terms() -> None:
    flat = policy_settings.ScheduleOverride(factor=1.0)
    slow = policy_settings.ScheduleOverride(factor=1.0001)
    for override in (flat, slow):
        settings = policy_settings.PolicySettings(schedules={categories.Schedule.STANDARD: override})
        assert terms.of(settings).rules[C.UNKNOWN_TEMPORARY].times.delays


@pytest.mark.parametrize("row", categories.ROWS, ids=lambda row: row.category.value)
def test_a_row_is_whole(row: categories.Row) -> None:
    waits = row.action in {categories.Action.RETRY, categories.Action.HOLD, categories.Action.RESPLIT}
    assert (waits and not row.held) is (row.schedule is not categories.Schedule.NONE)
    assert (row.scope is not None) is (categories.Action.SUPPRESS in {row.action, row.then})
    assert row.text.endswith(".")
