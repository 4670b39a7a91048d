"""The server's side of an SMTP conversation (RFC 5321), without I/O: commands in, events out; answers in, replies out.

Guarantees: only CRLF.CRLF ends a message after DATA, and only the count after BDAT; what was pipelined where the client had to wait ends the session (faults.md B01,
B04, C01); every reply is ours alone, and nothing that a peer sent is in it; memory is bounded. After an event that wants an
answer ``next_event`` is PAUSED until it is given. Replies of one group come out together in one ``data_to_send``.
Fails with LocalProtocolError where we use it wrongly; what the client does wrong is a reply, or Closing. An answer that
comes after the end is dropped: the client may leave, or run out of time, while the store still works.
Not here: who may send what (``gatepost.ingest``), time-outs' lengths, TLS itself.
"""

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

import msgspec

from gatepost.smtp import auth, chunks, commands, data, events, extensions, footing, lines, replies, states

_S = states.Server
_T = states.Step
# By name, because a member looked up through its class costs 0.1 µs, dozens of times a message.
_NEED_DATA: Final = states.NEED_DATA
_PAUSED: Final = states.PAUSED
_START: Final = _S.START
_AUTH: Final = _S.AUTH
_MAIL: Final = _S.MAIL
_BODY_ENDED: Final = _S.BODY_ENDED
_ACCEPT: Final = _T.ACCEPT
_TO_MAIL: Final = _T.MAIL
_TO_RCPT: Final = _T.RCPT
_TO_DATA: Final = _T.DATA
CROWDED: Final = 64 * 1024  # bytes that wait for an answer of ours: from there on no more should be read
MAX_WAITING: Final = 1024 * 1024  # what was read all the same
_OVERSHOOT: Final = 2  # times max_recipients: up to there a further RCPT is refused, and nothing more
_HTTP = frozenset({b"GET", b"POST", b"PUT", b"HEAD", b"CONNECT", b"OPTIONS", b"DELETE", b"PATCH"})
_HARMLESS: Final = {b"NOOP": replies.OK, b"HELP": replies.HELP, b"VRFY": replies.CANNOT_VRFY}
_NOT_IMPLEMENTED = frozenset({b"EXPN", b"ETRN", b"TURN"})
_AUTH_OWED = frozenset({_S.AUTH_OWED})
_MAIL_OWED = frozenset({_S.MAIL_OWED})
_RCPT_OWED = frozenset({_S.FIRST_RCPT_OWED, _S.RCPT_OWED})
_DOT_OWED = frozenset({_S.DOT_OWED})
_REFUSABLE = _MAIL_OWED | _RCPT_OWED | _DOT_OWED
_OWED = _REFUSABLE | _AUTH_OWED | {_S.SECURING}
_IN_BODY = frozenset({_S.BODY, _S.DISCARD, _S.BODY_ENDED}) | chunks.AWAITED
_BODY_AWAITED = _IN_BODY - {_S.BODY_ENDED} | {_S.CHUNKED}
_IN_TRANSACTION = frozenset({_S.MAIL, _S.RCPT, _S.CHUNKED})
_MECHANISMS = frozenset({b"PLAIN", b"LOGIN"})


class ServerSettings(msgspec.Struct, frozen=True):
    """What this listener offers. max_size: of a message in bytes, 0 for none. tls_active: implicit TLS. dsn: that the sender is
    told of what becomes of a mail (RFC 3461).
    """

    hostname: str
    max_size: int = 0
    max_recipients: int = 1000
    tls_available: bool = False
    tls_active: bool = False
    auth_required: bool = True
    auth_without_tls: bool = False
    dsn: bool = False


