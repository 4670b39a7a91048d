"""How values are written on pages: numbers, shares, spans, sizes."""

from collections.abc import Callable, Mapping, Sequence

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_SMALL = 10
_KIB = 1024
_WIDE, _HIGH = 120, 24


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


def span(seconds: float) -> str:
    """``3 d 4 h``, ``2 h 5 min``, ``40 s``."""
    left = max(0, round(seconds))
    if left < _MINUTE:
        return f"{left} s"
    if left < _HOUR:
        return f"{left // _MINUTE} min"
    if left < _DAY:
        return f"{left // _HOUR} h {left % _HOUR // _MINUTE} min"
    return f"{left // _DAY} d {left % _DAY // _HOUR} h"


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


FILTERS: Mapping[
    str,
    Callable[[float], str]
    | Callable[[float | None], str]
    | Callable[[int], str]
    | Callable[[str], str]
    | Callable[[Sequence[int]], str],
] = {
    "number": number,
    "percent": percent,
    "span": span,
    "size": size,
    "clock": clock,
    "spark": spark,
}
