"""Looks daily, and whenever something changed, whether bounce domains are right: only then do return paths name them.

Guarantees: a no takes effect at once and is an event (the sender domain ``changed``) and a line in the log; trouble with DNS
changes nothing; a domain that an operator changed meanwhile is looked at again and never overwritten.
Not here: what is asked (``gatepost.net.bounce_domain``), what a proved domain is used for (``gatepost.delivery``).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.model import directory as directories
from gatepost.net import bounce_domain
from gatepost.store import port

LOOK_S = 1.0
DAY_S = 86_400.0
SOON_S = 1_800.0  # after a no, or where DNS did not answer: what was mended is noticed the same hour
_ACTOR = "gatepost"

Check = Callable[[str, Sequence[bounce_domain.Exit]], Awaitable[bounce_domain.Checked]]


class _Known(msgspec.Struct, frozen=True):
    """What a domain was last looked at with, and when the next look is due (monotonic seconds)."""

    bounce: str
    exits: tuple[bounce_domain.Exit, ...]
    due: float


class Prover:
    """``look`` now and then. rand: spreads the daily looks."""

    def __init__(
        self, store: port.Store, check: Check, hostname: str, clock: clocks.Clock, rand: Callable[[], float]
    ) -> None:
        self._store = store
        self._check = check
        self._hostname = hostname
        self._clock = clock
        self._rand = rand
        self._directory = directories.Directory()
        self._known: dict[int, _Known] = {}

    async def run(self, log: logs.Logger) -> None:
        """Look until cancelled."""
        while True:
            await self.look(log)
            await asyncio.sleep(LOOK_S)

    async def look(self, log: logs.Logger) -> None:
        """Check what is due, and write what is different now."""
        if await self._store.directory_version() != self._directory.version:
            self._directory = await self._store.directory()
        for domain in self._directory.sender_domains:
            if domain.return_path is directories.ReturnPath.VERP:
                await self._look_at(domain, log)

    async def _look_at(self, domain: directories.SenderDomain, log: logs.Logger) -> None:
        exits = self._exits(domain.account)
        known = self._known.get(domain.id)
        now = self._clock.monotonic()
        if known and (known.bounce, known.exits) == (domain.bounce_domain, exits) and now < known.due:
            return
        found = await self._check(domain.bounce_domain, exits)
        wait = DAY_S if found.kind is bounce_domain.Kind.GOOD else SOON_S
        due = now + wait * (0.9 + 0.2 * self._rand())
        self._known[domain.id] = _Known(domain.bounce_domain, exits, due)
        if found.kind is bounce_domain.Kind.UNKNOWN:
            log.warning(
                "a bounce domain could not be checked", domain=domain.bounce_domain, problem=found.problem
            )
        else:
            await self._write(domain, found, log)

    async def _write(
        self, seen: directories.SenderDomain, found: bounce_domain.Checked, log: logs.Logger
    ) -> None:
        good = found.kind is bounce_domain.Kind.GOOD
        since = (seen.proved_since or self._clock.now_ms()) if good else 0
        fresh = msgspec.structs.replace(seen, proved_since=since, problem=found.problem)
        if fresh == seen:
            return
        if seen not in (await self._store.directory()).sender_domains:
            self._known.pop(seen.id, None)  # an operator was faster
            return
        await self._store.change_directory([fresh], _ACTOR)
        if good:
            log.info("return paths of ours are used", domain=seen.domain, bounce_domain=seen.bounce_domain)
        else:
            log.warning("the submitter's return path is kept", domain=seen.domain, problem=found.problem)

    def _exits(self, account: int) -> tuple[bounce_domain.Exit, ...]:
        """The ways out of an account's mail that end at the MX: a smarthost's own address is not ours to know."""
        return tuple(
            bounce_domain.Exit(one.name, one.ip, one.ehlo or self._hostname)
            for one in self._directory.direct(account)
        )
