"""``gatepost report``: bounce and feedback mails in, one JSON line each with what they say and what would follow, or what did.

Guarantees: without ``--import`` it only reads; every file gives a line, also one that cannot be read (``error``; status 1 at the end).
"""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import classifying, context, show
from gatepost.console import reports

if TYPE_CHECKING:
    from gatepost.app import judging
    from gatepost.classify import classifier as classifiers
    from gatepost.cli import reported


class Imported(msgspec.Struct, frozen=True):
    """A line of --import. number: of the mail in the file. taken: what became of it; error: why it could not be filed."""

    file: str
    number: int
    taken: reports.Taken | None = None
    error: str | None = None


def report(
    *files: Annotated[Path, cyclopts.Parameter(allow_leading_hyphen=True, negative="")],
    import_: Annotated[bool, cyclopts.Parameter(name="--import", negative="")] = False,
    recipient: str = "",
    config: context.Config = context.DEFAULT,
) -> int:
    """Say what bounce and feedback mails report: one JSON line for each mail.

    A line has kind (dsn, arf, autoreply, unsubscribe or other), recipients with address, dsn_action, status, reply,
    category, outcome and suppress, the original's message_id, feedback_type and more. suppress is said as if a valid
    token tied the report to that recipient. Nothing is written.

    Parameters
    ----------
    files
        Mails (.eml), mailboxes (mbox) or folders (Maildir); standard input for -.
    import_
        File them as if they had come to the inbound listener: what a valid token ties to a delivery acts. A line then says what was
        ``taken``: kind, standing, delivery, the events that followed, and whether it was filed before.
    recipient
        With --import: the return path, unsubscribe or feedback address that all of them came to; else each mail's header is asked.
    """
    if not files:
        print("gatepost: report needs a FILE, or - for standard input", file=sys.stderr)
        return 2
    if import_:
        return context.run(_import(files, recipient, config))
    if recipient:
        raise errors.BadInput("--recipient", "goes with --import")
    judge = classifying.new_judge(config)
    good = True
    for file in files:
        for line in lines(file, judge):
            show.json_line(line)
            good = good and not (line.error or "").startswith("cannot be read")
    if not good:
        print("gatepost: some files could not be read; each has its error", file=sys.stderr)
    return 0 if good else 1


async def _import(files: tuple[Path, ...], recipient: str, config: Path) -> int:
    """Each mail on its own: one that cannot be filed stops no other."""
    from gatepost import clock
    from gatepost.app import compose, importing

    settings = context.load(config)
    classifier = compose.build_classifier(compose.own_rules(settings))
    good = True

    async def classified() -> "classifiers.Classifier":
        return classifier

    async with context.operated(settings) as (store, operator), asyncio.TaskGroup() as tasks:
        means = importing.Means(store.sent, operator.file, store.directory, classified, clock.SystemClock())
        importer = importing.Importer(settings, means, tasks)
        try:
            for place, raw in _mails(files):
                line = place
                if raw is not None:
                    try:
                        taken = await importer.take(raw, recipient, "")
                        line = msgspec.structs.replace(place, taken=taken)
                    except errors.GatepostError as error:
                        line = msgspec.structs.replace(place, error=str(error))
                good = good and line.error is None
                show.json_line(line)
        finally:
            importer.close()
    return 0 if good else 1


def _mails(files: tuple[Path, ...]) -> Iterator[tuple[Imported, bytes | None]]:
    """Each mail of each file; None, with the error, for a file that cannot be read."""
    from gatepost.cli import mbox

    for file in files:
        try:
            if str(file) == "-":
                for number, raw in enumerate(mbox.mails(sys.stdin.buffer), 1):
                    yield Imported("-", number), raw
                continue
            for one in mbox.files(file):
                with one.open("rb") as source:
                    for number, raw in enumerate(mbox.mails(source), 1):
                        yield Imported(str(one), number), raw
        except OSError as error:
            yield Imported(str(file), 0, error=f"cannot be read: {error.strerror or error}"), None


def lines(file: Path, judge: "judging.Judge") -> "Iterator[reported.Reported]":
    """One for each mail of a file or folder."""
    from gatepost.cli import mbox, reported

    try:
        if str(file) == "-":
            for number, raw in enumerate(mbox.mails(sys.stdin.buffer), 1):
                yield reported.of_mail("-", number, raw, judge)
            return
        for one in mbox.files(file):
            with one.open("rb") as source:
                for number, raw in enumerate(mbox.mails(source), 1):
                    yield reported.of_mail(str(one), number, raw, judge)
    except OSError as error:
        yield reported.unreadable(str(file), f"cannot be read: {error.strerror or error}")
