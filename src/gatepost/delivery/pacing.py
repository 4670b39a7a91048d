"""The pace of a worker's lanes: what they are answered slows or pauses them, and time brings them back.

Guarantees: every change is an event with what caused it, and is kept in the same transaction, so that a restart finds each lane as it
was; a lane that waits has nothing in its queues for connections, so that its mail can still end at its time.
Not here: what follows from an answer (``gatepost.policy.pace``), how a limit is kept (``limits``).
"""

from collections.abc import Callable, Coroutine, Iterable, Mapping

import msgspec

from gatepost.delivery import desk
from gatepost.delivery import parts as delivery_parts
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import pace as paces
from gatepost.model import result as results
from gatepost.model import verdict as verdicts
from gatepost.policy import pace as policy

Mode = paces.Mode
_DELIVERED = verdicts.DELIVERED
_FREE = "as fast as its limits allow again"


class Pacing:
    """Paces by lane. ``look`` is told of lanes to look at, and when (ms)."""

    def __init__(
        self,
        parts: delivery_parts.Parts,
        spawn: Callable[[Coroutine[None, None, None]], None],
        look: Callable[[desk.Desk, int], None],
    ) -> None:
        self._p = parts
        self._spawn = spawn
        self._look = look
        self._paces: dict[int, paces.Pace] = {}

    def take(self, parts: delivery_parts.Parts) -> None:
        """Work with these from now on."""
        self._p = parts

    def begin(self, kept: Mapping[int, paces.Pace], desks: Iterable[desk.Desk]) -> None:
        """What an earlier process kept; some lanes may be at work already."""
        self._paces.update(kept)
        for at in desks:
            self.welcome(at)

    def welcome(self, at: desk.Desk) -> None:
        """A lane goes to work: at the pace that it had."""
        pace = self._paces.get(at.lane.number)
        if pace is not None:
            self._apply(at, pace)

    def answered(self, at: desk.Desk, due: messages.Due, result: results.Attempted) -> None:
        """A server answered one of the lane's attempts, or refused the connection for it."""
        verdict, reply = result.verdict, result.reply
        before = self._paces.get(at.lane.number)
        if before is None and verdict is _DELIVERED:  # the usual case
            at.tried.append((result.attempt.started_at, ""))
            return
        if not reply.code:
            return
        scale = self._p.time_scale
        said = policy.answer(verdict, at.lane.provider, reply.raw, smarthost=at.source.smarthost, scale=scale)
        now = self._p.clock.now_ms()
        at.tried.append((now, due.key if said is not None else ""))
        if not self._p.settings.pacing:
            return
        tried = tuple(at.tried) if said is not None else ()
        seen = policy.Seen(tried, at.allowance.limits.connections, at.allowance.open)
        after = policy.answered(before, said, seen, now, scale)
        if after is not before:
            self._change(at, after, result)

    def tick(self, at: desk.Desk) -> None:
        """Time has passed: whatever is due happens."""
        pace = self._paces.get(at.lane.number)
        if pace is None:
            return
        after = policy.passed(
            pace, at.allowance.limits.connections, self._p.clock.now_ms(), self._p.time_scale
        )
        if not self._p.settings.pacing:
            after = None
        if after is not pace:
            self._change(at, after, None)
        elif pace.until:
            self._look(at, pace.until)

    # --- inside

    def _change(self, at: desk.Desk, pace: paces.Pace | None, result: results.Attempted | None) -> None:
        before = self._paces.pop(at.lane.number, None)
        if pace is not None:
            self._paces[at.lane.number] = pace
        self._apply(at, pace)
        category = pace.category if pace is not None else before.category if before is not None else ""
        event = self._event(at, pace, category)
        if result is not None:
            event = _caused(event, result)
        self._spawn(self._p.store.keep_pace(at.lane.number, pace, event))

    def _apply(self, at: desk.Desk, pace: paces.Pace | None) -> None:
        at.allowance.go_at(pace, policy.probe_gap(self._p.time_scale))
        if pace is not None and pace.mode is Mode.PAUSED:
            at.tried.clear()
            at.unpark()
        if at.allowance.crowded:
            for connection in [one for free in at.idle.values() for one in free]:
                connection.quit()
        self._look(at, pace.until if pace is not None else 0)

    def _event(self, at: desk.Desk, pace: paces.Pace | None, category: str) -> events.Event:
        return events.Event(
            at=self._p.clock.now_ms(),
            state=events.State.PACED,
            pool=at.source.pool,
            source=at.source.id,
            node=self._p.node,
            local_ip=at.source.ip,
            ehlo=at.source.ehlo,
            provider=at.lane.provider,
            category=category,
            next_at=pace.until if pace is not None else 0,
            detail=pace.words if pace is not None else _FREE,
        )


def _caused(event: events.Event, result: results.Attempted) -> events.Event:
    """With the answer that it follows from."""
    attempt, reply, verdict = result.attempt, result.reply, result.verdict
    return msgspec.structs.replace(
        event,
        local_ip=attempt.local_ip,
        ehlo=attempt.ehlo,
        peer_host=attempt.peer_host,
        peer_ip=attempt.peer_ip,
        stage=reply.stage,
        code=reply.code,
        enhanced=reply.enhanced.decode("ascii"),
        rule=verdict.rule,
        rule_version=verdict.rule_version,
        reply=reply.raw,
    )
