"""Where an SMTP conversation stands, and which steps are legal there: the two tables that both sides ask.

Guarantees: everything that decides the order of a conversation is here; ``server`` and ``client`` only ask.
Fails with ``LocalProtocolError``, which is always a bug of ours: what a peer does wrong is a reply or an event.
"""

import enum
from collections.abc import Mapping
from typing import Final

from gatepost import errors


class LocalProtocolError(errors.GatepostError):
    """We used a session in a way that its state forbids, or gave it bytes that may not go on the wire."""


class Signal(enum.Enum):
    """What ``next_event`` says when there is no event."""

    NEED_DATA = enum.auto()  # feed more bytes
    PAUSED = enum.auto()  # an answer is owed to the peer first


NEED_DATA: Final = Signal.NEED_DATA
PAUSED: Final = Signal.PAUSED


class Server(enum.IntEnum):
    """Where the server's side stands. ``…_OWED``: the shell has an event to answer before the next command is read."""

    START = enum.auto()  # connected, the greeting not said
    FRESH = enum.auto()  # greeted, or TLS just begun: no EHLO yet
    SECURING = enum.auto()  # 220 said to STARTTLS, the handshake not done
    READY = enum.auto()
    # MAIL or a chunk was refused: the rest of its group may still follow (RFC 2920 §3.1, RFC 3030 §2)
    REFUSED = enum.auto()
    AUTH = enum.auto()  # 334 said: a response is awaited
    AUTH_OWED = enum.auto()
    MAIL_OWED = enum.auto()
    MAIL = enum.auto()  # a sender, no recipient
    FIRST_RCPT_OWED = enum.auto()
    RCPT_OWED = enum.auto()
    RCPT = enum.auto()  # at least one recipient
    BODY = enum.auto()
    DISCARD = enum.auto()  # a body that will be refused is read to its end
    CHUNK = enum.auto()  # a chunk of BDAT is being read
    CHUNKED = enum.auto()  # it was taken, and was not the last
    LAST_CHUNK = enum.auto()
    SKIP = enum.auto()  # a chunk that is refused is read to its end
    BODY_ENDED = enum.auto()
    DOT_OWED = enum.auto()
    CLOSED = enum.auto()


class Step(enum.IntEnum):
    """What moves the server's side: the peer's commands, the end of its body, the shell's answers."""

    GREET = enum.auto()
    HELLO = enum.auto()
    STARTTLS = enum.auto()
    SECURED = enum.auto()
    AUTH = enum.auto()
    ASK = enum.auto()  # for (more of) the credentials
    CANCEL = enum.auto()
    MAIL = enum.auto()
    RCPT = enum.auto()
    DATA = enum.auto()
    CHUNK = enum.auto()  # BDAT
    LAST = enum.auto()  # BDAT … LAST
    SKIP = enum.auto()  # BDAT where none is possible: its bytes are no commands
    RESET = enum.auto()
    SPOIL = enum.auto()  # the body cannot be taken any more
    END = enum.auto()  # the final dot, or the end of a chunk
    OWE = enum.auto()  # the end of the body was told
    ACCEPT = enum.auto()
    REFUSE = enum.auto()


_TRANSACTION: Mapping[Step, Server] = {
    Step.HELLO: Server.READY,
    Step.RCPT: Server.RCPT_OWED,
    Step.DATA: Server.BODY,
    Step.CHUNK: Server.CHUNK,
    Step.LAST: Server.LAST_CHUNK,
    Step.RESET: Server.READY,
}
_IDLE: Mapping[Step, Server] = {
    Step.HELLO: Server.READY,
    Step.STARTTLS: Server.SECURING,
    Step.AUTH: Server.AUTH_OWED,
    Step.ASK: Server.AUTH,
    Step.MAIL: Server.MAIL_OWED,
    Step.SKIP: Server.SKIP,
    Step.RESET: Server.READY,
}

