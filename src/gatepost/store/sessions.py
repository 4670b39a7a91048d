"""Who is logged in to the dashboard: a part of the store's port, with the same guarantees.

Guarantees: what is kept of a session's secret is its MAC; a link is taken once, whatever comes at the same time; a session
whose user was removed is gone. Opening, refusing and ending one stands in the audit log.
"""

from typing import Protocol

import msgspec


class Session(msgspec.Struct, frozen=True):
    """Somebody who is logged in, or a link by which somebody may. mac: of its secret. user: the entry's id. The times in ms."""

    mac: bytes
    user: int
    opened_at: int
    expires_at: int


class Sessions(Protocol):
    """The verbs. actor: as the audit log writes it."""

    async def open(self, session: Session, actor: str) -> None:
        """Log somebody in."""
        ...

    async def find(self, mac: bytes) -> Session | None:
        """The session of that secret, also one that has expired. Cheap: asked for every page."""
        ...

    async def end(self, mac: bytes, actor: str) -> bool:
        """Log somebody out. Whether the session was there."""
        ...

    async def offer(self, link: Session) -> None:
        """Keep a link that logs somebody in once."""
        ...

    async def take(self, mac: bytes) -> Session | None:
        """The link of that secret, which is gone from now on."""
        ...
