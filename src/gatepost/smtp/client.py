"""The client's side of an SMTP conversation (RFC 5321), without I/O: one connection, transaction after transaction.

Guarantees: a reply is charged to the command that it answers and to nothing else. Nothing is written while bytes wait that
nobody asked for; they, a malformed reply or an endless one end the session and are charged to no recipient (faults.md D03,
D06, D07, C02). After the final dot a message without a final answer is *in doubt*, never failed; a 421 is no final answer
(P7). With PIPELINING a whole envelope goes out in one write, and with CHUNKING, where that is wanted, a small message with it: then
it is in doubt from there on, until a reply says otherwise.
Fails with LocalProtocolError where we use it wrongly; what the peer does wrong is a SessionFailed event.
Not here: sockets, time-outs' lengths, what a reply means; that bodies have CRLF line ends (who composes them sees to it).
"""

import collections
from typing import Final, assert_never

from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.smtp import commands, data, events, extensions, lines, opening, states, transactions
from gatepost.smtp.opening import ClientSettings as ClientSettings  # noqa: PLC0414 - this form re-exports
from gatepost.smtp.opening import Tls as Tls  # noqa: PLC0414 - this form re-exports
from gatepost.smtp.transactions import Transaction as Transaction  # noqa: PLC0414 - this form re-exports
from gatepost.smtp.transactions import Wanted as Wanted  # noqa: PLC0414 - this form re-exports

NEED_DATA = states.NEED_DATA
Signal = states.Signal
Ready = events.Ready
StartTlsWanted = events.StartTlsWanted
TransactionDone = events.TransactionDone
SessionFailed = events.SessionFailed
Ended = events.Ended

