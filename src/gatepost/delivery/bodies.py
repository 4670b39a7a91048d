"""The bodies of messages that are about to be sent, within a byte budget.

Guarantees: never more than ``budget`` bytes are kept for deliveries that only wait; what does not fit is read again
from the store when its turn comes (faults.md P18). What is computed from a body is computed once while it is kept.
"""

from gatepost.dkim import canonical


class Body:
    """A message's bytes, header and all, as accepted (or as converted); chunks with CRLF line ends, cut anywhere."""

    __slots__ = ("_hashes", "_header", "chunks", "fitted", "size")

    def __init__(self, chunks: tuple[bytes, ...]) -> None:
        self.chunks = chunks
        self.size = sum(map(len, chunks))
        self._header: bytes | None = None
        self._hashes: dict[canonical.Form, bytes] = {}
        self.fitted: dict[tuple[bool, bool], Body] = {}  # by what a host lacks: 8BITMIME, SMTPUTF8

    @property
    def header(self) -> bytes:
        """All header fields, with the last one's CRLF; without the blank line."""
        if self._header is None:
            self._header = self._read_header()
        return self._header

    def hash(self, form: canonical.Form) -> bytes:
        """The SHA-256 of what follows the blank line. Safe in any thread: two at once do the same work."""
        found = self._hashes.get(form)
        if found is None:
            found = self._hashes[form] = self._hashed(form)
        return found

    def _read_header(self) -> bytes:
        head = b""
        for chunk in self.chunks:
            head += chunk
            end = head.find(b"\r\n\r\n")
            if end >= 0:
                return head[: end + 2]
        return head if head.endswith(b"\r\n") else head + b"\r\n"

    def _hashed(self, form: canonical.Form) -> bytes:
        made = canonical.BodyHash(form)
        skip = len(self.header) + 2
        for chunk in self.chunks:
            if skip < len(chunk):
                made.feed(chunk[skip:] if skip else chunk)
                skip = 0
            else:
                skip -= len(chunk)
        return made.digest()


class Bodies:
    """Bodies by message, each with the number of deliveries in memory that still need it."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: dict[int, tuple[Body, int]] = {}
        self.bytes = 0

    def keep(self, message: int, body: Body, uses: int) -> None:
        """Keep a body for that many deliveries, if the budget allows."""
        if message in self._kept or self.bytes + body.size > self._budget:
            return
        self._kept[message] = (body, uses)
        self.bytes += body.size

    def get(self, message: int) -> Body | None:
        """The body, if it is here."""
        kept = self._kept.get(message)
        return kept[0] if kept else None

    def release(self, message: int, uses: int = 1) -> None:
        """That many deliveries no longer need it."""
        kept = self._kept.get(message)
        if kept is None:
            return
        body, left = kept
        if left > uses:
            self._kept[message] = (body, left - uses)
        else:
            del self._kept[message]
            self.bytes -= body.size
