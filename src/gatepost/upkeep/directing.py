"""Carries out what directives say beside the workers: flushes, cancels whose time to undo is over, releases what no directive holds.

Guarantees: in bounded batches, so that delivery is never stalled; nothing is lost by an end of the process at any point, for what is
left is found in the store and done by the next one (a flush that was under way begins anew); a word that is taken back between two
batches stops there. What is held and at the end of its lifetime ends.
Not here: holding and rerouting (``gatepost.delivery.directing``), what is held for authentication (``authentication``).
"""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from gatepost import clock as clocks
from gatepost import errors
from gatepost import log as logs
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import result as results
from gatepost.store import filters, port

LOOK_S = 1.0
BETWEEN_S = 0.02  # batches leave the store to others for so long
BATCH = 200
KEEP_MS = 30 * 24 * 3600 * 1000  # how long one that is over is listed
KEEP = 1_000  # how many that are over are listed
_ACTOR = "gatepost"
_Kind = directives.DirectiveKind


class Director:
    """``step`` again and again. decide: by the policy as it is now."""

    def __init__(
        self, store: port.Store, decide: Callable[[], port.Decide], clock: clocks.Clock, log: logs.Logger
    ) -> None:
        self._store = store
        self._decide = decide
        self._clock = clock
        self._log = log
        self._known = directories.Directory()
        self._after: dict[int, int] = {}  # how far a directive is carried out, as a delivery's id
        self._count: dict[int, int] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            more = await self.step()
            await asyncio.sleep(BETWEEN_S if more else LOOK_S)

    async def step(self) -> bool:
        """One batch of each thing to do. Whether there is more."""
        if await self._store.directory_version() != self._known.version:
            self._known = await self._store.directory()
        now, more = self._clock.now_ms(), False
        for one in self._known.directives:
            if one.ended_at:
                continue
            if not one.stands(now):
                await self._end(one, "its time was over")
            elif one.kind is _Kind.FLUSH:
                more |= await self._carry_out(one, results.Hurried)
            elif one.kind is _Kind.CANCEL and one.due_at <= now:
                more |= await self._carry_out(one, _canceller(one))
        more |= await self._release(now)
        more |= await self._end_lifetimes(now)
        await self._forget(now)
        return more

    async def _carry_out(self, one: directives.Directive, of: Callable[[int], results.Result]) -> bool:
        """One batch of a directive; at the end it is over."""
        where = filters.of_directive(one.which)
        found = await self._store.open_ids(where, self._after.get(one.id, 0), BATCH)
        meant = [each for each in found if each < one.before]
        if meant:
            done = await self._settle([of(each) for each in meant])
            self._after[one.id] = meant[-1]
            self._count[one.id] = self._count.get(one.id, 0) + done
        if len(meant) == BATCH:
            return True
        await self._end(one, "done", self._count.get(one.id, 0))
        return False

    async def _settle(self, batch: Sequence[results.Result]) -> int:
        """How many deliveries it changed."""
        written = await self._store.settle(batch, self._decide())
        return sum(one is not None and (one.ending or one.reschedule) is not None for one in written)

    async def _end(self, one: directives.Directive, outcome: str, count: int = 0) -> None:
        """It stands no more, unless somebody changed it meanwhile: then the next step looks again."""
        over = msgspec.structs.replace(one, ended_at=self._clock.now_ms(), outcome=outcome, count=count)
        await self._change([over])
        self._after.pop(one.id, None)
        self._count.pop(one.id, None)
        self._log.info(
            "a directive is over", directive=one.id, kind=one.kind.word, outcome=outcome, count=count
        )

    async def _change(self, changes: Sequence[directives.Directive]) -> None:
        try:
            self._known = await self._store.change_directory(changes, _ACTOR, version=self._known.version)
        except errors.Outdated:
            self._known = await self._store.directory()

    async def _release(self, now: int) -> bool:
        """What a directive holds that stands no more is due again, the oldest first."""
        standing = {one.id for one in self._known.directives if one.stands(now)}
        for directive in await self._store.holds():
            if directive in standing or directive == directives.AUTHENTICATION:
                continue
            found = await self._store.held_by(directive, BATCH)
            await self._settle([results.Released(each, now) for each in found])
            return True
        return False

    async def _end_lifetimes(self, now: int) -> bool:
        found = await self._store.held_to_end(now, BATCH)
        if found:
            await self._settle([results.Expired(each, None) for each in found])
        return len(found) == BATCH

    async def _forget(self, now: int) -> None:
        """Entries that are long over. The newest stays: its number is not given twice."""
        over = [one for one in self._known.directives if one.ended_at]
        most = max(len(over) - KEEP, 0)
        old = [one for place, one in enumerate(over) if place < most or one.ended_at + KEEP_MS <= now]
        newest = max((one.id for one in self._known.directives), default=0)
        held = set(await self._store.holds()) if old else set()
        gone = [one for one in old if one.id != newest and one.id not in held]
        if gone:
            await self._change([msgspec.structs.replace(one, removed=True) for one in gone])


def _canceller(by: directives.Directive) -> Callable[[int], results.Result]:
    return lambda delivery: results.Cancelled(delivery, by.actor, by.reason)
