"""The part of the port that webhooks need: how far each has been told, what was refused, and what receivers said.

Guarantees: as all verbs of ``store.port``. What a round did is written at once, so that after a crash an event is either still
before the cursor, or waits, or was told: perhaps twice, never not at all. Tables are bounded for each webhook.
Not here: the webhooks themselves, which are entries of the Directory; their row here is made and deleted with the entry.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from gatepost.model import event as events
from gatepost.model import message as messages

DEAD = 10_000  # requests that were given up, kept of each webhook
TRIES = 500  # good ones, and as many bad ones, kept of each webhook
REPLAYS = 10  # at once, of each webhook


class Progress(msgspec.Struct, frozen=True):
    """How far a webhook is. cursor: every event up to this seq was told, waits, or is none of its.

    failures: rounds in a row in which nothing was taken; failing_since: of the first one; next_at: nothing is tried before.
    last_ok_at: when something was taken. Times in ms, or 0.
    """

    webhook: int
    cursor: int
    failures: int = 0
    failing_since: int = 0
    next_at: int = 0
    last_ok_at: int = 0


class Request(msgspec.Struct, frozen=True):
    """Events that are told together. seqs: theirs. next_at: 0: given up. problem: why it was not taken, in one line."""

    id: int
    webhook: int
    seqs: tuple[int, ...]
    first_at: int
    tries: int = 0
    next_at: int = 0
    problem: str = ""


class Try(msgspec.Struct, frozen=True):
    """One request as it was made. key: its ``webhook-id``. seq: of its first event; events: how many. tries: which one it was, from 1.

    status: of the answer; 0: there was none. problem: why it counts as failed, or empty. answer: its beginning.
    """

    webhook: int
    at: int
    key: str
    seq: int
    events: int
    tries: int
    status: int
    took_ms: int
    problem: str = ""
    answer: bytes = b""
    id: int = 0


class Replay(msgspec.Struct, frozen=True):
    """A range of the feed that is told once more: what is behind cursor, up to until."""

    id: int
    webhook: int
    cursor: int
    until: int


class Round(msgspec.Struct, frozen=True):
    """What one round of a webhook did. refused: requests that are new (id 0) or tried again. ended: ids of those that are over.

    hasten: what waits is due at this time (ms) at the latest; 0: as it is.
    """

    progress: Progress
    refused: Sequence[Request] = ()
    ended: Sequence[int] = ()
    tries: Sequence[Try] = ()
    replay: Replay | None = None
    hasten: int = 0


class Counts(msgspec.Struct, frozen=True):
    """A webhook's requests that wait, and those that were given up."""

    waiting: int = 0
    dead: int = 0


class Webhooks(Protocol):
    """The verbs."""

    async def progress(self) -> Mapping[int, Progress]:
        """Of all webhooks, by their id."""
        ...

    async def keep(self, done: Round) -> None:
        """Write what a round did, in one transaction; of a webhook that was removed meanwhile nothing is written."""
        ...

    async def due(self, webhook: int, now_ms: int, limit: int) -> list[Request]:
        """Requests that are to be tried again by now, the longest due first."""
        ...

    async def waiting(self, webhook: int) -> int:
        """How many requests of one webhook wait to be tried again."""
        ...

    async def counts(self) -> Mapping[int, Counts]:
        """Of every webhook that has any."""
        ...

    async def events_at(self, seqs: Sequence[int]) -> list[events.Event]:
        """These events, in order; one that is not kept any more is absent."""
        ...

    async def messages_at(self, wanted: Sequence[int]) -> Mapping[int, messages.Message]:
        """These messages, by id; one that is not kept any more is absent."""
        ...

    async def tries(self, webhook: int, before: int, limit: int, *, failed: bool) -> list[Try]:
        """The newest ones, from before the id ``before`` (0: the newest). failed: only those."""
        ...

    async def dead(self, webhook: int, before: int, limit: int) -> list[Request]:
        """Requests that were given up, the newest first, from before the id ``before`` (0: the newest)."""
        ...

    async def revive(self, webhook: int) -> None:
        """Try everything once more that was given up."""
        ...

    async def replay(self, webhook: int, after: int, until: int) -> bool:
        """Tell a range once more. False: there are ``REPLAYS`` already."""
        ...

    async def replays(self, webhook: int) -> list[Replay]:
        """The ranges that are being told once more, the first one first."""
        ...
