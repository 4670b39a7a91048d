"""Opens a connection for a lane: tries the plan's hosts in order until one is ready to take mail.

Guarantees: ends in a ready Connection or one Failure that names the last host's trouble; a host that refused or did
not answer is left alone for a while; opportunistic TLS that breaks is tried once more without (and recorded so).
Not here: who needs the connection, and what its failure means for them.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable

import msgspec

from gatepost import clock as clocks
from gatepost.delivery import route, session
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories
from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.net import addresses, connect, resolver, tls
from gatepost.smtp import client as smtp_client

_EVERYWHERE = (ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0"))
DEAD_S = 60.0  # how long a host that could not be reached is left alone
MAX_ADDRESSES = 5  # tried for one attempt, as Postfix's smtp_mx_address_limit


class Opened(msgspec.Struct, frozen=True):
    """The callbacks that a new connection reports to."""

    on_done: Callable[[session.Connection, session.Done], None]
    on_closed: Callable[[session.Connection], None]


class Opener:
    """Collaborators come in; the only memory is which hosts did not answer lately."""

    def __init__(
        self,
        resolver: resolver.Resolver,
        rules: addresses.AddressRules,
        settings: delivery_settings.DeliverySettings,
        clock: clocks.Clock,
        hostname: str,
    ) -> None:
        self._resolver = resolver
        self._rules = rules
        self._named = addresses.AddressRules(allowed=_EVERYWHERE, only=rules.only)
        self._settings = settings
        self._clock = clock
        self._hostname = hostname
        self._opportunistic = tls.client_context(verify=False)
        self._verified = tls.client_context(verify=True)
        self._dead: dict[tuple[str, int, str], tuple[float, session.Failure]] = {}

    async def open(
        self, plan: route.Plan, source: directories.Source, callbacks: Opened
    ) -> session.Connection:
        """The first of the plan's hosts that becomes ready. Raises session.Failure."""
        last: session.Failure | None = None
        tried = 0
        for target in plan.targets:
            try:
                found = await self._addresses(target, source)
            except session.Failure as failure:
                failure.host = target.host
                last = failure
                continue
            for ip in found:
                if tried >= MAX_ADDRESSES:
                    break
                tried += 1
                try:
                    return await self._one(target, ip, source, callbacks)
                except session.Failure as failure:
                    failure.host, failure.ip = target.host, ip
                    last = failure
                    if failure.reply is not None and failure.reply.code >= 500:
                        raise
        raise last or session.Failure(
            replies.Stage.DNS, failures.Problem.NO_ADDRESS, "no host has an address"
        )

    def reached(self, ip: str, port: int, source: directories.Source) -> None:
        """A host works again."""
        self._dead.pop((ip, port, source.ip), None)

    async def _addresses(self, target: route.Target, source: directories.Source) -> tuple[str, ...]:
        if route.is_literal(target.host):
            return (target.host,)
        answer = await self._resolver.addresses(target.host)
        if answer.kind is resolver.AddressKind.FAILED:
            raise session.Failure(
                replies.Stage.DNS, failures.Problem.DNS_FAILURE, f"{target.host}: no answer from DNS"
            )
        bound = source.ip
        found = answer.v4 + answer.v6 if not bound else answer.v6 if ":" in bound else answer.v4
        if not found and answer.incomplete:
            raise session.Failure(
                replies.Stage.DNS, failures.Problem.DNS_FAILURE, f"{target.host}: no whole answer from DNS"
            )
        if not found:
            raise session.Failure(
                replies.Stage.DNS, failures.Problem.NO_ADDRESS, f"{target.host} has no address"
            )
        return found

    async def _one(
        self, target: route.Target, ip: str, source: directories.Source, callbacks: Opened
    ) -> session.Connection:
        key = (ip, target.port, source.ip)
        dead = self._dead.get(key)
        if dead is not None:
            if dead[0] > self._clock.monotonic():
                raise dead[1]
            del self._dead[key]
        mode = source.tls
        try:
            return await self._attempt(target, ip, source, callbacks, with_tls=mode != "never")
        except session.Failure as failure:
            # With a password there is no second try in clear: it would cross the network readable.
            if failure.stage is replies.Stage.STARTTLS and mode == "opportunistic" and not source.username:
                connection = await self._attempt(target, ip, source, callbacks, with_tls=False)
                connection.no_tls(failure.detail)
                return connection
            if failure.stage is replies.Stage.CONNECT:
                if len(self._dead) >= 10_000:
                    self._dead.clear()
                self._dead[key] = (self._clock.monotonic() + DEAD_S, failure)
            raise

    async def _attempt(
        self,
        target: route.Target,
        ip: str,
        source: directories.Source,
        callbacks: Opened,
        *,
        with_tls: bool,
    ) -> session.Connection:
        settings = self._settings
        ehlo = source.ehlo or self._hostname
        client = smtp_client.ClientSession(
            smtp_client.ClientSettings(
                ehlo=ehlo.encode(),
                tls=smtp_client.Tls[
                    ("REQUIRED" if source.tls == "required" else "OPPORTUNISTIC") if with_tls else "NEVER"
                ],
                auth=(source.username, source.password) if source.username else None,
            )
        )
        times = session.Times(settings.reply_timeout_s, settings.dot_timeout_s)

        def make() -> session.Connection:
            return session.Connection(
                client, times, self._clock.now_ms, callbacks.on_done, callbacks.on_closed
            )

        transport, connection = await self._connect(make, ip, target, source)
        local = transport.get_extra_info("sockname")
        connection.peer = session.Peer(target.host, ip, local[0] if local else "", ehlo)
        context = self._context(source) if with_tls else None
        try:
            await connection.wait_ready(context, settings.reply_timeout_s)
        except asyncio.CancelledError:
            connection.abort()
            raise
        return connection

    async def _connect(
        self,
        make: Callable[[], session.Connection],
        ip: str,
        target: route.Target,
        source: directories.Source,
    ) -> tuple[asyncio.Transport, session.Connection]:
        try:
            return await connect.open_connection(
                make,
                connect.Endpoint(ip, target.port),
                source_ip=source.ip or None,
                rules=self._named if target.named else self._rules,
                within_s=self._settings.connect_timeout_s,
            )
        except connect.AddressRefused as error:
            raise session.Failure(
                replies.Stage.CONNECT, failures.Problem.PROHIBITED_ADDRESS, str(error)
            ) from None
        except TimeoutError:
            problem, detail = failures.Problem.TIMEOUT, f"no answer in {self._settings.connect_timeout_s:g} s"
        except ConnectionRefusedError:
            problem, detail = failures.Problem.REFUSED, "connection refused"
        except OSError as error:
            problem, detail = failures.Problem.NO_ROUTE, error.strerror or str(error)
        raise session.Failure(replies.Stage.CONNECT, problem, f"{ip}:{target.port}: {detail}")

    def _context(self, source: directories.Source) -> ssl.SSLContext:
        return self._verified if source.tls == "required" else self._opportunistic
