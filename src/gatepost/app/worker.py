"""A gateway worker: submission over SMTP and HTTP, and delivery for its slots, in one process.

Guarantees: ends when the parent does, or when the store cannot confirm a write (the parent starts it again); drains on
SIGTERM: no new mail, what is under way is finished.
"""

import asyncio
import os
import random
import signal
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from gatepost import clock as clocks
from gatepost import config, errors
from gatepost import log as logs
from gatepost.app import compose, inbound, link, signing, telling, whispers
from gatepost.delivery import opener, parts, ranges, returning, ring, route, strict
from gatepost.delivery import worker as deliverers
from gatepost.ingest import accept, conversation, failures, gather, http, leaving, listener, memory, space
from gatepost.ingest import book as books
from gatepost.ingest import settings as ingest_settings
from gatepost.ingest import shortage as shortages
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import ids
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.net import addresses, http_server, listen, tls
from gatepost.reports import token as tokens
from gatepost.store import port

BEAT_S = 1.0


class Worker:
    """One worker's parts while it runs."""

    def __init__(self, line: link.Link, orders: link.Orders, store: port.Store) -> None:
        self.line = line
        self.orders = orders
        self.settings = orders.settings
        self.own_rules = orders.rules
        self.classifier = compose.build_classifier(orders.rules)
        self.store = store
        self.clock = clocks.SystemClock()
        self.log = logs.get("worker")
        self.shelf = books.Shelf()
        self.sources: dict[int, directories.Source] = {}
        self.ring = ring.EMPTY
        self.token_keys = tokens.Keys(())
        self.paths = returning.NONE
        self.standing = directives.NONE
        self.known = directories.Directory()
        self.ours = inbound.known(
            self.settings.inbound, self.settings.hostname, directories.Directory(), tokens.Keys(())
        )
        self.noting: frozenset[int] = frozenset()  # Bridges whose complaints suppress nobody
        self.newest_decide = compose.build_decide(self.settings.policy)
        self.node = 0
        self.stopping = asyncio.Event()
        self.ready = False
        self.memory = memory.Memory()
        self.ranges = ranges.Ranges(store.networks, self.clock)
        self.resolver = compose.build_resolver(self.settings, self.clock)
        self.policies = strict.Policies(
            self.resolver, compose.build_fetcher(self.settings, self.resolver), self.clock
        )
        self.router = self.new_router()

    # --- the directory

    async def follow(self) -> None:
        """Keep Bridges, Sources and keys as new as the store."""
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
        self.known = found
        self.sources = {source.id: source for source in found.sources}
        self.ring = ring.Ring(found, self.ring)
        keys = signing.keys(found)
        self.token_keys = keys
        self.paths = returning.Paths(
            found.sender_domains,
            keys,
            marked=bool(self.settings.inbound.address),
            signer=self.signer,
            bridges={one.id: one.name for one in found.bridges} if self.ring.held else {},
        )
        self.ours = inbound.known(self.settings.inbound, self.settings.hostname, found, keys)
        self.noting = frozenset(one.id for one in found.bridges if one.note_complaints)
        self.standing = found.standing()
        self.node = next((n.id for n in found.nodes if n.name == self.settings.node), 0)
        for problem in self.shelf.book().missing(self.settings.listener, self.settings.inbound):
            self.log.warning("a Bridge is not there", problem=str(problem))

    # --- the parts

    def delivery_parts(self, tell_other: Callable[[int], None]) -> parts.Parts:
        """What the delivery half is made of, by the settings as they are now."""
        settings = self.settings
        rules = addresses.rules(
            settings.delivery.allow_networks, settings.delivery.only_networks, addresses.own_addresses()
        )
        return parts.Parts(
            store=self.store,
            classifier=self.classifier,
            decide=self.newest_decide,
            router=self.router,
            opener=opener.Opener(
                self.resolver,
                rules,
                settings.delivery,
                self.clock,
                settings.hostname,
                shuffle=random.shuffle,
                suppressed=self.ranges.now,
            ),
            clock=self.clock,
            settings=settings.delivery,
            source=self.sources_get,
            tell_other=tell_other,
            node=self.node,
            assignment=self.orders.assignment,
            signing=settings.dkim,
            keys=self.ring_get,
            paths=self.paths_get,
            standing=self.standing_get,
            time_scale=settings.policy.time_scale,
        )

    async def take_rules(self, rules: dict[str, bytes]) -> None:
        """Judge by these own rules in the next delivery parts. They load in a thread: the loop waits for none of it."""
        if rules != self.own_rules:
            self.classifier = await asyncio.to_thread(compose.build_classifier, rules)
            self.own_rules = rules

    def new_router(self) -> route.Router:
        """The way of mail by the settings as they are now."""
        settings = self.settings
        return route.Router(self.resolver, settings.route, settings.delivery, self.policies)

    def sources_get(self, number: int) -> directories.Source | None:
        """The Source with that number."""
        return self.sources.get(number)

    def ring_get(self) -> ring.Ring:
        """The keys that sign."""
        return self.ring

    def signer(self, account: int, domain: str) -> str:
        """The domain whose keys sign an account's mail from a domain now, or empty."""
        held = self.ring.of(account, domain)
        return held[0].domain if held else ""

    def paths_get(self) -> returning.Paths:
        """The return paths and header tokens, by the Directory as it is now."""
        return self.paths

    def standing_get(self) -> directives.Standing:
        """The directives that stand, by the Directory as it is now."""
        return self.standing

    def decide(self, result: results.Result, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
        """By the settings as they are now."""
        return self.newest_decide(result, facts, now_ms)

    def judging(self) -> inbound.Judging:
        """What the inbound half asks again each time."""
        return inbound.Judging(
            decide=self.decide,
            classifier=lambda: self.classifier,
            ours=lambda: self.ours,
            exempt=lambda bridge: bridge in self.noting,
        )

    def renew(self, settings: config.Settings) -> None:
        """Other settings from now on."""
        self.settings = settings
        self.policies.take(compose.build_fetcher(settings, self.resolver))
        self.router = self.new_router()
        self.newest_decide = compose.build_decide(settings.policy)

    def fixed_provider(self, domain: str, source: directories.Source) -> str:
        """The Provider where the operator has fixed the way, by the routes as they are now; else empty."""
        return self.router.provider_without_dns(domain, source)

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
                provider=self.fixed_provider,
                node=self.node,
                lifetime_s=int(self.settings.policy.lifetime_s),
                accept_timeout_s=self.settings.ingest.accept_timeout_s,
            )
        )

    def shortage(self) -> shortages.Shortage | None:
        """What there is less of than the settings want."""
        limits = self.settings.ingest
        if self.memory.share() > limits.max_memory:
            return shortages.Shortage.MEMORY
        if not space.has_room(self.settings.data_dir, limits.min_free, limits.max_size):
            return shortages.Shortage.SPACE
        return None

    def context(self) -> ssl.SSLContext | None:
        """The listeners' certificate, if there is one."""
        if not self.settings.tls.cert:
            return None
        return tls.server_context(self.settings.tls.cert, self.settings.tls.key)


