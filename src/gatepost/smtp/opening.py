"""The client's side before its first MAIL: greeting, EHLO or HELO, STARTTLS, AUTH; each reply leads to one next step.

Guarantees: where TLS is required nothing goes on without it; a password goes out only inside TLS, or where the settings say
that this peer is spoken to in clear (``Tls.NEVER``); what was announced before TLS is forgotten after it (RFC 3207 §4.2).
Not here: bytes and their order (``client``), the TLS handshake.
"""

import enum
from typing import Final

import msgspec

from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.smtp import auth, events, extensions, states

_S = states.Client
_NO_EHLO: Final = frozenset(
    {500, 501, 502, 503, 504, 550, 554}
)  # what servers that only know HELO say to EHLO


class Tls(enum.Enum):
    """Whether STARTTLS is used."""

    NEVER = enum.auto()
    OPPORTUNISTIC = enum.auto()
    REQUIRED = enum.auto()


class ClientSettings(msgspec.Struct, frozen=True):
    """ehlo: the name we give. auth: user and password for a smarthost; in clear only where ``tls`` is NEVER. chunking: whether
    messages go out with BDAT where that is offered (RFC 3030).
    """

    ehlo: bytes
    tls: Tls = Tls.OPPORTUNISTIC
    auth: tuple[str, str] | None = None
    chunking: bool = False


class Say(msgspec.Struct, frozen=True):
    """Write the line; then its reply is waited for in that state."""

    state: states.Client
    line: bytes


class Stop(msgspec.Struct, frozen=True):
    """It does not come to a transaction; state: what failed."""

    state: states.Client
    problem: failures.Problem
    detail: str
    reply: replies.Reply | None = None


Next = Say | Stop | events.Ready | events.StartTlsWanted


class Opening:
    """One connection's."""

    __slots__ = ("_secure", "_settings", "extensions", "tls_refused")

    def __init__(self, settings: ClientSettings) -> None:
        self._settings = settings
        self._secure = False
        self.tls_refused = 0  # the code that did
        self.extensions = extensions.NONE

    @property
    def chunking(self) -> bool:
        """Whether messages go out with BDAT."""
        return self._settings.chunking and self.extensions.chunking

    def on(self, state: states.Client, reply: replies.Reply) -> Next:
        """What follows from the reply that was waited for in this state."""
        match state:
            case _S.GREETING:
                return self._ehlo() if reply.code == 220 else _refused(state, reply)
            case _S.EHLO:
                return self._on_ehlo(reply)
            case _S.HELO:
                return self._greeted() if reply.positive else _refused(state, reply)
            case _S.STARTTLS:
                return self._on_starttls(reply)
            case _:
                return self._on_auth(state, reply)

    def secured(self) -> Say:
        """The handshake is done: everything begins anew."""
        self._secure = True
        self.extensions = extensions.NONE
        return self._ehlo()

    def _ehlo(self) -> Say:
        return Say(_S.EHLO, b"EHLO %s\r\n" % self._settings.ehlo)

    def _on_ehlo(self, reply: replies.Reply) -> Next:
        if reply.positive:
            self.extensions = extensions.read(reply)
            return self._greeted()
        if reply.code in _NO_EHLO and not self._secure:
            return Say(_S.HELO, b"HELO %s\r\n" % self._settings.ehlo)
        return _refused(_S.EHLO, reply)

    def _greeted(self) -> Next:
        wanted = self._settings.tls
        if wanted is not Tls.NEVER and not self._secure and not self.tls_refused:
            if self.extensions.starttls:
                return Say(_S.STARTTLS, b"STARTTLS\r\n")
            if wanted is Tls.REQUIRED:
                detail = "TLS is required and the server does not offer it"
                return Stop(_S.STARTTLS, failures.Problem.TLS_FAILED, detail)
        return events.Ready() if self._settings.auth is None else self._authenticate(*self._settings.auth)

    def _on_starttls(self, reply: replies.Reply) -> Next:
        if reply.code == 220:
            return events.StartTlsWanted()
        if self._settings.tls is Tls.REQUIRED:
            detail = "TLS is required and the server refused it"
            return Stop(_S.STARTTLS, failures.Problem.TLS_FAILED, detail, reply)
        self.tls_refused = reply.code
        return self._greeted()

    def _authenticate(self, user: str, password: str) -> Next:
        offered = self.extensions.auth
        if not self._secure and self._settings.tls is not Tls.NEVER:
            detail = "no TLS: the password is not sent in clear"
            return Stop(_S.AUTH_PLAIN, failures.Problem.AUTH_UNAVAILABLE, detail)
        if b"PLAIN" in offered:
            credentials = auth.write_plain(user.encode(), password.encode())
            return Say(_S.AUTH_PLAIN, b"AUTH PLAIN %s\r\n" % credentials)
        if b"LOGIN" in offered:
            return Say(_S.AUTH_LOGIN, b"AUTH LOGIN\r\n")
        detail = "the server offers neither AUTH PLAIN nor LOGIN"
        return Stop(_S.AUTH_PLAIN, failures.Problem.AUTH_UNAVAILABLE, detail)

    def _on_auth(self, state: states.Client, reply: replies.Reply) -> Next:
        user, password = self._settings.auth or ("", "")
        match state, reply.code:
            case _S.AUTH_LOGIN, 334:
                return Say(_S.AUTH_USER, auth.encode(user.encode()) + b"\r\n")
            case _S.AUTH_USER, 334:
                return Say(_S.AUTH_PASSWORD, auth.encode(password.encode()) + b"\r\n")
            case ((_S.AUTH_PLAIN | _S.AUTH_PASSWORD), 235):
                return events.Ready()
            case _:
                return _refused(state, reply)


def _refused(state: states.Client, reply: replies.Reply) -> Stop:
    return Stop(state, failures.Problem.RESET, f"{reply.code} to {reply.stage.word}", reply)
