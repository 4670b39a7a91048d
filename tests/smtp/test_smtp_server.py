"""The server's side against scripted clients: order, every way to end, and any bytes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.smtp import smtp_shell

from gatepost.smtp import events, replies, states

ANN, ENVELOPE = smtp_shell.ANN, smtp_shell.ENVELOPE
Shell, greeted = smtp_shell.Shell, smtp_shell.greeted


def test_the_greeting_and_what_is_offered_come_in_one_write_each() -> None:
    shell = Shell(tls_available=True, auth_required=True)
    assert shell.say(b"") == b"220 mx.test ESMTP Gatepost\r\n"
    plain = shell.say(b"EHLO app.test\r\n")
    assert plain == (
        b"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
        b"250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 STARTTLS\r\n"
    )
    assert shell.say(b"STARTTLS\r\n") == replies.TLS_GO
    assert shell.session.next_event() is states.PAUSED
    shell.session.tls_started()
    assert shell.session.hello == b""
    assert shell.say(b"MAIL FROM:<a@b.test>\r\n") == replies.HELLO_FIRST
    assert shell.say(b"EHLO app.test\r\n").endswith(b"250 AUTH PLAIN LOGIN\r\n")
    assert (shell.session.esmtp, shell.session.hello) == (True, b"app.test")
    assert shell.say(b"HELO app.test\r\n") == b"250 mx.test\r\n"
    assert not shell.session.esmtp


ORDER = [
    ("before EHLO", b"", [b"MAIL FROM:<a@b.test>", b"AUTH PLAIN", b"STARTTLS"], replies.HELLO_FIRST),
    ("before MAIL", b"EHLO x\r\n", [b"RCPT TO:<a@b.test>", b"DATA"], replies.MAIL_FIRST),
    ("after MAIL", b"MAIL FROM:<>\r\n", [b"MAIL FROM:<>", b"AUTH PLAIN", b"STARTTLS"], replies.NESTED),
    ("after RCPT", ENVELOPE, [b"MAIL FROM:<>", b"STARTTLS"], replies.NESTED),
    ("no recipient", b"MAIL FROM:<>\r\n", [b"DATA"], replies.NO_RECIPIENTS),
    ("bad address", b"MAIL FROM:<>\r\n", [b"RCPT TO:x"], replies.BAD_RCPT),
    ("refused MAIL", b"MAIL FROM:<no@b.test>\r\n", [b"RCPT TO:<a@b.test>", b"DATA"], replies.MAIL_FIRST),
    ("any time", b"", [b"EXPN x", b"ETRN x", b"TURN"], replies.NOT_IMPLEMENTED),
    ("any time", b"", [b"XYZZY", b"", b"{}%s$(x)"], replies.UNKNOWN_COMMAND),
    ("any time", b"", [b"EHLO", b"HELO two words"], replies.BAD_HELLO),
    ("any time", b"", [b"VRFY root"], replies.CANNOT_VRFY),
    ("any time", b"", [b"HELP"], replies.HELP),
    ("any time", b"", [b"\x80\x81", b"MAIL FROM:<a\0@b.test>"], replies.BAD_CHARACTERS),
    ("any time", b"", [b"RSET"], replies.OK),
    ("any time", b"", [b"RSET x"], replies.NO_ARGUMENT),
    ("bare", b"", [b"NOOP\nNOOP"[:4] + b"\n"], replies.BARE_NEWLINE + replies.UNKNOWN_COMMAND),
]


@pytest.mark.parametrize(
    ("before", "line", "reply"),
    [(before, line, reply) for _, before, found, reply in ORDER for line in found],
    ids=[f"{name}: {line!r}" for name, _, found, _ in ORDER for line in found],
)
def test_each_command_has_its_place(before: bytes, line: bytes, reply: bytes) -> None:
    shell = Shell(tls_available=True, auth_required=b"AUTH" in line, auth_without_tls=True)
    if before and not before.startswith(b"EHLO"):
        shell.say(b"EHLO x\r\n")
        if b"AUTH" in line:
            return  # a transaction needs AUTH first there, and twice is another row's business
    shell.say(before)
    assert shell.say(line + b"\r\n") == reply
    assert shell.session.next_event() is states.NEED_DATA


def test_a_group_is_answered_in_one_write_and_a_transaction_follows_another() -> None:
    shell = greeted()
    said = shell.say(ENVELOPE + b"RCPT TO:<no@mx.test>\r\nDATA\r\n")
    assert [line[:3] for line in said.splitlines()] == [b"250", b"250", b"550", b"354"]
    said = shell.say(b"one\r\n.\r\n" + ENVELOPE + b"DATA\r\n")
    assert [line[:3] for line in said.splitlines()] == [b"250", b"250", b"250", b"354"]
    assert shell.session.in_body
    shell.say(b"two\r\n.\r\nQUIT\r\nNOOP\r\n")
    assert shell.messages == [b"one\r\n", b"two\r\n"]
    assert shell.wire.endswith(replies.BYE)
    assert shell.reason() is events.Reason.QUIT


@pytest.mark.parametrize("command", [b"RSET\r\n", b"EHLO y\r\n", b"HELO y\r\n"])
def test_a_transaction_that_is_dropped_is_told(command: bytes) -> None:
    shell = greeted()
    shell.say(ENVELOPE + command)
    assert shell.events[-1] == events.Reset()
    assert shell.say(b"DATA\r\n") == replies.MAIL_FIRST
    assert not shell.say(ENVELOPE + b"DATA\r\n").endswith(replies.MAIL_FIRST)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (ENVELOPE + b"DATA\r\nSubject: early\r\n\r\n.\r\n", events.Reason.PIPELINING),
        (b"DATA\r\nMAIL FROM:<evil@b.test>\r\n", events.Reason.PIPELINING),
        (b"EHLO x\r\n" + ENVELOPE, events.Reason.PIPELINING),
        (b"HELO x\r\nNOOP\r\n", events.Reason.PIPELINING),
        (b"AUTH PLAIN " + ANN + b"\r\nMAIL FROM:<evil@b.test>\r\n", events.Reason.PIPELINING),
        (b"STARTTLS\r\nMAIL FROM:<evil@b.test>\r\n", events.Reason.PLAINTEXT),
        (b"STARTTLS\r\n\x16\x03\x01", events.Reason.PLAINTEXT),
    ],
)
def test_what_comes_where_the_client_has_to_wait_ends_the_session(sent: bytes, reason: events.Reason) -> None:
    shell = greeted(tls_available=True, auth_required=sent.startswith(b"AUTH"), auth_without_tls=True)
    assert shell.say(sent).endswith(replies.UNAUTHORISED_PIPELINING)
    assert shell.reason() is reason
    assert shell.messages == []
    assert shell.say(b"NOOP\r\n") == b""


def test_bytes_before_the_handshake_are_never_read() -> None:
    shell = greeted(tls_available=True)
    shell.say(b"STARTTLS\r\n")
    shell.session.receive(b"MAIL FROM:<evil@b.test>\r\n")
    shell.session.tls_started()
    assert shell.say(b"") == b""
    assert shell.reason() is events.Reason.PLAINTEXT
    shell.session.tls_started()


def test_bytes_before_the_greeting_are_early_talk() -> None:
    shell = Shell(greet=False)
    shell.session.receive(b"EHLO x\r\n")
    shell.session.greeting()
    assert shell.say(b"") == replies.EARLY_TALK
    assert shell.reason() is events.Reason.EARLY_TALK


# --- ends


@pytest.mark.parametrize("cut", range(len(ENVELOPE + b"DATA\r\n" + b"body\r\n.\r\n")))
def test_a_client_that_leaves_before_the_dot_leaves_nothing(cut: int) -> None:
    shell = greeted()
    data = ENVELOPE + b"DATA\r\n"
    shell.say(data[:cut])
    if cut > len(data):
        shell.say(b"body\r\n.\r\n"[: cut - len(data)])
    shell.session.receive_eof()
    shell.say(b"")
    assert shell.messages == []
    assert shell.reason() is events.Reason.EOF


def test_the_first_end_stands_and_late_answers_are_dropped() -> None:
    shell = greeted()
    shell.session.receive(b"MAIL FROM:<a@b.test>\r\n")
    shell.session.next_event()
    shell.session.timed_out()
    shell.session.shutdown()
    shell.session.receive_eof()
    shell.session.mail_accepted()
    shell.session.refuse(b"421 4.3.2 Later\r\n")
    shell.session.auth_refused()
    assert shell.session.data_to_send() == replies.TIMED_OUT
    assert shell.session.next_event() == events.Closing(events.Reason.TIMEOUT)


def test_a_shutdown_and_a_refusal_with_421_close() -> None:
    shell = greeted()
    shell.session.receive(b"MAIL FROM:<a@b.test>\r\n")
    shell.session.next_event()
    shell.session.refuse(b"421 4.3.2 Later\r\n")
    assert shell.session.data_to_send() == b"421 4.3.2 Later\r\n"
    assert shell.session.next_event() == events.Closing(events.Reason.REFUSED)
    shell = greeted()
    shell.session.shutdown()
    assert shell.say(b"") == replies.SHUTTING_DOWN


@pytest.mark.parametrize("reply", [b"250 2.0.0 Ok\r\n", b"550 a\r\n250 b\r\n", b"550 \x1b\r\n", b""])
def test_our_own_mistakes_are_not_written(reply: bytes) -> None:
    shell = greeted()
    shell.session.receive(b"MAIL FROM:<a@b.test>\r\n")
    shell.session.next_event()
    with pytest.raises(states.LocalProtocolError):
        shell.session.refuse(reply)
    with pytest.raises(states.LocalProtocolError):
        shell.session.rcpt_accepted()
    with pytest.raises(states.LocalProtocolError):
        shell.session.greeting()


# --- whatever the bytes, whatever the cuts

PIECES = st.lists(
    st.sampled_from(
        [
            b"EHLO x\r\n", b"HELO x\r\n", b"MAIL FROM:<a@b.test>\r\n", b"MAIL FROM:<no@b.test>\r\n", b"DATA\r\n",
            b"RCPT TO:<x@mx.test>\r\n", b"RCPT TO:<no@mx.test>\r\n", b"RSET\r\n", b"NOOP\r\n", b"QUIT\r\n",
            b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", ANN + b"\r\n", b"STARTTLS\r\n", b"BDAT 3\r\n", b"BDAT 8 LAST\r\n", b"XYZZY\r\n",
            b"text\r\n", b".\r\n", b"..\r\n", b"\r\n.\r\n", b"\r", b"\n", b"\0", b"\xff\xfe", b"*\r\n", b"VRFY x\r\n",
        ]
    )
    | st.binary(max_size=20),
    max_size=25,
)  # fmt: skip


@given(PIECES, st.booleans())
@settings(max_examples=100)
def test_any_bytes_give_events_and_replies_in_form(pieces: list[bytes], asks: bool) -> None:
    shell = Shell(auth_required=asks, auth_without_tls=True)
    shell.say(*pieces)
    assert all(line[:1] in b"2345" for line in shell.wire.split(b"\r\n")[:-1])
    assert len(shell.messages) == sum(isinstance(event, events.BodyEnd) for event in shell.events)


@given(PIECES)
@settings(max_examples=100)
def test_bytes_one_by_one_say_the_same_as_lines(pieces: list[bytes]) -> None:
    """Fed in whole lines, that is: a client that does not wait shows only where its bytes arrive together."""
    fed = b"EHLO x\r\n" + b"".join(pieces)
    by_line, by_byte = Shell(), Shell()
    by_line.say(*fed.splitlines(keepends=True))
    by_byte.say(*[fed[at : at + 1] for at in range(len(fed))])
    assert by_byte.messages == by_line.messages
    assert by_byte.wire == by_line.wire
    bodies = (events.Reset, events.StartTlsWanted)
    told = [event for event in by_line.events if not isinstance(event, bodies)]
    assert [event for event in by_byte.events if not isinstance(event, bodies)] == told
