"""Accuracy on real reports, where the corpus is at hand. Labels that are wrong are named here, with the reason.

Its mails are never copied into the project; the fixtures beside this file are our own.
"""

import functools
import io
from pathlib import Path

import msgspec
import pytest
from tests.reports import report_values as values

from gatepost.cli import mbox
from gatepost.reports import parser, report

CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
# Whose label is another parser's guess against what the mail itself says.
WRONG = {
    # RCPT TO in the text has twelve zeros, the label eleven.
    *(f"mails/sisimai/maildir_{end}_lhost-apachejames-01.eml" for end in ("bsd", "dos", "mac")),
    # X-Failed-Recipients names the group; the label is the original's To.
    *(f"mails/sisimai/maildir_{end}_lhost-googleworkspace-01.eml" for end in ("bsd", "dos", "mac")),
}


class Row(msgspec.Struct):
    file: str
    kind: str
    truth: str | None = None
    recipients: list[dict[str, object]] | None = None
    feedback_type: str | None = None
    user_agent: str | None = None
    source_ip: str | None = None
    original_rcpt_to: list[str] = []
    original_mail_from: str | None = None
    reported_domain: list[str] = []
    removal_recipient: list[str] = []
    original_message_id: str | None = None


@functools.cache
def rows() -> tuple[Row, ...]:
    if not CORPUS.exists():
        pytest.skip(f"no corpus at {CORPUS}")
    return tuple(
        msgspec.json.decode(line, type=Row) for line in (CORPUS / "mails.jsonl").read_bytes().splitlines()
    )


def reports(row: Row) -> list[report.Report]:
    file = io.BytesIO((CORPUS / row.file).read_bytes())
    return [parser.parse(raw) for raw in mbox.mails(file)]


@functools.cache
def bounces() -> tuple[tuple[Row, frozenset[str], frozenset[str]], ...]:
    """Each labelled bounce, whom it names, and whom we found."""
    told = []
    for row in rows():
        if row.kind == "dsn" and row.truth and row.file not in WRONG:
            wanted = frozenset(str(one["recipient"]).lower() for one in row.recipients or [])
            found = reports(row)
            got = frozenset(one.address.lower() for mail in found for one in mail.recipients if one.address)
            told.append(
                (row, wanted, got if all(mail.kind is report.Kind.DSN for mail in found) else frozenset())
            )
    return tuple(told)


@pytest.mark.slow
def test_recipients_are_right_in_98_of_100_bounces() -> None:
    wrong = [(row.file, sorted(wanted), sorted(got)) for row, wanted, got in bounces() if wanted != got]
    assert len(wrong) <= 0.02 * len(bounces()), wrong


@pytest.mark.slow
def test_the_wrong_labels_cost_no_more_than_they_may() -> None:
    wanted = sum(len(wanted) for _, wanted, _ in bounces())
    right = sum(len(wanted & got) for _, wanted, got in bounces())
    told = sum(len(got) for _, _, got in bounces())
    assert right / (wanted + len(WRONG)) > 0.98
    assert right / (told + len(WRONG)) > 0.98


def test_nothing_else_is_taken_for_a_bounce() -> None:
    others = [row for row in rows() if row.kind in {"autoreply", "not-bounce"}]
    assert others
    kinds = {(row.file, mail.kind) for row in others for mail in reports(row)}
    assert {(file, kind) for file, kind in kinds if kind in {report.Kind.DSN, report.Kind.ARF}} == set()


def test_the_fields_of_complaints_are_right() -> None:
    complaints = [row for row in rows() if row.kind == "arf"]
    for row in complaints:
        (found,) = reports(row)
        assert found.kind is report.Kind.ARF, row.file
        one = found.feedback[0]
        got = (one.type or None, one.user_agent or None, one.source_ip or None, one.original_mail_from)
        lists = (list(one.original_rcpt_to), list(one.reported_domain), list(one.removal_recipient))
        if row.user_agent is not None:  # one label did not undo base64, some forms have no fields
            assert got == (row.feedback_type, row.user_agent, row.source_ip, row.original_mail_from), row.file
            assert lists == (row.original_rcpt_to, row.reported_domain, row.removal_recipient), row.file
        if row.original_message_id is not None:
            assert found.original_message_id == row.original_message_id, row.file


@pytest.mark.slow
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["lf", "crlf", "cr"])
def test_line_ends_change_no_recipient(end: bytes) -> None:
    for row in rows()[::3]:
        raw = (CORPUS / row.file).read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        assert values.told(parser.parse(raw.replace(b"\n", end))) == values.told(parser.parse(raw)), row.file
