"""The suppressed networks, as one worker sees them: whether a host may be connected to, and whether its connection still may be used.

Guarantees: what is committed counts at the latest ``FRESH_S`` later (design.md §3 allows 100 ms); memory is bounded by the store's limit.
Not here: addresses that are never connected to because they are private (``gatepost.net.addresses``).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from gatepost import clock as clocks
from gatepost.model import suppression as suppressions

FRESH_S: Final = 0.05
Read = Callable[[], Awaitable[Sequence[suppressions.Suppression]]]


class Ranges:
    """read: those of the store that hold now."""

    def __init__(self, read: Read, clock: clocks.Clock) -> None:
        self._read = read
        self._clock = clock
        self._until = float("-inf")
        self._entries: Sequence[suppressions.Suppression] = ()
        self._networks = suppressions.Networks()

    async def now(self) -> suppressions.Networks:
        """All of them."""
        now = self._clock.monotonic()
        if now >= self._until:
            entries = await self._read()
            self._until = now + FRESH_S
            if entries != self._entries:
                self._entries = entries
                self._networks = suppressions.Networks(entries)
        return self._networks
