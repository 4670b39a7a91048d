"""Workers tell each other of new mail in a lane that is not theirs: a datagram of lane numbers.

Guarantees: none, by design: a lost datagram costs at most one sweep (seconds). What a worker may act on is in the store.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from gatepost.store import port

_MAX = 512  # lanes in one datagram


class Whispers:
    """One worker's socket, and the way to the others."""

    def __init__(self, directory: Path, index: int, workers: int, heard: Callable[[int], None]) -> None:
        self._directory = directory
        self._index = index
        self._workers = workers
        self._heard = heard
        self._pending: set[int] = set()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003 - the standard library's own signature

    def open(self) -> None:
        """Listen."""
        path = self._path(self._index)
        path.unlink(missing_ok=True)
        self._socket.bind(str(path))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._read)

    def close(self) -> None:
        """Stop listening."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._path(self._index).unlink(missing_ok=True)

    def tell(self, lane: int) -> None:
        """Tell the lane's owner, together with all that this turn of the loop brings."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._send)
        self._pending.add(lane)

    def _path(self, index: int) -> Path:
        return self._directory / f"worker-{index}.sock"

    def _send(self) -> None:
        pending, self._pending = self._pending, set()
        by_owner: dict[int, list[int]] = {}
        for lane in pending:
            by_owner.setdefault(lane % port.SLOTS % self._workers, []).append(lane)
        for owner, lanes in by_owner.items():
            data = struct.pack(f"<{len(lanes[:_MAX])}q", *lanes[:_MAX])
            try:
                self._socket.sendto(data, str(self._path(owner)))
            except OSError:
                continue  # not there or full: its sweep finds the rows

    def _read(self) -> None:
        while True:
            try:
                data = self._socket.recv(_MAX * 8)
            except (BlockingIOError, ConnectionError):
                return
            for (lane,) in struct.iter_unpack("<q", data[: len(data) // 8 * 8]):
                self._heard(lane)
