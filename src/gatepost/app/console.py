"""The console process: what must never slow a delivery: the API, webhooks, checkpoints, sweeps, retention and the watchdog.

Guarantees: ends when the parent does; an error of the store ends it, and the parent starts it again.
"""

import asyncio
import random
import signal
from collections.abc import Sequence

from gatepost import clock as clocks
from gatepost import config
from gatepost import log as logs
from gatepost.app import compose, explaining, importing, inbound, link, serving, webhooks
from gatepost.model import directory as directories
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.net import bounce_domain
from gatepost.store import port
from gatepost.upkeep import (
    authentication,
    checkpoint,
    directing,
    dns_findings,
    dns_looks,
    proving,
    retention,
    watchdog,
)

BEAT_S = 1.0


async def run(line: link.Link, orders: link.Orders) -> int:
    """Work until told to stop. The exit status."""
    log = logs.get("console")
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    store = await compose.open_store(orders.settings, orders.assignment.worker)
    receivers = webhooks.means(orders.settings)
    policy = _Policy(orders.settings)
    explainer = explaining.Explainer(orders.settings, orders.rules, clocks.SystemClock())
    keeping = retention.Retention(store, orders.settings.retention, clocks.SystemClock(), log)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(checkpoint.run(store, log)),
                tasks.create_task(watchdog.run(store, clocks.SystemClock(), log)),
                tasks.create_task(directing.Director(store, policy.decide, clocks.SystemClock(), log).run()),
                tasks.create_task(_authenticate(store, orders.settings, policy, log)),
                tasks.create_task(keeping.run()),
                tasks.create_task(_prove(store, orders.settings, log)),
                tasks.create_task(webhooks.build(store, orders.settings, receivers).run()),
                tasks.create_task(_beat(line, store)),
                tasks.create_task(_obey(line, stop, (explainer, policy, keeping))),
            ]
            importer = _importer(store, orders.settings, explainer, policy, tasks)
            api = (
                serving.Serving(store, orders.settings, tasks, receivers, explainer.explain, importer.take)
                if orders.settings.console.address
                else None
            )
            await _serve(api, tasks, running, stop)
            importer.close()
            for task in running:
                task.cancel()
    finally:
        await store.close()
    return 0


def _importer(
    store: port.Store,
    settings: config.Settings,
    explainer: explaining.Explainer,
    policy: "_Policy",
    tasks: asyncio.TaskGroup,
) -> importing.Importer:
    """Files reports that are brought over the API."""

    async def settle(batch: Sequence[results.Reported]) -> Sequence[settlements.Settlement | None]:
        return await store.settle(batch, policy.decide())

    means = importing.Means(store.sent, settle, store.directory, explainer.classifier, clocks.SystemClock())
    return importing.Importer(settings, means, tasks)


class _Policy:
    """What is decided by, as the settings are now."""

    def __init__(self, settings: config.Settings) -> None:
        self._decide = compose.build_decide(settings.policy)

    def take(self, settings: config.Settings) -> None:
        self._decide = compose.build_decide(settings.policy)

    def decide(self) -> port.Decide:
        return self._decide


async def _serve(
    api: serving.Serving | None,
    tasks: asyncio.TaskGroup,
    running: list[asyncio.Task[None]],
    stop: asyncio.Event,
) -> None:
    """Answer the API, where there is an address for it, until the stop."""
    if api is None:
        await stop.wait()
        return
    answering = tasks.create_task(api.run())
    running.append(tasks.create_task(api.follow()))
    await stop.wait()
    api.stop()
    await answering


async def _prove(store: port.Store, settings: config.Settings, log: logs.Logger) -> None:
    """Look whether the bounce domains of sender domains are right."""
    clock = clocks.SystemClock()
    asked = compose.build_resolver(settings, clock)
    hosts = inbound.hosts(settings.inbound, settings.hostname)

    async def check(domain: str, exits: Sequence[bounce_domain.Exit]) -> bounce_domain.Checked:
        if not hosts:
            problem = "there is no inbound listener ([inbound] address)"
            return bounce_domain.Checked(bounce_domain.Kind.BAD, problem)
        return await bounce_domain.check(asked, domain, hosts, exits)

    await proving.Prover(store, check, settings.hostname, clock, random.random).run(log)


async def _authenticate(
    store: port.Store, settings: config.Settings, policy: _Policy, log: logs.Logger
) -> None:
    """Look into what is refused for our authentication."""
    clock = clocks.SystemClock()
    asked = compose.build_resolver(settings, clock)
    looks = dns_looks.Looks(asked, dns_looks.fetching(compose.build_fetcher(settings, asked)))
    hosts = inbound.hosts(settings.inbound, settings.hostname)

    async def check(known: directories.Directory, account: int, name: str) -> authentication.Looked:
        for domain in known.sender_domains:
            if (domain.account, domain.domain) == (account, name):
                of = dns_looks.of_directory(known, domain, settings.hostname, hosts)
                return authentication.of_findings(dns_findings.findings(await looks.look(of)))
        return authentication.Looked(authentication.State.WRONG, f"{name} is no sender domain any more")

    times = authentication.Times().scaled(settings.policy.time_scale)
    await authentication.Authentication(store, policy.decide, check, clock, times).run(log)


async def _beat(line: link.Link, store: port.Store) -> None:
    while True:
        line.send(link.Beat(ready=True, figures={"seq": await store.last_seq()}))
        await asyncio.sleep(BEAT_S)


async def _obey(
    line: link.Link,
    stop: asyncio.Event,
    takers: tuple[explaining.Explainer, _Policy, retention.Retention],
) -> None:
    explainer, policy, keeping = takers
    while True:
        order = await line.receive_order()
        if order is None or isinstance(order, link.Drain):
            stop.set()
            return
        logs.configure(order.settings.log.level, json=order.settings.log.json)
        explainer.take(order.settings, order.rules)
        policy.take(order.settings)
        keeping.take(order.settings.retention)
