"""Header fields written from text: folded, encoded where they must be (RFC 5322 §2.2.3, RFC 2047), never injectable.

Guarantees: a field is one ``Name: value`` with CRLF and nothing behind it, whatever the text was; text with a line
break or any other control character is refused, not repaired (faults.md B07: cpython CVE-2024-6923, CVE-2026-1299,
bpo-46462). Lines are at most 998 octets, mostly 78. Only a mailbox's own address may bring UTF-8 (RFC 6532).
Fails with a Refusal that names the place. Not here: which fields a submitter may set (``compose``).
"""

import binascii
import re
import unicodedata
from collections.abc import Sequence

from gatepost.ingest import mailbox, refusal

MAX_VALUE = 16_000  # characters of one field

_LINE = 76  # RFC 2047 §2
_CHUNK = 45  # bytes in one encoded word: 60 characters of base64 and 12 around them
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_MANY_SPACES = " " * 64
_LONG_WORD = 800  # characters: a longer run without a space cannot be folded within 998 octets


def is_field_name(text: str) -> bool:
    """Whether it may stand in front of a colon, and in an error message."""
    return _FIELD_NAME.fullmatch(text) is not None


def field_name(text: str, place: str) -> str:
    """A header field's name (RFC 5322 §3.6.8). Raises Refusal."""
    if not is_field_name(text):
        raise refusal.malformed(place, "is not the name of a header field")
    return text


def check(text: str, place: str) -> str:
    """Text of one line: no control character, no line separator of any kind, no lone surrogate. Raises Refusal."""
    if len(text) > MAX_VALUE:
        raise refusal.malformed(place, f"is longer than {MAX_VALUE} characters")
    if text.isprintable():
        return text
    for c in text:
        if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"}:
            raise refusal.malformed(place, f"contains a line break or control character (U+{ord(c):04X})")
    return text


def text_field(name: str, text: str, place: str) -> bytes:
    """An unstructured field: Subject, a comment, an id. Raises Refusal."""
    check(text, place)
    return _folded(name, text.split(" ") if _is_plain(text) else _encoded(text))


def _is_plain(text: str) -> bool:
    """Whether it can stand as it is: ASCII, nothing that looks encoded, and a place to fold every line."""
    if not text.isascii() or "=?" in text or _MANY_SPACES in text:
        return False
    return len(text) <= _LONG_WORD or max(map(len, text.split(" "))) <= _LONG_WORD


def mailbox_field(name: str, boxes: Sequence[mailbox.Mailbox]) -> bytes:
    """A field of mailboxes: From, To, Cc, Reply-To."""
    pieces: list[str] = []
    for index, box in enumerate(boxes):
        words = _phrase(box.name)
        address = f"<{box.address.wire.decode()}>" if words else box.address.wire.decode()
        pieces += words
        pieces.append(address + ("," if index < len(boxes) - 1 else ""))
    return _folded(name, pieces)


def _phrase(text: str) -> list[str]:
    """A display name: words, one quoted string, or encoded words (RFC 2047 §5 (3))."""
    if not text:
        return []
    if not text.isascii() or "=?" in text or len(text) > _LINE:
        return _encoded(text)
    if _ATOMS.fullmatch(text):
        return text.split(" ")
    return ['"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"']


def _encoded(text: str) -> list[str]:
    """Encoded words of whole characters (RFC 2047 §5), in base64 since it has no exceptions."""
    words: list[str] = []
    chunk = b""
    for c in text:
        raw = c.encode()
        if len(chunk) + len(raw) > _CHUNK:
            words.append(_word(chunk))
            chunk = b""
        chunk += raw
    return [*words, _word(chunk)] if chunk else words


def _word(raw: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(raw, newline=False).decode()}?="


def _folded(name: str, pieces: Sequence[str]) -> bytes:
    """The field with its pieces joined by spaces, folded before those that would pass the line's end.

    A line that is only white space is obsolete (RFC 5322 §4.2) and could pass for the header's end: never fold before
    an empty piece.
    """
    lines: list[str] = []
    head = line = f"{name}:"
    for piece in pieces:
        if piece and len(line) + 1 + len(piece) > _LINE and line is not head:
            lines.append(line)
            line = " " + piece
        else:
            line += " " + piece
    return "\r\n".join([*lines, line]).encode() + b"\r\n"