SERVER: Final[Mapping[Server, Mapping[Step, Server]]] = {
    Server.START: {Step.GREET: Server.FRESH},
    Server.FRESH: {Step.HELLO: Server.READY, Step.RESET: Server.FRESH},
    Server.SECURING: {Step.SECURED: Server.FRESH},
    Server.READY: _IDLE,
    Server.REFUSED: _IDLE,
    Server.AUTH: {Step.AUTH: Server.AUTH_OWED, Step.ASK: Server.AUTH, Step.CANCEL: Server.READY},
    Server.AUTH_OWED: {Step.ACCEPT: Server.READY, Step.REFUSE: Server.READY},
    Server.MAIL_OWED: {Step.ACCEPT: Server.MAIL, Step.REFUSE: Server.REFUSED},
    Server.MAIL: {
        Step.HELLO: Server.READY,
        Step.RCPT: Server.FIRST_RCPT_OWED,
        Step.SKIP: Server.SKIP,
        Step.RESET: Server.READY,
    },
    Server.FIRST_RCPT_OWED: {Step.ACCEPT: Server.RCPT, Step.REFUSE: Server.MAIL},
    Server.RCPT_OWED: {Step.ACCEPT: Server.RCPT, Step.REFUSE: Server.RCPT},
    Server.RCPT: _TRANSACTION,
    Server.BODY: {Step.SPOIL: Server.DISCARD, Step.END: Server.BODY_ENDED},
    Server.DISCARD: {Step.END: Server.READY},
    Server.CHUNK: {Step.SPOIL: Server.SKIP, Step.END: Server.CHUNKED},
    Server.CHUNKED: {
        Step.HELLO: Server.READY,
        Step.CHUNK: Server.CHUNK,
        Step.LAST: Server.LAST_CHUNK,
        Step.RESET: Server.READY,
    },
    Server.LAST_CHUNK: {Step.SPOIL: Server.SKIP, Step.END: Server.BODY_ENDED},
    Server.SKIP: {Step.END: Server.REFUSED},
    Server.BODY_ENDED: {Step.OWE: Server.DOT_OWED},
    Server.DOT_OWED: {Step.ACCEPT: Server.READY, Step.REFUSE: Server.READY},
    Server.CLOSED: {},
}


class Client(enum.IntEnum):
    """Where the client's side stands: which command's reply it waits for, or what it may do."""

    GREETING = enum.auto()
    EHLO = enum.auto()
    HELO = enum.auto()
    STARTTLS = enum.auto()
    SECURING = enum.auto()  # 220 read, the handshake not done
    AUTH_PLAIN = enum.auto()  # credentials sent
    AUTH_LOGIN = enum.auto()  # ``AUTH LOGIN`` sent
    AUTH_USER = enum.auto()  # user name sent
    AUTH_PASSWORD = enum.auto()  # password sent
    READY = enum.auto()
    RESET = enum.auto()
    MAIL = enum.auto()
    RCPT = enum.auto()
    DATA = enum.auto()
    DOT = enum.auto()
    QUIT = enum.auto()
    OVER = enum.auto()


_GREETED = frozenset({Client.STARTTLS, Client.AUTH_PLAIN, Client.AUTH_LOGIN, Client.READY})

CLIENT: Final[Mapping[Client, frozenset[Client]]] = {
    Client.GREETING: frozenset({Client.EHLO}),
    Client.EHLO: _GREETED | {Client.HELO},
    Client.HELO: frozenset({Client.READY}),
    Client.STARTTLS: _GREETED - {Client.STARTTLS} | {Client.SECURING},
    Client.SECURING: frozenset({Client.EHLO}),
    Client.AUTH_PLAIN: frozenset({Client.READY}),
    Client.AUTH_LOGIN: frozenset({Client.AUTH_USER}),
    Client.AUTH_USER: frozenset({Client.AUTH_PASSWORD}),
    Client.AUTH_PASSWORD: frozenset({Client.READY}),
    Client.READY: frozenset({Client.RESET, Client.MAIL}),
    Client.RESET: frozenset({Client.MAIL}),
    Client.MAIL: frozenset({Client.RCPT, Client.READY}),
    Client.RCPT: frozenset({Client.RCPT, Client.DATA, Client.DOT, Client.READY}),
    Client.DATA: frozenset({Client.DOT, Client.READY}),
    Client.DOT: frozenset({Client.READY}),
    Client.QUIT: frozenset(),
    Client.OVER: frozenset(),
}  # QUIT and OVER can be reached from everywhere: whoever wants to leave may leave
