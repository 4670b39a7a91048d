"""Where a recipient's delivery queues: the Provider and the lane of its domain by one Source, remembered for a while.

Guarantees: bounded memory; what is remembered is at most ``KEEP_S`` old. An old Provider does no harm: the lane's owner
moves the rows when it learns the new one (design.md §1). Not here: finding a domain's MX (``gatepost.delivery.route``).
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from gatepost import clock as clocks
from gatepost import errors
from gatepost.model import directory as directories
from gatepost.store import port

_K = TypeVar("_K")
_V = TypeVar("_V")

KEEP_S = 10.0
MAX_DOMAINS = 50_000
MAX_LANES = 10_000


class Place(msgspec.Struct, frozen=True):
    """A lane, and the Provider it belongs to."""

    provider: str
    lane: int
    until: float


class Places:
    """Remembers, and asks the store for the rest."""

    def __init__(
        self, store: port.Store, clock: clocks.Clock, fixed: Callable[[str, directories.Source], str] | None
    ) -> None:
        """Fixed: the Provider where the operator has named the way (a smarthost, a route), else empty."""
        self._store = store
        self._clock = clock
        self._fixed = fixed
        self._places: dict[tuple[str, int], Place] = {}
        self._lanes: dict[tuple[str, int], int] = {}

    def known(self, domain: str, source: directories.Source) -> Place | None:
        """The place, if it is remembered."""
        found = self._places.get((domain, source.id))
        return found if found is not None and found.until > self._clock.monotonic() else None

    async def find(self, domain: str, source: directories.Source) -> Place:
        """The place, from memory or the store."""
        found = self.known(domain, source)
        if found is not None:
            return found
        provider = self._fixed(domain, source) if self._fixed else ""
        if not provider:
            provider = await self._store.provider_of(domain)
        place = Place(provider, await self._lane(provider, source.id), self._clock.monotonic() + KEEP_S)
        _keep(self._places, (domain, source.id), place, MAX_DOMAINS)
        return place

    async def find_all(
        self, domains: Sequence[str], source: directories.Source, within_s: float
    ) -> list[Place]:
        """A place for each. Raises StoreBusy: a new lane waits for the store as a message does, but may be made late."""
        known = [self.known(domain, source) for domain in domains]
        if None not in known:
            return [place for place in known if place is not None]
        try:
            async with asyncio.timeout(within_s):
                return [await self.find(domain, source) for domain in domains]
        except TimeoutError:
            raise errors.StoreBusy("the store did not make a lane in time") from None

    async def _lane(self, provider: str, source: int) -> int:
        found = self._lanes.get((provider, source))
        if found is None:
            found = await self._store.lane(provider, source)
            _keep(self._lanes, (provider, source), found, MAX_LANES)
        return found


def _keep(kept: dict[_K, _V], key: _K, value: _V, limit: int) -> None:
    """Remember the newest ``limit``: a dict keeps the order of insertion, so its first key is the oldest."""
    kept.pop(key, None)
    if len(kept) >= limit:
        del kept[next(iter(kept))]
    kept[key] = value
