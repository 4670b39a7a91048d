"""How much memory is in use, as the kernel tells it: files in a directory that stand for /proc and /sys/fs/cgroup."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gatepost.ingest import memory

MIB = 1024 * 1024
NO_LIMIT = 9223372036854771712  # what cgroup v1 says without one


class Kernel:
    """A machine of 1000 MiB, half of it available, and the groups that are made on it."""

    def __init__(self, path: Path) -> None:
        self.proc = path / "proc"
        self.groups = path / "cgroup"
        self.write(self.proc / "meminfo", "MemTotal: 1024000 kB\nMemFree: 1 kB\nMemAvailable: 512000 kB\n")
        self.groups.mkdir()

    def write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def we_are_in(self, *lines: str) -> None:
        self.write(self.proc / "self" / "cgroup", "".join(f"{line}\n" for line in lines))

    def v1(self, path: str, used: int, limit: int, **stat: int) -> None:
        """One group of v1; ``stat`` in MiB."""
        group = self.groups / "memory" / path
        self.write(group / "memory.limit_in_bytes", f"{limit}\n")
        self.write(group / "memory.usage_in_bytes", f"{used * MIB}\n")
        self.write(group / "memory.stat", _stat(stat))

    def v2(self, path: str, used: int, limit: int | str, high: str = "max", **stat: int) -> None:
        """One group of v2; ``used`` and ``stat`` in MiB."""
        group = self.groups / path
        self.write(group / "memory.max", f"{limit}\n")
        self.write(group / "memory.high", f"{high}\n")
        self.write(group / "memory.current", f"{used * MIB}\n")
        self.write(group / "memory.stat", _stat(stat))

    def share(self) -> float:
        return memory.Memory(self.proc, self.groups).share()


def _stat(figures: Mapping[str, int]) -> str:
    return "".join(f"{name} {value * MIB}\n" for name, value in figures.items())


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def test_without_a_limit_the_machine_counts(kernel: Kernel) -> None:
    kernel.we_are_in("0::/system.slice/gatepost.service")
    kernel.v2("system.slice/gatepost.service", 900, "max")
    assert kernel.share() == 0.5


def test_the_limit_of_our_group_counts_without_the_page_cache(kernel: Kernel) -> None:
    kernel.we_are_in("0::/system.slice/gatepost.service")
    kernel.v2(
        "system.slice/gatepost.service",
        190,
        200 * MIB,
        anon=80,
        file=110,
        inactive_file=60,
        active_file=40,
        slab_reclaimable=10,
    )
    assert kernel.share() == 0.4


def test_what_lies_in_a_tmpfs_is_no_cache(kernel: Kernel) -> None:
    kernel.we_are_in("0::/app")
    kernel.v2("app", 180, 200 * MIB, anon=30, file=150, shmem=150, inactive_file=0, active_file=0)
    assert kernel.share() == 0.9


def test_the_limit_of_a_group_above_binds_too(kernel: Kernel) -> None:
    kernel.we_are_in("0::/slice/app")
    kernel.v2("slice/app", 100, 200 * MIB)
    kernel.v2("slice", 270, 300 * MIB)
    assert kernel.share() == 0.9


def test_a_limit_that_throttles_is_a_limit(kernel: Kernel) -> None:
    kernel.we_are_in("0::/app")
    kernel.v2("app", 80, 200 * MIB, high=f"{100 * MIB}")
    assert kernel.share() == 0.8


def test_a_limit_above_the_machines_memory_is_none(kernel: Kernel) -> None:
    kernel.we_are_in("0::/app")
    kernel.v2("app", 900, 2000 * MIB)
    assert kernel.share() == 0.5


def test_v1_is_read_where_it_has_the_memory_controller(kernel: Kernel) -> None:
    kernel.we_are_in("9:name=systemd:/x", "4:cpu,memory:/app", "0::/x")
    kernel.v1("", 900, NO_LIMIT)
    kernel.v1("app", 190, 200 * MIB, inactive_file=1, total_inactive_file=50, total_active_file=40)
    assert kernel.share() == 0.5


@pytest.mark.parametrize("path", ["/docker/0123", "/../0123"])
def test_in_a_container_the_mount_is_our_group(kernel: Kernel, path: str) -> None:
    kernel.we_are_in(f"4:memory:{path}")
    kernel.v1("", 150, 200 * MIB)
    assert kernel.share() == 0.75


def test_a_new_limit_counts_at_once(kernel: Kernel) -> None:
    kernel.we_are_in("0::/app")
    kernel.v2("app", 90, "max")
    watched = memory.Memory(kernel.proc, kernel.groups)
    assert watched.share() == 0.5
    kernel.v2("app", 90, 100 * MIB)
    assert watched.share() == 0.9


def test_what_cannot_be_read_is_no_pressure(tmp_path: Path) -> None:
    assert memory.Memory(tmp_path / "proc", tmp_path / "cgroup").share() == 0.0


def test_this_machine_can_be_read() -> None:
    assert 0.0 < memory.Memory().share() <= 1.0