class _Taking:
    """The submission half: listeners and HTTP, on their sockets."""

    def __init__(self, worker: Worker, tasks: asyncio.TaskGroup, offer: accept.Offer) -> None:
        settings = worker.settings
        self._worker = worker
        self._tasks = tasks
        self._context = worker.context()
        self.acceptor = acceptor = worker.acceptor(tasks, offer)
        short = shortages.Watch(worker.shortage, worker.clock)
        secret = compose.pepper(settings)
        self._noting: gather.Gather[events.Event, None] = gather.Gather(self._note, tasks)
        self.failures = failures.Failures(worker.clock, 1.0, self._noted)
        self._parts = conversation.Parts(
            acceptor=acceptor,
            store=worker.store,
            standings=gather.Gather(worker.store.standing, tasks),
            note=self._noted,
            shelf=worker.shelf,
            pepper=secret,
            clock=worker.clock,
            failures=self.failures,
            shortage=short,
            settings=settings.ingest,
        )
        self._settling: gather.Gather[results.Reported, settlements.Settlement | None] = gather.Gather(
            self._settle, tasks
        )
        leave = leaving.Leaving(lambda: worker.token_keys, self._settling.ask, worker.clock)
        self._app = http.App(
            http.Parts(
                acceptor=acceptor,
                shelf=worker.shelf,
                pepper=secret,
                failures=self.failures,
                settings=settings.ingest,
                shortage=short,
                ready=lambda: worker.ready,
                leave=leave.answer,
            )
        )
        self._listeners: list[listener.Listener] = []
        self._http: http_server.HttpServer | None = None
        self._inbound: inbound.Inbound | None = None

    async def start(self) -> link.Addresses:
        """Open everything. Raises BadInput for an address that cannot be listened on."""
        settings = self._worker.settings
        opened: list[str] = []
        for index, one in enumerate(settings.listener):
            host, number = ingest_settings.host_port(one.address, f"listener[{index}].address")
            sockets = listen.bind(host, number, f"listener[{index}].address")
            made = listener.Listener(one, self._parts, settings.hostname, self._context, self._tasks)
            await made.start(sockets)
            self._listeners.append(made)
            opened += [listen.shown(sock) for sock in sockets]
        return link.Addresses(tuple(opened), await self._start_http(), await self._start_inbound())

    async def _start_inbound(self) -> str:
        worker = self._worker
        settings = worker.settings
        if not settings.inbound.address:
            return ""
        self._inbound = inbound.Inbound(
            settings.inbound, self._parts, self.acceptor, worker.judging(), settings.hostname, self._tasks
        )
        return await self._inbound.start(self._context)

    async def _start_http(self) -> str:
        settings = self._worker.settings.http
        if not settings.address:
            return ""
        host, number = ingest_settings.host_port(settings.address, "http.address")
        sockets = listen.bind(host, number, "http.address")
        self._http = http_server.HttpServer(
            self._app,
            self._context if settings.tls else None,
            proxies=settings.proxies if settings.behind_proxy else (),
        )
        self._tasks.create_task(self._http.run(sockets))
        return listen.shown(sockets[0])

    def take(self, settings: config.Settings) -> None:
        """The certificate, limits and lifetime for what comes from now on. Raises BadInput for the certificate alone."""
        self._parts = msgspec.structs.replace(self._parts, settings=settings.ingest)
        for one in self._listeners:
            one.take(settings.ingest)
        self._app.take(settings.ingest)
        self.acceptor.take(int(settings.policy.lifetime_s), settings.ingest.accept_timeout_s)
        if self._context is not None:
            tls.renew(self._context, settings.tls.cert, settings.tls.key)

    async def drain(self) -> None:
        """No new mail; what is on its way in is finished."""
        if self._http is not None:
            self._http.stop()
        timeout_s = self._worker.settings.ingest.shutdown_timeout_s
        drained = [one.drain(timeout_s) for one in self._listeners]
        if self._inbound is not None:
            drained.append(self._inbound.drain(timeout_s))
        await asyncio.gather(*drained)

    @property
    def connections(self) -> int:
        """Open ones, of all listeners."""
        return sum(one.connections for one in self._listeners)

    @property
    def figures(self) -> dict[str, int]:
        """Of what it took."""
        return {"clients": self.connections, **(self._inbound.figures if self._inbound is not None else {})}

    async def _settle(self, batch: Sequence[results.Reported]) -> Sequence[settlements.Settlement | None]:
        return await self._worker.store.settle(batch, self._worker.decide)

    def _noted(self, event: events.Event) -> None:
        self._noting.ask(event, lambda _: None)

    async def _note(self, noted: Sequence[events.Event]) -> list[None]:
        await self._worker.store.note(noted)
        return [None] * len(noted)


