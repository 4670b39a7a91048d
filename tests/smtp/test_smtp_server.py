"""The server's side against scripted clients: order, limits, credentials, and every way to end."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.smtp import events, footing, replies, server, states

ENVELOPE = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\n"
ANN = base64.b64encode(b"\0ann\0secret")


class Shell:
    """Answers everything with yes, but refuses ``no@`` and the password ``wrong``; notes what it was told."""

    def __init__(self, *, greet: bool = True, **terms: object) -> None:
        values: dict[str, object] = {"auth_required": False, "max_size": 1000} | terms
        self.session = server.ServerSession(server.ServerSettings("mx.test", **values))  # type: ignore[arg-type]
        self.events: list[events.ServerEvent] = []
        self.messages: list[bytes] = []
        self.body = b""
        self.wire = b""
        if greet:
            self.session.greeting()

    def say(self, *data: bytes) -> bytes:
        """Feed, answer, and give what the server says."""
        said = b""
        for piece in data:
            if self.closed:
                break
            self.session.receive(piece)
            while not isinstance(event := self.session.next_event(), states.Signal):
                if isinstance(event, events.BodyChunk):
                    self.body += event.data
                    continue
                self.events.append(event)
                if isinstance(event, events.Closing):
                    break
                self.answer(event)
            said += self.session.data_to_send()
        self.wire += said
        return said

    @property
    def closed(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], events.Closing)

    def answer(self, event: events.ServerEvent) -> None:
        match event:
            case events.AuthGiven():
                right = event.password == b"secret"
                self.session.auth_accepted() if right else self.session.auth_refused()
            case events.MailGiven():
                no = event.sender is not None and event.sender.local == "no"
                self.session.refuse(b"550 5.7.1 No\r\n") if no else self.session.mail_accepted()
            case events.RcptGiven(address):
                no = address.local == "no"
                self.session.refuse(b"550 5.1.1 No\r\n") if no else self.session.rcpt_accepted()
            case events.DataBegun():
                self.body = b""
            case events.BodyEnd():
                self.messages.append(self.body)
                self.session.message_accepted("Queued")
            case _:
                assert isinstance(event, events.Reset | events.StartTlsWanted)

    def reason(self) -> events.Reason:
        last = self.events[-1]
        assert isinstance(last, events.Closing)
        assert self.session.next_event() is self.session.next_event()
        return last.reason


def greeted(**terms: object) -> Shell:
    shell = Shell(**terms)  # type: ignore[arg-type]
    shell.say(b"EHLO app.test\r\n")
    return shell


def test_the_greeting_and_what_is_offered_come_in_one_write_each() -> None:
    shell = Shell(tls_available=True, auth_required=True)
    assert shell.say(b"") == b"220 mx.test ESMTP Gatepost\r\n"
    plain = shell.say(b"EHLO app.test\r\n")
    assert plain == (
        b"250-mx.test\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
        b"250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n"
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
    ("any time", b"", [b"EXPN x", b"ETRN x", b"TURN", b"BDAT 5 LAST"], replies.NOT_IMPLEMENTED),
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
        (b"BDAT 30 LAST\r\nMAIL FROM:<evil@b.test>\r\n", events.Reason.PIPELINING),
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


def test_a_line_behind_credentials_ends_the_session() -> None:
    shell = greeted(auth_required=True, auth_without_tls=True)
    shell.say(b"AUTH PLAIN\r\n")
    assert shell.say(ANN + b"\r\nNOOP\r\n") == replies.UNAUTHORISED_PIPELINING


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


# --- credentials


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


# --- limits


@pytest.mark.parametrize(
    "line", [b"XYZZY\r\n", b"AUTH PLAIN ?\r\n", b"MAIL FROM:<\r\n", b"\n", b"A" * 3000 + b"\r\n"]
)
def test_twenty_mistakes_end_the_session(line: bytes) -> None:
    shell = greeted(auth_required=line.startswith(b"AUTH"), auth_without_tls=True)
    said = b"".join(shell.say(line) for _ in range(footing.MAX_ERRORS + 5))
    assert said.count(b"\r\n") == footing.MAX_ERRORS + 1
    assert said.endswith(replies.TOO_MANY_ERRORS)
    assert shell.reason() is events.Reason.ERRORS


def test_twenty_wrong_passwords_end_the_session() -> None:
    shell = greeted(auth_required=True, tls_active=True)
    wrong = b"AUTH PLAIN " + base64.b64encode(b"\0ann\0wrong") + b"\r\n"
    said = b"".join(shell.say(wrong) for _ in range(footing.MAX_ERRORS))
    assert said.endswith(replies.AUTH_REFUSED + replies.TOO_MANY_ERRORS)


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
    for _ in range(3):
        shell.session.receive(b"NOOP\r\n" * 10_000)
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
            b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n", ANN + b"\r\n", b"STARTTLS\r\n", b"BDAT 3\r\n", b"XYZZY\r\n",
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
