"""Times and spans as people and programs write them: ISO 8601 in UTC, and ``90d``, ``12h``, ``30m``, ``45s``.

Guarantees: what was written is read again. Fails with BadInput. Nothing here reads a clock.
"""

import datetime as dt

from gatepost import errors

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOST_S = 100 * 366 * 86_400  # longer is a slip of the finger, and would leave the calendar


def text(ms: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def text_or_none(ms: int) -> str | None:
    """The same; None for never."""
    return text(ms) if ms else None


def seconds_of(given: str, place: str) -> int:
    """Read ``90d``, ``12h``, ``30m``, ``45s``. Raises BadInput."""
    number, unit = given[:-1], given[-1:].lower()
    if not (number.isascii() and number.isdigit() and unit in _UNITS):
        raise errors.BadInput(place, f"{given!r} is not a duration like 90d, 12h, 30m or 45s")
    if len(number) > 10 or (found := int(number) * _UNITS[unit]) > _MOST_S:
        raise errors.BadInput(place, f"{given!r} is longer than a hundred years")
    return found


def moment_of(given: str, place: str, now_ms: int) -> int:
    """Read a time: ISO 8601 (UTC where no zone is given), or how long ago (``2h``). Milliseconds. Raises BadInput."""
    if given[-1:].lower() in _UNITS and given[:-1].isdigit():
        return now_ms - seconds_of(given, place) * 1000
    try:
        found = dt.datetime.fromisoformat(given)
    except ValueError:
        problem = f"{given!r} is neither a time like 2026-05-04T12:00:00Z nor how long ago, like 2h"
        raise errors.BadInput(place, problem) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    return round(found.timestamp() * 1000)
