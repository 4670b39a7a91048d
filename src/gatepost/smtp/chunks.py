"""A message that comes in chunks (CHUNKING, RFC 3030): BDAT tells how many octets follow, and they are counted.

Guarantees: whatever is answered, the octets behind a BDAT are never read as commands (faults.md B01); where their number cannot
be told, the session ends. A chunk that is refused is read to its end first, and those of its group that follow it are refused too
(RFC 3030 §2). BINARYMIME is not offered, so chunks hold text: a bare CR, a bare LF or a NUL is refused as after DATA.
Not here: the rest of the conversation (``server``).
"""

from typing import Final

from gatepost.smtp import commands, data, events, footing, lines, replies, states

_S = states.Server
_T = states.Step
SMALL: Final = 512  # octets: who brings a message in so small pieces holds a place and brings nothing
AWAITED: Final = frozenset({_S.CHUNK, _S.LAST_CHUNK, _S.SKIP})
REFUSALS: Final = {
    data.Fault.TOO_BIG: replies.TOO_BIG,
    data.Fault.LINE_TOO_LONG: replies.TEXT_LINE_TOO_LONG,
    data.Fault.BARE_NEWLINE: replies.BARE_NEWLINE_IN_BODY,
}


class Chunks:
    """One session's. reader: of the message that the last chunk belonged to."""

    __slots__ = ("_answer", "_at", "_input", "_left", "reader")

    def __init__(self, at: footing.Footing, waiting: lines.LineBuffer) -> None:
        self._at = at
        self._input = waiting
        self._left = 0  # octets of the chunk still to come
        self._answer = b""  # to the chunk, once it is read; none to the last one: that is the shell's
        self.reader = data.ChunkReader(0)

    @property
    def at_end(self) -> bool:
        """Whether a chunk has no octet left to wait for, and is not answered yet."""
        return not self._left and self._at.state in AWAITED

    def begin(self, argument: bytes, max_size: int) -> events.ServerEvent | None:
        """BDAT with its argument. max_size: of the whole message; 0 for none."""
        at = self._at
        found = commands.bdat(argument)
        if found is None or at.state is _S.FRESH:
            return at.close(events.Reason.CHUNK, replies.BAD_BDAT if found is None else replies.HELLO_FIRST)
        self._left, last = found
        step = _T.LAST if last else _T.CHUNK
        if not at.allows(step):
            return self._skip()
        begins = at.state is _S.RCPT
        at.go(step)
        self._answer = b"" if last else replies.build(250, "2.0.0", f"{self._left} octets taken")
        over = at.count_junk() if self._left < SMALL and not last else None
        if begins:
            self.reader = data.ChunkReader(max_size)
        return over or (events.DataBegun() if begins else None)

    def read(self) -> events.ServerEvent | None:
        """What waits of the chunk, or its end."""
        at, reader = self._at, self.reader
        octets = self._input.take_at_most(self._left)
        self._left -= len(octets)
        text = b""
        if at.state is not _S.SKIP:
            text = reader.feed(octets) if octets else b""
            if at.state is _S.LAST_CHUNK and not self._left:
                text += reader.end()
            if reader.fault:
                at.go(_T.SPOIL)
                self._answer = REFUSALS[reader.fault]
                return events.Reset()
        if not self._left:
            at.go(_T.END)
            if self._answer:
                at.say(self._answer)
        return events.BodyChunk(text) if text else None

    def _skip(self) -> events.ServerEvent | None:
        """A chunk without recipients: read, thrown away, and refused as DATA would be."""
        at = self._at
        nobody, blameless = at.state is _S.MAIL, at.state is _S.REFUSED
        at.go(_T.SKIP)
        self._answer = replies.NO_RECIPIENTS if nobody else replies.MAIL_FIRST
        if nobody:
            return at.count_junk() or events.Reset()
        return None if blameless else at.count_error()
