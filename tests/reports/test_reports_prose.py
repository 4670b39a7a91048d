"""Bounces in prose: who, what was said, and what is no bounce at all."""

import pytest
from tests.reports import report_values as values

from gatepost.reports import report, wording

ANNA = "anna@example.org"
# fixture → recipients as (address, action, status, how the reply begins)
BOUNCES: dict[str, list[tuple[str, str, str, str]]] = {
    "activehunter": [(ANNA, "failed", "", "")],
    "amavis": [(ANNA, "failed", "", "A message from")],
    "aol-local": [],
    "appriver-text": [(ANNA, "failed", "", "Anna Example")],
    "bigfoot": [(ANNA, "failed", "", "553 Invalid recipient")],
    "broken-multipart": [
        ("anna@carrier.example", "failed", "", "550 - Requested action not taken: no such user here")
    ],
    "chinese-qq": [("anna@qq.example", "failed", "", "550 Mailbox not found")],
    "courier": [(ANNA, "failed", "", "550 User Unknown")],
    "exchange-semicolon": [(ANNA, "failed", "5.1.1", "on Tue")],
    "exim-two": [
        (ANNA, "failed", "5.1.1", "550 5.1.1 User unknown"),
        ("bob@example.org", "failed", "", "mailbox is full: retry timeout exceeded"),
    ],
    "french": [("anna@example.fr", "failed", "5.1.1", "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found")],
    "german-exchange": [(ANNA, "failed", "5.1.1", "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found")],
    "gmail-new": [
        (ANNA, "failed", "5.1.1", "550 5.1.1 The email account that you tried to reach does not exist.")
    ],
    "groupwise": [(ANNA, "failed", "", "(user not found)")],
    "hotpop": [(ANNA, "failed", "", "temporary failure. Command output: maildrop")],
    "html-only": [(ANNA, "failed", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound")],
    "imail": [(ANNA, "failed", "", "unknown host")],
    "ironport": [(ANNA, "failed", "5.1.1", "550-'5.1.1 <anna@example.org>: Recipient address rejected")],
    "iso-2022-jp": [("anna@carrier.example", "failed", "", "受信者が存在しません")],
    "italian": [("anna@example.it", "failed", "", "Il messaggio")],
    "ja-docomo": [("anna@docomo.example.jp", "failed", "", "550 Unknown user")],
    "kerio": [(ANNA, "failed", "", "mailbox not found")],
    "mcafee": [(ANNA, "failed", "", "(User unknown")],
    "mdaemon": [(ANNA, "failed", "5.1.1", "550 5.1.1 User unknown")],
    "mercury": [(ANNA, "failed", "5.1.1", "550 5.1.1 anna@example.org: User not known here.")],
    "netease": [("anna@163.example", "failed", "", "550 User not found")],
    "netscape": [(ANNA, "failed", "", "")],
    "no-header": [(ANNA, "failed", "", "lost connection with mx.example.org[192.0.2.8]")],
    "opensmtpd-delay": [(ANNA, "delayed", "", "Network error on destination MXs")],
    "polish": [("anna@example.pl", "failed", "", "skrzynka odbiorcy jest przepełniona")],
    "qmail": [(ANNA, "failed", "5.1.1", "550 5.1.1 <anna@example.org>... User Unknown")],
    "sendmail-two": [
        (ANNA, "failed", "5.1.1", "550 5.1.1 <anna@example.org>... User unknown"),
        ("bob@example.com", "failed", "5.2.2", "552 5.2.2 mailbox full"),
    ],
    "sendmail-warn": [(ANNA, "delayed", "", "Deferred: Connection timed out")],
    "surfcontrol": [(ANNA, "failed", "", "550 anna@example.org... No such user")],
    "undeliverable-to": [(ANNA, "failed", "", "(user not found)")],
    "utf-7": [(ANNA, "failed", "", "")],
    "verp": [("+anna.o'neil+list=x@example.org", "failed", "", "550 No such user")],
    "wrong-encoding": [(ANNA, "failed", "5.1.1", "Sorry, no mailbox here by that name. (#5.1.1)")],
    "viruswall": [(ANNA, "failed", "", "550 unknown")],
    "smail": [(ANNA, "failed", "", "unknown host")],
    "mdaemon352": [(ANNA, "failed", "", "550 no such user")],
    "usanet": [(ANNA, "failed", "", "")],
    "e500": [(ANNA, "failed", "", "550 no such user")],
    "mailenable": [(ANNA, "failed", "", "550 no such user")],
    "problem-appears": [(ANNA, "failed", "", "550 no such user")],
    "smtp-bracket": [(ANNA, "failed", "", "")],
    "exim-warn": [(ANNA, "delayed", "", "Connection timed out")],
    "exim-alias": [(ANNA, "failed", "", "")],
    "exchange-delay": [(ANNA, "delayed", "", "")],
    "naver": [(ANNA, "failed", "5.1.1", "550 5.1.1 No such user")],
    "gmx-de": [(ANNA, "failed", "5.1.1", "550 5.1.1 User unknown")],
    "barracuda": [(ANNA, "failed", "", "")],
    "zimbra-quota": [
        (ANNA, "failed", "4.2.2", "452 4.2.2 Over quota"),
        ("bob@example.org", "failed", "", 'unknown user: "bob"'),
    ],
}


@pytest.mark.parametrize("name", BOUNCES)
def test_a_bounce_in_prose_names_its_recipients(name: str) -> None:
    found = values.parsed(f"prose-{name}")
    assert found.kind is report.Kind.DSN
    assert values.told(found) == [one[:3] for one in BOUNCES[name]]
    for one, expected in zip(found.recipients, BOUNCES[name], strict=True):
        assert one.reply.startswith(expected[3])


def test_each_fixture_in_prose_is_expected() -> None:
    names = {
        name.removeprefix("prose-").removesuffix(".eml") for name in values.NAMES if name.startswith("prose-")
    }
    assert names == {*BOUNCES, "forwarded-by-a-person"}


@pytest.mark.parametrize(
    "name", [n.removesuffix(".eml") for n in values.NAMES if n.startswith(("other-", "original-"))]
)
def test_mail_that_only_speaks_of_bounces_is_none(name: str) -> None:
    found = values.parsed(name)
    assert found.kind in {report.Kind.OTHER, report.Kind.AUTOREPLY}
    assert found.recipients == ()


def test_what_stands_behind_the_mark_is_the_original() -> None:
    found = values.parsed("prose-qmail")
    assert [one.address for one in found.recipients] == [ANNA]  # not the one in the original
    assert found.original_message_id == "order-1@shop.example"


def test_the_senders_own_address_is_no_recipient() -> None:
    found = values.prose(
        "Your message from <news@shop.example>\nto <anna@example.org> could not be delivered.\n"
        "Questions? Contact help@example.net.\n"
    )
    assert [one.address for one in found.recipients] == [ANNA]


def test_mail_to_oneself_bounces_too() -> None:
    found = values.prose(
        "I'm afraid I wasn't able to deliver your message to the following addresses.\n\n"
        "<b.7f3k2@bounce.shop.example>:\nRemote host said: 552 disk quota exceeded\n"
    )
    assert [one.address for one in found.recipients] == ["b.7f3k2@bounce.shop.example"]


@pytest.mark.parametrize(
    ("subject", "text", "action"),
    [
        ("Delivery Status Notification (Delay)", "Delivery to a@example.org has been delayed.", "delayed"),
        ("Warning: could not send message for past 4 hours", "<a@example.org>... Deferred", "delayed"),
        ("Verzögerte Zustellung", "Ihre Nachricht an a@example.org wird verzögert zugestellt.", "delayed"),
        ("failure notice", "I've given up on <a@example.org>: it was delayed too long.", "failed"),
        ("Successful Mail Delivery Report", "<a@example.org>: delivery was successful", "delivered"),
        ("Relayed: your order", "<a@example.org>: was relayed. Delivery status: sent on.", "relayed"),
        ("Undelivered Mail Returned to Sender", "<a@example.org>: host said: 550 no", "failed"),
    ],
)
def test_a_delay_is_no_failure(subject: str, text: str, action: str) -> None:
    found = values.prose(text, subject=subject)
    assert values.told(found)[0][:2] == ("a@example.org", action)


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        (
            "host mx[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)",
            "550 5.1.1 no such user",
        ),
        ("Remote Server returned '550 5.1.10 not found'", "550 5.1.10 not found"),
        (
            "(reason: 550 5.1.1 <a@b.example>... User unknown (really))\n(expanded from: x)",
            "550 5.1.1 <a@b.example>... User unknown (really)",
        ),
        ("port 25, 535 KB, 192.0.2.55: it failed", "port 25, 535 KB, 192.0.2.55: it failed"),
        ("550: <a@b.example>: User unknown", "550: <a@b.example>: User unknown"),
        ("The error was: 552 sorry, over quota (#5.2.2)\n\nBye.", "552 sorry, over quota (#5.2.2)"),
        (
            "550 no Giving up on 192.0.2.1. [RCPT_TO] STEP: DATA SEND hMailServer [BODY]",
            "550 no Giving up on 192.0.2.1.",
        ),
        ("Reason: mailbox is full", "mailbox is full"),
        ("5.2.1 <a@b.example>... User Unknown", "5.2.1 <a@b.example>... User Unknown"),
        ("", ""),
    ],
)
def test_the_reply_is_taken_out_of_what_is_around_it(text: str, reply: str) -> None:
    assert wording.reply_in(text) == reply


def test_only_the_first_addresses_of_a_long_text_are_looked_at() -> None:
    found = values.prose("We wrote about x@example.org. " * 300 + "\nNot delivered to anna@example.org.\n")
    assert len(found.recipients) <= 1


def test_a_text_that_names_the_field_only_has_no_fields() -> None:
    found = values.prose("The Final-Recipient: of your mail, <anna@example.org>, could not be reached.\n")
    assert [one.address for one in found.recipients] == [ANNA]
