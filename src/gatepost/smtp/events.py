"""What comes out of the two sessions: closed lists, to be matched without a default."""

import enum

import msgspec

from gatepost.model import address as addresses
from gatepost.model import failure as failures
from gatepost.model import notify
from gatepost.model import reply as replies

# --- the server's side


class Reason(enum.StrEnum):
    """Why the server's side ends a session."""

    QUIT = "quit"
    EOF = "eof"
    ERRORS = "too many errors"
    JUNK = "too many commands without a message"
    EARLY_TALK = "bytes before the greeting"
    PIPELINING = "commands where the client had to wait"
    PLAINTEXT = "plaintext behind STARTTLS"
    CHUNK = "a BDAT whose length cannot be told"
    BARE_NEWLINE = "bare CR, LF or NUL"
    NOT_SMTP = "another protocol"
    OVERFLOW = "more bytes than the session takes before an answer"
    TIMEOUT = "time-out"
    SHUTDOWN = "shutdown or overload"
    REFUSED = "refused with 421"


class Mechanism(enum.StrEnum):
    """How the credentials came."""

    PLAIN = "PLAIN"
    LOGIN = "LOGIN"


class AuthGiven(msgspec.Struct, frozen=True, gc=False):
    """Answer with ``auth_accepted``, ``auth_refused`` or ``auth_unavailable``. Both values are as the client gave them."""

    mechanism: Mechanism
    authcid: bytes
    password: bytes


class StartTlsWanted(msgspec.Struct, frozen=True, gc=False):
    """Write ``data_to_send``, do the handshake, then call ``tls_started``. Both sides give it."""


class MailGiven(msgspec.Struct, frozen=True, gc=False):
    """Answer with ``mail_accepted`` or ``refuse``. sender: None for ``<>``. size: as announced, or 0. envid: as given, or empty."""

    sender: addresses.Address | None
    size: int = 0
    body_8bit: bool = False
    smtputf8: bool = False
    ret: notify.Return = notify.Return.NOTHING
    envid: str = ""


class RcptGiven(msgspec.Struct, frozen=True, gc=False):
    """Answer with ``rcpt_accepted`` or ``refuse``. wish: None where nothing was asked."""

    address: addresses.Address
    wish: notify.Wish | None = None


class DataBegun(msgspec.Struct, frozen=True, gc=False):
    """The body follows: after DATA (354 is in ``data_to_send``), or in chunks after BDAT."""


class BodyChunk(msgspec.Struct, frozen=True, gc=False):
    """Message bytes, dots of DATA removed, every line end CRLF; cut anywhere."""

    data: bytes


class BodyEnd(msgspec.Struct, frozen=True, gc=False):
    """The final dot, or the end of the last chunk. Answer with ``message_accepted`` or ``refuse``. size: octets of all chunks."""

    size: int
    eight_bit: bool = False


class Reset(msgspec.Struct, frozen=True, gc=False):
    """The transaction under way is dropped, a body included; nothing is to be answered."""


class Closing(msgspec.Struct, frozen=True, gc=False):
    """Write ``data_to_send`` and close. The last event: given again however often asked. An open transaction is dropped."""

    reason: Reason


ServerEvent = (
    AuthGiven | StartTlsWanted | MailGiven | RcptGiven | DataBegun | BodyChunk | BodyEnd | Reset | Closing
)

# --- the client's side


class Ready(msgspec.Struct, frozen=True, gc=False):
    """Greeting, EHLO and what was wanted of STARTTLS and AUTH are done: ``send`` may be called."""


class TransactionDone(msgspec.Struct, frozen=True, gc=False):
    """Every recipient has its answer, in the order given; the session goes on if ``can_send``.

    problem: set when this host cannot take the content at all; then nothing was written and every answer is None.
    Where the fate of a message is unknown, the session has failed instead.
    """

    answers: tuple[replies.Reply | None, ...]
    problem: failures.Problem | None = None
    detail: str = ""


class SessionFailed(msgspec.Struct, frozen=True, gc=False):
    """The session is over; close the connection. The last event: given again however often asked.

    stage: what was waited for. reply: the one that ended it (a refusal, a 421), if there was one. detail: in our
    words. answers: of the transaction under way, None where there is none; empty without a transaction. in_doubt: the
    final dot, or a whole chunk, was written and no final answer to it read; a 421 stands among the answers, and is none (faults.md P7).
    """

    stage: replies.Stage
    problem: failures.Problem
    detail: str
    reply: replies.Reply | None = None
    answers: tuple[replies.Reply | None, ...] = ()
    in_doubt: bool = False


class Ended(msgspec.Struct, frozen=True, gc=False):
    """QUIT was answered, or not: close the connection. The last event: given again however often asked."""


ClientEvent = Ready | StartTlsWanted | TransactionDone | SessionFailed | Ended
