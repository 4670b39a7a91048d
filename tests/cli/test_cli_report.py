"""``gatepost report``: the contract of its lines."""

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.cli import cli_values as values

from gatepost.app import judging
from gatepost.cli import classifying, context, mbox
from gatepost.cli import reported as reported_values
from gatepost.reports import limits

FIXTURES = Path(__file__).parents[1] / "reports" / "fixtures"
KEYS = {"file", "kind", "recipients", "message_id", "feedback_type"}
OF_RECIPIENT = {"address", "dsn_action", "status", "reply", "category", "outcome", "suppress"}


@pytest.fixture(scope="module")
def judge() -> judging.Judge:
    """The shipped rules and policy, read once."""
    return classifying.new_judge(context.DEFAULT)


def line_of(mail: bytes, judge: judging.Judge) -> dict[str, Any]:
    return values.DECODE(msgspec.json.encode(reported_values.of_mail("x", 1, mail, judge)))


def fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.eml").read_bytes()


def reported(place: values.Gateway, *names: str) -> list[dict[str, Any]]:
    said = place.bare("report", *(str(FIXTURES / f"{name}.eml") for name in names))
    assert (said.status, said.err) == (0, "")
    return said.lines


def test_every_mail_is_one_line_with_the_promised_keys(place: values.Gateway) -> None:
    names = sorted(path.stem for path in FIXTURES.glob("*.eml"))
    lines = reported(place, *names)
    assert [Path(line["file"]).stem for line in lines] == names
    for line in lines:
        assert line.keys() >= KEYS
        assert line["kind"] in {"dsn", "arf", "autoreply", "unsubscribe", "other"}
        assert all(one.keys() >= OF_RECIPIENT for one in line["recipients"])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dsn-postfix", [("anna@example.org", "failed", "recipient.unknown", "hard", True)]),
        ("dsn-expired", [("anna@example.org", "failed", "rate.greylisted", "soft", False)]),
        ("dsn-redirected-status", [("anna@example.org", "failed", "recipient.over_quota", "soft", False)]),
        ("dsn-status-alone", [("anna@example.org", "failed", "session.timeout", "soft", False)]),
        (
            "dsn-all-actions",
            [
                ("a@example.org", "failed", "recipient.unknown", "hard", True),
                ("b@example.org", "delayed", "recipient.over_quota", "soft", False),
                ("c@example.org", "delivered", "delivered", "delivered", False),
                ("d@example.org", "relayed", "feedback.autoreply", None, False),
                ("team@example.org", "expanded", "feedback.autoreply", None, False),
            ],
        ),
        ("prose-qmail", [("anna@example.org", "failed", "recipient.unknown", "hard", True)]),
        ("prose-sendmail-warn", [("anna@example.org", "delayed", "session.timeout", "soft", False)]),
        ("arf-abuse", [("anna@example.org", None, "feedback.complaint", None, True)]),
        ("arf-jmrp-old", [("anna@example.org", None, "feedback.complaint", None, True)]),
        ("arf-redacted", [(None, None, "feedback.complaint", None, True)]),
        ("arf-not-spam", [("anna@example.org", None, "feedback.not_spam", None, False)]),
        ("arf-opt-out", [("anna@example.org", None, "feedback.unsubscribe", None, True)]),
        ("arf-auth-failure", [("anna@example.org", None, None, None, False)]),
        ("vacation-header", []),
        ("dmarc-aggregate", []),
    ],
)
def test_a_line_tells_what_would_follow(
    judge: judging.Judge, name: str, expected: list[tuple[Any, ...]]
) -> None:
    line = line_of(fixture(name), judge)
    words = ("address", "dsn_action", "category", "outcome", "suppress")
    assert [tuple(one[word] for word in words) for one in line["recipients"]] == expected


def test_a_delayed_no_such_user_suppresses_nobody(judge: judging.Judge) -> None:
    mail = fixture("dsn-postfix").replace(b"Action: failed", b"Action: delayed")
    [one] = line_of(mail, judge)["recipients"]
    assert (one["dsn_action"], one["outcome"], one["suppress"]) == ("delayed", "soft", False)


@pytest.mark.parametrize(
    ("reply", "suppress"),
    [
        ("550 5.1.1 xyzzy", True),
        ("550 5.1.3 xyzzy", True),
        ("550 5.2.1 xyzzy", True),
        ("550 5.1.10 xyzzy", False),
        ("550 5.1.0 xyzzy", False),
        ("550 xyzzy", False),
        ("550 5.1.1 blocked: your IP is listed in a blocklist", False),
        ("450 4.1.1 no such user", False),
        ("550 5.7.1 no such user", True),
    ],
)
def test_codes_alone_suppress_only_where_they_name_the_mailbox(
    judge: judging.Judge, reply: str, suppress: bool
) -> None:
    text = "From: MAILER-DAEMON@x.example\nSubject: failure notice\n\nI could not deliver to:\n\n<anna@example.org>:\nRemote host said: "
    line = line_of(f"{text}{reply}\n".encode(), judge)
    assert [one["suppress"] for one in line["recipients"]] == [suppress]


