"""The server's side of an SMTP conversation (RFC 5321), without I/O: commands in, events out; answers in, replies out.

Guarantees: only CRLF.CRLF ends a message; what was pipelined where the client had to wait ends the session (faults.md B01,
B04, C01); every reply is ours alone, and nothing that a peer sent is in it; memory is bounded. After an event that wants an
answer ``next_event`` is PAUSED until it is given. Replies of one group come out together in one ``data_to_send``.
Not here: who may send what (``gatepost.ingest``), time-outs' lengths, TLS itself.
"""

from collections.abc import Callable

import msgspec

from gatepost.smtp import auth, commands, data, events, extensions, lines, replies, states

_S = states.Server
_T = states.Step
MAX_ERRORS = 20  # as Postfix's smtpd_hard_error_limit
MAX_JUNK = 100  # commands that bring no message; as Postfix's smtpd_junk_command_limit
MAX_WAITING = 128 * 1024  # bytes pipelined before an answer is given
_HTTP = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"CONNECT", b"OPTIONS", b"DELETE", b"PATCH"})
_NO_ARGUMENT = frozenset({b"DATA", b"RSET", b"QUIT", b"STARTTLS"})


class ServerSettings(msgspec.Struct, frozen=True):
    """What this listener offers. max_size: of a message in bytes, 0 for none. tls_active: implicit TLS."""

    hostname: str
    max_size: int = 0
    max_recipients: int = 1000
    tls_available: bool = False
    tls_active: bool = False
    auth_required: bool = True
    auth_without_tls: bool = False


