"""Complaints: ARF and what providers send beside it."""

import pytest
from tests.reports import report_values as values

from gatepost.reports import parser, report

ANNA = "anna@example.org"


def feedback(name: str) -> report.Feedback:
    found = values.parsed(name)
    assert found.kind is report.Kind.ARF
    return found.feedback[0]


def test_every_field_of_a_complaint_is_kept_as_given() -> None:
    one = feedback("arf-abuse")
    assert one.type == "abuse"
    assert one.user_agent == "Example-Feedback/1.0"
    assert one.original_mail_from == "<b.7f3k2@bounce.shop.example>"
    assert one.original_rcpt_to == ("<anna@example.org>",)
    assert one.removal_recipient == (ANNA,)
    assert one.reported_domain == ("shop.example",)
    assert one.reported_uri == ("http://shop.example/order",)
    assert (one.source_ip, one.incidents) == ("192.0.2.25", 3)
    assert one.recipients == (ANNA,)
    assert not one.redacted
    assert one.original is not None
    assert one.original.message_id == "order-1@shop.example"


@pytest.mark.parametrize(
    ("name", "kind", "recipients"),
    [
        ("arf-reduced", "abuse", (ANNA,)),
        ("arf-not-spam", "not-spam", (ANNA,)),
        ("arf-opt-out", "opt-out", (ANNA,)),
        ("arf-auth-failure", "auth-failure", (ANNA,)),
        ("arf-several-recipients", "abuse", (ANNA, "bob@example.org")),
        ("arf-jmrp-old", "", (ANNA,)),
        ("arf-jmrp-bare", "", (ANNA,)),
        ("arf-blank-line-in-original", "abuse", (ANNA,)),
        ("ses-complaint", "abuse", (ANNA,)),
    ],
)
def test_each_form_names_the_complainant(name: str, kind: str, recipients: tuple[str, ...]) -> None:
    one = feedback(name)
    assert (one.type, one.recipients) == (kind, recipients)
    assert one.original is not None
    assert one.original.message_id == "order-1@shop.example"


def test_a_redacted_recipient_is_nobody() -> None:
    one = feedback("arf-redacted")
    assert one.recipients == ()
    assert one.redacted
    assert one.original_rcpt_to == ("redacted@example.org",)


def test_a_failed_authentication_says_so() -> None:
    one = feedback("arf-auth-failure")
    assert (one.auth_failure, one.redacted) == ("dmarc", False)


def test_several_reports_come_each_with_its_own_message() -> None:
    found = values.parsed("arf-two-reports")
    assert [one.recipients for one in found.feedback] == [(ANNA,), ("bob@example.org",)]
    ids = [one.original.message_id for one in found.feedback if one.original is not None]
    assert ids == ["order-1@shop.example", "order-2@shop.example"]


def test_amazons_notifications_are_read_too() -> None:
    assert values.told(values.parsed("ses-bounce")) == [(ANNA, "failed", "5.1.1")]
    assert values.told(values.parsed("ses-delivery")) == [(ANNA, "delivered", "2.0.0")]
    assert values.parsed("ses-bounce").original_message_id == "order-1@shop.example"


def test_a_report_without_its_message_is_one_all_the_same() -> None:
    part = b"--a\nContent-Type: message/feedback-report\n\nVersion: 1\nOriginal-Rcpt-To: %s@example.org\n%s\n"
    head = b"From: fbl@provider.example\nContent-Type: multipart/mixed; boundary=a\n\n"
    found = parser.parse(
        head + part % (b"anna", b"") + part % (b"bob", b"Auth-Failure: spf\nAuth-Failure: dkim\n") + b"--a--"
    )
    assert [(one.recipients, one.type) for one in found.feedback] == [
        ((ANNA,), ""),
        (("bob@example.org",), "auth-failure"),
    ]
    assert found.original_message_id == ""


def test_a_message_in_front_of_its_report_belongs_to_it() -> None:
    message = b"--a\nContent-Type: message/rfc822\n\nFrom: x@y.example\nMessage-ID: <9@y.example>\n\n"
    part = b"--a\nContent-Type: message/feedback-report\n\nFeedback-Type: fraud\nIncidents: many\n--a--"
    found = parser.parse(b"From: f@p.example\nContent-Type: multipart/mixed; boundary=a\n\n" + message + part)
    assert found.original_message_id == "9@y.example"
    assert (found.feedback[0].type, found.feedback[0].incidents, found.feedback[0].redacted) == (
        "fraud",
        1,
        True,
    )
