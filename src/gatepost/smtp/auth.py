"""Credentials on the wire: SASL PLAIN (RFC 4616) and LOGIN, in the base64 of RFC 4954.

Guarantees: strict base64; a name and a password are never empty and hold no NUL. What is malformed gives None: the
caller's reply must not depend on which part was wrong.
"""

import binascii

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
