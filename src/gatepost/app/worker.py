"""A gateway worker: submission over SMTP and HTTP, and delivery for its slots, in one process.

Guarantees: ends when the parent does, or when the store cannot confirm a write (the parent starts it again); drains on
SIGTERM: no new mail, what is under way is finished.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from gatepost import clock as clocks
from gatepost import config, errors
from gatepost import log as logs
from gatepost.app import compose, link, whispers
from gatepost.delivery import opener, route
from gatepost.delivery import worker as deliverers
from gatepost.ingest import accept, gather, http, serve, space
from gatepost.ingest import book as books
from gatepost.ingest import settings as ingest_settings
from gatepost.model import directory as directories
from gatepost.model import ids
from gatepost.net import addresses, listen, resolver, tls
from gatepost.store import port

BEAT_S = 1.0


class Worker:
    """One worker's parts while it runs."""

    def __init__(self, line: link.Link, orders: link.Orders, store: port.Store) -> None:
        self.line = line
        self.orders = orders
        self.settings = orders.settings
        self.store = store
        self.clock = clocks.SystemClock()
        self.log = logs.get("worker")
        self.shelf = books.Shelf()
        self.sources: dict[int, directories.Source] = {}
        self.node = 0
        self.stopping = asyncio.Event()
        self.ready = False

    # --- the directory

    async def follow(self) -> None:
        """Keep Bridges and Sources as new as the store."""
        while True:
            await self.refresh()
            await asyncio.sleep(books.FOLLOW_S)

    async def refresh(self) -> None:
        """Take the newest Directory, if it is newer."""
        version = await self.store.directory_version()
        if self.sources and version == self.shelf.book().version:
            return
        found = await self.store.directory()
        self.shelf.replace(found)
        self.sources = {source.id: source for source in found.sources}
        self.node = next((n.id for n in found.nodes if n.name == self.settings.node), 0)

    # --- the parts

    def deliverer(self, tell_other: whispers.Whispers) -> deliverers.Deliverer:
        """The delivery half."""
        settings = self.settings
        servers = (settings.dns.server,) if settings.dns.server else ()
        asked = resolver.Resolver(servers, clock=self.clock)
        rules = addresses.rules(
            settings.delivery.allow_networks, settings.delivery.only_networks, addresses.own_addresses()
        )
        self.router = route.Router(asked, settings.route, settings.delivery)
        return deliverers.Deliverer(
            deliverers.Parts(
                store=self.store,
                classifier=compose.build_classifier(),
                decide=compose.build_decide(settings.policy),
                router=self.router,
                opener=opener.Opener(asked, rules, settings.delivery, self.clock, settings.hostname),
                clock=self.clock,
                settings=settings.delivery,
                source=self.sources_get,
                tell_other=tell_other.tell,
                node=self.node,
                assignment=self.orders.assignment,
            )
        )

    def sources_get(self, number: int) -> directories.Source | None:
        """The Source with that number."""
        return self.sources.get(number)

    def acceptor(self, tasks: asyncio.TaskGroup, offer: accept.Offer) -> accept.Acceptor:
        """The one way in."""
        assignment = self.orders.assignment
        return accept.Acceptor(
            accept.Parts(
                store=self.store,
                ids=ids.IdMaker(assignment.worker, assignment.floor_ms),
                clock=self.clock,
                tasks=tasks,
                rand=random.random,
                offer=offer,
                hostname=self.settings.hostname,
                provider=self.router.provider_without_dns,
                node=self.node,
                lifetime_s=int(self.settings.policy.lifetime_s),
            )
        )

    def free_space(self) -> bool:
        """Whether the volume has more room than the share that stays free."""
        found = shutil.disk_usage(self.settings.data_dir)
        least = max(self.settings.ingest.min_free * found.total, 2 * self.settings.ingest.max_size)
        return found.free > min(least, 2 * 1024**3 + 2 * self.settings.ingest.max_size)

    def context(self) -> ssl.SSLContext | None:
        """The listeners' certificate, if there is one."""
        if not self.settings.tls.cert:
            return None
        return tls.server_context(self.settings.tls.cert, self.settings.tls.key)
