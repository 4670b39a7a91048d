"""The shipped rules keep their own promises, and broken files are refused whole."""

from pathlib import Path

import pytest

from gatepost import errors
from gatepost.classify import classifier as classifiers
from gatepost.classify import patterns, rules, ruleset
from gatepost.model import reply as replies

DATA = Path(__file__).parents[2] / "src" / "gatepost" / "classify" / "data"
FILES = {path.name: path.read_bytes() for path in DATA.glob("*.toml")}
RULES = rules.load(FILES)

GOOD = b'[[rule]]\nid = "a"\ncategory = "content.spam"\nmatch = ["bad words"]\nexamples = ["550 bad words"]\n'


def test_the_shipped_files_have_no_problems() -> None:
    assert rules.problems(FILES) == []
    assert len(RULES.rules) >= 150


def test_each_rule_says_what_it_must_not_match() -> None:
    assert [rule.id for rule in RULES.rules if not rule.counter_examples] == []


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_each_example_matches_its_rule_and_wins_its_category(rule: ruleset.Rule) -> None:
    classifier = classifiers.Classifier(RULES)
    stage = min(rule.stages, default=replies.Stage.RCPT)
    for text in rule.examples:
        assert rules.agrees(rule, text, RULES), text
        context = classifiers.Context(provider=rule.provider)
        won = classifier.classify(rules.read_reply(text, stage), context)
        expected = {rule.category.value, "recipient.unknown_tempfail"}
        if rule.category == "source.refused":
            expected.add("unknown.permanent")  # from a host that is not our relay
        assert won.category in expected, (text, won.rule)
    for text in rule.counter_examples:
        assert not rules.agrees(rule, text, RULES), text


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (b"[[rule]\n", "x.toml", "line 1"),
        (b"\xff", "x.toml", "utf-8"),
        (GOOD + b'[[rule]]\nid = "b"\ncategory = "no.such"\n', "x.toml:6", "no.such"),
        (GOOD + GOOD, "x.toml:6", "also at x.toml:1"),
        (GOOD.replace(b"content.spam", b"local.expired"), "x.toml:1", "no reply can mean"),
        (GOOD.replace(b'"550 bad words"', b'"550 good words"'), "x.toml:1", "does not match"),
        (GOOD + b'counter_examples = ["554 bad words"]\n', "x.toml:1", "counter-example"),
        (GOOD + b"colour = 1\n", "x.toml:1", "colour"),
        (GOOD + b'codes = ["99"]\n', "x.toml:1", "99"),
        (GOOD + b'stages = ["lunch"]\n', "x.toml:1", "lunch"),
        (GOOD + b"explicit = true\n", "x.toml:1", "explicit"),
        (GOOD.replace(b'"bad words"]\nex', b'"(a|b) * c"]\nex'), "x.toml:1", "literal"),
    ],
)
def test_a_broken_file_is_refused_with_its_place(data: bytes, place: str, words: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        rules.load({}, {"x.toml": data})
    assert place in str(caught.value)
    assert words in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    bad = GOOD.replace(b"content.spam", b"no.such")
    assert len(rules.problems({"x.toml": bad + bad, "y.toml": b"="})) == 3


def test_an_operators_file_and_a_providers_rule_stand_above() -> None:
    own = GOOD.replace(b'"a"', b'"own"').replace(b"content.spam", b"rate.limited")
    theirs = GOOD.replace(b'"a"', b'"p"') + b'provider = "google"\n'
    loaded = rules.load({"a.toml": GOOD, "b.toml": theirs, "z.toml": b"precedence = 10\n" + own})
    assert [rule.id for rule in loaded.rules] == ["own", "p", "a"]


@pytest.mark.parametrize("source", ["", "(a", "a)", "a * b * c * d * e", "(a|b)"])
def test_a_malformed_pattern_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        patterns.parse(source)


@pytest.mark.parametrize(
    ("source", "text", "matches"),
    [
        ("no such user", "there is no such user here", True),
        ("no such user", "no such users", False),
        ("disabl*", "disabled", True),
        ("mailbox * full", "mailbox of anna is full", True),
        ("account * locked", "account is locked", True),
        ("account * locked", "account is blocked", False),
        ("account is *locked", "account isblocked", False),
        ("account *locked", "account is blocked", True),
        ("mailbox * full", "mailbox " + "x" * 60 + " full", False),
        ("mailbox * full", "mailbox <\u00a4> full", True),
        ("(no|unknown) user", "unknown user", True),
        ("boîte pleine", "boite pleine", True),
    ],
)
def test_the_pattern_language(source: str, text: str, *, matches: bool) -> None:
    assert (patterns.parse(source).search(text) is not None) is matches


def test_the_examples_of_the_shipped_layer_are_proved_by_this_file_and_not_at_every_start() -> None:
    bad = {"x.toml": GOOD.replace(b'"550 bad words"', b'"550 good words"')}
    assert [rule.id for rule in rules.load(bad).rules] == ["a"]
    assert "does not match" in rules.problems(bad)[0]
    with pytest.raises(errors.BadInput, match="does not match"):
        rules.load({}, bad)
