"""Wrong passwords by client address: the more of them, the later the answer (faults.md C05).

Guarantees: bounded memory; a right password is never delayed and no name is ever locked, so nobody can lock another
out; guessing 192 random bits is hopeless anyway, the delay only keeps it cheap for us.
"""

from gatepost import clock as clocks

FREE = 2  # wrong passwords that are answered at once
CAP_S = 8.0
FORGET_S = 600.0
MAX_KEPT = 10_000


class Failures:
    """Counts for one worker."""

    def __init__(self, clock: clocks.Clock, first_delay_s: float) -> None:
        self._clock = clock
        self._first_delay_s = first_delay_s
        self._kept: dict[str, tuple[int, float]] = {}

    def add(self, ip: str) -> float:
        """One more wrong password from there. How many seconds its answer should wait."""
        now = self._clock.monotonic()
        count, at = self._kept.pop(ip, (0, now))
        count = 1 if now - at > FORGET_S else count + 1
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[ip] = (count, now)
        if count <= FREE:
            return 0.0
        return min(self._first_delay_s * 2.0 ** min(count - FREE - 1, 16), CAP_S)