def test_the_original_is_told_of_as_far_as_it_leads_back(judge: judging.Judge) -> None:
    line = line_of(fixture("dsn-postfix"), judge)
    assert line["message_id"] == "order-1@shop.example"
    assert line["original"] == {
        "return_path": "<b.7f3k2@bounce.shop.example>",
        "feedback_id": "spring:app:gatepost",
        "list_id": None,
        "subject": "Your order",
        "to": "<anna@example.org>",
    }


def test_a_complaints_fields_stand_in_its_line(judge: judging.Judge) -> None:
    line = line_of(fixture("arf-abuse"), judge)
    assert line["feedback_type"] == "abuse"
    assert line["user_agent"] == "Example-Feedback/1.0"
    assert line["original_rcpt_to"] == ["<anna@example.org>"]
    assert line["reported_domain"] == ["shop.example"]
    assert (line["source_ip"], line["recipient_redacted"], line["reports"]) == ("192.0.2.25", False, 1)
    two = line_of(fixture("arf-two-reports"), judge)
    assert [one["address"] for one in two["recipients"]] == ["anna@example.org", "bob@example.org"]
    assert two["reports"] == 2


def test_an_mbox_is_as_many_lines_as_it_has_mails(place: values.Gateway) -> None:
    mails = [
        (FIXTURES / f"{name}.eml").read_bytes() for name in ("dsn-postfix", "arf-abuse", "vacation-header")
    ]
    line = b"From MAILER-DAEMON Tue May 12 14:01:07 2026\n"
    box = place.path / "box"
    box.write_bytes(b"\n".join(line + mail for mail in mails))
    lines = place.bare("report", str(box)).lines
    assert [(one["number"], one["kind"]) for one in lines] == [(1, "dsn"), (2, "arf"), (3, "autoreply")]


def test_a_from_line_within_a_mail_divides_nothing() -> None:
    line = b"From MAILER-DAEMON Tue May 12 14:01:07 2026\n"
    assert len(list(mbox.mails(io.BytesIO(b"From: a@b.example\n\ntext\n\n" + line + b"more")))) == 1
    assert (
        len(list(mbox.mails(io.BytesIO(line + b"From: a@b.example\n\nFrom here on\n\nFrom me to you\n"))))
        == 1
    )


def test_of_a_huge_mail_only_the_beginning_is_kept() -> None:
    [kept] = mbox.mails(io.BytesIO(b"From: a@b.example\n\n" + b"x" * (5 * limits.MAIL)))
    assert limits.MAIL < len(kept) < 2 * limits.MAIL


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "the mail is empty"),
        (b"hello", "this is no mail: no header was found"),
        (b"\xff\x00" * 500, "this is no mail: no header was found"),
    ],
)
def test_what_is_no_mail_gets_a_line_that_says_so(place: values.Gateway, content: bytes, error: str) -> None:
    file = place.path / "x.eml"
    file.write_bytes(content)
    said = place.bare("report", str(file))
    assert said.status == 0
    assert [(line["kind"], line["error"]) for line in said.lines] == [("other", error)]


def test_a_missing_file_is_a_line_and_a_failure(place: values.Gateway) -> None:
    said = place.bare("report", str(place.path / "none.eml"), str(FIXTURES / "dsn-postfix.eml"))
    assert said.status == 1
    assert [line["kind"] for line in said.lines] == ["other", "dsn"]
    assert said.lines[0]["error"] == "cannot be read: No such file or directory"
    assert said.err == "gatepost: some files could not be read; each has its error\n"


def test_without_a_file_it_says_what_it_needs(place: values.Gateway) -> None:
    said = place.bare("report")
    assert (said.status, said.out) == (2, "")
    assert said.err == "gatepost: report needs a FILE, or - for standard input\n"


def test_standard_input_is_a_file_too(place: values.Gateway) -> None:
    raw = (FIXTURES / "dsn-postfix.eml").read_bytes()
    code = "import sys; from gatepost.cli.main import main; main(sys.argv[1:])"
    done = subprocess.run([sys.executable, "-c", code, "report", "-"], input=raw, capture_output=True, check=True, cwd=place.path, env=values.without_settings())  # fmt: skip
    assert values.DECODE(done.stdout)["file"] == "-"
    assert values.DECODE(done.stdout)["kind"] == "dsn"
