"""Whether the volume still has room, asked at most once a second (faults.md §1.6)."""

import os
from collections.abc import Callable

from gatepost import clock as clocks

EVERY_S = 1.0


class Space:
    """Call it: True while there is room."""

    def __init__(self, check: Callable[[], bool], clock: clocks.Clock) -> None:
        self._check = check
        self._clock = clock
        self._next = clock.monotonic()
        self._last = True

    def __call__(self) -> bool:
        """The newest answer, at most a second old."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            self._last = self._check()
        return self._last


def has_room(path: str, min_free: float, max_size: int) -> bool:
    """Whether the share of free blocks and inodes is above the limit, and two of the largest messages still fit."""
    found = os.statvfs(path)
    if min_free and (found.f_bavail < min_free * found.f_blocks or found.f_favail < min_free * found.f_files):
        return False
    return found.f_bavail * found.f_frsize >= 2 * max_size
