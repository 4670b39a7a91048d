"""The client's side of an SMTP conversation (RFC 5321), without I/O: one connection, transaction after transaction.

Guarantees: a reply is charged to the command that it answers and to nothing else; bytes that nobody asked for, a malformed
reply or an endless one end the session and are charged to no recipient (faults.md D03, D06, D07, C02); after the final dot
an unanswered message is *in doubt*, never failed. With PIPELINING a whole envelope goes out in one write.
Fails with LocalProtocolError where we use it wrongly; what the peer does wrong is a SessionFailed event.
Not here: sockets, time-outs' lengths, what a reply means.
"""

import collections
import enum

import msgspec

from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.smtp import auth, commands, data, events, extensions, lines, states

NEED_DATA = states.NEED_DATA
Signal = states.Signal
Ready = events.Ready
StartTlsWanted = events.StartTlsWanted
TransactionDone = events.TransactionDone
SessionFailed = events.SessionFailed
Ended = events.Ended

_S = states.Client
_UNKNOWN_COMMAND = frozenset({500, 501, 502, 503, 504, 550, 554})  # what servers without EHLO say to it
_CLOSING = 421
_STAGE = {
    _S.GREETING: replies.Stage.GREETING,
    _S.EHLO: replies.Stage.EHLO,
    _S.HELO: replies.Stage.EHLO,
    _S.STARTTLS: replies.Stage.STARTTLS,
    _S.SECURING: replies.Stage.STARTTLS,
    _S.AUTH_PLAIN: replies.Stage.AUTH,
    _S.AUTH_LOGIN: replies.Stage.AUTH,
    _S.AUTH_USER: replies.Stage.AUTH,
    _S.AUTH_PASSWORD: replies.Stage.AUTH,
    _S.READY: replies.Stage.MAIL,
    _S.RESET: replies.Stage.MAIL,
    _S.MAIL: replies.Stage.MAIL,
    _S.RCPT: replies.Stage.RCPT,
    _S.DATA: replies.Stage.DATA,
    _S.DOT: replies.Stage.DOT,
    _S.QUIT: replies.Stage.UNKNOWN,
    _S.OVER: replies.Stage.UNKNOWN,
}


class Tls(enum.Enum):
    """Whether STARTTLS is used."""

    NEVER = enum.auto()
    OPPORTUNISTIC = enum.auto()
    REQUIRED = enum.auto()


class ClientSettings(msgspec.Struct, frozen=True):
    """ehlo: the name we give. auth: user and password for a smarthost; in clear only where ``tls`` is NEVER."""

    ehlo: bytes
    tls: Tls = Tls.OPPORTUNISTIC
    auth: tuple[str, str] | None = None


class Transaction(msgspec.Struct, frozen=True):
    """One message for one or more recipients. body: chunks with CRLF line ends, cut anywhere, not stuffed. size: of all."""

    sender: bytes
    recipients: tuple[bytes, ...]
    body: tuple[bytes, ...]
    size: int
    eight_bit: bool = False
    smtputf8: bool = False