async def run(line: link.Link, orders: link.Orders) -> int:
    """Work until told to stop. The exit status: 0, or 1 when the parent should start another."""
    log = logs.get("worker")
    store = await compose.open_store(orders.settings, orders.assignment.worker)
    worker = Worker(line, orders, store)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stopping.set)
    status = 0
    try:
        await _run(worker)
    except* errors.GatepostError as group:
        status = 1
        problem = group.exceptions[0]
        while isinstance(problem, BaseExceptionGroup):
            problem = problem.exceptions[0]
        log.error("this process cannot go on", problem=str(problem))  # noqa: TRY400 - one line, no trace
    finally:
        await store.close()
    return status


async def _run(worker: Worker) -> None:
    settings = worker.settings
    await worker.refresh()
    whisper: whispers.Whispers
    deliverer: deliverers.Deliverer

    def heard(lane: int) -> None:
        deliverer.look_at(lane)

    whisper = whispers.Whispers(Path(settings.data_dir), worker.orders.index, settings.workers, heard)
    deliverer = deliverers.Deliverer(worker.delivery_parts(whisper.tell))
    whisper.open()
    try:
        async with asyncio.TaskGroup() as tasks:
            taking = _Taking(worker, tasks, deliverer.offer)
            running = [
                tasks.create_task(deliverer.run()),
                tasks.create_task(worker.follow()),
                tasks.create_task(_beat(worker, deliverer, taking)),
                tasks.create_task(_obey(worker, deliverer, whisper, taking)),
            ]
            if worker.orders.index == 0:  # one is enough, and the parent starts it again
                told = telling.run(
                    worker.store,
                    taking.acceptor,
                    lambda: worker.known,
                    worker.signer,
                    worker.clock,
                    settings.hostname,
                )
                running.append(tasks.create_task(told))
            worker.line.send(await taking.start())
            worker.ready = True
            await worker.stopping.wait()
            worker.ready = False
            await taking.drain()
            await deliverer.drain(settings.delivery.shutdown_timeout_s)
            for task in running:
                task.cancel()
    finally:
        whisper.close()


async def _beat(worker: Worker, deliverer: deliverers.Deliverer, taking: _Taking) -> None:
    while True:
        figures = {**deliverer.depth(), **taking.figures, "directory": worker.shelf.book().version}
        worker.line.send(link.Beat(ready=worker.ready, figures=figures))
        taking.failures.tick()
        await asyncio.sleep(BEAT_S if worker.ready else 0.02)


async def _obey(
    worker: Worker, deliverer: deliverers.Deliverer, whisper: whispers.Whispers, taking: _Taking
) -> None:
    """Follow the parent; without one, stop at once: slots must never have two owners."""
    while True:
        order = await worker.line.receive_order()
        match order:
            case None:
                os._exit(1)
            case link.Drain():
                worker.stopping.set()
            case link.Reload():
                logs.configure(order.settings.log.level, json=order.settings.log.json)
                await worker.take_rules(order.rules)
                worker.renew(order.settings)
                deliverer.take(worker.delivery_parts(whisper.tell))
                try:
                    taking.take(order.settings)
                except errors.BadInput as problem:  # the parent found it good: it changed since
                    worker.log.error("the old certificate stays", problem=str(problem))  # noqa: TRY400
                worker.log.info("new settings", generation=order.generation)
            case link.Orders():
                worker.log.warning("orders came twice, the first ones stay")
