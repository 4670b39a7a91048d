"""How values are written to the terminal: JSON lines, tables, times, and bytes from outside made harmless.

Guarantees: nothing that a peer sent can move the cursor or end a line.
"""

import datetime as dt
import sys
from collections.abc import Iterable, Sequence

import msgspec

from gatepost import errors

_HINTS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def escaped(raw: bytes) -> str:
    """Bytes from outside as ASCII: line ends stay line ends, every other control character is escaped."""
    text = raw.decode("ascii", "backslashreplace").replace("\r\n", "\n")
    return "".join(c if c == "\n" or c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def plain(text: str) -> str:
    """Text from outside on one line."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def line(text: str) -> None:
    """One line on standard output."""
    sys.stdout.write(plain(text) + "\n")


def json_line(value: object) -> None:
    """One JSON line on standard output."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Columns as wide as needed, two spaces apart; numbers to the right."""
    found = [[plain(str(cell)) for cell in row] for row in rows]
    right = [bool(found) and all(row[n].isdigit() for row in found) for n in range(len(heads))]
    widths = [max(len(row[n]) for row in [list(heads), *found]) for n in range(len(heads))]
    for row in [list(heads), *found]:
        cells = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def time(ms: int) -> str:
    """ISO 8601 in UTC with milliseconds."""
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def time_or_none(ms: int) -> str | None:
    """The same; None for never."""
    return time(ms) if ms else None


def duration(seconds: float) -> str:
    """``3 d``, ``2 h``: the largest unit that leaves no long number."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def seconds_of(text: str, place: str) -> int:
    """Read ``90d``, ``12h``, ``30m``, ``45s``. Raises BadInput."""
    number, unit = text[:-1], text[-1:].lower()
    if not (number.isascii() and number.isdigit() and unit in _HINTS):
        raise errors.BadInput(place, f"{text!r} is not a duration like 90d, 12h, 30m or 45s")
    return int(number) * _HINTS[unit]


def moment_of(text: str, place: str, now_ms: int) -> int:
    """Read a time: ISO 8601 (UTC where no zone is given), or how long ago (``2h``). Milliseconds. Raises BadInput."""
    if text[-1:].lower() in _HINTS and text[:-1].isdigit():
        return now_ms - seconds_of(text, place) * 1000
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        problem = f"{text!r} is neither a time like 2026-05-04T12:00:00Z nor how long ago, like 2h"
        raise errors.BadInput(place, problem) from None
    if found.tzinfo is None:
        found = found.replace(tzinfo=dt.UTC)
    return round(found.timestamp() * 1000)


def record(value: msgspec.Struct, *, json: bool) -> None:
    """One value: a JSON line, or its fields one below the other."""
    if json:
        json_line(value)
        return
    fields = msgspec.to_builtins(value)
    width = max(map(len, fields))
    for name, found in fields.items():
        text = " ".join(map(str, found)) if isinstance(found, list | tuple) else found
        line(f"{name:<{width}}  {'' if text is None else text}")