class ClientSession:
    """One connection. ``receive`` what came, ask ``next_event`` until NEED_DATA, write ``data_to_send``."""

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._state = _S.GREETING
        self._buffer = lines.ReplyBuffer()
        self._out: list[bytes] = []
        self._events: collections.deque[events.ClientEvent] = collections.deque()
        self._last: events.SessionFailed | events.Ended | None = None
        self._extensions = extensions.NONE
        self._secure = False
        self._tls_refused = False
        self._dirty = False  # the server may still hold a transaction of ours: RSET first
        self._transaction: Transaction | None = None
        self._answers: list[replies.Reply | None] = []
        self._answered = 0
        self._pipelined = False
        self._lone_dot = False  # DATA was answered 354 though nobody is left: an empty body ends it
        self._mail_refused: replies.Reply | None = None
        self._sent = 0

    # --- what the shell asks

    @property
    def stage(self) -> replies.Stage:
        """What is waited for now."""
        return _STAGE[self._state]

    @property
    def can_send(self) -> bool:
        """Whether a transaction may begin."""
        limit = self._extensions.mail_max
        return self._state is _S.READY and self._last is None and not (limit and self._sent >= limit)

    def data_to_send(self) -> list[bytes]:
        """What is to be written now; asked for once."""
        out, self._out = self._out, []
        return out

    def next_event(self) -> events.ClientEvent | states.Signal:
        """What happened, or NEED_DATA."""
        while True:
            if self._events:
                return self._events.popleft()
            if self._last is not None:
                return self._last
            if self._state in (_S.READY, _S.SECURING):
                if len(self._buffer):
                    self._unasked()
                    continue
                return NEED_DATA
            reply = self._buffer.reply(_STAGE[self._state])
            if reply is None:
                return NEED_DATA
            if isinstance(reply, lines.Broken):
                self._fail(failures.Problem.PROTOCOL, _BROKEN[reply])
            else:
                self._on_reply(reply)

    # --- what the shell tells

    def receive(self, received: bytes) -> None:
        """Bytes came."""
        if self._last is None:
            self._buffer.feed(received)

    def receive_eof(self) -> None:
        """The connection is closed by the peer, or broken; what came before still counts."""
        told: list[events.ClientEvent] = []
        while self._last is None and not isinstance(event := self.next_event(), states.Signal):
            told.append(event)
        if told and told[-1] is self._last:
            told.pop()
        self._events.extend(told)
        if self._last is None:
            self._fail(failures.Problem.RESET, "the connection was closed")

    def timed_out(self) -> None:
        """Nothing came in time."""
        if self._last is None:
            self._fail(failures.Problem.TIMEOUT, f"no answer to {self.stage.word}")

    def tls_started(self) -> None:
        """The handshake is done: the conversation begins anew (RFC 3207 §4.2)."""
        self._secure = True
        self._go(_S.EHLO, b"EHLO %s\r\n" % self._settings.ehlo)

    def quit(self) -> None:
        """Say goodbye; the answer is not waited for."""
        if self._last is None:
            self._out.append(b"QUIT\r\n")
            self._state = _S.QUIT
            self._last = events.Ended()

    def send(self, transaction: Transaction) -> None:
        """Begin a transaction. Raises LocalProtocolError where ``can_send`` is False."""
        if not self.can_send:
            raise states.LocalProtocolError("a transaction was begun where none may be")
        if len(self._buffer):
            self._answers = [None] * len(transaction.recipients)
            self._transaction = transaction
            self._unasked()
            return
        lacking = self._lacking(transaction)
        if lacking is not None:
            nothing = (None,) * len(transaction.recipients)
            self._events.append(events.TransactionDone(nothing, problem=lacking[0], detail=lacking[1]))
            return
        self._transaction = transaction
        self._answers = [None] * len(transaction.recipients)
        self._answered = 0
        self._lone_dot = False
        self._mail_refused = None
        self._sent += 1
        self._pipelined = self._extensions.pipelining
        mail = commands.check(commands.write_mail(transaction.sender, self._parameters(transaction)), 1)
        reset = b"RSET\r\n" if self._dirty else b""
        if self._pipelined:
            rcpts = commands.check(commands.write_rcpts(transaction.recipients), len(transaction.recipients))
            self._out.append(b"%s%s%sDATA\r\n" % (reset, mail, rcpts))
        else:
            self._out.append(reset or mail)
        self._state = _S.RESET if self._dirty else _S.MAIL
        self._dirty = True

    # --- replies

    def _on_reply(self, reply: replies.Reply) -> None:
        if reply.code == _CLOSING and self._state is not _S.DOT:
            self._refused(reply)
            return
        match self._state:
            case _S.DOT:
                self._on_dot(reply)
            case _S.MAIL:
                self._on_mail(reply)
            case _S.RCPT:
                self._on_rcpt(reply)
            case _S.DATA:
                self._on_data(reply)
            case _S.RESET:
                self._on_reset(reply)
            case _:
                self._on_opening(reply)

    def _on_opening(self, reply: replies.Reply) -> None:
        match self._state:
            case _S.GREETING:
                if reply.code == 220:
                    self._go(_S.EHLO, b"EHLO %s\r\n" % self._settings.ehlo)
                else:
                    self._refused(reply)
            case _S.EHLO:
                self._on_ehlo(reply)
            case _S.HELO:
                if reply.positive:
                    self._greeted()
                else:
                    self._refused(reply)
            case _S.STARTTLS:
                self._on_starttls(reply)
            case _:
                self._on_auth(reply)

    def _on_ehlo(self, reply: replies.Reply) -> None:
        if reply.positive:
            self._extensions = extensions.read(reply)
            self._greeted()
        elif reply.code in _UNKNOWN_COMMAND and not self._secure:
            self._extensions = extensions.NONE
            self._go(_S.HELO, b"HELO %s\r\n" % self._settings.ehlo)
        else:
            self._refused(reply)

    def _greeted(self) -> None:
        settings = self._settings
        if not self._secure and settings.tls is not Tls.NEVER and not self._tls_refused:
            if self._extensions.starttls:
                self._go(_S.STARTTLS, b"STARTTLS\r\n")
                return
            if settings.tls is Tls.REQUIRED:
                self._state = _S.STARTTLS
                self._fail(failures.Problem.TLS_FAILED, "TLS is required and the server does not offer it")
                return
        if settings.auth is None:
            self._become_ready()
        else:
            self._authenticate(*settings.auth)

    def _become_ready(self) -> None:
        self._state = _S.READY
        self._events.append(events.Ready())

    def _on_starttls(self, reply: replies.Reply) -> None:
        if reply.code == 220:
            if len(self._buffer):
                self._fail(failures.Problem.PROTOCOL, "plaintext behind the answer to STARTTLS")
                return
            self._state = _S.SECURING
            self._events.append(events.StartTlsWanted())
        elif self._settings.tls is Tls.REQUIRED:
            self._fail(failures.Problem.TLS_FAILED, "TLS is required and the server refused it", reply)
        else:
            self._tls_refused = True
            self._greeted()

    def _authenticate(self, user: str, password: str) -> None:
        offered = self._extensions.auth
        if not self._secure and self._settings.tls is not Tls.NEVER:
            self._state = _S.AUTH_PLAIN
            self._fail(failures.Problem.AUTH_UNAVAILABLE, "no TLS: the password is not sent in clear")
        elif b"PLAIN" in offered:
            line = auth.write_plain(user.encode(), password.encode())
            self._go(_S.AUTH_PLAIN, b"AUTH PLAIN %s\r\n" % line)
        elif b"LOGIN" in offered:
            self._go(_S.AUTH_LOGIN, b"AUTH LOGIN\r\n")
        else:
            self._state = _S.AUTH_PLAIN
            self._fail(failures.Problem.AUTH_UNAVAILABLE, "the server offers neither AUTH PLAIN nor LOGIN")

    def _on_auth(self, reply: replies.Reply) -> None:
        user, password = self._settings.auth or ("", "")
        if self._state is _S.AUTH_LOGIN and reply.code == 334:
            self._go(_S.AUTH_USER, auth.encode(user.encode()) + b"\r\n")
        elif self._state is _S.AUTH_USER and reply.code == 334:
            self._go(_S.AUTH_PASSWORD, auth.encode(password.encode()) + b"\r\n")
        elif self._state in (_S.AUTH_PLAIN, _S.AUTH_PASSWORD) and reply.code == 235:
            self._become_ready()
        else:
            self._refused(reply)

    # --- a transaction

    def _on_reset(self, reply: replies.Reply) -> None:
        if not reply.positive:
            self._refused(reply)
            return
        self._state = _S.MAIL
        if not self._pipelined and self._transaction is not None:
            self._out.append(
                commands.write_mail(self._transaction.sender, self._parameters(self._transaction))
            )

    def _on_mail(self, reply: replies.Reply) -> None:
        if 300 <= reply.code < 400:
            self._out_of_order(reply)
            return
        if not reply.positive:
            self._mail_refused = reply
            if not self._pipelined:
                self._answers = [reply] * len(self._answers)
                self._done()
                return
        self._state = _S.RCPT
        self._next_rcpt()

    def _next_rcpt(self) -> None:
        assert self._transaction is not None  # noqa: S101 - only called inside one
        if self._pipelined:
            return
        recipient = self._transaction.recipients[self._answered]
        self._out.append(commands.check(commands.write_rcpts([recipient]), 1))

    def _on_rcpt(self, reply: replies.Reply) -> None:
        if 300 <= reply.code < 400:
            self._out_of_order(reply)
            return
        refused = self._mail_refused
        if refused is not None:
            self._answers[self._answered] = refused
        elif not reply.positive:
            self._answers[self._answered] = reply
        self._answered += 1
        if self._answered < len(self._answers):
            self._next_rcpt()
            return
        self._state = _S.DATA
        if not self._pipelined:
            if all(self._answers):
                self._done()
            else:
                self._out.append(b"DATA\r\n")

    def _on_data(self, reply: replies.Reply) -> None:
        wanted = not all(self._answers)
        if reply.code == 354:
            self._state = _S.DOT
            if wanted and self._transaction is not None:
                self._out += data.stuff(self._transaction.body)
            else:
                self._lone_dot = True
                self._out.append(b".\r\n")
        elif reply.code < 400:
            self._out_of_order(reply)
        else:
            self._answer_open(reply)
            self._done()

    def _on_dot(self, reply: replies.Reply) -> None:
        if 300 <= reply.code < 400:
            self._fail(failures.Problem.PROTOCOL, f"{reply.code} is no answer to the final dot")
            return
        if self._lone_dot:
            if reply.code == _CLOSING:
                self._refused(reply)
                return
        else:
            self._answer_open(reply)
            self._dirty = not reply.positive
        self._done()
        if reply.code == _CLOSING:
            self._last = events.SessionFailed(
                replies.Stage.MAIL, failures.Problem.RESET, "the server is closing", reply
            )

    def _answer_open(self, reply: replies.Reply) -> None:
        self._answers = [answer or reply for answer in self._answers]

    def _done(self) -> None:
        answers = tuple(self._answers)
        self._transaction = None
        self._answers = []
        self._state = _S.READY
        self._events.append(events.TransactionDone(answers))

    def _lacking(self, transaction: Transaction) -> tuple[failures.Problem, str] | None:
        offered = self._extensions
        if transaction.smtputf8 and not offered.smtputf8:
            return failures.Problem.UNSUPPORTED, "the server does not take internationalised mail (SMTPUTF8)"
        if transaction.eight_bit and not offered.eight_bit:
            return failures.Problem.UNSUPPORTED, "the server does not take 8-bit mail (8BITMIME)"
        if offered.size and transaction.size > offered.size:
            return failures.Problem.TOO_LARGE, f"the server takes {offered.size} bytes at most"
        return None

    def _parameters(self, transaction: Transaction) -> list[bytes]:
        offered = self._extensions
        found: list[bytes] = []
        if offered.size_known:
            found.append(b"SIZE=%d" % transaction.size)
        if transaction.eight_bit:
            found.append(b"BODY=8BITMIME")
        if transaction.smtputf8:
            found.append(b"SMTPUTF8")
        return found

    # --- ends

    def _go(self, state: states.Client, line: bytes) -> None:
        self._state = state
        self._out.append(line)

    def _refused(self, reply: replies.Reply) -> None:
        """The server's answer ends the session: a refusal of what comes before any recipient, or a goodbye."""
        self._fail(failures.Problem.RESET, f"{reply.code} to {self.stage.word}", reply)

    def _out_of_order(self, reply: replies.Reply) -> None:
        self._fail(failures.Problem.PROTOCOL, f"{reply.code} is no answer to {self.stage.word}")

    def _unasked(self) -> None:
        """Bytes that nobody asked for: a goodbye (RFC 5321 §3.8), or a conversation out of step."""
        goodbye = None
        if self._state is _S.READY and self._buffer.starts_with((b"421",)):
            found = self._buffer.reply(replies.Stage.MAIL)
            goodbye = found if isinstance(found, replies.Reply) else None
        problem = failures.Problem.RESET if goodbye else failures.Problem.PROTOCOL
        self._fail(problem, "the server said goodbye" if goodbye else "bytes that nobody asked for", goodbye)

    def _fail(self, problem: failures.Problem, detail: str, reply: replies.Reply | None = None) -> None:
        answers = tuple(self._answers) if self._transaction is not None else ()
        in_doubt = self._state is _S.DOT and not self._lone_dot and reply is None
        stage = self.stage
        self._transaction = None
        self._last = events.SessionFailed(stage, problem, detail, reply, answers, in_doubt)
        self._state = _S.OVER


_BROKEN = {
    lines.Broken.TOO_LONG: "a reply longer than 64 lines or 2 kB a line",
    lines.Broken.MALFORMED: "bytes that are no SMTP reply",
}
