"""What a worker is too short of to take mail, asked at most once a second (faults.md §1.6).

Not here: how it is measured (``memory``, ``space``), what is answered (``listener``, ``conversation``, ``http``).
"""

import enum
from collections.abc import Callable

from gatepost import clock as clocks
from gatepost import log as logs

EVERY_S = 1.0


class Shortage(enum.Enum):
    """Of what. With too little memory not even a connection is taken."""

    MEMORY = "memory"
    SPACE = "disk space"


class Watch:
    """Call it: the shortage, if there is one. The log says when one begins and ends."""

    def __init__(self, check: Callable[[], Shortage | None], clock: clocks.Clock) -> None:
        self._check = check
        self._clock = clock
        self._next = clock.monotonic()
        self._last: Shortage | None = None

    def __call__(self) -> Shortage | None:
        """The newest answer, at most a second old."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + EVERY_S
            self._take(self._check())
        return self._last

    def _take(self, found: Shortage | None) -> None:
        if found is not self._last:
            if found is None:
                logs.get("ingest").info("mail is taken again")
            else:
                logs.get("ingest").warning("too little is left, mail is put off", short_of=found.value)
        self._last = found
