"""The console's HTTP server: the API with its operations, keys that are as new as the store, and its socket."""

import asyncio
import importlib.metadata
from collections.abc import Sequence

from gatepost import clock as clocks
from gatepost import config
from gatepost.app import compose, webhooks
from gatepost.console import (
    api,
    audits,
    auth,
    breakdown,
    bridges,
    bulk,
    changing,
    directives,
    entrance,
    figures,
    floor,
    keys,
    messages,
    operation,
    overview,
    pages,
    passwords,
    pieces,
    rates,
    reports,
    ways,
)
from gatepost.console import events as console_events
from gatepost.console import explaining as explanations
from gatepost.console import webhooks as console_webhooks
from gatepost.console.dashboard import live, site, whole
from gatepost.feed import metrics, stream
from gatepost.feed.webhooks import telling
from gatepost.ingest import failures, gather
from gatepost.ingest import settings as ingest_settings
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.net import http_server, listen, tls
from gatepost.store import port

FOLLOW_S = 0.5  # revocation is promised within one second


class Serving:
    """``run`` until ``stop``."""

    def __init__(
        self,
        store: port.Store,
        settings: config.Settings,
        tasks: asyncio.TaskGroup,
        receivers: telling.Means,
        explain: explanations.Explain,
        take_report: reports.Take,
    ) -> None:
        self._store = store
        self._settings = settings
        self._keyring = auth.Keyring(directories.Directory())
        self._stopping = False
        clock = clocks.SystemClock()
        self._noting: gather.Gather[events.Event, None] = gather.Gather(self._note, tasks)
        self.failures = failures.Failures(clock, 1.0, lambda event: self._noting.ask(event, lambda _: None))
        pepper = compose.pepper(settings)
        self._hub = stream.Hub(store)
        common = changing.Parts(store, pepper, clock, self._take)
        places = pieces.Places(settings.console.max_streams)
        self._metrics = metrics.Metrics(store, clock, lambda: self._hub.listeners)
        operations = all_operations(
            console_events.Parts(common, self._hub.follow, places),
            console_webhooks.Parts(
                common,
                lambda url: webhooks.check_url(url, settings, receivers),
                lambda webhook, names: telling.test(webhook, names, receivers),
            ),
            explain,
            take_report,
            self._metrics,
        )
        parts = api.Parts(
            keyring=lambda: self._keyring,
            pepper=pepper,
            settings=settings.console,
            asked=rates.Rates(settings.console.per_min, clock),
            wrong=rates.Rates(api.WRONG_PER_MIN, clock),
            failed=self.failures.add_key,
        )
        version = importlib.metadata.version("gatepost")
        door = entrance.Entrance(
            entrance.Parts(store, pepper, clock, lambda: self._keyring.directory, self.failures.add_user),
            passwords.Passwords(),
        )
        lives = live.Live(store, clock, self._hub.follow, places)
        dashboard = site.Parts(door, parts.keyring, operations, settings.console, parts.asked, version)
        self._api = api.Api(
            parts,
            operations,
            [
                *pages.routes(operations, version, lambda: not self._stopping),
                *site.Site(dashboard, whole.views(lives)).routes(),
            ],
        )
        self._server = http_server.HttpServer(
            self._api,
            tls.server_context(settings.tls.cert, settings.tls.key) if settings.console.tls else None,
            proxies=settings.http.proxies if settings.console.behind_proxy else (),
        )

    async def run(self) -> None:
        """Serve. Raises BadInput for an address that cannot be listened on."""
        host, number = ingest_settings.host_port(self._settings.console.address, "console.address")
        sockets = listen.bind(host, number, "console.address", reuse_port=False)
        self._take(await self._store.directory())
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._hub.run())
            counting = tasks.create_task(self._metrics.run())
            await self._server.run(sockets)
            self._hub.stop()
            counting.cancel()

    async def follow(self) -> None:
        """Keep the keys as new as the store, and tell of wrong ones."""
        while True:
            if await self._store.directory_version() != self._keyring.directory.version:
                self._take(await self._store.directory())
            self.failures.tick()
            await asyncio.sleep(FOLLOW_S)

    def stop(self) -> None:
        """Take no new connection; what is under way is answered."""
        self._stopping = True
        self._hub.stop()
        self._server.stop()

    def _take(self, known: directories.Directory) -> None:
        if known.version >= self._keyring.directory.version:
            self._keyring = auth.Keyring(known)

    async def _note(self, noted: Sequence[events.Event]) -> list[None]:
        await self._store.note(noted)
        return [None] * len(noted)


def all_operations(
    parts: console_events.Parts,
    webhooks: console_webhooks.Parts,
    explain: explanations.Explain,
    take_report: reports.Take,
    figured: metrics.Metrics,
) -> list[operation.Operation]:
    """Everything that the API does. figured: what is counted for Prometheus."""
    return [
        *keys.operations(parts.common),
        *bridges.operations(parts.common),
        *ways.operations(parts.common),
        *console_events.operations(parts),
        *floor.operations(parts.common),
        *bulk.operations(parts.common, parts.places),
        *messages.operations(parts.common),
        *audits.operations(parts.common),
        *directives.operations(parts.common),
        *console_webhooks.operations(webhooks),
        *explanations.operations(explain),
        *breakdown.operations(parts.common.store, parts.common.clock),
        *reports.operations(parts.common, take_report),
        *overview.operations(parts.common.store, parts.common.clock, figured.totals),
        *figures.operations(figured.text, metrics.MEDIA),
    ]
