"""The message on the wire: takes the transparency dots out, puts them in, and finds the one true end.

Guarantees: only CRLF.CRLF ends a body after DATA (RFC 5321 §4.1.1.4, and every smuggling form of CVE-2023-51764 and its kin);
what comes out of a ``Reader`` has no bare CR or LF and no NUL; the bytes do not depend on how they were cut.
It works on chunks as they arrive, never line by line. Not here: headers and meaning, how long a chunk of BDAT is.
"""

import enum
from collections.abc import Sequence
from typing import Final

TEXT_LINE_LIMIT: Final = 65_536  # octets; RFC 5321 §4.5.3.1.6 asks for 998, and real mail exceeds that

_END: Final = b"\r\n.\r\n"
_MAY_BE_END: Final = (b"\r", b"\r\n", b"\r\n.", b"\r\n.\r")


class Fault(enum.IntEnum):
    """Why a body is not taken; the highest one counts, so that the answer does not depend on the cuts."""

    NONE = 0
    TOO_BIG = 1
    LINE_TOO_LONG = 2
    BARE_NEWLINE = 3  # a CR or LF alone, or a NUL: two servers could read it differently


class Reader:
    """One body on its way in, however its end is told.

    size: octets so far, un-stuffed. eight_bit: whether one is over 127. fault: what was found wrong.
    """

    __slots__ = ("_held", "_limit", "_line", "_skip", "eight_bit", "fault", "size")

    def __init__(self, limit: int) -> None:
        """Limit: the largest size taken; 0 for none."""
        self._limit = limit
        self._held = b""  # bytes that cannot be judged before those behind them are here
        self._line = 0  # octets of the text line that the next chunk continues
        self._skip = 0
        self.size = 0
        self.eight_bit = False
        self.fault = Fault.NONE

    def _checked(self, body: bytes) -> bytes:
        lines = body.splitlines()  # at CR, LF and CRLF alike: what is lost tells whether all were CRLF
        # A CR at the end is one more bare one: that of a CRLF is held back. Not to count it would let "\n" + "\r" pass
        # for a CRLF wherever a segment happens to end between two CRs.
        whole = body.endswith((b"\n", b"\r"))
        breaks = len(lines) if whole else len(lines) - 1
        if len(body) - len(b"".join(lines)) != 2 * breaks or b"\0" in body:
            self.fault = Fault.BARE_NEWLINE
            return b""
        if self._line + len(body) > TEXT_LINE_LIMIT and (
            self._line + len(lines[0]) > TEXT_LINE_LIMIT or max(map(len, lines)) > TEXT_LINE_LIMIT
        ):
            self.fault = max(self.fault, Fault.LINE_TOO_LONG)
        self._line = 0 if whole else len(lines[-1]) + (self._line if len(lines) == 1 else 0)
        if self._skip:
            body = body[2:]
            self._skip = 0
        self.size += len(body)
        if 0 < self._limit < self.size:
            self.fault = max(self.fault, Fault.TOO_BIG)
        if self.fault:
            return b""
        if not self.eight_bit and not body.isascii():
            self.eight_bit = True
        return body


class BodyReader(Reader):
    """After DATA: rest is the bytes behind the final dot, or None while that has not come."""

    __slots__ = ("rest",)

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self._held = b"\r\n"  # a body begins at the start of a line: as if after one
        self._skip = 2
        self.rest: bytes | None = None

    def feed(self, data: bytes) -> bytes:
        """Bytes from the wire; gives the message bytes that are certain now (none once there is a fault)."""
        raw = self._held + data if self._held else data
        first = raw.find(b"\r\n.")
        stuffed = False
        end = first
        if first >= 0 and raw[first + 3 : first + 5] != b"\r\n":
            stuffed = True
            end = raw.find(_END, first)
        if end >= 0:
            body = raw[: end + 2]
            self.rest = raw[end + 5 :]
        else:
            held = _held_back(raw)
            body = raw[: len(raw) - held] if held else raw
            self._held = raw[len(raw) - held :]
        if not body:
            return b""
        if stuffed:
            body = body.replace(b"\r\n.", b"\r\n")
        return self._checked(body)


class ChunkReader(Reader):
    """After BDAT (RFC 3030): the bytes are counted, never searched for an end, and dots are nothing special."""

    __slots__ = ()

    def feed(self, data: bytes) -> bytes:
        """Bytes of a chunk; gives the message bytes that are certain now (none once there is a fault)."""
        raw = self._held + data if self._held else data
        self._held = b"\r" if raw.endswith(b"\r") else b""
        if self._held:
            raw = raw[:-1]
        return self._checked(raw) if raw else b""

    def end(self) -> bytes:
        """Behind the last chunk: the CRLF that ends the last line, where it is missing (RFC 5321 §2.3.8)."""
        if self._held:
            self.fault = Fault.BARE_NEWLINE
        return b"" if self.fault or not self._line else self._checked(b"\r\n")


def _held_back(raw: bytes) -> int:
    """How many last bytes could be the beginning of the end."""
    if not raw.endswith(_MAY_BE_END):
        return 0
    return next(n for n in (4, 3, 2, 1) if raw.endswith(_END[:n]))


def stuff(chunks: Sequence[bytes]) -> list[bytes]:
    """A message's chunks as they go on the wire, final dot included (RFC 5321 §4.5.2).

    The chunks have CRLF line ends and may be cut anywhere. A missing last CRLF is added.
    """
    wire: list[bytes] = []
    before = b"\r\n"
    for chunk in chunks:
        if not chunk:
            continue
        out = chunk.replace(b"\r\n.", b"\r\n..") if b"\r\n." in chunk else chunk
        if chunk.startswith(b".") and before == b"\r\n":
            out = b"." + out
        elif chunk.startswith(b"\n.") and before.endswith(b"\r"):
            out = b"\n." + out[1:]
        wire.append(out)
        before = (before + chunk)[-2:] if len(chunk) < 2 else chunk[-2:]
    wire.append(b".\r\n" if before == b"\r\n" else _END)
    return wire


def chunk(chunks: Sequence[bytes]) -> list[bytes]:
    """A whole message as one chunk, BDAT's line first (RFC 3030 §2). A missing last CRLF is added."""
    size = sum(map(len, chunks))
    tail = b"".join([piece[-2:] for piece in chunks if piece][-2:])[-2:]
    if size and tail != b"\r\n":
        return [b"BDAT %d LAST\r\n" % (size + 2), *chunks, b"\r\n"]
    return [b"BDAT %d LAST\r\n" % size, *chunks]
