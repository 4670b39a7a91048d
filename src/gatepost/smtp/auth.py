"""Credentials on the wire: SASL PLAIN (RFC 4616) and LOGIN, in the base64 of RFC 4954.

Guarantees: strict base64; a name and a password are never empty and hold no NUL; the refusal of what is malformed does
not depend on which part was wrong (faults.md C04).
Not here: whether AUTH is legal now (``states``), whether the credentials are right.
"""

import binascii

from gatepost.smtp import events, replies

_FIELDS = 3  # authorisation identity, name, password


def decode(line: bytes) -> bytes | None:
    """The bytes of one response; ``=`` alone stands for an empty one (RFC 4954 §4)."""
    if line == b"=":
        return b""
    try:
        return binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        return None


def encode(value: bytes) -> bytes:
    """One response's line, without CRLF."""
    return binascii.b2a_base64(value, newline=False) or b"="


def read_plain(line: bytes) -> tuple[bytes, bytes] | None:
    """Name and password of a PLAIN response. To act for another identity is not offered, so it must be the same or empty."""
    fields = (decode(line) or b"").split(b"\0")
    if len(fields) != _FIELDS:
        return None
    authzid, authcid, password = fields
    if not authcid or not password or authzid not in (b"", authcid):
        return None
    return authcid, password


def read_login(line: bytes) -> bytes | None:
    """Name or password of the LOGIN exchange."""
    value = decode(line)
    return None if not value or b"\0" in value else value


def write_plain(user: bytes, password: bytes) -> bytes:
    """A PLAIN response's line, without CRLF."""
    return encode(b"\0%s\0%s" % (user, password))


class Exchange:
    """The server's side of one AUTH command (RFC 4954 §4).

    Each line gives the credentials, or a reply: 334 asks for one more line, anything else ends the exchange.
    """

    __slots__ = ("_mechanism", "_user")

    def __init__(self) -> None:
        self._mechanism: events.Mechanism | None = None
        self._user: bytes | None = None

    def begin(self, argument: bytes) -> events.AuthGiven | bytes:
        """``<mechanism> [initial response]``."""
        name, _, initial = argument.partition(b" ")
        match name.upper():
            case b"PLAIN":
                self._mechanism = events.Mechanism.PLAIN
                return self.line(initial) if initial else replies.ASK_PLAIN
            case b"LOGIN":
                self._mechanism = events.Mechanism.LOGIN
                return self.line(initial) if initial else replies.ASK_USER
            case _:
                return replies.AUTH_UNKNOWN

    def line(self, line: bytes) -> events.AuthGiven | bytes:
        """One response."""
        if line == b"*":
            return replies.AUTH_CANCELLED
        if self._mechanism is events.Mechanism.PLAIN:
            found = read_plain(line)
            return replies.AUTH_MALFORMED if found is None else events.AuthGiven(self._mechanism, *found)
        value = read_login(line)
        if value is None:
            return replies.AUTH_MALFORMED
        if self._user is not None:
            return events.AuthGiven(events.Mechanism.LOGIN, self._user, value)
        self._user = value
        return replies.ASK_PASSWORD
