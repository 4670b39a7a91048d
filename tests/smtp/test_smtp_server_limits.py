"""What the server's side puts up with: mistakes, idle commands, recipients, bytes, other protocols, bodies."""

import pytest
from tests.smtp import smtp_shell

from gatepost.smtp import events, footing, replies

ENVELOPE, Shell, greeted = smtp_shell.ENVELOPE, smtp_shell.Shell, smtp_shell.greeted


@pytest.mark.parametrize(
    "line", [b"XYZZY\r\n", b"AUTH PLAIN ?\r\n", b"MAIL FROM:<\r\n", b"\n", b"A" * 3000 + b"\r\n"]
)
def test_twenty_mistakes_end_the_session(line: bytes) -> None:
    shell = greeted(auth_required=line.startswith(b"AUTH"), auth_without_tls=True)
    said = b"".join(shell.say(line) for _ in range(footing.MAX_ERRORS + 5))
    assert said.count(b"\r\n") == footing.MAX_ERRORS + 1
    assert said.endswith(replies.TOO_MANY_ERRORS)
    assert shell.reason() is events.Reason.ERRORS


@pytest.mark.parametrize("line", [b"NOOP", b"RSET", b"VRFY x", b"EHLO x", b"MAIL FROM:<no@b.test>"])
def test_a_hundred_commands_without_a_message_are_enough(line: bytes) -> None:
    shell = greeted()
    said = b"".join(shell.say(line + b"\r\n") for _ in range(footing.MAX_JUNK + 5))
    assert said.endswith(replies.TOO_MUCH_JUNK)
    assert shell.reason() is events.Reason.JUNK


def test_an_accepted_message_renews_our_patience() -> None:
    shell = greeted()
    for _ in range(3):
        shell.say(*[b"NOOP\r\n"] * 90, *[b"XYZZY\r\n"] * 15)
        shell.say(ENVELOPE + b"DATA\r\n", b".\r\n")
    assert len(shell.messages) == 3


def test_many_refused_recipients_are_no_mistake() -> None:
    shell = greeted()
    shell.say(b"MAIL FROM:<a@b.test>\r\n" + b"RCPT TO:<no@mx.test>\r\n" * 500 + b"RCPT TO:<x@mx.test>\r\n")
    assert shell.say(b"DATA\r\n") == replies.GO_AHEAD


def test_recipients_over_the_limit_are_put_off_and_a_flood_of_them_ends_the_session() -> None:
    shell = greeted(max_recipients=5)
    said = shell.say(b"MAIL FROM:<a@b.test>\r\n" + b"RCPT TO:<x@mx.test>\r\n" * 10)
    assert said.count(replies.ACCEPTED_RECIPIENT) == said.count(replies.TOO_MANY_RECIPIENTS) == 5
    assert shell.say(b"DATA\r\n", b".\r\n").startswith(replies.GO_AHEAD)
    said = shell.say(b"MAIL FROM:<a@b.test>\r\n" + b"RCPT TO:<x@mx.test>\r\n" * 1000)
    assert said.endswith(replies.TOO_MUCH_JUNK)


def test_bytes_that_wait_for_an_answer_are_bounded() -> None:
    shell = greeted()
    shell.session.receive(b"MAIL FROM:<a@b.test>\r\n")
    shell.session.next_event()
    assert not shell.session.crowded
    for _ in range(9):
        shell.session.receive(b"NOOP\r\n" * 20_000)
        assert shell.session.crowded
    assert shell.session.data_to_send() == replies.OVERFLOW
    shell.session.mail_accepted()
    assert shell.session.data_to_send() == b""


@pytest.mark.parametrize("verb", [b"GET / HTTP/1.1", b"post /x", b"CONNECT a:25 HTTP/1.1"])
def test_another_protocol_is_shown_the_door(verb: bytes) -> None:
    shell = Shell()
    assert shell.say(verb + b"\r\nHost: x\r\n").endswith(replies.NOT_SMTP)
    assert shell.reason() is events.Reason.NOT_SMTP


# --- bodies


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (b"x" * 998 + b"\r\n" + b"y\r\n", replies.TOO_BIG),
        (b"x" * 70_000 + b"\r\n", replies.TEXT_LINE_TOO_LONG),
    ],
    ids=["size", "line"],
)
@pytest.mark.parametrize("cut", [7, 1000, 1_000_000])
def test_a_body_that_cannot_be_taken_is_discarded_and_the_session_goes_on(
    body: bytes, reply: bytes, cut: int
) -> None:
    shell = greeted(max_size=1000 if reply is replies.TOO_BIG else 0)
    shell.say(ENVELOPE + b"DATA\r\n")
    wire = body + b".\r\n" + ENVELOPE + b"DATA\r\n"
    said = shell.say(*[wire[at : at + cut] for at in range(0, len(wire), cut)])
    assert said.startswith(reply)
    assert said.endswith(replies.GO_AHEAD)
    assert events.Reset() in shell.events
    assert not any(isinstance(event, events.BodyEnd) for event in shell.events)


def test_a_body_is_told_with_its_size_and_whether_it_has_eight_bits() -> None:
    shell = greeted()
    shell.say(ENVELOPE + b"DATA\r\n", b"..a\r\n", b"\xff\r\n.\r\n")
    assert shell.events[-1] == events.BodyEnd(7, eight_bit=True)
    assert shell.messages == [b".a\r\n\xff\r\n"]
