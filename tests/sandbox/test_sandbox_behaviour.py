"""What the simulated providers answer: deterministic, in the promised proportions, in words that are understood."""

from collections import Counter
from pathlib import Path

import pytest

from gatepost.classify import classifier as classifiers
from gatepost.classify import rules
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts
from gatepost.sandbox import behaviour, world

Act, Kind = behaviour.Act, behaviour.Kind
DATA = Path(__file__).parents[2] / "src" / "gatepost" / "classify" / "data"
GOOGLE = behaviour.PROVIDERS[0]
OUTCOMES = {
    Kind.UNKNOWN: verdicts.Outcome.HARD,
    Kind.GREYLIST: verdicts.Outcome.SOFT,
    Kind.RATE: verdicts.Outcome.SOFT,
    Kind.FULL: verdicts.Outcome.SOFT,
    Kind.OVERFULL: verdicts.Outcome.SOFT,
    Kind.SPAM: verdicts.Outcome.REJECTION,
    Kind.BLOCKED: verdicts.Outcome.REJECTION,
    Kind.DKIM: verdicts.Outcome.REJECTION,
}


def _answer(recipient: str, nth: int = 1, *, seed: int = 1) -> behaviour.Answer:
    return behaviour.answer(GOOGLE, recipient, nth, seed, dkim_refused=False)


@pytest.fixture(scope="module")
def classifier() -> classifiers.Classifier:
    return classifiers.Classifier(rules.load({path.name: path.read_bytes() for path in DATA.glob("*.toml")}))


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.value)
def test_the_local_part_asks_for_a_kind(kind: behaviour.Kind) -> None:
    assert behaviour.kind_of(f"{kind.value}@gmail-like.test", 1) is kind
    assert behaviour.kind_of(f"{kind.value}.7@gmail-like.test", 2) is kind


@pytest.mark.parametrize(
    ("word", "acts"),
    [
        ("accept", [Act.TAKE, Act.TAKE]),
        ("unknown", [Act.SAY, Act.SAY]),
        ("greylist", [Act.SAY, Act.TAKE]),
        ("spam", [Act.SAY_AT_DOT, Act.SAY_AT_DOT]),
        ("dkim", [Act.SAY_AT_DOT, Act.SAY_AT_DOT]),
        ("drop", [Act.DROP, Act.TAKE]),
        ("hang", [Act.HANG, Act.TAKE]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_kind_answers_the_first_and_the_second_try(word: str, acts: list[behaviour.Act]) -> None:
    assert [_answer(f"{word}@gmail-like.test", nth).act for nth in (1, 2)] == acts


def test_the_same_seed_gives_the_same_answers_and_another_seed_others() -> None:
    people = [f"reader{n}@firm{n % 30}.test" for n in range(2000)]
    drawn = [[behaviour.kind_of(person, seed) for person in people] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_kinds_are_drawn_by_their_shares() -> None:
    count = 20_000
    found = Counter(behaviour.kind_of(f"reader{n}@firm.test", 1) for n in range(count))
    for kind, share in behaviour.SHARES:
        assert found[kind] == pytest.approx(count * share, abs=4 * (count * share) ** 0.5)


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_campaign_ends_as_a_good_senders_does(seed: int) -> None:
    count = 4000
    people = world.World(seed).recipients(count)
    found = Counter(behaviour.kind_of(person, seed) for person in people)
    lost = found[Kind.UNKNOWN] + found[Kind.SPAM]
    assert 94 <= 100 * (count - lost) / count <= 98  # the world's DKIM switch and what waits come off this
    assert 1.0 <= 100 * found[Kind.UNKNOWN] / count <= 2.0
    put_off = sum(found[kind] for kind in (Kind.GREYLIST, Kind.RATE, Kind.FULL, Kind.OVERFULL, Kind.BLOCKED))
    assert 2.0 <= 100 * put_off / count <= 4.0


@pytest.mark.parametrize("provider", behaviour.PROVIDERS, ids=lambda provider: provider.name)
@pytest.mark.parametrize("kind", OUTCOMES, ids=lambda kind: kind.value)
def test_every_providers_wording_is_understood(
    classifier: classifiers.Classifier, provider: behaviour.Provider, kind: behaviour.Kind
) -> None:
    said = behaviour.answer(provider, f"{kind.value}@{provider.domains[0]}", 1, 1, dkim_refused=False)
    stage = replies.Stage.DOT if said.act is Act.SAY_AT_DOT else replies.Stage.RCPT
    reply = replies.Reply(int(said.reply[:3]), said.reply.removesuffix(b"\r\n"), stage)
    assert classifier.classify(reply, classifiers.Context()).outcome is OUTCOMES[kind]


@pytest.mark.parametrize("provider", behaviour.PROVIDERS, ids=lambda provider: provider.name)
def test_a_refused_signature_is_told_after_the_dot_whoever_the_recipient_is(
    provider: behaviour.Provider, classifier: classifiers.Classifier
) -> None:
    said = behaviour.answer(provider, f"reader1@{provider.domains[0]}", 3, 1, dkim_refused=True)
    assert said.act is Act.SAY_AT_DOT
    reply = replies.Reply(int(said.reply[:3]), said.reply.removesuffix(b"\r\n"), replies.Stage.DOT)
    verdict = classifier.classify(reply, classifiers.Context())
    assert verdict.category is verdicts.Category.SENDER_AUTH


def test_every_recipient_is_under_test_and_replies_are_whole_lines_of_one_code() -> None:
    assert all(person.endswith(".test") for person in world.World(3).recipients(500))
    for provider in behaviour.PROVIDERS:
        for kind in OUTCOMES:
            said = behaviour.answer(provider, f"{kind.value}@x.test", 1, 1, dkim_refused=False).reply
            lines = said.split(b"\r\n")
            assert lines.pop() == b""
            assert {line[:3] for line in lines} == {said[:3]}
            assert [line[3:4] for line in lines] == [b"-"] * (len(lines) - 1) + [b" "]
