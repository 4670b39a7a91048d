"""The only place that reads a clock. Everything else is given a ``Clock``, or the time itself.

Guarantees: ``now_ms`` is wall time in whole milliseconds since 1970 (UTC), ``monotonic`` seconds that never go back.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """What time it is."""

    def now_ms(self) -> int:
        """Wall time: milliseconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back, from an arbitrary start: for durations and deadlines."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now_ms(self) -> int:
        """Wall time in milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since an arbitrary start."""
        return time.monotonic()


class FakeClock:
    """A clock that stands until it is moved."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms
        self._start_ms = now_ms

    def now_ms(self) -> int:
        """The time that was set."""
        return self._now_ms

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return (self._now_ms - self._start_ms) / 1000

    def advance(self, seconds: float) -> None:
        """Move it on."""
        self._now_ms += int(seconds * 1000)
