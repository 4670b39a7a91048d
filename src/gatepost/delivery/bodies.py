"""The bodies of messages that are about to be sent, within a byte budget.

Guarantees: never more than ``budget`` bytes are kept for deliveries that only wait; what does not fit is read again
from the store when its turn comes (faults.md P18).
"""


class Bodies:
    """Bodies by message, each with the number of deliveries in memory that still need it."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._kept: dict[int, tuple[tuple[bytes, ...], int]] = {}
        self.bytes = 0

    def keep(self, message: int, body: tuple[bytes, ...], uses: int) -> None:
        """Keep a body for that many deliveries, if the budget allows."""
        size = sum(map(len, body))
        if message in self._kept or self.bytes + size > self._budget:
            return
        self._kept[message] = (body, uses)
        self.bytes += size

    def get(self, message: int) -> tuple[bytes, ...] | None:
        """The body, if it is here."""
        kept = self._kept.get(message)
        return kept[0] if kept else None

    def release(self, message: int, uses: int = 1) -> None:
        """That many deliveries no longer need it."""
        kept = self._kept.get(message)
        if kept is None:
            return
        body, left = kept
        if left > uses:
            self._kept[message] = (body, left - uses)
        else:
            del self._kept[message]
            self.bytes -= sum(map(len, body))
