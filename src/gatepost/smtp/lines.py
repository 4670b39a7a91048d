"""Cuts received bytes into command lines (server) and whole replies (client), within fixed limits.

Guarantees: only CRLF ends a line; a bare CR or LF is never taken for one; memory is bounded by the limits below
however the bytes are cut, and the result does not depend on the cuts.
Not here: what the lines mean.
"""

import enum
from typing import Final

from gatepost.model import reply as replies

COMMAND_LIMIT: Final = (
    2_048  # octets with CRLF: 512 (RFC 5321 §4.5.3.1.4) and what the extensions add, as in Postfix
)
REPLY_LINE_LIMIT: Final = 2_048  # octets with CRLF: 512 by RFC 5321 §4.5.3.1.5, and real servers exceed it
REPLY_LINES_LIMIT: Final = 64
REPLY_STORED_LIMIT: Final = (
    16_384  # octets kept of one reply: the most that 32 lines of the legal length have
)

_CR = 13


class Defect(enum.Enum):
    """Why a line cannot be read as a command."""

    TOO_LONG = enum.auto()
    BARE_NEWLINE = enum.auto()


class LineBuffer:
    """The server's receive buffer."""

    __slots__ = ("_at", "_data", "_dropped")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._dropped = 0  # octets of the line at hand that were thrown away because it is too long

    def __len__(self) -> int:
        """How many bytes wait."""
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """Store bytes; nothing is copied when nothing waits."""
        if self._at == len(self._data):
            self._data = data
        else:
            self._data = self._data[self._at :] + data
        self._at = 0

    def line(self) -> bytes | Defect | None:
        """The next line without its CRLF, what is wrong with it, or None if its end is not here yet."""
        data, at = self._data, self._at
        if at == len(data):
            return None
        end = data.find(b"\n", at)
        if end < 0:
            self._trim()
            return None
        self._at = end + 1
        if end == at or data[end - 1] != _CR:
            self._dropped = 0
            return Defect.BARE_NEWLINE
        if self._dropped or end - at >= COMMAND_LIMIT:
            self._dropped = 0
            return Defect.TOO_LONG
        line = data[at : end - 1]
        return Defect.BARE_NEWLINE if b"\r" in line else line

    def take_at_most(self, count: int) -> bytes:
        """So many bytes of what waits, for a part of a body whose length was told."""
        if len(self) <= count:
            return self.take()
        data = self._data[self._at : self._at + count]
        self._at += count
        return data

    def take(self) -> bytes:
        """Everything that waits, for a body."""
        data = self._data[self._at :] if self._at else self._data
        self._data = b""
        self._at = 0
        return data

    def _trim(self) -> None:
        """Keep no more of an endless line than its last byte (which may be the CR of its end)."""
        waiting = len(self)
        if waiting > COMMAND_LIMIT:
            self._dropped += waiting - 1
            self._at = len(self._data) - 1


class Broken(enum.Enum):
    """Why bytes are no reply."""

    TOO_LONG = enum.auto()
    MALFORMED = enum.auto()


_CODES: Final = {
    b"%d " % code: code for code in range(200, 600)
}  # the strict form [2-5][0-9][0-9] and a separator
_CONTINUED: Final = {b"%d-" % code: code for code in range(200, 600)}


class ReplyBuffer:
    """The client's receive buffer (RFC 5321 §4.2.1)."""

    __slots__ = ("_at", "_data", "_lines")

    def __init__(self) -> None:
        self._data = b""
        self._at = 0
        self._lines: list[bytes] = []  # of a reply whose last line is not here yet

    def __len__(self) -> int:
        """How many bytes wait, those of an unfinished reply included."""
        waiting = len(self._data) - self._at
        return waiting + sum(map(len, self._lines)) if self._lines else waiting

    def feed(self, data: bytes) -> None:
        """Store bytes."""
        if self._at == len(self._data):
            self._data = data
        else:
            self._data = self._data[self._at :] + data
        self._at = 0

    def reply(self, stage: replies.Stage) -> replies.Reply | Broken | None:
        """The next whole reply, marked with its stage; what is wrong with the bytes; or None if its end is not here."""
        while True:
            data, at = self._data, self._at
            end = data.find(b"\r\n", at) if at < len(data) else -1
            if end < 0:
                return self._unfinished() if at < len(data) else None
            head = data[at : at + 4]
            code = _CODES.get(head)
            if code is None and head not in _CONTINUED:
                return Broken.MALFORMED
            if end - at > REPLY_LINE_LIMIT - 2:
                return Broken.TOO_LONG
            self._at = end + 2
            if code is not None:
                last = replies.Reply(code, data[at:end], stage)
                return self._joined(last) if self._lines else last
            self._lines.append(data[at:end])
            if self._lines[0][:3] != head[:3]:
                return Broken.MALFORMED
            if len(self._lines) >= REPLY_LINES_LIMIT:
                return Broken.TOO_LONG

    def starts_with(self, codes: tuple[bytes, ...]) -> bool:
        """Whether what waits begins with one of these codes (to know a goodbye that nobody asked for)."""
        return not self._lines and self._data.startswith(codes, self._at)

    def _joined(self, last: replies.Reply) -> replies.Reply | Broken:
        lines, self._lines = self._lines, []
        if lines[0][:3] != last.raw[:3]:
            return Broken.MALFORMED
        lines.append(last.raw)
        return replies.Reply(last.code, b"\r\n".join(lines)[:REPLY_STORED_LIMIT], last.stage)

    def _unfinished(self) -> Broken | None:
        head = self._data[self._at : self._at + 4]
        if not _may_begin_reply(head):
            return Broken.MALFORMED  # a TLS record or another protocol: no need to wait for its line to end
        return Broken.TOO_LONG if len(self._data) - self._at >= REPLY_LINE_LIMIT else None


def _may_begin_reply(head: bytes) -> bool:
    """Whether a reply can begin with these bytes, at most four."""
    if len(head) == 4:
        return head in _CODES or head in _CONTINUED
    return not head or (head[0] in b"2345" and (len(head) == 1 or head[1:].isdigit()))