class ServerSession:
    """One connection: ``greeting``, then ``receive`` what comes, answer what ``next_event`` gives, write ``data_to_send``."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._secure = settings.tls_active
        self._authenticated = False
        self._input = lines.LineBuffer()
        self._at = footing.Footing()
        self._exchange = auth.Exchange()
        self._body = data.BodyReader(0)
        self._chunks = chunks.Chunks(self._at, self._input)
        self._reader: data.Reader = self._body  # of the two the one that this message is read by
        self._recipients = 0  # RCPT commands of this transaction
        self._smtputf8 = False
        self._esmtp = False
        self.hello = b""

    # --- what the shell asks

    @property
    def esmtp(self) -> bool:
        """Whether the client said EHLO (and not HELO)."""
        return self._esmtp

    @property
    def in_body(self) -> bool:
        """Whether a message's bytes are awaited."""
        return self._at.state in _BODY_AWAITED

    @property
    def crowded(self) -> bool:
        """Whether so much waits for an answer of ours that no more should be read: BDAT may be pipelined (RFC 3030 §4.2)."""
        return len(self._input) > CROWDED

    def data_to_send(self) -> bytes:
        """What is to be written now, in one write (faults.md B22); asked for once."""
        return self._at.written()

    def next_event(self) -> events.ServerEvent | states.Signal:
        """What the client wants, NEED_DATA, or PAUSED while an answer is owed."""
        at = self._at
        while True:
            state = at.state
            if state in _OWED:
                return _PAUSED
            if state in _IN_BODY:
                if state is not _BODY_ENDED and not len(self._input) and not self._chunks.at_end:
                    return _NEED_DATA
                event = self._chunks.read() if state in chunks.AWAITED else self._read_body()
            elif at.closing is not None:
                return at.closing
            else:
                line = self._input.line()
                if line is None:
                    return _NEED_DATA
                event = self._line(line) if isinstance(line, bytes) else self._defect(line)
            if event is not None:
                return event

    # --- what the shell tells

    def greeting(self) -> None:
        """Say who we are. Bytes that came before are early talk (faults.md B04)."""
        if self._at.closing is None:
            self._at.go(_T.GREET)
            self._at.say(replies.build(220, "", f"{self._settings.hostname} ESMTP Gatepost"))

    def receive(self, received: bytes) -> None:
        """Bytes came."""
        at = self._at
        if at.closing is not None or not received:
            return
        self._input.feed(received)
        if at.state in _OWED:
            if len(self._input) > MAX_WAITING:
                at.close(events.Reason.OVERFLOW, replies.OVERFLOW)
        elif at.state is _START:
            at.close(events.Reason.EARLY_TALK, replies.EARLY_TALK)

    def receive_eof(self) -> None:
        """The client is gone: nothing that it did not finish counts."""
        self._at.close(events.Reason.EOF, b"")

    def timed_out(self) -> None:
        """The client took too long."""
        self._at.close(events.Reason.TIMEOUT, replies.TIMED_OUT)

    def shutdown(self, reply: bytes = replies.SHUTTING_DOWN) -> None:
        """End it from our side, with a 421."""
        self._at.close(events.Reason.SHUTDOWN, reply)

    def tls_started(self) -> None:
        """The handshake is done: everything begins anew (RFC 3207 §4.2)."""
        if self._at.closing is not None:
            return
        if len(self._input):
            self._at.close(events.Reason.PLAINTEXT, b"")
            return
        self._at.go(_T.SECURED)
        self._secure = True
        self._authenticated = False
        self.hello = b""

    # --- answers

    def auth_accepted(self) -> None:
        """The credentials are right."""
        self._at.answer(_ACCEPT, replies.AUTH_ACCEPTED, _AUTH_OWED)
        self._authenticated = True

    def auth_refused(self) -> None:
        """They are not; which part was wrong is not said (faults.md C04)."""
        self._at.answer(_T.REFUSE, replies.AUTH_REFUSED, _AUTH_OWED)
        self._at.count_error()

    def auth_unavailable(self) -> None:
        """They cannot be checked now."""
        self._at.answer(_T.REFUSE, replies.AUTH_UNAVAILABLE, _AUTH_OWED)

    def mail_accepted(self) -> None:
        """This sender may send."""
        self._at.answer(_ACCEPT, replies.ACCEPTED_SENDER, _MAIL_OWED)

    def rcpt_accepted(self) -> None:
        """This recipient is taken."""
        self._at.answer(_ACCEPT, replies.ACCEPTED_RECIPIENT, _RCPT_OWED)

    def message_accepted(self, text: str) -> None:
        """The message is ours: said only after the store has confirmed (faults.md P1)."""
        self._at.answer(_ACCEPT, replies.build(250, "2.0.0", text), _DOT_OWED)
        self._at.renew()

    def refuse(self, reply: bytes) -> None:
        """No to MAIL, RCPT or the message. ``reply``: whole, with its CRLF, 4yz or 5yz (``replies.build``); a 421 closes."""
        if not replies.is_refusal(reply.removesuffix(b"\r\n")):
            raise states.LocalProtocolError("a refusal has to be a 4yz or 5yz reply")
        if reply.startswith(b"421"):
            self._at.close(events.Reason.REFUSED, reply)
            return
        no_sender = self._at.state is _S.MAIL_OWED
        self._at.answer(_T.REFUSE, reply, _REFUSABLE)
        if no_sender:
            self._at.count_junk()

    # --- lines

    def _defect(self, defect: lines.Defect) -> events.Closing | None:
        too_long = defect is lines.Defect.TOO_LONG
        if self._at.state is not _AUTH:
            return self._at.error(replies.LINE_TOO_LONG if too_long else replies.BARE_NEWLINE)
        self._at.go(_T.CANCEL)
        return self._at.error(replies.AUTH_TOO_LONG if too_long else replies.AUTH_MALFORMED)

    def _line(self, line: bytes) -> events.ServerEvent | None:
        if self._at.state is _AUTH:
            return self._early() or self._exchanged(self._exchange.line(line))
        found = commands.split(line)
        if isinstance(found, bytes):
            return self._at.error(found)
        verb, argument = found
        handler = self._HANDLERS.get(verb)
        return self._other(verb) if handler is None else handler(self, argument)

    def _other(self, verb: bytes) -> events.Closing | None:
        if verb in _HTTP:
            return self._at.close(events.Reason.NOT_SMTP, replies.NOT_SMTP)
        harmless = _HARMLESS.get(verb)
        if harmless is not None:
            return self._at.junk(harmless)
        known = verb in _NOT_IMPLEMENTED
        return self._at.error(replies.NOT_IMPLEMENTED if known else replies.UNKNOWN_COMMAND)

    def _ehlo(self, argument: bytes) -> events.ServerEvent | None:
        offer = extensions.Extensions(
            pipelining=True,
            eight_bit=True,
            smtputf8=True,
            starttls=self._settings.tls_available and not self._secure,
            enhanced=True,
            chunking=True,
            size_known=True,
            size=self._settings.max_size,
            dsn=self._settings.dsn,
            auth=_MECHANISMS if self._may_authenticate() else frozenset(),
        )
        return self._hello(argument, extensions.announce(offer), esmtp=True)

    def _helo(self, argument: bytes) -> events.ServerEvent | None:
        return self._hello(argument, [], esmtp=False)

    def _hello(self, argument: bytes, offer: list[bytes], *, esmtp: bool) -> events.ServerEvent | None:
        early = self._early()
        if early is not None:
            return early
        name = commands.hello(argument)
        if name is None:
            return self._at.error(replies.BAD_HELLO)
        dropped = self._at.state in _IN_TRANSACTION  # RFC 5321 §4.1.4: as if RSET had been said
        self._at.go(_T.HELLO)
        self.hello = name
        self._esmtp = esmtp
        over = self._at.junk(replies.lines(250, [self._settings.hostname.encode(), *offer]))
        return over or (events.Reset() if dropped else None)

    def _starttls(self, _: bytes) -> events.ServerEvent | None:
        if len(self._input):
            return self._at.close(events.Reason.PLAINTEXT, replies.UNAUTHORISED_PIPELINING)
        if self._secure:
            return self._at.error(replies.TLS_ACTIVE)
        if not self._settings.tls_available:
            return self._at.error(replies.NOT_IMPLEMENTED)
        if not self._at.allows(_T.STARTTLS):
            return self._at.out_of_order()
        self._at.go(_T.STARTTLS)
        self._at.say(replies.TLS_GO)
        return events.StartTlsWanted()

    # --- credentials

    def _may_authenticate(self) -> bool:
        may = self._secure or self._settings.auth_without_tls
        return may and self._settings.auth_required and not self._authenticated

    def _auth(self, argument: bytes) -> events.ServerEvent | None:
        early = self._early()
        if early is not None:
            return early
        if self._authenticated:
            return self._at.error(replies.AUTH_TWICE)
        if not self._settings.auth_required:
            return self._at.error(replies.NOT_IMPLEMENTED)
        if not self._may_authenticate():
            return self._at.error(replies.AUTH_NEEDS_TLS)
        if not self._at.allows(_T.ASK):
            return self._at.out_of_order()
        self._at.go(_T.ASK)
        self._exchange = auth.Exchange()
        return self._exchanged(self._exchange.begin(argument))

    def _exchanged(self, found: events.AuthGiven | bytes) -> events.ServerEvent | None:
        if isinstance(found, events.AuthGiven):
            self._at.go(_T.AUTH)
            return found
        if not found.startswith(b"334"):
            self._at.go(_T.CANCEL)
            return self._at.error(found)
        self._at.go(_T.ASK)
        self._at.say(found)
        return None

    # --- a transaction

    def _mail(self, argument: bytes) -> events.ServerEvent | None:
        if not self._at.allows(_TO_MAIL):
            return self._at.out_of_order()
        self._at.go(_TO_MAIL)
        if self._settings.auth_required and not self._authenticated:
            found: events.MailGiven | bytes = replies.AUTH_REQUIRED
        else:
            found = commands.mail(argument, self._settings.max_size, dsn=self._settings.dsn)
        if isinstance(found, bytes):
            self._at.go(_T.REFUSE)
            return self._at.error(found)
        self._smtputf8 = found.smtputf8
        self._recipients = 0
        return found

    def _rcpt(self, argument: bytes) -> events.ServerEvent | None:
        if not self._at.allows(_TO_RCPT):
            return self._without_mail()
        self._recipients += 1
        if self._recipients > self._settings.max_recipients:
            if self._recipients > _OVERSHOOT * self._settings.max_recipients:
                return self._at.junk(replies.TOO_MANY_RECIPIENTS)
            self._at.say(replies.TOO_MANY_RECIPIENTS)
            return None
        found = commands.rcpt(
            argument, self._settings.hostname, smtputf8=self._smtputf8, dsn=self._settings.dsn
        )
        if isinstance(found, bytes):
            return self._at.error(found)
        self._at.go(_TO_RCPT)
        return found

    def _without_mail(self) -> events.ServerEvent | None:
        """RCPT or DATA where no MAIL was accepted; behind a refused one they belong to its group and are no mistake."""
        if self._at.state is _S.CHUNKED:
            return self._at.error(replies.CHUNKS_BEGUN)
        if self._at.state is not _S.REFUSED:
            return self._at.error(replies.MAIL_FIRST)
        self._at.say(replies.MAIL_FIRST)
        return None

    def _data(self, _: bytes) -> events.ServerEvent | None:
        early = self._early()
        if early is not None:
            return early
        if self._at.state is _MAIL:  # every recipient of the group was refused
            return self._at.junk(replies.NO_RECIPIENTS)
        if not self._at.allows(_TO_DATA):
            return self._without_mail()
        self._at.go(_TO_DATA)
        self._body = self._reader = data.BodyReader(self._settings.max_size)
        self._at.say(replies.GO_AHEAD)
        return events.DataBegun()

    def _read_body(self) -> events.ServerEvent | None:
        if self._at.state is _BODY_ENDED:
            self._at.go(_T.OWE)
            return events.BodyEnd(self._reader.size, self._reader.eight_bit)
        body = self._body
        chunk = body.feed(self._input.take())
        if body.fault and body.fault is data.Fault.BARE_NEWLINE:
            return self._at.close(events.Reason.BARE_NEWLINE, replies.BARE_NEWLINE_IN_BODY)
        spoiled = body.fault and self._at.state is _S.BODY
        if spoiled:
            self._at.go(_T.SPOIL)
        if body.rest is not None:
            self._input.feed(body.rest)
            self._at.go(_T.END)
            if body.fault:
                self._at.say(chunks.REFUSALS[body.fault])
        if spoiled:
            return events.Reset()
        return events.BodyChunk(chunk) if chunk else None

    def _bdat(self, argument: bytes) -> events.ServerEvent | None:
        event = self._chunks.begin(argument, self._settings.max_size)
        self._reader = self._chunks.reader
        return event

    # --- the rest

    def _rset(self, _: bytes) -> events.ServerEvent | None:
        dropped = self._at.state in _IN_TRANSACTION
        self._at.go(_T.RESET)
        over = self._at.junk(replies.OK)
        return over or (events.Reset() if dropped else None)

    def _quit(self, _: bytes) -> events.ServerEvent | None:
        return self._at.close(events.Reason.QUIT, replies.BYE)

    _HANDLERS: ClassVar["Mapping[bytes, Callable[[ServerSession, bytes], events.ServerEvent | None]]"] = {
        b"EHLO": _ehlo,
        b"HELO": _helo,
        b"STARTTLS": _starttls,
        b"AUTH": _auth,
        b"MAIL": _mail,
        b"RCPT": _rcpt,
        b"DATA": _data,
        b"BDAT": _bdat,
        b"RSET": _rset,
        b"QUIT": _quit,
    }

    def _early(self) -> events.Closing | None:
        """The end of the session, if the client does not wait for a reply where it has to (RFC 2920 §3.1)."""
        if not len(self._input):
            return None
        return self._at.close(events.Reason.PIPELINING, replies.UNAUTHORISED_PIPELINING)
