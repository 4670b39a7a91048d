"""Puts together what tells senders of their mail: one process of the gateway runs it."""

import secrets
from collections.abc import Callable

from gatepost import clock as clocks
from gatepost.ingest import accept, notices
from gatepost.model import directory as directories
from gatepost.store import port


async def run(
    store: port.Store,
    acceptor: accept.Acceptor,
    directory: Callable[[], directories.Directory],
    signer: Callable[[int, str], str],
    clock: clocks.Clock,
    hostname: str,
) -> None:
    """Until cancelled. The rest: see ``notices.Parts``."""
    parts = notices.Parts(
        store=store,
        acceptor=acceptor,
        directory=directory,
        signer=signer,
        clock=clock,
        hostname=hostname,
        boundary=lambda: secrets.token_hex(16),
    )
    await notices.Notifier(parts).run()
