"""What standing directives do with a lane's mail before it is attempted: hold it, or give it to another Source.

Guarantees: what is under way is left alone; a delivery that is held or rerouted is written as such before anything else is done
with it; with no directive standing nothing is asked. Takes effect within a second of the worker's knowing.
Not here: flushing, cancelling, and the release of what was held (``gatepost.upkeep.directing``).
"""

from collections.abc import Callable, Sequence

from gatepost.delivery import desk, settling
from gatepost.delivery import parts as delivery_parts
from gatepost.model import directive as directives
from gatepost.model import message as messages
from gatepost.model import result as results

LOOK_S = 1.0  # how often the window of a lane that hands nothing out is looked through


class Directing:
    """``look`` through a lane's window, ``sort`` what is handed out. claim, spawn: the Deliverer's."""

    def __init__(
        self,
        parts: delivery_parts.Parts,
        settled: settling.Settling,
        claim: Callable[[desk.Desk], results.Claim],
        spawn: settling.Spawn,
    ) -> None:
        self._p = parts
        self._settling = settled
        self._claim = claim
        self._spawn = spawn

    def take(self, parts: delivery_parts.Parts) -> None:
        """Work with these from now on."""
        self._p = parts

    @property
    def standing(self) -> directives.Standing:
        """What stands now."""
        return self._p.standing()

    def look(self, at: desk.Desk, *, stands_still: bool) -> bool:
        """Treat what waits in a lane, where directives are new or the lane hands nothing out. Whether to look again soon."""
        standing, now = self._p.standing(), self._p.clock.monotonic()
        if at.directed is not standing or (stands_still and at.directed_at + LOOK_S <= now):
            at.directed, at.directed_at = standing, now
            if standing:
                wall = self._p.clock.now_ms()
                at.unpark()
                self.sort(at, at.lane.pick(lambda due: standing.concerns(due, at.lane.provider, wall)))
        return stands_still and bool(standing)

    def sort(self, at: desk.Desk, group: Sequence[messages.Due]) -> desk.Group:
        """What of a group goes on by this lane; the rest is held, or moved to another."""
        standing = self._p.standing()
        if not standing:
            return list(group)
        now, going = self._p.clock.now_ms(), []
        moving: dict[int, desk.Group] = {}
        for due in group:
            stopping = standing.stopping(due, at.lane.provider, now)
            if stopping is not None:
                self._hold(at, due, stopping, now)
            elif source := standing.source_for(due, at.lane.provider, now):
                moving.setdefault(source, []).append(due)
            else:
                going.append(due)
        for source, jobs in moving.items():
            self._spawn(self._reroute(at, jobs, source))
        return going

    def _hold(self, at: desk.Desk, due: messages.Due, by: directives.Directive, now: int) -> None:
        claim = self._claim(at)
        if due.expires_at <= now:
            self._settling.add(results.Expired(due.id, claim), due, at)
        else:
            held = results.Held(
                due.id, claim, by.id, by.words, authentication=by.kind is directives.DirectiveKind.HOLD
            )
            self._settling.add(held, due, at)

    async def _reroute(self, at: desk.Desk, jobs: desk.Group, number: int) -> None:
        store, source = self._p.store, self._p.source(number)
        if source is None:  # gone since: it is looked at again with the next Directory
            at.lane.put_back(jobs)
            return
        lanes: dict[str, int] = {}
        for due in jobs:
            provider = self._p.router.provider_without_dns(due.domain, source)
            provider = provider or await store.provider_of(due.domain)
            if provider not in lanes:
                lanes[provider] = await store.lane(provider, number)
            moved = results.Rerouted(due.id, self._claim(at), lanes[provider], number)
            self._settling.add(moved, due, at)
