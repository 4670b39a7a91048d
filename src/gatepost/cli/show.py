"""How values are written to the terminal: JSON lines, tables, times, and bytes from outside made harmless.

Guarantees: nothing that a peer sent can move the cursor or end a line.
"""

import sys
from collections.abc import Iterable, Sequence

import msgspec

from gatepost.model import moment
from gatepost.model import reply as replies

time = moment.text
time_or_none = moment.text_or_none
seconds_of = moment.seconds_of
moment_of = moment.moment_of
escaped = replies.escaped


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


def duration(seconds: float) -> str:
    """``3 d``, ``2 h``: the largest unit that leaves no long number."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


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
