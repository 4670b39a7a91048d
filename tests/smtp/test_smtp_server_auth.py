"""Credentials given to the server's side: asked for line by line, refused, malformed, and never twice."""

import base64

import pytest
from tests.smtp import smtp_shell

from gatepost.smtp import events, footing, replies

ANN, ENVELOPE, greeted = smtp_shell.ANN, smtp_shell.ENVELOPE, smtp_shell.greeted


def test_a_line_behind_credentials_ends_the_session() -> None:
    shell = greeted(auth_required=True, auth_without_tls=True)
    shell.say(b"AUTH PLAIN\r\n")
    assert shell.say(ANN + b"\r\nNOOP\r\n") == replies.UNAUTHORISED_PIPELINING


def test_credentials_are_asked_for_line_by_line() -> None:
    shell = greeted(auth_required=True, tls_active=True)
    assert shell.say(b"AUTH LOGIN\r\n") == replies.ASK_USER
    assert shell.say(base64.b64encode(b"ann") + b"\r\n") == replies.ASK_PASSWORD
    assert shell.say(base64.b64encode(b"secret") + b"\r\n") == replies.AUTH_ACCEPTED
    assert shell.events[-1] == events.AuthGiven(events.Mechanism.LOGIN, b"ann", b"secret")
    assert shell.say(b"AUTH PLAIN " + ANN + b"\r\n") == replies.AUTH_TWICE
    assert b"AUTH" not in shell.say(b"EHLO x\r\n")
    assert shell.say(ENVELOPE).startswith(replies.ACCEPTED_SENDER)


@pytest.mark.parametrize(
    ("terms", "line", "reply"),
    [
        ({"tls_available": True}, b"AUTH PLAIN " + ANN, replies.AUTH_NEEDS_TLS),
        ({"auth_required": False}, b"AUTH PLAIN " + ANN, replies.NOT_IMPLEMENTED),
        ({"tls_active": True}, b"AUTH CRAM-MD5", replies.AUTH_UNKNOWN),
        ({"tls_active": True}, b"AUTH PLAIN ????", replies.AUTH_MALFORMED),
        ({"tls_active": True}, b"AUTH PLAIN *", replies.AUTH_CANCELLED),
        ({"tls_active": True}, b"AUTH PLAIN " + base64.b64encode(b"\0ann\0wrong"), replies.AUTH_REFUSED),
        ({"tls_active": True}, b"AUTH PLAIN " + base64.b64encode(b"\0nobody\0x"), replies.AUTH_REFUSED),
        ({"tls_active": True}, b"MAIL FROM:<a@b.test>", replies.AUTH_REQUIRED),
        ({"tls_active": True}, b"STARTTLS", replies.TLS_ACTIVE),
        ({"tls_active": False}, b"STARTTLS", replies.NOT_IMPLEMENTED),
    ],
)
def test_credentials_are_refused(terms: dict[str, object], line: bytes, reply: bytes) -> None:
    shell = greeted(**({"auth_required": True} | terms))
    assert shell.say(line + b"\r\n") == reply
    assert shell.say(b"NOOP\r\n") == replies.OK


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"*\r\n", replies.AUTH_CANCELLED),
        (b"A" * 1_000_000 + b"\r\n", replies.AUTH_TOO_LONG),
        (b"AAAA\n", replies.AUTH_MALFORMED),
        (b"\r\n", replies.AUTH_MALFORMED),
    ],
    ids=["cancelled", "1 MB", "bare LF", "empty"],
)
def test_an_exchange_that_fails_leaves_a_session(line: bytes, reply: bytes) -> None:
    shell = greeted(auth_required=True, auth_without_tls=True)
    shell.say(b"AUTH PLAIN\r\n")
    assert shell.say(line) == reply
    assert shell.say(b"AUTH PLAIN " + ANN + b"\r\n") == replies.AUTH_ACCEPTED


def test_credentials_that_cannot_be_checked_are_no_mistake() -> None:
    session = greeted(auth_required=True, auth_without_tls=True).session
    for _ in range(footing.MAX_ERRORS + 1):
        session.receive(b"AUTH PLAIN " + ANN + b"\r\n")
        assert isinstance(session.next_event(), events.AuthGiven)
        session.auth_unavailable()
        assert session.data_to_send() == replies.AUTH_UNAVAILABLE


def test_twenty_wrong_passwords_end_the_session() -> None:
    shell = greeted(auth_required=True, tls_active=True)
    wrong = b"AUTH PLAIN " + base64.b64encode(b"\0ann\0wrong") + b"\r\n"
    said = b"".join(shell.say(wrong) for _ in range(footing.MAX_ERRORS))
    assert said.endswith(replies.AUTH_REFUSED + replies.TOO_MANY_ERRORS)
