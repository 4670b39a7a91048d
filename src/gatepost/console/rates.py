"""How often one may ask: a bucket for each key, and for each address that gives wrong keys.

Guarantees: bounded memory; who stays within the rate is never refused. The headers are those of the IETF's
draft-ietf-httpapi-ratelimit-headers (``RateLimit-Policy``, ``RateLimit``).
"""

import math

import msgspec

from gatepost import clock as clocks

_WINDOW_S = 60.0
MAX_KEPT = 10_000  # buckets; the one that was not used for the longest time goes


class Left(msgspec.Struct, frozen=True):
    """After a request: how many of the window's may follow at once, and after how many seconds there will be more."""

    allowed: bool
    remaining: int
    reset_s: int


class Rates:
    """Buckets that fill within a minute."""

    def __init__(self, per_min: int, clock: clocks.Clock) -> None:
        self.per_min = per_min
        self._clock = clock
        self._kept: dict[str, tuple[float, float]] = {}  # what is left, and when that was

    def take(self, who: str) -> Left:
        """Take one from a bucket, if there is one in it."""
        left = self._level(who)
        allowed = left >= 1
        if allowed:
            left -= 1
        if len(self._kept) >= MAX_KEPT and who not in self._kept:
            del self._kept[next(iter(self._kept))]
        self._kept.pop(who, None)  # so that it stands at the end
        self._kept[who] = (left, self._clock.monotonic())
        missing = max(1.0 - left, 0.0)
        return Left(allowed, int(left), math.ceil(missing * _WINDOW_S / self.per_min))

    def empty(self, who: str) -> bool:
        """Whether nothing is left in a bucket."""
        return who in self._kept and self._level(who) < 1

    def headers(self, left: Left) -> tuple[tuple[bytes, bytes], ...]:
        """What to tell the client."""
        return (
            (b"ratelimit-policy", b'"default";q=%d;w=%d' % (self.per_min, _WINDOW_S)),
            (b"ratelimit", b'"default";r=%d;t=%d' % (left.remaining, left.reset_s)),
        )

    def _level(self, who: str) -> float:
        left, at = self._kept.get(who, (float(self.per_min), 0.0))
        gained = (self._clock.monotonic() - at) * self.per_min / _WINDOW_S
        return min(left + gained, float(self.per_min))
