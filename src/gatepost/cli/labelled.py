"""Labelled replies and what the rules make of them: dead addresses missed, living ones wrongly suppressed.

Guarantees: every line is judged as ``gatepost classify`` judges it; a line that cannot be read is wrong, never skipped.
"""

from collections.abc import Iterable, Iterator

import msgspec

from gatepost import errors
from gatepost.app import judging
from gatepost.classify import meanings
from gatepost.model import verdict as verdicts


class Labelled(judging.Asked, frozen=True):
    """A reply, and the category or outcome that it should have."""

    category: str | None = None
    outcome: str | None = None


class Wrong(msgspec.Struct, frozen=True):
    """A line that was judged otherwise. kind: ``missed``, ``suppressed``, ``other`` or ``unreadable``."""

    line: int
    kind: str
    expected: str
    category: str = ""
    outcome: str = ""
    rule: str = ""
    place: str = ""
    reply: str = ""


class Sums(msgspec.Struct):
    """What it comes to. dead, living: by their labels."""

    replies: int = 0
    wrong: int = 0
    dead: int = 0
    missed: int = 0
    living: int = 0
    suppressed: int = 0
    unreadable: int = 0


def wrong(lines: Iterable[bytes], judge: judging.Judge, sums: Sums) -> Iterator[Wrong]:
    """Each wrong line; ``sums`` counts along."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        sums.replies += 1
        try:
            found = _judged(number, msgspec.json.decode(line, type=Labelled), judge, sums)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, errors.BadInput) as error:
            sums.unreadable += 1
            found = Wrong(number, "unreadable", str(error))
        if found is not None:
            sums.wrong += 1
            yield found


def _judged(number: int, labelled: Labelled, judge: judging.Judge, sums: Sums) -> Wrong | None:
    expected, dead = _label(labelled)
    reply = judging.reply_of(labelled.reply, judging.stage_of(labelled.stage, judging.CORPUS_STAGES))
    known = judging.context_of(labelled)
    answer = judge.answer(reply, judge.verdict(reply, known))
    sums.dead += dead
    sums.living += not dead
    sums.missed += dead and not answer.suppress
    sums.suppressed += answer.suppress and not dead
    if dead != answer.suppress:
        kind = "missed" if dead else "suppressed"
    elif expected in (answer.category, answer.outcome):
        return None
    else:
        kind = "other"
    place = "" if judging.taken(reply) else judge.classifier.explain(reply, known).place
    return Wrong(number, kind, expected, answer.category, answer.outcome, answer.rule, place, labelled.reply)


def _label(labelled: Labelled) -> tuple[str, bool]:
    """What is expected, and whether that is a dead address. Raises BadInput."""
    if labelled.category is not None:
        if labelled.category not in meanings.FROM_REPLIES | {verdicts.Category.DELIVERED}:
            raise errors.BadInput("category", f"no reply can mean {labelled.category!r}")
        category = verdicts.Category(labelled.category)
        hard = meanings.MEANING[category][0] is verdicts.Outcome.HARD
        return category.value, hard and category in meanings.SUPPRESSING
    if labelled.outcome in {outcome.word for outcome in verdicts.Outcome}:
        return labelled.outcome, labelled.outcome == verdicts.Outcome.HARD.word
    raise errors.BadInput(
        "outcome", "a line needs a category, or an outcome: delivered, soft, hard or rejection"
    )
