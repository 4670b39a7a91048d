"""Sessions' rows. Guarantees: see ``gatepost.store.sessions``."""

from gatepost.store import sessions
from gatepost.store.sqlite import reading, rows, webhooks
from gatepost.store.sqlite import transaction as transactions


class Sessions:
    """See ``gatepost.store.sessions.Sessions``."""

    def __init__(self, write: webhooks.Write, reader: reading.Reader) -> None:
        self._write = write
        self._reader = reader

    async def open(self, session: sessions.Session, actor: str) -> None:
        """See the port."""

        def run(tx: transactions.Transaction) -> None:
            _keep(tx, session, link=False)
            tx.execute("audit", tx.now_ms, actor, "login", None, None)

        await self._write(1, run)

    async def find(self, mac: bytes) -> sessions.Session | None:
        """See the port."""
        for row in self._reader.rows("session", mac):
            return sessions.Session(mac, *map(rows.integer, row))
        return None

    async def end(self, mac: bytes, actor: str) -> bool:
        """See the port."""

        def run(tx: transactions.Transaction) -> bool:
            there = tx.execute("drop_session", mac).fetchone() is not None
            if there:
                tx.execute("audit", tx.now_ms, actor, "logout", None, None)
            return there

        return await self._write(1, run)

    async def offer(self, link: sessions.Session) -> None:
        """See the port."""
        await self._write(1, lambda tx: _keep(tx, link, link=True))

    async def take(self, mac: bytes) -> sessions.Session | None:
        """See the port."""

        def run(tx: transactions.Transaction) -> sessions.Session | None:
            found = tx.execute("session_taken", mac).fetchone()
            return None if found is None else sessions.Session(mac, *map(rows.integer, found))

        return await self._write(1, run)


def _keep(tx: transactions.Transaction, one: sessions.Session, *, link: bool) -> None:
    tx.execute("open_session", one.mac, one.user, one.opened_at, one.expires_at, int(link))