_S = states.Client
# By name, because a member looked up through its class costs 0.1 µs, dozens of times a message.
_READY: Final = _S.READY
_SECURING: Final = _S.SECURING
_RESET: Final = _S.RESET
_MAIL: Final = _S.MAIL
_RCPT: Final = _S.RCPT
_DATA: Final = _S.DATA
_DOT: Final = _S.DOT
_ENVELOPE: Final = frozenset({_S.RESET, _S.MAIL, _S.RCPT})
_CLOSING: Final = 421
MAX_AHEAD: Final = 64 * 1024  # octets of a message that goes out before anybody said that he takes it
_STAGE: Final = {
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
_BROKEN: Final = {
    lines.Broken.TOO_LONG: "a reply longer than 64 lines or 2 kB a line",
    lines.Broken.MALFORMED: "bytes that are no SMTP reply",
}


class ClientSession:
    """One connection. ``receive`` what came, ask ``next_event`` until NEED_DATA, write ``data_to_send``."""

    def __init__(self, settings: ClientSettings) -> None:
        self._opening = opening.Opening(settings)
        self._state = _S.GREETING
        self._buffer = lines.ReplyBuffer()
        self._out: list[bytes] = []
        self._message_at = -1  # where in what is to be written the message begins; -1: it is not in it
        self._events: collections.deque[events.ClientEvent] = collections.deque()
        self._last: events.SessionFailed | events.Ended | None = None
        self._dirty = False  # the server may still hold a transaction of ours: RSET first
        self._transaction: Transaction | None = None
        self._mail = b""  # MAIL's line, where it has to wait for RSET's reply
        self._answers: list[replies.Reply | None] = []
        self._answered = 0  # RCPT replies read
        self._lone_dot = False  # DATA was answered 354 though nobody is left: an empty body ends it
        self._chunking = False  # of the transaction under way: BDAT instead of DATA
        self._body_out = False  # and the message went out together with its envelope
        self._sent = 0

    # --- what the shell asks

    @property
    def stage(self) -> replies.Stage:
        """What is waited for now."""
        return _STAGE[self._state]

    @property
    def can_send(self) -> bool:
        """Whether a transaction may begin; a server may limit how many a connection has (RFC 9422)."""
        limit = self._opening.extensions.mail_max
        return self._state is _READY and self._last is None and not 0 < limit <= self._sent

    @property
    def rcpt_max(self) -> int:
        """The most recipients that the server takes in a transaction (RFC 9422), 0 for unknown: who sends divides."""
        return self._opening.extensions.rcpt_max

    @property
    def dsn(self) -> bool:
        """Whether the server tells the sender what becomes of a mail, where it is asked to."""
        return self._opening.extensions.dsn

    @property
    def offered(self) -> extensions.Extensions:
        """What the server announced."""
        return self._opening.extensions

    @property
    def tls_refused(self) -> int:
        """The code that refused STARTTLS where the session went on without, or 0."""
        return self._opening.tls_refused

    @property
    def commands_to_send(self) -> list[bytes]:
        """What ``data_to_send`` will give, without the message, and without what authenticates us."""
        if self.stage is replies.Stage.AUTH:
            return [b"AUTH ...\r\n"] if self._out else []
        return self._out if self._message_at < 0 else self._out[: self._message_at]

    def data_to_send(self) -> list[bytes]:
        """What is to be written now; asked for once."""
        out, self._out = self._out, []
        self._message_at = -1
        return out

    def next_event(self) -> events.ClientEvent | states.Signal:
        """What happened, or NEED_DATA."""
        while True:
            if self._events:
                return self._events.popleft()
            if self._last is not None:
                return self._last
            if self._state is _READY or self._state is _SECURING:
                if not len(self._buffer):
                    return NEED_DATA
                self._unasked()
                continue
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
        if self._last is not None:
            return
        if self._state is not _SECURING:
            raise states.LocalProtocolError("a handshake that nobody asked for")
        step = self._opening.secured()
        self._say(step.state, step.line)

    def quit(self) -> None:
        """Say goodbye; the answer is not waited for."""
        if self._last is None:
            self._out.append(b"QUIT\r\n")
            self._state = _S.QUIT
            self._last = events.Ended()

    def send(self, transaction: Transaction) -> None:
        """Begin a transaction. Raises LocalProtocolError where ``can_send`` is False, or an address would inject a command."""
        recipients = transaction.recipients
        if not self.can_send or not recipients:
            raise states.LocalProtocolError("a transaction was begun where none may be, or for nobody")
        offered = self._opening.extensions
        mail = commands.check(
            commands.write_mail(transaction.sender, transactions.parameters(transaction, offered)), 1
        )
        words = transaction.wanted.rcpts if transaction.wanted is not None and offered.dsn else ()
        rcpts = commands.check(commands.write_rcpts(recipients, words), len(recipients))
        lacking = transactions.lacking(transaction, offered)
        if lacking is not None:
            nothing = (None,) * len(recipients)
            self._events.append(events.TransactionDone(nothing, problem=lacking[0], detail=lacking[1]))
            return
        self._transaction = transaction
        self._answers = [None] * len(recipients)
        if len(self._buffer):
            self._unasked()
            return
        self._answered = 0
        self._lone_dot = False
        self._sent += 1
        self._chunking = self._opening.chunking
        self._body_out = self._chunking and self._pipelined and transaction.size <= MAX_AHEAD
        reset = b"RSET\r\n" if self._dirty else b""
        if self._body_out:
            self._out.append(b"%s%s%s" % (reset, mail, rcpts))
            self._message_at = len(self._out)
            self._out += data.chunk(transaction.body)
        elif self._pipelined:
            self._out.append(b"%s%s%s%s" % (reset, mail, rcpts, b"" if self._chunking else b"DATA\r\n"))
        else:
            self._out.append(reset or mail)
            self._mail = mail
        self._go(_RESET if self._dirty else _MAIL)
        self._dirty = True

    # --- replies

    def _on_reply(self, reply: replies.Reply) -> None:
        state = self._state
        if reply.code == _CLOSING and state is not _DOT:
            self._fail(failures.Problem.RESET, f"421 to {self.stage.word}", reply)
        elif state is _RCPT:
            self._on_rcpt(reply)
        elif state is _MAIL:
            self._on_mail(reply)
        elif state is _DATA:
            self._on_data(reply)
        elif state is _DOT:
            self._on_dot(reply)
        elif state is _RESET:
            self._on_reset(reply)
        else:
            self._on_opening(reply)

    def _on_opening(self, reply: replies.Reply) -> None:
        step = self._opening.on(self._state, reply)
        match step:
            case opening.Say():
                self._say(step.state, step.line)
            case opening.Stop():
                self._state = step.state
                self._fail(step.problem, step.detail, step.reply)
            case events.Ready():
                self._go(_READY)
                self._events.append(step)
            case events.StartTlsWanted():
                if len(self._buffer):
                    self._fail(failures.Problem.PROTOCOL, "plaintext behind the answer to STARTTLS")
                    return
                self._go(_SECURING)
                self._events.append(step)
            case _:
                assert_never(step)

    # --- a transaction

    @property
    def _pipelined(self) -> bool:
        return self._opening.extensions.pipelining

    def _on_reset(self, reply: replies.Reply) -> None:
        if not reply.positive:
            # No recipient was asked yet: without a reply beside it nobody can be charged with this one (faults.md D07).
            self._fail(failures.Problem.RESET, f"{reply.code} to RSET")
        elif self._pipelined:
            self._go(_MAIL)
        else:
            self._say(_MAIL, self._mail)

    def _on_mail(self, reply: replies.Reply) -> None:
        if 300 <= reply.code < 400:
            self._out_of_order(reply)
            return
        if not reply.positive:
            self._answers = [reply] * len(self._answers)
        if self._pipelined:
            self._go(_RCPT)
        elif reply.positive:
            self._say(_RCPT, self._rcpt())
        else:
            self._done()

    def _rcpt(self) -> bytes:
        assert self._transaction is not None  # noqa: S101 - only called inside one
        at, wanted = self._answered, self._transaction.wanted
        words = wanted.rcpts[at : at + 1] if wanted is not None and self.dsn else ()
        return commands.write_rcpts([self._transaction.recipients[at]], words)

    def _on_rcpt(self, reply: replies.Reply) -> None:
        if 300 <= reply.code < 400:
            self._out_of_order(reply)
            return
        if not reply.positive and self._answers[self._answered] is None:
            self._answers[self._answered] = reply
        self._answered += 1
        if self._answered < len(self._answers):
            if not self._pipelined:
                self._say(_RCPT, self._rcpt())
        elif self._body_out:
            self._lone_dot = None not in self._answers
            self._go(_DOT)
        elif self._pipelined and not self._chunking:
            self._go(_DATA)
        elif None not in self._answers:
            self._done()
        elif self._chunking:
            self._say_chunk()
        else:
            self._say(_DATA, b"DATA\r\n")

    def _say_chunk(self) -> None:
        if len(self._buffer):
            self._unasked()
            return
        assert self._transaction is not None  # noqa: S101 - only called inside one
        self._go(_DOT)
        self._message_at = len(self._out)
        self._out += data.chunk(self._transaction.body)

    def _on_data(self, reply: replies.Reply) -> None:
        if len(self._buffer) and (reply.code == 354 or not self._buffer.starts_with((b"421",))):
            self._unasked()  # one reply too many for the group: whose it is cannot be told (faults.md D07)
        elif reply.code == 354:
            self._go(_DOT)
            self._write_body()
        elif reply.code < 400:
            self._out_of_order(reply)
        else:
            self._answer_open(reply)
            self._done()

    def _write_body(self) -> None:
        self._lone_dot = None not in self._answers
        if self._lone_dot or self._transaction is None:
            self._out.append(b".\r\n")
        else:
            self._message_at = len(self._out)
            self._out += data.stuff(self._transaction.body)

    def _on_dot(self, reply: replies.Reply) -> None:
        if 300 <= reply.code < 400:
            self._out_of_order(reply)
            return
        if self._body_out and len(self._buffer) and not self._buffer.starts_with((b"421",)):
            self._unasked()  # there was no 354 to show that the replies are in step: nobody is charged (faults.md D07)
            return
        self._answer_open(reply)
        if reply.code == _CLOSING:
            self._fail(failures.Problem.RESET, "421 to the final dot", reply)
            return
        self._dirty = self._lone_dot or not reply.positive
        self._done()

    def _answer_open(self, reply: replies.Reply) -> None:
        self._answers = [answer or reply for answer in self._answers]

    def _done(self) -> None:
        answers = tuple(self._answers)
        self._transaction = None
        self._answers = []
        self._go(_READY)
        self._events.append(events.TransactionDone(answers))

    # --- small things, and ends

    def _go(self, to: states.Client) -> None:
        if to not in states.CLIENT[self._state]:
            raise states.LocalProtocolError(f"{to.name} cannot follow {self._state.name}")
        self._state = to

    def _say(self, to: states.Client, line: bytes) -> None:
        """Write a line whose reply is waited for; with bytes waiting that nobody asked for it is not written."""
        if len(self._buffer):
            self._unasked()
            return
        self._go(to)
        self._out.append(line)

    def _out_of_order(self, reply: replies.Reply) -> None:
        """An answer that its command cannot have. Before the dot an earlier one was perhaps too many, so nobody is charged."""
        if self._state is not _DOT:
            self._answers = [None] * len(self._answers)
        self._fail(failures.Problem.PROTOCOL, f"{reply.code} is no answer to {self.stage.word}")

    def _unasked(self) -> None:
        """Bytes that nobody asked for: a goodbye (RFC 5321 §3.8), or a conversation out of step."""
        self._answers = [None] * len(self._answers)
        if self._buffer.starts_with((b"421",)):
            found = self._buffer.reply(replies.Stage.MAIL)
            goodbye = found if isinstance(found, replies.Reply) else None
            self._fail(failures.Problem.RESET, "the server said goodbye", goodbye)
        else:
            self._fail(failures.Problem.PROTOCOL, "bytes that nobody asked for")

    def _fail(self, problem: failures.Problem, detail: str, reply: replies.Reply | None = None) -> None:
        answers = tuple(self._answers) if self._transaction is not None else ()
        ahead = self._body_out and reply is None and self._state in _ENVELOPE
        in_doubt = (self._state is _DOT or ahead) and not self._lone_dot
        self._last = events.SessionFailed(self.stage, problem, detail, reply, answers, in_doubt)
        self._transaction = None
        self._state = _S.OVER
