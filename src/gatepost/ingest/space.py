"""Whether the volume still has room (faults.md §1.6)."""

import os


def has_room(path: str, min_free: float, max_size: int) -> bool:
    """Whether the share of free blocks and inodes is above the limit, and two of the largest messages still fit."""
    return fits(os.statvfs(path), min_free, max_size)


def fits(found: os.statvfs_result, min_free: float, max_size: int) -> bool:
    """The same, of these figures. A volume that makes inodes as it needs them says that it has none at all: it fits."""
    if min_free and (found.f_bavail < min_free * found.f_blocks or found.f_favail < min_free * found.f_files):
        return False
    return found.f_bavail * found.f_frsize >= 2 * max_size
