"""``gatepost classify``: replies in, one JSON object a line; the same lines out with what they mean.

Guarantees: lines come out in the order they came in, with every field they had; a line that cannot be read comes out
with ``error`` and its number, and the status is 1 at the end.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context

if TYPE_CHECKING:
    from gatepost.app import judging

_FLUSH_LINES = 500


def classify(
    file: Annotated[Path | None, cyclopts.Parameter(allow_leading_hyphen=True, negative="")] = None,
    /,
    *,
    config: context.Config = context.DEFAULT,
) -> int:
    """Say what replies mean: JSON lines in, the same lines with category, outcome, action … out.

    Each line is {"reply": …} and may have stage, provider, peer, our_ip, our_host, mail_from, from_domain, recipient.

    Parameters
    ----------
    file
        What to read; standard input without it, or for -.
    """
    judge = new_judge(config)
    if file is None or str(file) == "-":
        return _pass(sys.stdin.buffer, sys.stdout.buffer, judge)
    with file.open("rb") as source:
        return _pass(source, sys.stdout.buffer, judge)


def new_judge(config: Path) -> "judging.Judge":
    """A Judge by the shipped rules, the operator's, and the policy of the configuration, if there is one."""
    from gatepost.app import compose, judging
    from gatepost.policy import terms

    settings = context.load_if_there(config)
    classifier = compose.build_classifier(compose.own_rules(settings))
    return judging.Judge(classifier, terms.of(settings.policy), context.now_ms())


def answers(lines: Iterable[bytes], judge: "judging.Judge") -> Iterator[tuple[bytes, bool]]:
    """For each line that is not blank: the line that goes out, and whether it was good."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _answered(line, number, judge)


def _answered(line: bytes, number: int, judge: "judging.Judge") -> tuple[bytes, bool]:
    from gatepost.app import judging

    try:
        given = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        asked = msgspec.json.decode(line, type=judging.Asked)
        return msgspec.json.encode({**given, **_added(asked, judge)}), True
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, errors.BadInput):
        return _answered_loosely(line, number, judge)


def _answered_loosely(line: bytes, number: int, judge: "judging.Judge") -> tuple[bytes, bool]:
    """Again, with patience: replies are bytes, and what is not UTF-8 comes raw or as the lone surrogates that Python makes of it."""
    from gatepost.app import judging

    given: dict[str, object] = {}
    good = True
    try:
        given = msgspec.convert(json.loads(line.decode("utf-8", "surrogateescape")), dict[str, object])
        added = _added(msgspec.convert(given, judging.Asked), judge)
    except (ValueError, RecursionError, errors.BadInput) as error:  # msgspec's and json's are ValueErrors
        problem = f"is not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
        added, good = {"error": f"line {number}: {problem}"}, False
    return json.dumps({**given, **added}, separators=(",", ":")).encode(), good


def _added(asked: "judging.Asked", judge: "judging.Judge") -> dict[str, object]:
    from gatepost.app import judging

    reply = judging.reply_of(asked.reply, judging.stage_of(asked.stage, judging.CORPUS_STAGES))
    return msgspec.structs.asdict(judge.answer(reply, judge.verdict(reply, judging.context_of(asked))))


def _pass(source: BinaryIO, out: BinaryIO, judge: "judging.Judge") -> int:
    good = True
    for count, (line, fine) in enumerate(answers(source, judge), 1):
        out.write(line + b"\n")
        good = good and fine
        if count % _FLUSH_LINES == 0:
            out.flush()
    out.flush()
    if not good:
        print("gatepost: some lines could not be read; each has its error", file=sys.stderr)
    return 0 if good else 1
