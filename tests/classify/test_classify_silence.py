"""Which replies that no rule knew may be weighed by history: those that say nothing but no, at RCPT, by the host itself."""

from pathlib import Path

import pytest

from gatepost.classify import classifier as classifiers
from gatepost.classify import rules
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

DATA = Path(__file__).parents[2] / "src" / "gatepost" / "classify" / "data"
Stage = replies.Stage
Category = verdicts.Category
NOTHING = classifiers.Context()


@pytest.fixture(scope="module")
def classifier() -> classifiers.Classifier:
    return classifiers.Classifier(rules.load({p.name: p.read_bytes() for p in DATA.glob("*.toml")}))


def verdict_of(
    classifier: classifiers.Classifier,
    text: str,
    stage: Stage = Stage.RCPT,
    known: classifiers.Context = NOTHING,
) -> verdicts.Verdict:
    return classifier.classify(rules.read_reply(text, stage), known)


@pytest.mark.parametrize(
    "text",
    [
        "550 Nope",
        "550 no thank you",
        "551 not here",
        "553 sorry",
        "550 5.0.0 go away",
        "550 5.1.0 <ann@example.org> nope",
        "550 5.2.0 <ann@example.org>... unfortunately not",
    ],
)
def test_a_bare_no_may_be_about_the_address(classifier: classifiers.Classifier, text: str) -> None:
    found = verdict_of(classifier, text)
    assert found.category is Category.UNKNOWN_PERMANENT
    assert found.presumable
    assert found.template.startswith(text[:3])


@pytest.mark.parametrize(
    "text",
    [
        "554 Nope",
        "550 5.7.1 nope",
        "550 5.3.0 nope",
        "450 nope",
        "550 nope, sender",
        "550 your host is unwelcome",
        "550 not from this client",
        "550 see https://example.org/why",
        "550 see www.example.org",
        "550 policy",
        "550 Administrative prohibition",
        "550 listed",
        "550 192.0.2.1 nope",
        "550 nope: your domain",
        "550 not permitted",
        "550 отказано",
    ],
)
def test_a_no_that_may_be_about_something_else_is_not_presumable(
    classifier: classifiers.Classifier, text: str
) -> None:
    assert not verdict_of(classifier, text).presumable


@pytest.mark.parametrize("stage", [s for s in Stage if s is not Stage.RCPT])
def test_only_at_rcpt(classifier: classifiers.Classifier, stage: Stage) -> None:
    assert not verdict_of(classifier, "550 Nope", stage).presumable


@pytest.mark.parametrize(
    ("text", "known"),
    [
        pytest.param("550 Nope", classifiers.Context(smarthost=True), id="our-relay"),
        pytest.param("550 Nope", classifiers.Context(from_dsn=True), id="out-of-a-report"),
        pytest.param(
            "550 shop.example nope", classifiers.Context(from_domain="shop.example"), id="quotes-us"
        ),
        pytest.param("550 host mx.example.org said: 550 Nope", classifiers.Context(), id="another-hosts"),
    ],
)
def test_only_the_hosts_own_word_about_nobody_of_ours(
    classifier: classifiers.Classifier, text: str, known: classifiers.Context
) -> None:
    assert not verdict_of(classifier, text, known=known).presumable


def test_replies_of_one_template_are_one_whoever_the_recipient(classifier: classifiers.Classifier) -> None:
    one = verdict_of(
        classifier, "550 <a@example.org> nope", known=classifiers.Context(recipient="a@example.org")
    )
    two = verdict_of(
        classifier, "550 <bob.b@example.org> nope", known=classifiers.Context(recipient="bob.b@example.org")
    )
    assert one.template == two.template != ""


def test_what_a_rule_knows_has_no_template(classifier: classifiers.Classifier) -> None:
    assert verdict_of(classifier, "550 5.1.1 no such user").template == ""
