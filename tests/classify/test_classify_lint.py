"""Lint finds rules that never win, never match, or would take living addresses for dead ones; the shipped ones pass."""

from pathlib import Path

import pytest

from gatepost.classify import classifier as classifiers
from gatepost.classify import lint, rules
from gatepost.delivery import route

DATA = Path(__file__).parents[2] / "src" / "gatepost" / "classify" / "data"
SHIPPED = {path.name: path.read_bytes() for path in DATA.glob("*.toml")}
RULE = '[[rule]]\nid = "own"\ncategory = "{category}"\n{more}\nexamples = ["{example}"]\n'


def own(more: str, example: str, category: str = "content.spam") -> list[str]:
    text = RULE.format(category=category, more=more, example=example)
    found = rules.load(SHIPPED, {"rules/own.toml": text.encode()})
    return [one for one in lint.problems(found, route.provider_names()) if "own.toml" in one]


def test_the_shipped_rules_pass() -> None:
    assert lint.problems(rules.load(SHIPPED), route.provider_names()) == []


def test_a_good_rule_passes() -> None:
    assert own('match = ["purple elephant"]', "550 5.7.1 purple elephant") == []


@pytest.mark.parametrize(
    ("more", "example", "category", "words"),
    [
        ('provider = "gmial"\nmatch = ["foo bar"]', "550 foo bar", "content.spam", "provider 'gmial'"),
        ('stages = ["dns"]\nmatch = ["foo bar"]', "550 foo bar", "content.spam", "no server answers"),
        (
            'stages = ["mail"]\nmatch = ["foo bar"]',
            "550 foo bar",
            "recipient.unknown",
            "no recipient is named",
        ),
        ('codes = ["2xx"]\nmatch = ["foo bar"]', "250 foo bar", "content.spam", "2xx takes"),
        (
            'match = ["foo bar"]\nenhanced = ["5.1.1", "6.1.1"]',
            "550 5.1.1 foo bar",
            "content.spam",
            "'6.1.1' is no enhanced code",
        ),
        ('match = ["foo bar", "a  space"]', "550 foo bar", "content.spam", "single spaces"),
        ('match = ["foo bar", "no anna@b.example"]', "550 foo bar", "content.spam", "are replaced"),
        ('enhanced = ["5.7.1"]', "550 5.7.1 no", "content.spam", "dangerously broad"),
        ('match = ["foo bar", "5.7.1"]', "550 foo bar", "content.spam", "has no words"),
        (
            'provider = "google"\nenhanced = ["x.7.x"]',
            "550 5.7.1 no",
            "recipient.disabled",
            "dangerously broad",
        ),
        ('match = ["rejected"]', "554 5.7.1 rejected", "recipient.unknown", "for a dead address"),
        ('match = ["(the|user|mail|message|not)"]', "550 the", "content.spam", "too broad"),
    ],
)
def test_a_mistake_is_told_with_its_place(more: str, example: str, category: str, words: str) -> None:
    found = own(more, example, category)
    assert any(words in one for one in found), found
    assert all(one.startswith("rules/own.toml:1: rule own: ") for one in found)


def test_a_rule_that_an_earlier_one_always_beats_is_told_with_both_places() -> None:
    one = RULE.format(category="content.spam", more='match = ["foo"]', example="550 foo bar")
    two = RULE.format(category="rate.limited", more='match = ["foo bar"]', example="550 foo bar")
    found = rules.load({"a.toml": (one + two.replace('"own"', '"second"')).encode()})
    assert lint.problems(found, frozenset()) == [
        "a.toml:6: rule second: never wins: own (a.toml:1) takes all its examples"
    ]


def test_a_layer_above_wins_and_replaces_a_rule_of_the_same_id() -> None:
    text = RULE.format(category="rate.limited", more='match = ["no such user"]', example="550 no such user")
    replaced = text.replace('"own"', '"recipient.unknown"').replace("examples", "version = 7\nexamples")
    found = rules.load(SHIPPED, {"rules/own.toml": replaced.encode()})
    assert [rule.place for rule in found.rules if rule.id == "recipient.unknown"] == ["rules/own.toml:1"]
    reply = rules.read_reply("550 5.1.1 no such user")
    verdict = classifiers.Classifier(found).classify(reply, classifiers.Context())
    assert (verdict.category, verdict.rule, verdict.rule_version) == ("rate.limited", "recipient.unknown", 7)


def test_the_same_id_twice_in_one_layer_is_refused() -> None:
    text = RULE.format(category="rate.limited", more='match = ["foo bar"]', example="550 foo bar").encode()
    assert rules.problems({}, {"a.toml": text, "b.toml": text}) == ["b.toml:1: rule own is also at a.toml:1"]