class ServerSession:
    """One connection."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._state = _S.START
        self._secure = settings.tls_active
        self._authenticated = False
        self._input = lines.LineBuffer()
        self._out: list[bytes] = []
        self._body: data.BodyReader | None = None
        self._closing: events.Closing | None = None
        self._errors = 0
        self._junk = 0
        self._recipients = 0
        self._smtputf8 = False
        self._user = b""
        self._esmtp = False
        self.hello = b""
        self._handlers: dict[bytes, Callable[[bytes], events.ServerEvent | None]] = {
            b"EHLO": self._ehlo,
            b"HELO": self._helo,
            b"STARTTLS": self._starttls,
            b"AUTH": self._auth,
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"RSET": self._rset,
            b"NOOP": self._noop,
            b"HELP": self._help,
            b"VRFY": self._vrfy,
            b"EXPN": self._not_implemented,
            b"ETRN": self._not_implemented,
            b"TURN": self._not_implemented,
            b"BDAT": self._not_implemented,
            b"QUIT": self._quit,
        }

    # --- what the shell asks

    @property
    def secure(self) -> bool:
        """Whether TLS is active."""
        return self._secure

    @property
    def esmtp(self) -> bool:
        """Whether the client said EHLO (and not HELO)."""
        return self._esmtp

    @property
    def in_body(self) -> bool:
        """Whether a message's bytes are awaited."""
        return self._state in (_S.BODY, _S.DISCARD)

    @property
    def busy(self) -> bool:
        """Whether a transaction is under way, or an answer owed."""
        return self._state not in (_S.START, _S.FRESH, _S.READY, _S.REFUSED, _S.CLOSED)

    def data_to_send(self) -> bytes:
        """What is to be written now, in one write; asked for once."""
        if not self._out:
            return b""
        out = self._out[0] if len(self._out) == 1 else b"".join(self._out)
        self._out.clear()
        return out

    def next_event(self) -> events.ServerEvent | states.Signal:
        """What the client wants, NEED_DATA, or PAUSED while an answer is owed."""
        while True:
            if self._closing is not None:
                return self._closing
            if self._state in _OWED:
                return states.PAUSED
            if self._state in (_S.BODY, _S.DISCARD, _S.BODY_ENDED):
                event = self._read_body()
            else:
                line = self._input.line()
                if line is None:
                    return states.NEED_DATA
                if isinstance(line, lines.Defect):
                    self._defect(line)
                    continue
                event = self._line(line)
            if event is not None:
                return event

    # --- what the shell tells

    def greeting(self) -> None:
        """Say who we are. Bytes that came before are early talk (faults.md B04)."""
        if len(self._input):
            self._close(events.Reason.EARLY_TALK, replies.EARLY_TALK)
            return
        self._go(_T.GREET)
        self._out.append(replies.build(220, "", f"{self._settings.hostname} ESMTP Gatepost"))

    def receive(self, received: bytes) -> None:
        """Bytes came."""
        if self._closing is not None:
            return
        self._input.feed(received)
        if self._state is _S.START:
            self._close(events.Reason.EARLY_TALK, replies.EARLY_TALK)
        elif self._state in _OWED and len(self._input) > MAX_WAITING:
            self._close(events.Reason.OVERFLOW, replies.OVERFLOW)

    def receive_eof(self) -> None:
        """The client is gone: nothing that it did not finish counts."""
        if self._closing is None:
            self._close(events.Reason.EOF, b"")

    def timed_out(self) -> None:
        """The client took too long."""
        if self._closing is None:
            self._close(events.Reason.TIMEOUT, replies.TIMED_OUT)

    def shutdown(self, reply: bytes = replies.SHUTTING_DOWN) -> None:
        """End it from our side, with a 421."""
        if self._closing is None:
            self._close(events.Reason.SHUTDOWN, reply)

    def tls_started(self) -> None:
        """The handshake is done: everything begins anew (RFC 3207 §4.2)."""
        if len(self._input):
            self._close(events.Reason.PLAINTEXT, b"")
            return
        self._go(_T.SECURED)
        self._secure = True
        self.hello = b""

    # --- answers

    def auth_accepted(self) -> None:
        """The credentials are right."""
        self._answer(_T.ACCEPT, replies.AUTH_ACCEPTED, _S.AUTH_OWED)
        self._authenticated = True

    def auth_refused(self) -> None:
        """They are not; which part was wrong is not said (faults.md C04)."""
        self._answer(_T.REFUSE, replies.AUTH_REFUSED, _S.AUTH_OWED)
        self._count_error()

    def auth_unavailable(self) -> None:
        """They cannot be checked now."""
        self._answer(_T.REFUSE, replies.AUTH_UNAVAILABLE, _S.AUTH_OWED)

    def mail_accepted(self) -> None:
        """This sender may send."""
        self._answer(_T.ACCEPT, replies.ACCEPTED_SENDER, _S.MAIL_OWED)

    def rcpt_accepted(self) -> None:
        """This recipient is taken."""
        self._answer(_T.ACCEPT, replies.ACCEPTED_RECIPIENT, _S.FIRST_RCPT_OWED, _S.RCPT_OWED)
        self._recipients += 1

    def message_accepted(self, text: str) -> None:
        """The message is ours: said only after the store has confirmed (faults.md P1)."""
        self._answer(_T.ACCEPT, replies.build(250, "2.0.0", text), _S.DOT_OWED)
        self._junk = 0

    def refuse(self, reply: bytes) -> None:
        """No to MAIL, RCPT or the message. ``reply``: whole, with its CRLF, 4yz or 5yz (``replies.build``); a 421 closes."""
        if not replies.is_refusal(reply.removesuffix(b"\r\n")):
            raise states.LocalProtocolError("a refusal has to be a 4yz or 5yz reply")
        if reply.startswith(b"421"):
            self._close(events.Reason.REFUSED, reply)
            return
        self._answer(_T.REFUSE, reply, _S.MAIL_OWED, _S.FIRST_RCPT_OWED, _S.RCPT_OWED, _S.DOT_OWED)
        if reply.startswith(b"5"):
            self._count_error()

    # --- lines

    def _defect(self, defect: lines.Defect) -> None:
        if self._state in _AUTHENTICATING:
            self._go(_T.CANCEL)
            self._error(replies.AUTH_TOO_LONG)
        else:
            self._error(replies.LINE_TOO_LONG if defect is lines.Defect.TOO_LONG else replies.BARE_NEWLINE)

    def _line(self, line: bytes) -> events.ServerEvent | None:
        if self._state in _AUTHENTICATING:
            return self._credentials(line)
        verb, _, argument = line.partition(b" ")
        verb = verb.upper()
        if verb in _HTTP:
            self._close(events.Reason.NOT_SMTP, replies.NOT_SMTP)
            return None
        handler = self._handlers.get(verb)
        if handler is None:
            self._unknown(line)
            return None
        if argument.strip() and verb in _NO_ARGUMENT:
            self._error(replies.NO_ARGUMENT)
            return None
        return handler(argument)

    def _unknown(self, line: bytes) -> None:
        printable = all(32 <= c < 127 or c == 9 for c in line)
        self._error(replies.UNKNOWN_COMMAND if printable else replies.BAD_CHARACTERS)

    def _ehlo(self, argument: bytes) -> None:
        if not self._hello(argument, esmtp=True):
            return
        offer = extensions.Extensions(
            pipelining=True,
            eight_bit=True,
            smtputf8=True,
            starttls=self._settings.tls_available and not self._secure,
            enhanced=True,
            size_known=True,
            size=self._settings.max_size,
            auth=frozenset({b"PLAIN", b"LOGIN"}) if self._may_authenticate() else frozenset(),
        )
        self._out.append(replies.lines(250, [self._settings.hostname.encode(), *extensions.announce(offer)]))

    def _helo(self, argument: bytes) -> None:
        if self._hello(argument, esmtp=False):
            self._out.append(replies.build(250, "", self._settings.hostname))

    def _hello(self, argument: bytes, *, esmtp: bool) -> bool:
        name = commands.hello(argument)
        if name is None:
            self._error(replies.BAD_HELLO)
            return False
        if not self._count_junk():
            return False
        self._go(_T.HELLO)
        self.hello = name
        self._esmtp = esmtp
        self._recipients = 0
        return True

    def _starttls(self, _: bytes) -> events.ServerEvent | None:
        if self._secure:
            self._error(replies.TLS_ACTIVE)
        elif not self._settings.tls_available:
            self._error(replies.NOT_IMPLEMENTED)
        elif not self._legal(_T.STARTTLS):
            self._error(replies.NESTED if self._greeted() else replies.HELLO_FIRST)
        elif len(self._input):
            self._close(events.Reason.PLAINTEXT, replies.UNAUTHORISED_PIPELINING)
        else:
            self._go(_T.STARTTLS)
            self._out.append(replies.TLS_GO)
            return events.StartTlsWanted()
        return None

    # --- credentials

    def _may_authenticate(self) -> bool:
        settings = self._settings
        return (
            settings.auth_required and not self._authenticated and (self._secure or settings.auth_without_tls)
        )

    def _auth(self, argument: bytes) -> events.ServerEvent | None:
        mechanism, _, initial = argument.partition(b" ")
        if self._authenticated:
            self._error(replies.AUTH_TWICE)
        elif not self._settings.auth_required:
            self._error(replies.NOT_IMPLEMENTED)
        elif not self._may_authenticate():
            self._error(replies.AUTH_NEEDS_TLS)
        elif not self._legal(_T.AUTH):
            self._error(replies.NESTED if self._greeted() else replies.HELLO_FIRST)
        elif mechanism.upper() == b"PLAIN":
            if initial:
                return self._plain(initial)
            self._ask(_T.ASK_PLAIN, replies.ASK_PLAIN)
        elif mechanism.upper() == b"LOGIN":
            if initial:
                self._login_user(initial)
            else:
                self._ask(_T.ASK_USER, replies.ASK_USER)
        else:
            self._error(replies.AUTH_UNKNOWN)
        return None

    def _credentials(self, line: bytes) -> events.ServerEvent | None:
        if line == b"*":
            self._go(_T.CANCEL)
            self._error(replies.AUTH_CANCELLED)
            return None
        match self._state:
            case _S.AUTH_PLAIN:
                return self._plain(line)
            case _S.AUTH_USER:
                self._login_user(line)
                return None
            case _:
                password = auth.read_login(line)
                if password is None:
                    self._malformed_credentials()
                    return None
                self._go(_T.AUTH)
                return events.AuthGiven(events.Mechanism.LOGIN, self._user, password)

    def _plain(self, line: bytes) -> events.ServerEvent | None:
        found = auth.read_plain(line)
        if found is None:
            self._malformed_credentials()
            return None
        self._go(_T.AUTH)
        return events.AuthGiven(events.Mechanism.PLAIN, *found)

    def _login_user(self, line: bytes) -> None:
        user = auth.read_login(line)
        if user is None:
            self._malformed_credentials()
            return
        self._user = user
        self._ask(_T.ASK_PASSWORD, replies.ASK_PASSWORD)

    def _ask(self, step: states.Step, reply: bytes) -> None:
        self._go(step)
        self._out.append(reply)

    def _malformed_credentials(self) -> None:
        if self._state in _AUTHENTICATING:
            self._go(_T.CANCEL)
        self._error(replies.AUTH_MALFORMED)

    # --- a transaction

    def _mail(self, argument: bytes) -> events.ServerEvent | None:
        if not self._legal(_T.MAIL):
            self._error(replies.NESTED if self._greeted() else replies.HELLO_FIRST)
            return None
        if self._settings.auth_required and not self._authenticated:
            self._error(replies.AUTH_REQUIRED)
            self._state = _S.REFUSED
            return None
        found = commands.mail(argument, self._settings.max_size)
        if isinstance(found, bytes):
            self._error(found)
            self._state = _S.REFUSED
            return None
        self._go(_T.MAIL)
        self._smtputf8 = found.smtputf8
        self._recipients = 0
        return found

    def _rcpt(self, argument: bytes) -> events.ServerEvent | None:
        if not self._legal(_T.RCPT):
            # Behind a MAIL that was refused these belong to its group: answered, not held against the client.
            if self._state is _S.REFUSED:
                self._out.append(replies.MAIL_FIRST)
            else:
                self._error(replies.MAIL_FIRST)
            return None
        if self._recipients >= self._settings.max_recipients:
            self._out.append(replies.TOO_MANY_RECIPIENTS)
            self._count_junk()
            return None
        found = commands.rcpt(argument, self._settings.hostname, smtputf8=self._smtputf8)
        if isinstance(found, bytes):
            self._error(found)
            return None
        self._go(_T.RCPT)
        return found

    def _data(self, _: bytes) -> events.ServerEvent | None:
        if not self._legal(_T.DATA):
            nobody = self._state is _S.MAIL
            self._error(replies.NO_RECIPIENTS if nobody else replies.MAIL_FIRST)
            return None
        if len(self._input):
            self._close(events.Reason.PIPELINING, replies.UNAUTHORISED_PIPELINING)
            return None
        self._go(_T.DATA)
        self._body = data.BodyReader(self._settings.max_size)
        self._out.append(replies.GO_AHEAD)
        return events.DataBegun()

    def _read_body(self) -> events.ServerEvent | states.Signal | None:
        body = self._body
        assert body is not None  # noqa: S101 - made when DATA was answered
        if self._state is _S.BODY_ENDED:
            self._go(_T.OWE)
            return events.BodyEnd(body.size, body.eight_bit)
        if not len(self._input):
            return states.NEED_DATA
        chunk = body.feed(self._input.take())
        if body.fault is data.Fault.BARE_NEWLINE:
            self._close(events.Reason.BARE_NEWLINE, replies.BARE_NEWLINE_IN_BODY)
            return None
        spoiled = self._state is _S.BODY and body.fault is not data.Fault.NONE
        if spoiled:
            self._go(_T.SPOIL)
        if body.rest is not None:
            self._end_of_body(body)
        if spoiled:
            return events.Reset()
        return events.BodyChunk(chunk) if chunk else None

    def _end_of_body(self, body: data.BodyReader) -> None:
        if body.rest:
            self._input.feed(body.rest)
        discarded = self._state is _S.DISCARD
        self._go(_T.END)
        if discarded:
            self._error(replies.TOO_BIG if body.fault is data.Fault.TOO_BIG else replies.TEXT_LINE_TOO_LONG)

    # --- the rest

    def _rset(self, _: bytes) -> events.ServerEvent | None:
        if not self._count_junk():
            return None
        was_busy = self._state not in (_S.FRESH, _S.READY)
        if self._legal(_T.RESET):
            self._go(_T.RESET)
        self._out.append(replies.OK)
        self._recipients = 0
        if self._state is _S.REFUSED:
            self._state = _S.READY
        return events.Reset() if was_busy else None

    def _noop(self, _: bytes) -> None:
        if self._count_junk():
            self._out.append(replies.OK)

    def _help(self, _: bytes) -> None:
        if self._count_junk():
            self._out.append(replies.HELP)

    def _vrfy(self, _: bytes) -> None:
        if self._count_junk():
            self._out.append(replies.CANNOT_VRFY)

    def _not_implemented(self, _: bytes) -> None:
        self._error(replies.NOT_IMPLEMENTED)

    def _quit(self, _: bytes) -> None:
        self._close(events.Reason.QUIT, replies.BYE)

    # --- small things

    def _legal(self, step: states.Step) -> bool:
        return step in states.SERVER[self._state]

    def _go(self, step: states.Step) -> None:
        to = states.SERVER[self._state].get(step)
        if to is None:
            raise states.LocalProtocolError(f"{step.name} is not possible in {self._state.name}")
        self._state = to

    def _answer(self, step: states.Step, reply: bytes, *owed: states.Server) -> None:
        if self._closing is not None:
            return  # the client is gone meanwhile: there is nobody to be told
        if self._state not in owed:
            raise states.LocalProtocolError("an answer that nobody waits for")
        self._go(step)
        self._out.append(reply)

    def _greeted(self) -> bool:
        return self._state not in (_S.START, _S.FRESH)

    def _error(self, reply: bytes) -> None:
        self._out.append(reply)
        self._count_error()

    def _count_error(self) -> None:
        self._errors += 1
        if self._errors >= MAX_ERRORS:
            self._close(events.Reason.ERRORS, replies.TOO_MANY_ERRORS)

    def _count_junk(self) -> bool:
        self._junk += 1
        if self._junk <= MAX_JUNK:
            return True
        self._close(events.Reason.JUNK, replies.TOO_MUCH_JUNK)
        return False

    def _close(self, reason: events.Reason, reply: bytes) -> None:
        if reply:
            self._out.append(reply)
        self._state = _S.CLOSED
        self._closing = events.Closing(reason)


_OWED = frozenset({_S.SECURING, _S.AUTH_OWED, _S.MAIL_OWED, _S.FIRST_RCPT_OWED, _S.RCPT_OWED, _S.DOT_OWED})
_AUTHENTICATING = frozenset({_S.AUTH_PLAIN, _S.AUTH_USER, _S.AUTH_PASSWORD})
