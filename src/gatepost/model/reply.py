"""What a receiving server said, byte for byte, and when in the conversation it said it.

Guarantees: ``raw`` is never re-encoded. Not here: what a reply means (``gatepost.classify``).
"""

import enum
import re

import msgspec

_ENHANCED = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])")


class Stage(enum.IntEnum):
    """The point of the SMTP conversation that a reply answers (``dns`` and ``connect`` come before any reply)."""

    UNKNOWN = 0
    DNS = 1
    CONNECT = 2
    GREETING = 3
    EHLO = 4
    STARTTLS = 5
    AUTH = 6
    MAIL = 7
    RCPT = 8
    DATA = 9
    DOT = 10

    @property
    def word(self) -> str:
        """The stage as written everywhere outside the code: ``rcpt``."""
        return self.name.lower()


class Reply(msgspec.Struct, frozen=True, gc=False):
    """One whole SMTP reply (RFC 5321 §4.2), possibly of several lines.

    code: 200…599, or 0 when there was no reply (a connection that broke, a time-out).
    raw: the bytes as received, lines joined by CRLF, without the last CRLF; bounded by the reader.
    """

    code: int
    raw: bytes
    stage: Stage = Stage.UNKNOWN

    @property
    def lines(self) -> list[bytes]:
        """The text of each line, without its code, separator and CRLF."""
        return [line[4:] if line[:3].isdigit() else line for line in self.raw.split(b"\r\n")]

    @property
    def enhanced(self) -> bytes:
        """The enhanced status code at the head of the text (RFC 2034 §4), or empty; our own words may have one, too."""
        found = _ENHANCED.match(self.raw, 4 if self.code else 0)
        return found.group() if found else b""

    @property
    def positive(self) -> bool:
        """Whether the server took what was asked (2yz, RFC 5321 §4.2.1)."""
        return 200 <= self.code <= 299


def escaped(raw: bytes) -> str:
    """Bytes from outside as ASCII: line ends stay line ends, every other control character is escaped."""
    text = raw.decode("ascii", "backslashreplace").replace("\r\n", "\n")
    return "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)
