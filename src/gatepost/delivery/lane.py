"""One lane's window: the open deliveries held in memory, in the order in which they should go.

Guarantees: bounded by ``window``; transactional before bulk; within a priority the Bridges take turns; a delivery is
in memory at most once. Pure: no store, no socket, no clock.
"""

import collections
from collections.abc import Callable, Iterable, Sequence

from gatepost.model import message as messages


class Lane:
    """The window of one lane. ``more``: the store may have due rows that are not here."""

    def __init__(self, number: int, provider: str, source: int, window: int) -> None:
        self.number = number
        self.provider = provider
        self.source = source
        self.window = window
        self.more = False
        self._known: set[int] = set()
        self._waiting = 0
        # priority → Bridge → its deliveries; the OrderedDict's front is the Bridge whose turn it is
        self._turns: dict[
            messages.Priority, collections.OrderedDict[int, collections.deque[messages.Due]]
        ] = {priority: collections.OrderedDict() for priority in messages.Priority}

    @property
    def waiting(self) -> int:
        """How many could be handed out."""
        return self._waiting

    @property
    def known(self) -> int:
        """How many are in memory, those under way included."""
        return len(self._known)

    def add(self, due: messages.Due) -> bool:
        """Take a delivery into the window; False when it is there already or the window is full."""
        if due.id in self._known:
            return False
        if len(self._known) >= self.window:
            self.more = True
            return False
        self._known.add(due.id)
        self._append(due, front=False)
        return True

    def refill(self, rows: Iterable[messages.Due], *, complete: bool) -> int:
        """Take what a read of due rows gave; ``complete``: there were no more. How many were new."""
        self.more = not complete
        return sum(self.add(due) for due in rows)

    def put_back(self, jobs: Sequence[messages.Due]) -> None:
        """What was handed out but not tried waits again, at the front, in its order."""
        for due in reversed(jobs):
            self._append(due, front=True)

    def forget(self, delivery: int) -> None:
        """A delivery is settled, or no longer ours to try now."""
        self._known.discard(delivery)

    def take(self, limit: int) -> list[messages.Due]:
        """The next group: deliveries of one message to one domain, which can share a transaction; empty when none waits."""
        for turns in self._turns.values():
            if not turns:
                continue
            bridge, queue = next(iter(turns.items()))
            first = queue.popleft()
            group = [first]
            while queue and len(group) < limit and _together(first, queue[0]):
                group.append(queue.popleft())
            if queue:
                turns.move_to_end(bridge)
            else:
                del turns[bridge]
            self._waiting -= len(group)
            return group
        return []

    def pick(self, wanted: Callable[[messages.Due], bool]) -> list[messages.Due]:
        """Take out of the window what is wanted (it stays known until forgotten)."""
        found: list[messages.Due] = []
        for turns in self._turns.values():
            for bridge, queue in list(turns.items()):
                for _ in range(len(queue)):
                    due = queue.popleft()
                    (found if wanted(due) else queue).append(due)
                if not queue:
                    del turns[bridge]
        self._waiting -= len(found)
        return found

    def _append(self, due: messages.Due, *, front: bool) -> None:
        turns = self._turns[due.priority]
        queue = turns.get(due.bridge)
        if queue is None:
            queue = turns[due.bridge] = collections.deque()
        if front:
            queue.appendleft(due)
        else:
            queue.append(due)
        self._waiting += 1


def _together(first: messages.Due, other: messages.Due) -> bool:
    return first.message == other.message and first.domain == other.domain and first.sender == other.sender
