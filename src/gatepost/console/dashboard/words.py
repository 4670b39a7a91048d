"""How values are written on pages: numbers, shares, sizes, curves."""

from collections.abc import Sequence

_SMALL = 10
_KIB = 1024
_WIDE, _HIGH = 120, 24
_BROAD, _TALL = 600, 80


def number(value: float) -> str:
    """``12,345``; one below ten with its first decimal, where it has one."""
    if isinstance(value, float) and value < _SMALL and round(value, 1) != round(value):
        return f"{value:.1f}"
    return f"{round(value):,}"


def percent(value: float | None) -> str:
    """A share: ``2.4 %``; a dash where nothing was counted."""
    if value is None:
        return "–"
    shown = 100 * value
    digits = 2 if 0 < shown < 1 else 1 if shown < 99.95 else 0
    return f"{shown:.{digits}f} %"


def size(octets: int) -> str:
    """``4.1 KiB``."""
    value, unit = float(octets), "bytes"
    for bigger in ("KiB", "MiB", "GiB"):
        if value < _KIB:
            break
        value, unit = value / _KIB, bigger
    return f"{octets} bytes" if unit == "bytes" else f"{value:.1f} {unit}"


def clock(text: str) -> str:
    """A time of a shape as people read it, in UTC: ``2026-05-04 12:00:01``."""
    return text[:19].replace("T", " ")


def spark(values: Sequence[int]) -> str:
    """The path of a small curve, 120 wide and 24 high (SVG)."""
    top = max([1, *values])
    step = _WIDE / max(1, len(values) - 1)
    points = [
        f"{place * step:.1f} {_HIGH - 1 - (_HIGH - 2) * value / top:.1f}"
        for place, value in enumerate(values)
    ]
    return "M" + " L".join(points) if points else ""


_NOTES = {
    "suppressed": "{n} added; what stood already stays.",
    "released": "{n} released.",
    "ended": "The Bridge has ended: its password and key open nothing any more.",
    "replayed": "It is told once more.",
    "revoked": "The directive is taken back.",
    "directed": "The directive stands; it takes effect within a second or two.",
}


def note(what: str, count: str) -> str:
    """What a form has done. Both stand in the address, so only our own words and a number are shown."""
    number = count if count.isascii() and count.isdigit() and len(count) < _SMALL else "0"
    return _NOTES.get(what, "").format(n=number)


def columns(values: Sequence[int], top: int) -> Sequence[tuple[int, float, float]]:
    """The columns of a chart 600 wide and 80 high: x, y and height of each."""
    most = max(1, top)
    width = _BROAD / max(1, len(values))
    return [
        (round(place * width), _TALL - _TALL * value / most, _TALL * value / most)
        for place, value in enumerate(values)
    ]
