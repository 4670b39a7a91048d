"""Accuracy on real replies, where the corpus is at hand. Labels say hard, soft or rejection (see its README)."""

from pathlib import Path

import msgspec
import pytest

from gatepost.classify import classifier as classifiers
from gatepost.classify import meanings, rules
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus" / "replies.jsonl"
DATA = ROOT / "src" / "gatepost" / "classify" / "data"

PROVIDERS = {"gmail": "google", "aol": "yahoo", "verizon": "yahoo", "gmx/1&1": "gmx", "tencent": "qq"}
STAGES = {"HELO": "EHLO", "DATA": "DOT"}  # the corpus calls the answer to the message DATA
# Ours to decide, or decided otherwise by the taxonomy (a domain is never suppressed on a reply's word alone).
NOT_SCORED = {"filtered", "suspend", "hostunknown", "notaccept", "onhold"}
# The labels call these a rejection; the taxonomy retries them, because the address and the message are not at fault.
SOFT_BUT_NOT_THE_RECIPIENTS = ("sender.ip_reputation", "session.tls", "session.protocol", "source.refused")


class Label(msgspec.Struct):
    strength: str
    reason: str
    hard: bool | None = None
    kind: str = msgspec.field(name="class", default="")


class Row(msgspec.Struct):
    reply: str
    code: int
    label: Label
    stage: str | None = None
    provider: str | None = None


def _rows() -> list[Row]:
    if not CORPUS.exists():
        pytest.skip(f"no corpus at {CORPUS}")
    rows = msgspec.json.Decoder(Row).decode_lines(CORPUS.read_bytes())
    return [row for row in rows if row.label.strength == "strong"]


def _verdicts(rows: list[Row]) -> list[verdicts.Verdict]:
    ruleset = rules.load({path.name: path.read_bytes() for path in DATA.glob("*.toml")})
    classifier = classifiers.Classifier(ruleset)
    found = []
    for row in rows:
        stage = replies.Stage[STAGES.get(row.stage or "UNKNOWN", row.stage or "UNKNOWN")]
        provider = PROVIDERS.get(row.provider or "", row.provider or "")
        reply = replies.Reply(row.code, row.reply.encode(), stage)
        found.append(classifier.classify(reply, classifiers.Context(provider=provider)))
    return found


def _class_of(verdict: verdicts.Verdict, reason: str) -> str:
    if verdict.category in meanings.SUPPRESSING:
        return "hard"
    if verdict.category == "content.too_large":
        return "soft" if reason == "exceedlimit" else "rejection"
    if verdict.category.startswith((*SOFT_BUT_NOT_THE_RECIPIENTS, "content.")):
        return "rejection"
    if verdict.category == "domain.misconfigured" and reason == "norelaying":
        return "rejection"
    return verdict.outcome.word


def test_hard_or_not_is_right_on_97_percent_of_the_strong_rows() -> None:
    rows = [row for row in _rows() if row.label.reason not in NOT_SCORED]
    falsely: list[tuple[str, str]] = []
    missed: list[tuple[str, str]] = []
    for row, verdict in zip(rows, _verdicts(rows), strict=True):
        hard = verdict.category in meanings.SUPPRESSING
        if hard != bool(row.label.hard):
            (falsely if hard else missed).append((verdict.rule, row.reply[:100]))
    right = 1 - (len(falsely) + len(missed)) / len(rows)
    assert right >= 0.97, f"{right:.1%} of {len(rows)} right; falsely hard {falsely}; missed {missed}"
    assert len(falsely) <= 4, falsely


def test_the_class_is_right_on_85_percent_of_the_strong_rows() -> None:
    rows = [
        row
        for row in _rows()
        if row.label.kind in ("hard", "soft", "rejection") and row.label.reason not in NOT_SCORED
    ]
    wrong = []
    for row, verdict in zip(rows, _verdicts(rows), strict=True):
        found = _class_of(verdict, row.label.reason)
        if found != row.label.kind:
            wrong.append((row.label.kind, verdict.category.value, row.reply[:100]))
    right = 1 - len(wrong) / len(rows)
    assert right >= 0.85, f"{right:.1%} of {len(rows)} right; wrong: {wrong}"
