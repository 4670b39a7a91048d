"""Delivers what is due in a worker's slots: takes it from memory or the store, sends it, settles every answer.

Guarantees: a delivery is under way at most once; the suppressions and the address's hold are read after a connection
is ready and before MAIL is written; a connection takes its next message only when the last one's settlement is
committed (so a crash can repeat at most one transaction per connection, faults.md P7 b); memory is bounded by the
windows and the body budget. A store that cannot confirm a write ends the worker (P2).
Not here: what answers mean (classify), what follows (policy), what is written (store).
"""

import asyncio
import itertools
from collections.abc import Coroutine, Sequence

from gatepost.delivery import (
    bodies,
    clearance,
    desk,
    desks,
    directing,
    handing,
    judge,
    limits,
    opener,
    pacing,
    route,
    session,
    settling,
)
from gatepost.delivery import parts as delivery_parts
from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import verdict as verdicts
from gatepost.store import port

_PLANS = 50_000  # domains whose plan is remembered
_MOVE_LOOK_S = 0.1  # how often a domain that is to leave its lane is looked at while its mail is under way
_TOO_MANY = verdicts.Category.SESSION_TOO_MANY_RECIPIENTS
_OPEN_PAUSE_S = 10.0  # after a host refused one more connection while others work


class Deliverer:
    """The delivery half of a worker. ``run`` until cancelled; ``drain`` first to stop well."""

    def __init__(self, parts: delivery_parts.Parts) -> None:
        self._p = parts
        self._epochs = dict(parts.assignment.slots)
        self._pacing = pacing.Pacing(parts, self._spawn, self._arm)
        self._desks = desks.Desks(parts.settings, self._pacing.welcome)
        self._bodies = bodies.Bodies(parts.settings.body_budget)
        self._judge = judge.Judge(parts.classifier, parts.clock.now_ms, parts.node)
        self._at: dict[session.Connection, tuple[desk.Desk, desk.Targets]] = {}
        self._batches = limits.Batches()
        self._plans: dict[tuple[str, int], route.Plan] = {}
        self._dirty: set[int] = set()
        self._wake = asyncio.Event()
        self._again: set[int] = set()
        self._draining = False
        self._tasks: asyncio.TaskGroup | None = None
        self._callbacks = opener.Opened(self._on_done, self._on_closed)
        self._settling = settling.Settling(self._write, self._spawn, self._settled, self._free)
        owner = handing.Owner(self._claim, self._free, self._put_back, self._fail, self._spawn)
        self._handing = handing.Handing(parts, self._bodies, self._settling, owner)
        self._directing = directing.Directing(parts, self._settling, self._claim, self._spawn)

    # --- what others call

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                self._pacing.begin(await self._p.store.paces(), self._desks)
                tasks.create_task(self._sweep_forever())
                await self._pump_forever()
        finally:
            self._handing.close()

    def offer(self, jobs: Sequence[messages.Due], body: tuple[bytes, ...] | None) -> None:
        """A message's deliveries, just committed, with its body if that is in memory.

        A hint that saves a read: the table is the truth, and what does not fit the window is found there.
        """
        kept = 0
        for due in jobs:
            number = due.lane
            if number % port.SLOTS not in self._epochs:
                self._p.tell_other(number)
                continue
            source = self._p.source(due.source)
            if source is None or self._draining:
                continue
            kept += self._desks.of(number, due.provider, source).lane.add(due)
            self._mark(number)
        if kept and body is not None:
            self._bodies.keep(jobs[0].message, bodies.Body(body), kept)

    def look_at(self, number: int) -> None:
        """A lane may have new rows: somebody else committed them."""
        if number % port.SLOTS not in self._epochs or self._draining:
            return
        found = self._desks.get(number)
        if found is not None:
            found.lane.more = True
            self._mark(number)
        else:
            self._dirty.add(-1)  # unknown lane: the next sweep, now, finds what it is
            self._wake.set()

    def take(self, parts: delivery_parts.Parts) -> None:
        """Work with these from now on; attempts under way keep the old ones."""
        self._p = parts
        self._judge = judge.Judge(parts.classifier, parts.clock.now_ms, parts.node)
        self._handing.take(parts)
        self._directing.take(parts)
        self._pacing.take(parts)
        self._plans.clear()
        for at in self._desks.take(parts.settings, parts.source):
            self._mark(at.lane.number)

    async def drain(self, timeout_s: float) -> None:
        """Hand out nothing more; wait for what is under way, at most ``timeout_s``; then break it off."""
        self._draining = True
        for connections in [free for d in self._desks for free in list(d.idle.values())]:
            for connection in list(connections):
                connection.quit()
        deadline = self._p.clock.monotonic() + timeout_s
        while (self._at or self._settling.busy) and self._p.clock.monotonic() < deadline:  # noqa: ASYNC110 - four conditions, and the end of the process
            await asyncio.sleep(0.02)
        for connection in list(self._at):
            connection.abort()
        while self._handing.busy or self._settling.busy:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)

    def depth(self) -> dict[str, int]:
        """Figures for the log and the control socket."""
        return {
            "lanes": len(self._desks),
            "in_memory": sum(d.lane.known for d in self._desks),
            "connections": len(self._at),
            "body_bytes": self._bodies.bytes,
        }

    # --- the pump: from the window to a connection

    async def _pump_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            dirty, self._dirty = self._dirty, set()
            if self._draining:
                continue
            if -1 in dirty:
                dirty.discard(-1)
                await self._sweep()
            for number in dirty:
                found = self._desks.get(number)
                if found is not None:
                    await self._pump(found)

    async def _pump(self, at: desk.Desk) -> None:
        if not await self._prepare(at):
            return
        lane, paths = at.lane, self._p.paths()
        while lane.waiting and at.wants_more:
            group = lane.take(desk.GROUP_LIMIT)
            for one in paths.divided(group, at.source) if paths.active else (group,):
                self._dispatch(at, one)
        pairs = list(at.matches())
        if pairs:
            await self._handing.hand(at, pairs)
        now = self._p.clock.monotonic()
        self._desks.make_room(at)
        for plan in at.to_open(now):
            self._spawn(self._open(at, plan))
        if at.parked:
            wait = max(at.allowance.wait_s(now), at.no_open_before - now)
            if wait > 0:
                self._arm(at, self._p.clock.now_ms() + int(wait * 1000) + 1)

    async def _prepare(self, at: desk.Desk) -> bool:
        """Fill the lane's window, and treat what directives and its end are about. Whether the lane may hand out."""
        lane = at.lane
        if at.source.disabled and not self._directing.standing:
            return False
        self._pacing.tick(at)
        if lane.more and lane.waiting <= lane.window // 4:
            limit = lane.window + lane.known
            rows = await self._p.store.due(lane.number, self._p.clock.now_ms(), limit)
            lane.refill(rows, complete=len(rows) < limit)
        stands_still = at.allowance.paused or at.source.disabled
        if self._directing.look(at, stands_still=stands_still):
            self._arm(at, self._p.clock.now_ms() + round(directing.LOOK_S * 1000))
        if stands_still and not at.source.disabled:
            self._expire(at)
        return not stands_still

    def _dispatch(self, at: desk.Desk, group: desk.Group) -> None:
        """Send a group on its way: to its targets' queue, to DNS first, to another lane, or to its end."""
        group = self._directing.sort(at, group)
        if not group:
            return
        domain = group[0].domain
        plan = self._plans.get((domain, at.source.id))
        if plan is None or plan.expires <= self._p.clock.monotonic():
            waiting = at.unresolved.get(domain)
            if waiting is not None:
                waiting.append(group)
                return
            at.unresolved[domain] = [group]
            self._spawn(self._resolve(at, domain))
        elif plan.problem is not None:
            self._fail(at, group, opener.of_plan(plan, plan.problem))
        elif plan.provider != at.lane.provider:
            if at.leave(domain, group):
                self._spawn(self._move(at, domain, plan))
        else:
            at.park(plan, group)

    async def _resolve(self, at: desk.Desk, domain: str) -> None:
        plan = await self._p.router.plan(domain, at.source, self._p.clock.monotonic())
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        self._plans[domain, at.source.id] = plan
        for group in at.unresolved.pop(domain, ()):
            self._dispatch(at, group)
        self._mark(at.lane.number)

    async def _move(self, at: desk.Desk, domain: str, plan: route.Plan) -> None:
        """The domain's Provider is another than this lane's: the store moves its rows, the new lane takes them.

        First what is under way is settled: its row would move too, and the new lane would send it a second time.
        """
        while self._under_way(at, domain):  # noqa: ASYNC110 - rare; a signal would cost every message something
            await asyncio.sleep(_MOVE_LOOK_S)
        await asyncio.sleep(0)  # a settlement that was just begun is written before the move
        store, provider = self._p.store, plan.provider
        if not plan.fixed:
            await store.learn_provider(domain, provider)
        number = await store.lane(provider, at.source.id)
        await store.move(domain, at.lane.number, number)
        for due in (due for group in at.leaving.pop(domain) for due in group):
            at.lane.forget(due.id)
            self._bodies.release(due.message)
        self._arm(at, 0 if at.lane.waiting else at.due_at)
        if number % port.SLOTS in self._epochs:
            self._desks.of(number, provider, at.source).lane.more = True
            self._mark(number)
        else:
            self._p.tell_other(number)

    def _under_way(self, at: desk.Desk, domain: str) -> bool:
        """Whether something of the domain is on a connection, or not yet handed to the store for settlement."""
        sending = (due for c, (d, _) in self._at.items() if d is at for due in c.jobs)
        others = (self._handing.waiting(at), self._settling.waiting(at))
        return any(due.domain == domain for due in itertools.chain(sending, *others))

    # --- connections

    async def _open(self, at: desk.Desk, plan: route.Plan) -> None:
        targets = plan.targets
        try:
            connection = await self._p.opener.open(plan, at.source, self._callbacks)
        except session.Failure as failure:
            at.opening[targets] -= 1
            at.allowance.closed()
            self._refused(at, targets, failure)
            if at.live[targets]:
                at.no_open_before = self._p.clock.monotonic() + _OPEN_PAUSE_S
            else:
                for group in at.take_parked(targets):
                    self._fail(at, group, failure)
        except BaseException:
            at.opening[targets] -= 1
            at.allowance.closed()
            raise
        else:
            at.opening[targets] -= 1
            at.live[targets] += 1
            self._at[connection] = (at, targets)
            host, now = connection.peer.host, self._p.clock.monotonic()
            connection.rcpt_max = self._batches.most(host, connection.rcpt_max, now)
            self._free(connection, at)
            if connection.closed:
                self._on_closed(connection)
        self._mark(at.lane.number)

    def _on_closed(self, connection: session.Connection) -> None:
        found = self._at.pop(connection, None)
        if found is not None:
            at, targets = found
            at.gone(connection, targets)
            self._mark(at.lane.number)

    def _free(self, connection: session.Connection, at: desk.Desk) -> None:
        found = self._at.get(connection)
        if found is None:
            return
        if self._draining:
            connection.quit()
        else:
            at.free(connection, found[1], self._p.clock.monotonic())
            self._mark(at.lane.number)

    def _on_done(self, connection: session.Connection, done: session.Done) -> None:
        at, _ = self._at.get(connection) or self._of(done)
        first = done.jobs[0].id
        if done.untouched and first not in self._again:
            self._again.add(first)
            at.lane.put_back(done.jobs)
            self._mark(at.lane.number)
            return
        if self._draining and done.problem is not None and not done.in_doubt and not any(done.answers):
            return  # nothing happened that has to be written: the rows are as they were
        self._again.discard(first)
        lane = (at.lane.provider, at.source)
        too_many = 0
        for due, result in self._judge.of_transaction(done, connection, lane, self._claim(at)):
            self._settling.add(result, due, at)
            self._pacing.answered(at, due, result)
            if result.verdict.category is _TOO_MANY:
                too_many += 1
        if too_many:
            self._divide(connection.peer.host, too_many, len(done.jobs))
        if not connection.closed:
            self._settling.then_free(connection, at)

    def _divide(self, host: str, too_many: int, of: int) -> None:
        """A host takes fewer recipients at once: its next transactions, on all connections, are smaller."""
        most = self._batches.learn(host, too_many, of, self._p.clock.monotonic())
        for other in self._at:
            if other.peer.host == host:
                other.rcpt_max = min(most, other.rcpt_max or most)

    def _of(self, done: session.Done) -> tuple[desk.Desk, desk.Targets]:
        """The desk of a connection that is closed already: its deliveries name the lane."""
        return self._desks.known(done.jobs[0].lane), ()

    def _fail(self, at: desk.Desk, group: desk.Group, failure: session.Failure) -> None:
        if failure.blocked is not None:
            for due in group:
                self._settling.add(results.Blocked(due.id, self._claim(at), failure.blocked), due, at)
            return
        lane = (at.lane.provider, at.source)
        for due, result in self._judge.of_failure(group, failure, lane, self._claim(at)):
            self._settling.add(result, due, at)

    def _refused(self, at: desk.Desk, targets: desk.Targets, failure: session.Failure) -> None:
        """A host refused a connection with a reply: the lane learns of it once, however much mail waited for it."""
        waiting = at.parked.get(targets)
        if failure.reply is None or not waiting:
            return
        lane = (at.lane.provider, at.source)
        for due, result in self._judge.of_failure(waiting[0][:1], failure, lane, self._claim(at)):
            self._pacing.answered(at, due, result)

    def _expire(self, at: desk.Desk) -> None:
        """A lane that is paused: what has come to its end does not wait for the lane."""
        now = self._p.clock.now_ms()
        for due in at.lane.pick(lambda one: clearance.is_over(one, now)):
            self._settling.add(results.Expired(due.id, self._claim(at)), due, at)

    def _settled(self, due: messages.Due, at: desk.Desk, settlement: settlements.Settlement | None) -> None:
        """A result is committed: the delivery is no longer under way."""
        at.lane.forget(due.id)
        self._bodies.release(due.message)
        later = settlement.reschedule if settlement is not None else None
        if later is None or later.status is not messages.Status.QUEUED:
            return
        if not later.lane:
            self._arm(at, later.next_at)
        elif later.lane % port.SLOTS in self._epochs:
            self.look_at(later.lane)
        else:
            self._p.tell_other(later.lane)

    # --- timers and sweeps

    def _arm(self, at: desk.Desk, due_at: int) -> None:
        """Look at the lane at ``due_at`` (ms)."""
        at.arm(due_at, self._p.clock.now_ms(), self._due)

    def _due(self, at: desk.Desk) -> None:
        at.lane.more = True
        self._mark(at.lane.number)

    async def _sweep_forever(self) -> None:
        while True:
            await self._sweep()
            await asyncio.sleep(self._p.settings.sweep_s)

    async def _sweep(self) -> None:
        """Find lanes with due rows that nobody told us of; end idle connections; forget empty lanes."""
        if self._draining:
            return
        now_ms = self._p.clock.now_ms()
        for head in await self._p.store.heads(tuple(self._epochs)):
            source = self._p.source(head.source)
            if source is None or (source.disabled and not self._directing.standing):
                continue
            at = self._desks.of(head.lane, head.provider, source)
            if head.next_at <= now_ms:
                at.lane.more = True
                self._mark(head.lane)
            else:
                self._arm(at, head.next_at)
        for at in self._desks.renew(self._p.source):
            self._plans.clear()
            self._mark(at.lane.number)
        self._desks.tidy(self._p.clock.monotonic())

    # --- small things

    def _put_back(self, at: desk.Desk, jobs: Sequence[messages.Due]) -> None:
        at.lane.put_back(jobs)
        self._mark(at.lane.number)

    async def _write(self, batch: Sequence[results.Result]) -> Sequence[settlements.Settlement | None]:
        return await self._p.store.settle(batch, self._p.decide)

    def _claim(self, at: desk.Desk) -> results.Claim:
        slot = at.lane.number % port.SLOTS
        return results.Claim(slot, self._epochs[slot])

    def _mark(self, number: int) -> None:
        self._dirty.add(number)
        self._wake.set()

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        assert self._tasks is not None  # noqa: S101 - nothing is spawned before ``run``
        self._tasks.create_task(work)
