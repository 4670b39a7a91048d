"""The line between the parent and one of its processes: JSON lines over a socket pair.

Guarantees: each side learns of the other's end by the end of the stream; a child whose parent is gone stops at once,
so that slots never have two owners (design.md §4).
"""

import asyncio
import socket

import msgspec

from gatepost import config
from gatepost.store import port

_LIMIT = 4 * 1024 * 1024


class Orders(msgspec.Struct, frozen=True, tag="orders"):
    """What a process is to do. ``role``: ``worker`` or ``console``. ``generation`` rises with every reload.

    rules: the operator's files as they were when the parent found them good, so that a process that starts again does
    not meet what somebody is just writing.
    """

    role: str
    index: int
    workers: int
    generation: int
    settings: config.Settings
    assignment: port.Assignment
    rules: dict[str, bytes] = {}


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """New settings; what is under way keeps the old ones."""

    generation: int
    settings: config.Settings
    rules: dict[str, bytes] = {}


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """Stop well."""


class Beat(msgspec.Struct, frozen=True, tag="beat"):
    """A process lives: its figures, and whether it is ready."""

    ready: bool
    figures: dict[str, int] = {}


class Addresses(msgspec.Struct, frozen=True, tag="addresses"):
    """Where a worker listens (ports that the system chose are known only now)."""

    smtp: tuple[str, ...]
    http: str
    inbound: str = ""


ToChild = Orders | Reload | Drain
ToParent = Beat | Addresses

_encoder = msgspec.json.Encoder()


class Link:
    """One end. ``receive`` gives None when the other side is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> "Link":
        """Take one end of a socket pair."""
        end.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        return cls(*await asyncio.open_connection(sock=end, limit=_LIMIT))

    def send(self, message: ToChild | ToParent) -> None:
        """Write one message; a closed line swallows it."""
        if not self._writer.is_closing():
            self._writer.write(_encoder.encode(message) + b"\n")

    async def receive_order(self) -> ToChild | None:
        """The parent's next message."""
        line = await self._line()
        return msgspec.json.decode(line, type=ToChild) if line else None

    async def receive_news(self) -> ToParent | None:
        """The child's next message."""
        line = await self._line()
        return msgspec.json.decode(line, type=ToParent) if line else None

    def close(self) -> None:
        """Close this end."""
        self._writer.close()

    async def _line(self) -> bytes:
        try:
            return await self._reader.readline()
        except (ConnectionError, ValueError):
            return b""
