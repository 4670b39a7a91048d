"""A header field with 8-bit content, written in ASCII where the standards have a way to (RFC 2047, RFC 2231, RFC 5891).

Guarantees: pure; what comes out says the same to a reader, in lines of at most 76 octets. Where there is no way (an address whose
local part is not ASCII, a field whose grammar is not known) the answer is None. Not here: which fields have to be written anew.
"""

import base64
import re
from urllib import parse

from gatepost import errors
from gatepost.model import address as addresses

# Unstructured by RFC 5322 §3.6.5 and RFC 2045 §8; X- fields are text too (RFC 2047 §5).
_TEXT = frozenset({b"subject", b"comments", b"content-description", b"thread-topic", b"organization"})
_MAILBOXES = frozenset(
    {
        b"from",
        b"to",
        b"cc",
        b"reply-to",
        b"sender",
        b"resent-from",
        b"resent-to",
        b"resent-cc",
        b"resent-sender",
    }
)
_PARAMETERS = frozenset({b"content-type", b"content-disposition"})
_MOST = 8_192  # octets of a value
_WORD = 42  # octets of text in an encoded word: with charset and frame at most 75 (RFC 2047 §2)
_FOLD = re.compile(rb"\r?\n[ \t]+")
# One mailbox of a list: a phrase and an address in brackets, or an address alone. No comments, groups or routes.
_MAILBOX = re.compile(
    r'(?:((?:"(?:[^"\\]|\\.)*"|[^<>"(),:;@])*)<\s*([^<>\s"(),:;]+@[^<>\s"(),:;@]+)\s*>|([^<>\s"(),:;@]+@[^<>\s"(),:;@]+))\s*'
)
_PARAMETER = re.compile(r';\s*([!#$&-+.0-9A-Z^-~-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s";]+)\s*')
_CAREFUL = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_"


def field(name: bytes, value: bytes) -> bytes | None:
    """The whole field, with its CRLF; None where it cannot be said in ASCII. value: as it stands behind the colon."""
    text = _text(value)
    low = name.lower()
    if text is None:
        return None
    if low in _TEXT or low.startswith(b"x-"):
        written: str | None = _words(text)
    elif low in _MAILBOXES:
        written = _mailboxes(text)
    elif low in _PARAMETERS:
        written = _parameters(text)
    else:
        written = None
    return None if written is None else name + b": " + written.encode("ascii") + b"\r\n"


def _text(value: bytes) -> str | None:
    """The value as one line; None where it is not UTF-8 (nobody told what else it might be) or endless."""
    if len(value) > _MOST:
        return None
    try:
        text = _FOLD.sub(b" ", value.rstrip(b"\r\n")).decode().strip()
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def _words(text: str) -> str:
    """Encoded words, one to a line (RFC 2047 §2 and §5); no character is cut."""
    pieces: list[str] = []
    piece, size = "", 0
    for letter in text:
        octets = len(letter.encode())
        if size + octets > _WORD:
            pieces.append(piece)
            piece, size = "", 0
        piece += letter
        size += octets
    pieces.append(piece)
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(one.encode()).decode()}?=" for one in pieces)


def _mailboxes(text: str) -> str | None:
    out: list[str] = []
    at = 0
    while at < len(text):
        while text[at : at + 1] == " ":
            at += 1
        found = _MAILBOX.match(text, at)
        if found is None or text[found.end() : found.end() + 1] not in ("", ","):
            return None
        at = found.end() + 1
        address = _address(found[2] or found[3])
        if address is None:
            return None
        phrase = (found[1] or "").strip()
        if found[2] is None:
            out.append(address)
        elif phrase.isascii():
            out.append(f"{phrase} <{address}>".lstrip())
        else:
            out.append(f"{_words(_plain(phrase))}\r\n <{address}>")
    return ",\r\n ".join(out) if out else None


def _plain(phrase: str) -> str:
    """A phrase without its quotes."""
    return re.sub(r'"((?:[^"\\]|\\.)*)"', lambda found: re.sub(r"\\(.)", r"\1", found[1]), phrase)


def _address(text: str) -> str | None:
    if text.isascii():
        return text
    local, _, domain = text.rpartition("@")
    try:
        return f"{local}@{addresses.domain_key(domain)}" if local.isascii() else None
    except errors.BadInput:
        return None


def _parameters(text: str) -> str | None:
    """Content-Type or Content-Disposition, its 8-bit values as RFC 2231 §4 has them."""
    head, semicolon, _ = text.partition(";")
    at = len(head)
    if not head.isascii() or not semicolon:
        return None
    out = [head.rstrip()]
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None:
            return None
        at = found.end()
        name, value = found.groups()
        if value.isascii():
            out.append(f"{name}={value}")
        else:
            out.append(f"{name}*=utf-8''{parse.quote(_plain(value), safe=_CAREFUL)}")
    return ";\r\n ".join(out)
