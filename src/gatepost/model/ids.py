"""Ids of messages and deliveries: 63-bit, sorted by time, made by the accepting worker without asking anyone.

Layout, from the top: 42 bits of milliseconds since 1970 (until 2109), 9 bits of worker number, 12 bits of counter.
Guarantees: an ``IdMaker`` never repeats an id and never goes back, whatever the clock does. The deliveries of a
message take the ids right behind its own, so that one range of the primary key holds them all.
"""

import re

from gatepost import errors

WORKERS = 512
_COUNTER_BITS = 12
_WORKER_BITS = 9
_PER_MS = 1 << _COUNTER_BITS
MAX_RANGE = _PER_MS - 1
_TIME_SHIFT = _COUNTER_BITS + _WORKER_BITS

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_VALUE = {c: i for i, c in enumerate(_ALPHABET)}
_TEXT = re.compile(f"[{_ALPHABET}]{{13}}")


class IdMaker:
    """Makes ids for one worker number (leased from the store, 0…511)."""

    def __init__(self, worker: int, floor_ms: int = 0) -> None:
        """floor_ms: no id is older than this (the newest id that this worker number ever made)."""
        if not 0 <= worker < WORKERS:
            raise ValueError(f"worker number {worker} is not in 0…{WORKERS - 1}")
        self._worker = worker << _COUNTER_BITS
        self._ms = floor_ms
        self._next = _PER_MS  # nothing left in the floor's millisecond

    def take(self, now_ms: int, count: int = 1) -> int:
        """The first of ``count`` consecutive ids (1…4,095)."""
        if now_ms > self._ms:
            self._ms, self._next = now_ms, 0
        elif self._next + count > _PER_MS:
            self._ms, self._next = self._ms + 1, 0
        first = self._ms << _TIME_SHIFT | self._worker | self._next
        self._next += count
        return first


def time_ms(identity: int) -> int:
    """When an id was made: milliseconds since 1970."""
    return identity >> _TIME_SHIFT


def first_at(ms: int) -> int:
    """The smallest id that can have been made at that millisecond."""
    return ms << _TIME_SHIFT


def to_text(identity: int) -> str:
    """The 13 base-32 characters that people and programs see."""
    pairs = _PAIRS
    return (
        _ALPHABET[identity >> 60 & 31]
        + pairs[identity >> 50 & 1023]
        + pairs[identity >> 40 & 1023]
        + pairs[identity >> 30 & 1023]
        + pairs[identity >> 20 & 1023]
        + pairs[identity >> 10 & 1023]
        + pairs[identity & 1023]
    )


def from_text(text: str) -> int:
    """Read an id back. Raises BadInput."""
    lowered = text.strip().lower()
    if not _TEXT.fullmatch(lowered):
        raise errors.BadInput("id", "an id is 13 characters of 0-9 and a-z without i, l, o and u")
    value = 0
    for c in lowered:
        value = value << 5 | _VALUE[c]
    if value >> 63:
        raise errors.BadInput("id", "no id is that large")
    return value
