"""Whatever the bytes are, there is a report; how a mail was transported does not change what it says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reports import report_values as values

from gatepost.reports import parser, report

ALL = [name.removesuffix(".eml") for name in values.NAMES]
WHOLE = (
    "dsn-all-actions",
    "arf-abuse",
    "prose-qmail",
    "prose-exim-two",
    "ses-bounce",
    "dsn-utf8",
)  # at every byte


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_a_mail_may_be_cut_anywhere(name: str) -> None:
    raw = values.raw(name)
    step = 1 if name in WHOLE else 7
    for at in range(0, len(raw), step):
        assert isinstance(parser.parse(raw[:at]).kind, report.Kind)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in ALL if name.startswith(("other-", "vacation-", "mdn-read"))]
)
def test_what_is_no_bounce_is_none_either_when_it_is_cut(name: str) -> None:
    raw = values.raw(name)
    body = raw.index(b"\n\n")
    assert {one for at in range(body, len(raw)) for one in parser.parse(raw[:at]).recipients} == set()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("end", [b"\r\n", b"\r"], ids=["crlf", "cr"])
def test_line_ends_change_nothing(name: str, end: bytes) -> None:
    raw = values.raw(name)
    assert values.told(parser.parse(raw.replace(b"\n", end))) == values.told(parser.parse(raw))
    assert parser.parse(raw.replace(b"\n", end)).feedback == parser.parse(raw).feedback


@pytest.mark.parametrize("name", ALL)
def test_an_mbox_line_in_front_changes_nothing(name: str) -> None:
    raw = values.raw(name)
    line = b"From MAILER-DAEMON  Tue May 12 14:01:07 2026\n"
    if name != "prose-no-header":
        assert parser.parse(line + raw) == parser.parse(raw)
        assert parser.parse(b"\n" + line + raw) == parser.parse(raw)


@pytest.mark.parametrize("name", ["dsn-postfix", "dsn-all-actions", "arf-abuse"])
@pytest.mark.parametrize(
    "lost", [b"From: ", b"Date: ", b"Return-Path: ", b"MIME-Version: ", b"Subject: ", b"To: "]
)
def test_a_missing_field_changes_no_recipient(name: str, lost: bytes) -> None:
    head, _, body = values.raw(name).partition(b"\n\n")
    kept = b"\n".join(line for line in head.split(b"\n") if not line.startswith(lost))
    found = parser.parse(kept + b"\n\n" + body)
    assert values.told(found) == values.told(values.parsed(name))
    assert found.feedback == values.parsed(name).feedback


@given(st.binary(max_size=3000))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_a_report(raw: bytes) -> None:
    found = parser.parse(raw)
    assert parser.parse(raw) == found
    for one in found.recipients:
        one.address.encode()
        report.said(one)


@given(
    st.sampled_from(ALL),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=40), st.integers(0, 60)), max_size=6),
)
@settings(max_examples=200, deadline=None)
def test_mangled_reports_give_a_report(name: str, changes: list[tuple[int, bytes, int]]) -> None:
    raw = values.raw(name)
    for at, new, gone in changes:
        raw = raw[:at] + new + raw[at + gone :]
    for one in parser.parse(raw).recipients:
        one.address.encode()
        report.said(one)


_FIELD = st.sampled_from(
    [
        "Final-Recipient: rfc822; a@example.org",
        "Original-Recipient: rfc822;b@example.org",
        "Action: failed",
        "Action: delayed",
        "Status: 5.1.1",
        "Status: 4.2.2 (full)",
        "Diagnostic-Code: smtp; 550 5.1.1 no",
        "Reporting-MTA: dns; mx.example.net",
        "",
        "Remote-MTA: dns; mx.example.org",
        "X-Other: something",
    ]
)


@given(st.lists(_FIELD, max_size=40))
@settings(max_examples=150, deadline=None)
def test_fields_in_any_order_lose_no_recipient(fields: list[str]) -> None:
    head = "From: MAILER-DAEMON@x.example\nContent-Type: multipart/report; boundary=a\n\n--a\nContent-Type: message/delivery-status\n\n"
    found = parser.parse(f"{head}{chr(10).join(fields)}\n--a--\n".encode())
    assert sum(one.final == "a@example.org" for one in found.recipients) == fields.count(
        "Final-Recipient: rfc822; a@example.org"
    )


@pytest.mark.parametrize(
    ("recipient", "code", "raw"),
    [
        (report.Recipient("a@b.example", status="5.1.1", reply="550 5.1.1 no"), 550, b"550 5.1.1 no"),
        (
            report.Recipient("a@b.example", status="5.1.1", reply="no such user"),
            550,
            b"550 5.1.1 no such user",
        ),
        (report.Recipient("a@b.example", status="4.4.7", reply="expired"), 450, b"450 4.4.7 expired"),
        (report.Recipient("a@b.example", reply="Envelope expired"), 550, b"550 Envelope expired"),
        (report.Recipient("a@b.example", report.Action.DELAYED, reply="later"), 450, b"450 later"),
        (report.Recipient("a@b.example", report.Action.RELAYED), 250, b"250"),
        (report.Recipient("a@b.example", reply="5.2.1 gone", status="5.2.1"), 550, b"550 5.2.1 gone"),
    ],
)
def test_a_diagnostic_becomes_a_reply_for_the_classifier(
    recipient: report.Recipient, code: int, raw: bytes
) -> None:
    reply = report.said(recipient)
    assert (reply.code, reply.raw, reply.stage.word) == (code, raw, "unknown")
