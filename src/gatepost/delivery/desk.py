"""A lane at work: its window, its connections, and which group waits for which way out.

Guarantees: never more connections or messages than the allowance grants; a group waits under the targets that its
domain's plan names; a connection serves only the targets that it was opened for.
Not here: sockets, the store, the meaning of answers (``gatepost.delivery.worker``).
"""

import asyncio
import collections
from collections.abc import Callable, Iterator

from gatepost.delivery import lane as lanes
from gatepost.delivery import limits as lane_limits
from gatepost.delivery import route, session
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import message as messages
from gatepost.policy import pace

Targets = tuple[route.Target, ...]
Group = list[messages.Due]
GROUP_LIMIT = 100  # recipients of one transaction, what RFC 5321 §4.5.3.1.8 makes every server take
_UNRESOLVED = 50  # domains of one lane whose DNS answer is awaited
_LOOK_AGAIN_S = 3600.0  # a lane is looked at this often whatever it waits for
_UNLIMITED = 100  # connections that a lane without a limit may want at once


class Desk:
    """One lane's state in its owner. ``busy``: connections with a transaction or its settlement under way."""

    def __init__(
        self, lane: lanes.Lane, source: directories.Source, allowance: lane_limits.Allowance
    ) -> None:
        self.lane = lane
        self.source = source
        self.allowance = allowance
        self.parked: dict[Targets, collections.deque[Group]] = {}
        self.idle: dict[Targets, list[session.Connection]] = {}
        self.opening: collections.Counter[Targets] = collections.Counter()
        self.live: collections.Counter[Targets] = collections.Counter()
        self.plans: dict[Targets, route.Plan] = {}
        self.unresolved: dict[str, list[Group]] = {}
        self.leaving: dict[str, list[Group]] = {}
        self.no_open_before = 0.0
        self.tried: collections.deque[pace.Tried] = collections.deque(maxlen=pace.LAST)
        self.timer: asyncio.TimerHandle | None = None
        self.due_at = 0
        self.directed: directives.Standing = (
            directives.NONE
        )  # those by which its window was looked through last,
        self.directed_at = 0.0  # and when
        self._parked = 0

    @property
    def wants_more(self) -> bool:
        """Whether another group could be used: by a free connection, or by one that may still be opened."""
        if len(self.unresolved) >= _UNRESOLVED or self.allowance.paused:
            return False
        limit = self.allowance.connections or _UNLIMITED
        free = sum(map(len, self.idle.values()))
        return self._parked < free + max(0, limit - self.allowance.open) + self.opening.total()

    def park(self, plan: route.Plan, group: Group) -> None:
        """A group whose way is known waits for a connection to it."""
        queue = self.parked.get(plan.targets)
        if queue is None:
            queue = self.parked[plan.targets] = collections.deque()
        queue.append(group)
        self.plans[plan.targets] = plan
        self._parked += 1

    def matches(self) -> Iterator[tuple[session.Connection, Group]]:
        """Pairs of a free connection and the group that it takes; both leave their places."""
        for targets in list(self.parked):
            free = self.idle.get(targets)
            if not free:
                continue
            waiting = self.parked[targets]
            while waiting and free:
                connection = free.pop()
                if not connection.can_send:
                    continue
                granted = self._granted(waiting, connection.rcpt_max)
                if granted is None:
                    free.append(connection)
                    return
                yield connection, granted
            if not waiting:
                del self.parked[targets]

    def _granted(self, waiting: collections.deque[Group], most: int) -> Group | None:
        """The next group, cut to what the host (``most``, 0 for no limit) and the rate allow now; None for nothing.

        What is cut off stays first in the queue, and goes with the next transaction.
        """
        group = waiting[0]
        wanted = min(len(group), most) if most else len(group)
        granted = self.allowance.take_messages(asyncio.get_running_loop().time(), wanted)
        if granted == 0:
            return None
        if granted < len(group):
            waiting[0] = group[granted:]
            return group[:granted]
        waiting.popleft()
        self._parked -= 1
        return group

    def to_open(self, now: float) -> Iterator[route.Plan]:
        """Plans for which one more connection should be opened now; each counts as opening."""
        if now < self.no_open_before:
            return
        for targets, waiting in self.parked.items():
            for _ in range(len(waiting) - self.opening[targets]):
                if not self.allowance.may_open(now) and not self._make_room(targets):
                    return
                if not self.allowance.may_open(now):
                    return
                self.allowance.opened(now)
                self.opening[targets] += 1
                yield self.plans[targets]

    def _make_room(self, wanted: Targets) -> bool:
        """Close a free connection to elsewhere, so that the limit lets one to ``wanted`` be opened."""
        for targets, free in self.idle.items():
            if targets != wanted and free and not self.parked.get(targets):
                free.pop(0).quit()
                return True
        return False

    def take_parked(self, targets: Targets) -> list[Group]:
        """Every group that waits for these targets."""
        groups = list(self.parked.pop(targets, ()))
        self._parked -= len(groups)
        return groups

    def unpark(self) -> None:
        """What waits for a connection goes back into the lane's window, in its order."""
        for targets in list(self.parked):
            for group in reversed(self.take_parked(targets)):
                self.lane.put_back(group)

    def leave(self, domain: str, group: Group) -> bool:
        """A group of a domain that belongs to another lane waits to be moved, with all that is parked of that domain.

        True: it is the first, and somebody has to move the domain.
        """
        waiting = self.leaving.get(domain)
        if waiting is not None:
            waiting.append(group)
            return False
        self.leaving[domain] = [group]
        for targets, groups in list(self.parked.items()):
            staying = [one for one in groups if one[0].domain != domain]
            if len(staying) < len(groups):
                self.leaving[domain] += [one for one in groups if one[0].domain == domain]
                self.take_parked(targets)
                for one in staying:
                    self.park(self.plans[targets], one)
        return True

    def free(self, connection: session.Connection, targets: Targets, now: float) -> None:
        """A connection has nothing to do; one that carried its share, or all that its server takes, is ended."""
        share = self.allowance.limits.per_connection
        if not connection.can_send or (share and connection.sent >= share) or self.allowance.crowded:
            connection.quit()
            return
        connection.idle_since = now
        self.idle.setdefault(targets, []).append(connection)

    def gone(self, connection: session.Connection, targets: Targets) -> None:
        """A connection is closed."""
        self.allowance.closed()
        self.live[targets] -= 1
        if self.live[targets] <= 0:
            del self.live[targets]
        free = self.idle.get(targets)
        if free and connection in free:
            free.remove(connection)
        if free is not None and not free:
            del self.idle[targets]

    def stale(self, now: float) -> list[session.Connection]:
        """Free connections that have waited for work longer than the limit."""
        idle_s = self.allowance.limits.idle_s
        return [c for free in self.idle.values() for c in free if idle_s and now - c.idle_since > idle_s]

    def arm(self, due_at: int, now_ms: int, wake: "Callable[[Desk], None]") -> None:
        """Call ``wake`` at ``due_at`` (ms); one timer per lane, moved only forward."""
        if self.timer is not None:
            if self.due_at and self.due_at <= due_at:
                return
            self.timer.cancel()
        self.due_at = due_at
        wait = min(max(0, due_at - now_ms) / 1000, _LOOK_AGAIN_S)
        self.timer = asyncio.get_running_loop().call_later(wait, self._ring, wake)

    def _ring(self, wake: "Callable[[Desk], None]") -> None:
        self.timer = None
        self.due_at = 0
        wake(self)

    @property
    def empty(self) -> bool:
        """Nothing waits, nothing is open, nothing is to be read: the desk may be forgotten."""
        lane = self.lane
        return not (
            lane.known
            or lane.more
            or self.allowance.open
            or self.parked
            or self.unresolved
            or self.timer is not None
        )
