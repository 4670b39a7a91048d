"""Automatic answers and reports about something else are what they are, and never bounces."""

import pytest
from tests.reports import report_values as values

from gatepost.reports import parser, report

Kind = report.Kind


@pytest.mark.parametrize(
    ("name", "kind", "notice"),
    [
        ("mdn-read", Kind.AUTOREPLY, "mdn"),
        ("mdn-deleted-unread", Kind.AUTOREPLY, "mdn"),
        ("dmarc-aggregate", Kind.OTHER, "dmarc"),
        ("tls-rpt", Kind.OTHER, "tls-rpt"),
        ("vacation-header", Kind.AUTOREPLY, "vacation"),
        ("vacation-ja", Kind.AUTOREPLY, "vacation"),
        ("other-ooo", Kind.AUTOREPLY, "vacation"),
        ("other-challenge", Kind.AUTOREPLY, "challenge"),
        ("unsubscribe", Kind.UNSUBSCRIBE, "unsubscribe"),
        ("other-list", Kind.OTHER, ""),
    ],
)
def test_it_is_recognised(name: str, kind: report.Kind, notice: str) -> None:
    found = values.parsed(name)
    assert (found.kind, found.notice, found.recipients) == (kind, notice, ())


def test_a_filter_that_rejects_by_mdn_is_a_bounce() -> None:
    found = values.parsed("mdn-sieve-reject")
    assert found.kind is Kind.DSN
    assert [one.address for one in found.recipients] == ["anna@example.org"]


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Undeliverable: your order",
        "Out of Office: Mail delivery failed",
        "Abwesenheitsnotiz: Unzustellbar",
        "Réponse automatique : Non remis",
        "自動返信: 配信できません",
        "Re: Undeliverable: your order",
    ],
)
def test_a_person_who_is_away_has_not_bounced(subject: str) -> None:
    text = "I could not read your mail. Write to bob@example.org, my message could not be delivered.\n550 5.1.1 user unknown"
    found = values.prose(text, sender="Anna <anna@example.org>", subject=subject)
    assert found.kind is not Kind.DSN


@pytest.mark.parametrize("body", ["unsubscribe", "Please unsubscribe me", ""])
def test_only_a_mail_that_asks_for_it_is_an_unsubscribe(body: str) -> None:
    mail = f"From: anna@example.org\nTo: unsub@shop.example\n\n{body}\n".encode()
    assert (parser.parse(mail).kind is Kind.UNSUBSCRIBE) == (body == "unsubscribe")


@pytest.mark.parametrize(
    ("field", "answer"),
    [
        ("X-Autoreply: yes", True),
        ("X-Autoreply: no", False),
        ("X-Autorespond: Your order", True),
        ("X-Precedence: auto_reply", True),
        ("Auto-Submitted: auto-replied", True),
        ("Auto-Submitted: no", False),
        ("X-Other: yes", False),
    ],
)
def test_the_header_tells_who_answered(field: str, answer: bool) -> None:
    mail = f"From: Anna <anna@example.org>\nSubject: Your order\n{field}\n\nThanks.\n".encode()
    assert (parser.parse(mail).kind is Kind.AUTOREPLY) == answer


def test_an_attached_archive_is_a_dmarc_report_by_its_name_alone() -> None:
    name = b"provider.example!shop.example!1778500000!1778586400.xml.gz"
    part = (
        b"--a\nContent-Type: application/gzip\nContent-Disposition: attachment; filename="
        + name
        + b"\n\nx\n--a--"
    )
    mail = b"From: d@provider.example\nSubject: x\nContent-Type: multipart/mixed; boundary=a\n\n" + part
    assert parser.parse(mail).notice == "dmarc"
    assert parser.parse(mail.replace(b"!", b"-")).notice == ""
