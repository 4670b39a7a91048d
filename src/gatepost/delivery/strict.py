"""Which domains want TLS to their hosts verified: MTA-STS policies (RFC 8461), found, kept and kept fresh.

Guarantees: a policy is used until its max_age is over, whatever becomes of its record meanwhile (an attacker may hide it,
RFC 8461 §10.2); one that cannot be fetched never stops mail where none is known; equal questions at once become one; a
domain is not asked again for five minutes after a failure; what is kept is bounded, and lost with the process.
Not here: what a policy leads to (``gatepost.delivery.demand``).
"""

import asyncio
import collections
from typing import Protocol

import msgspec

from gatepost import clock as clocks
from gatepost.net import https, mta_sts, resolver

AGAIN_S = 300.0  # after a failure (RFC 8461 §3.3)
MOST_FRESH_S = 86_400.0  # then the policy is fetched anew although its id is the same (RFC 8461 §10.2)
_KEPT = 20_000
_AT_ONCE = 20


class Fetches(Protocol):
    """What fetches the document (``gatepost.net.https.Fetcher``)."""

    async def fetch(self, host: str, path: str, *, most: int, within_s: float) -> https.Document:
        """The document. Raises FetchFailed."""
        ...


class Found(msgspec.Struct, frozen=True):
    """What is known of a domain. policy: None where there is none, or none is known; problem: what is wrong, if anything."""

    policy: mta_sts.Policy | None = None
    problem: str = ""


class _Kept(msgspec.Struct, frozen=True):
    """One domain's. Times in monotonic seconds: fetched, until it may be used, and before it is not asked again."""

    found: Found
    id: str = ""
    fetched: float = 0.0
    expires: float = 0.0
    again: float = 0.0


class Policies:
    """The memory of one process."""

    def __init__(self, finds: resolver.Resolver, fetcher: Fetches, clock: clocks.Clock) -> None:
        self._finds = finds
        self._fetcher = fetcher
        self._clock = clock
        self._kept: collections.OrderedDict[str, _Kept] = collections.OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}
        self._room = asyncio.Semaphore(_AT_ONCE)

    def take(self, fetcher: Fetches) -> None:
        """Fetch with this from now on; what is known stays."""
        self._fetcher = fetcher

    async def find(self, domain: str) -> Found:
        """The policy that holds for a domain now."""
        lock = self._locks.setdefault(domain, asyncio.Lock())
        try:
            async with lock:
                return await self._find(domain)
        finally:
            if not lock.locked():
                self._locks.pop(domain, None)

    async def _find(self, domain: str) -> Found:
        now = self._clock.monotonic()
        kept = self._kept.get(domain, _Kept(Found()))
        known = kept.found if kept.expires > now else Found(problem=kept.found.problem)
        if kept.again > now:
            return known
        answer = await self._finds.texts(mta_sts.record_name(domain))
        number = mta_sts.record_id(answer.texts)
        if number is None:
            if answer.failed:
                self._keep(domain, msgspec.structs.replace(kept, again=now + AGAIN_S))
            return known if known.policy is not None else Found()
        age = known.policy.max_age_s if known.policy is not None else 0
        if known.policy is not None and number == kept.id and now - kept.fetched < min(age / 2, MOST_FRESH_S):
            return known
        return await self._fetch(domain, number, kept, known)

    async def _fetch(self, domain: str, number: str, kept: _Kept, known: Found) -> Found:
        host = mta_sts.policy_host(domain)
        try:
            async with self._room:
                document = await self._fetcher.fetch(
                    host, mta_sts.PATH, most=mta_sts.MAX_BYTES, within_s=mta_sts.WITHIN_S
                )
            policy = mta_sts.read(document.kind, document.body)
        except (https.FetchFailed, mta_sts.BadPolicy) as error:
            found = Found(known.policy, f"https://{host}{mta_sts.PATH}: {error}")
            again = self._clock.monotonic() + AGAIN_S
            self._keep(domain, msgspec.structs.replace(kept, found=found, again=again))
            return found
        now = self._clock.monotonic()
        found = Found(policy)
        self._keep(domain, _Kept(found, number, now, now + policy.max_age_s))
        return found

    def _keep(self, domain: str, kept: _Kept) -> None:
        self._kept[domain] = kept
        self._kept.move_to_end(domain)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
