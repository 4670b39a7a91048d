"""What was counted, by any of its dimensions, and what was grouped as an incident: a part of the store's port.

Guarantees: figures come from the counters, so that a look costs what there are of those, however much mail there was.
"""

import enum
from typing import Protocol

import msgspec

from gatepost.model import event as events
from gatepost.model import pace as paces
from gatepost.store import filters

MOST = 4  # dimensions at once


class Dimension(enum.IntEnum):
    """By what events are counted. The numbers stand in the statement."""

    ACCOUNT = 1
    BRIDGE = 2
    SOURCE = 3
    PROVIDER = 4
    SENDER_DOMAIN = 5
    LIST = 6
    CATEGORY = 7

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


# Those whose values are entries of the Directory; the others are texts.
ENTRIES = frozenset({Dimension.ACCOUNT, Dimension.BRIDGE, Dimension.SOURCE})


class Asked(msgspec.Struct, frozen=True):
    """Events from the minute ``since`` (since 1970) up to but without ``until``, in steps of so many minutes, by dimensions."""

    since: int
    until: int
    step: int
    by: tuple[Dimension, ...] = ()
    where: filters.Where = ()


class Share(msgspec.Struct, frozen=True, gc=False):
    """A count. step: from 0. of: the dimensions' values, an entry's id or a text. state, outcome: their numbers."""

    step: int
    of: tuple[int | str, ...]
    state: int
    outcome: int
    count: int


class Slow(msgspec.Struct, frozen=True):
    """A lane that goes slower than its limits, with or without mail that waits."""

    provider: str
    source: int
    pace: paces.Pace


class Figures(Protocol):
    """The verbs."""

    async def breakdown(self, asked: Asked) -> list[Share]:
        """What was counted. Raises BadInput for a condition that is none."""
        ...

    async def slow_lanes(self, limit: int) -> list[Slow]:
        """The lanes that go slower than their limits, the ones made first first."""
        ...

    async def incidents(self, since_ms: int, limit: int) -> list[events.Event]:
        """The events that tell of incidents since then, the newest first."""
        ...
