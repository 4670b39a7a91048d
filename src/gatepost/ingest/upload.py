"""One message's bytes while they come in over SMTP: small ones in memory, large ones into the store part by part.

Guarantees: memory per message is flat (faults.md P18): at most ``IN_FLIGHT`` parts wait for their commit, then the
client is made to wait. What cannot be taken is remembered and refused at the dot; the bytes behind are dropped.
Parts whose message never comes are orphans that the store sweeps.
"""

from collections.abc import Callable

import msgspec

from gatepost.ingest import accept, refusal
from gatepost.store import port

IN_FLIGHT = 4
SMALL = port.PART_BYTES - 8192  # the header of a message grows by less than that when it is edited


class Upload:
    """Feed it, then finish it. ``feed`` answers whether the client may go on; if not, ``resume`` says when."""

    def __init__(
        self, acceptor: accept.Acceptor, envelope: accept.Envelope, resume: Callable[[], None]
    ) -> None:
        self._acceptor = acceptor
        self._envelope = envelope
        self._resume = resume
        self._chunks: list[bytes] = []
        self._waiting = 0  # bytes in the chunks
        self._draft: accept.Draft | None = None
        self._size = 0  # of the edited message, as far as it was cut
        self._parts = 0
        self._in_flight = 0
        self._refusal: refusal.Refusal | None = None
        self._end: tuple[bool, accept.Done] | None = None

    def feed(self, data: bytes) -> bool:
        """More bytes of the message."""
        if self._refusal is not None:
            return True
        self._chunks.append(data)
        self._waiting += len(data)
        if self._waiting > SMALL:
            self._cut()
        return self._in_flight < IN_FLIGHT

    def finish(self, *, eight_bit: bool, done: accept.Done) -> None:
        """All bytes were fed: commit. A refusal that is known already is told at once, anything else later."""
        self._end = (eight_bit, done)
        if self._refusal is None and self._draft is None:
            self._draft = self._begin()
            if self._draft is not None:
                self._size = len(self._draft.body)
        elif self._draft is not None and self._waiting:
            self._put(self._draft, self._take())
        if self._draft is None:
            self._end = None
            done(self._refusal or refusal.unhealthy())
        self._settle()

    def _begin(self) -> accept.Draft | None:
        try:
            return self._acceptor.begin(self._envelope, self._take())
        except refusal.Refusal as error:
            self._refuse(error)
            return None

    def _cut(self) -> None:
        """Send off every whole part."""
        if self._draft is None:
            draft = self._begin()
            if draft is None:
                return
            whole = draft.body
            self._draft = msgspec.structs.replace(draft, body=whole[: port.PART_BYTES])
            self._size = len(self._draft.body)
            self._chunks.append(whole[port.PART_BYTES :])
            self._waiting = len(self._chunks[0])
        if self._waiting >= port.PART_BYTES:
            data = self._take()
            whole_parts = len(data) - len(data) % port.PART_BYTES
            for at in range(0, whole_parts, port.PART_BYTES):
                self._put(self._draft, data[at : at + port.PART_BYTES])
            self._chunks.append(data[whole_parts:])
            self._waiting = len(data) - whole_parts

    def _take(self) -> bytes:
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        return data

    def _put(self, draft: accept.Draft, part: bytes) -> None:
        self._parts += 1
        self._size += len(part)
        self._in_flight += 1
        self._acceptor.put(draft, self._parts, part, self._on_put)

    def _on_put(self, problem: refusal.Refusal | None) -> None:
        self._in_flight -= 1
        if problem is not None:
            self._refuse(problem)
        self._settle()
        if self._in_flight == IN_FLIGHT - 1:
            self._resume()

    def _refuse(self, problem: refusal.Refusal) -> None:
        self._refusal = self._refusal or problem
        self._chunks.clear()
        self._waiting = 0

    def _settle(self) -> None:
        """Once the end was told and no part is under way any more: commit, or refuse."""
        if self._end is None or self._in_flight or self._draft is None:
            return
        (eight_bit, done), self._end = self._end, None
        if self._refusal is not None:
            done(self._refusal)
        else:
            self._acceptor.submit(self._draft, accept.Rest(self._size, eight_bit, self._parts), done)
