"""How much of the memory that we may use is in use: of the tightest cgroup limit, else of the machine (faults.md §1.6).

What counts is what the kernel would kill for. A limit is a cgroup's, so the whole group is counted: all our processes, and
whatever shares the group, since it is killed with us; a limit of any group above binds as well. The page cache does
not count: the kernel drops it before it kills, and the database alone fills any limit with it. Without a limit the machine's
``MemAvailable`` speaks, which leaves the cache out too and does count other programs: they can drive us out all the same.

Fails never: what cannot be read is no limit, for mail must not stop over a file that a kernel lacks.
"""

from collections.abc import Mapping
from pathlib import Path

_LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")  # cgroup v2: killed, throttled; v1: killed
_USED = ("memory.current", "memory.usage_in_bytes")
_CACHE = ("inactive_file", "active_file", "slab_reclaimable")  # tmpfs is not among them: it cannot be dropped


class Memory:
    """Reads what the kernel tells in ``proc`` and ``groups``; some hundred microseconds a time."""

    def __init__(self, proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> None:
        self._machine = proc / "meminfo"
        self._groups = _own_groups(proc / "self" / "cgroup", groups)

    def share(self) -> float:
        """From 0 to 1: the share in use."""
        machine = _table(self._machine)
        total = 1024 * machine.get("MemTotal:", 0)
        shares = [_group_share(group, total) for group in self._groups]
        limited = [share for share in shares if share is not None]
        if limited:
            return min(max(limited), 1.0)
        return 1.0 - 1024 * machine.get("MemAvailable:", 0) / total if total else 0.0


def _own_groups(listed: Path, mount: Path) -> list[Path]:
    """Our group and those above it. Seen from inside a container its own group may be the mount itself."""
    base, path = mount, ""
    for line in _text(listed).splitlines():
        _, controllers, found = line.split(":", 2)
        if "memory" in controllers.split(","):
            base, path = mount / "memory", found
            break
        if not controllers:
            path = found
    inside = [] if ".." in path else [part for part in path.split("/") if part]
    groups = [base.joinpath(*inside[:depth]) for depth in range(len(inside) + 1)]
    return [group for group in groups if group.is_dir()]


def _group_share(group: Path, total: int) -> float | None:
    """None: no limit that is below the machine's memory."""
    limits = [found for found in (_number(group / name) for name in _LIMITS) if found is not None]
    limit = min(limits, default=0)
    if not limit or (total and limit >= total):
        return None
    used = next((found for name in _USED if (found := _number(group / name)) is not None), 0)
    figures = _table(group / "memory.stat")
    # v1 tells a group's own figures beside those with its children, "total_…"; v2 always means all.
    cache = sum(figures.get(f"total_{name}", figures.get(name, 0)) for name in _CACHE)
    return max(used - cache, 0) / limit


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isascii() and text.isdigit() else None  # "max": no limit


def _table(path: Path) -> Mapping[str, int]:
    words = (line.split() for line in _text(path).splitlines())
    return {found[0]: int(found[1]) for found in words if len(found) > 1 and found[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace")
    except OSError:
        return ""
