"""``gatepost report``: bounce and feedback mails in, one JSON line each with what they say and what would follow.

Guarantees: it only reads; every file gives a line, also one that cannot be read (``error``; status 1 at the end).
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts

from gatepost.cli import classifying, context, show

if TYPE_CHECKING:
    from gatepost.app import judging
    from gatepost.cli import reported


def report(
    *files: Annotated[Path, cyclopts.Parameter(allow_leading_hyphen=True, negative="")],
    config: context.Config = context.DEFAULT,
) -> int:
    """Say what bounce and feedback mails report: one JSON line for each mail.

    A line has kind (dsn, arf, autoreply, unsubscribe or other), recipients with address, dsn_action, status, reply,
    category, outcome and suppress, the original's message_id, feedback_type and more. suppress is said as if a valid
    token tied the report to that recipient. Nothing is written.

    Parameters
    ----------
    files
        Mails (.eml) or mailboxes (mbox); standard input for -.
    """
    if not files:
        print("gatepost: report needs a FILE, or - for standard input", file=sys.stderr)
        return 2
    judge = classifying.new_judge(config)
    good = True
    for file in files:
        for line in lines(file, judge):
            show.json_line(line)
            good = good and not (line.error or "").startswith("cannot be read")
    if not good:
        print("gatepost: some files could not be read; each has its error", file=sys.stderr)
    return 0 if good else 1


def lines(file: Path, judge: "judging.Judge") -> "Iterator[reported.Reported]":
    """One for each mail of a file."""
    from gatepost.cli import mbox, reported

    try:
        if str(file) == "-":
            for number, raw in enumerate(mbox.mails(sys.stdin.buffer), 1):
                yield reported.of_mail("-", number, raw, judge)
            return
        with file.open("rb") as source:
            for number, raw in enumerate(mbox.mails(source), 1):
                yield reported.of_mail(str(file), number, raw, judge)
    except OSError as error:
        yield reported.unreadable(str(file), f"cannot be read: {error.strerror or error}")
