"""Accuracy on real replies, where the corpus is at hand: the targets for the dead, the living, the unknown and the outcome.

Each disagreement with a strong label has to be explained in ``data/disagreements.md`` under the row's id.
"""

from pathlib import Path

import msgspec
import pytest

from gatepost.app import judging
from gatepost.classify import classifier as classifiers
from gatepost.classify import meanings, rules
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus" / "replies.jsonl"
DATA = ROOT / "src" / "gatepost" / "classify" / "data"
EXPLAINED = DATA / "disagreements.md"

DEAD = ("userunknown", "hasmoved")
# Ours to decide: their labels say neither hard nor not.
LEFT_OUT = ("filtered", "suspend", "onhold")
# The taxonomy decides otherwise by design: a domain is never suppressed on a reply's word, relaying denied by the listed
# MX is its own fault, and 500-504 are tried once more.
OUTRANKED = ("hostunknown", "notaccept", "norelaying", "syntaxerror")
# Soft in the taxonomy (waiting or mending helps) though the labels' tools call all of them a rejection.
SOFT_BY_DESIGN = ("sender.ip_reputation", "session.tls", "session.protocol", "source.refused", "rate.limited")


class Label(msgspec.Struct):
    strength: str
    reason: str
    confidence: str = ""
    hard: bool | None = None
    kind: str = msgspec.field(name="class", default="")


class Row(msgspec.Struct):
    id: str
    reply: str
    code: int
    label: Label
    stage: str | None = None
    provider: str | None = None

    @property
    def permanent(self) -> bool:
        return self.code // 100 == 5

    @property
    def dead(self) -> bool:
        return bool(self.label.hard) and self.label.reason in DEAD and self.permanent

    @property
    def living(self) -> bool:
        return self.label.reason not in (*DEAD, *LEFT_OUT, *OUTRANKED)

    @property
    def scored(self) -> bool:
        """Whether the label's class says something that the taxonomy does not decide otherwise."""
        if self.label.kind not in ("hard", "soft", "rejection"):
            return False
        if self.label.reason in (*LEFT_OUT, *OUTRANKED):
            return False
        return self.permanent or self.label.reason != "userunknown"


class Judged(msgspec.Struct):
    row: Row
    verdict: verdicts.Verdict

    @property
    def told(self) -> tuple[str, str, str]:
        return (self.row.id, self.verdict.rule, self.row.reply[:90])


@pytest.fixture(scope="module")
def strong() -> list[Judged]:
    """The rows with a strong label, judged with what a gateway would know of them."""
    if not CORPUS.exists():
        pytest.skip(f"no corpus at {CORPUS}")
    ruleset = rules.load({path.name: path.read_bytes() for path in DATA.glob("*.toml")})
    classifier = classifiers.Classifier(ruleset)
    found = []
    for row in msgspec.json.Decoder(Row).decode_lines(CORPUS.read_bytes()):
        if row.label.strength == "strong":
            stage = judging.stage_of(row.stage, judging.CORPUS_STAGES)
            reply = replies.Reply(row.code, judging.reply_of(row.reply, stage).raw, stage)
            context = classifiers.Context(provider=judging.provider_of(row.provider, None))
            found.append(Judged(row, classifier.classify(reply, context)))
    return found


@pytest.fixture(scope="module")
def gate(strong: list[Judged]) -> list[Judged]:
    """The strong rows on whose label other tools agree."""
    return [one for one in strong if one.row.label.confidence == "high"]


def _suppresses(one: Judged) -> bool:
    return one.verdict.category in meanings.SUPPRESSING and one.verdict.outcome is verdicts.Outcome.HARD


def _agrees(one: Judged) -> bool:
    return one.verdict.outcome.word == one.row.label.kind


def _by_design(one: Judged) -> bool:
    """Whether the taxonomy's table gives this category the other of soft and rejection, whatever the reply."""
    category, reason = one.verdict.category, one.row.label.reason
    if one.row.label.kind == "rejection":
        return category in SOFT_BY_DESIGN
    return category == "content.too_large" and reason == "exceedlimit"


def test_95_percent_of_the_dead_are_suppressed(gate: list[Judged]) -> None:
    dead = [one for one in gate if one.row.dead]
    missed = [one.told for one in dead if not _suppresses(one)]
    assert len(missed) <= 0.05 * len(dead), missed


def test_nobody_living_is_suppressed(gate: list[Judged]) -> None:
    assert [one.told for one in gate if one.row.living and _suppresses(one)] == []


def test_no_4xx_is_suppressed_at_its_first_reply(strong: list[Judged]) -> None:
    assert [one.told for one in strong if one.row.code // 100 == 4 and _suppresses(one)] == []


def test_fewer_than_5_percent_are_unclassified(gate: list[Judged]) -> None:
    unknown = [one.told for one in gate if one.verdict.category.startswith("unknown.")]
    assert len(unknown) < 0.05 * len(gate), unknown


def test_the_outcome_agrees_with_97_percent_of_the_labels_that_the_taxonomy_does_not_overrule(
    gate: list[Judged],
) -> None:
    scored = [one for one in gate if one.row.scored and (_agrees(one) or not _by_design(one))]
    wrong = [one.told for one in scored if not _agrees(one)]
    assert len(wrong) <= 0.03 * len(scored), wrong


def test_without_any_allowance_the_outcome_agrees_with_89_percent(gate: list[Judged]) -> None:
    scored = [one for one in gate if one.row.scored]
    wrong = [one.told for one in scored if not _agrees(one)]
    assert len(wrong) <= 0.11 * len(scored), wrong


def test_each_disagreement_with_a_strong_label_is_explained(strong: list[Judged]) -> None:
    text = EXPLAINED.read_text("utf-8")
    silent = [
        one.told
        for one in strong
        if (one.row.scored and not _agrees(one)) or (one.row.living and _suppresses(one))
        if f"`{one.row.id[:8]}`" not in text
    ]
    assert silent == []
