"""Opens a connection for a lane: tries the plan's hosts in order until one is ready to take mail.

Guarantees: ends in a ready Connection or one Failure that names the last host's trouble. Hosts of equal preference are
taken in random order; the addresses of one host are raced, the families by turns (RFC 8305), each from the Source's own
address of that family. A host that refused or did not answer is left alone for a while; opportunistic TLS that breaks
is tried once more without (and recorded so), and not tried again with that host for a while.
Not here: who needs the connection, and what its failure means for them.
"""

import asyncio
import functools
import ipaddress
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from gatepost import clock as clocks
from gatepost.delivery import demand, route, session
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories
from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.model import suppression as suppressions
from gatepost.net import addresses, connect, race, resolver, tls
from gatepost.smtp import client as smtp_client

_EVERYWHERE = (ipaddress.IPv4Network("0.0.0.0/0"), ipaddress.IPv6Network("::/0"))
_REMEMBERED = 10_000  # addresses, or hosts, of which something is remembered
DEAD_S = 60.0  # how long an address that could not be reached is left alone
BROKEN_TLS_S = 900.0  # how long a host whose TLS broke gets its mail in clear, where it may
MAX_ADDRESSES = 5  # tried for one attempt, as Postfix's smtp_mx_address_limit
# Servers count connections, so a second one is not begun for a slow path alone (RFC 8305 §5 allows 0.1 to 2 s).
RACE_GAP_S = 0.5
EVERYBODY = "*"  # in ``delivery.chunking``

_NOBODY = suppressions.Networks()

T = TypeVar("T")
Suppressed = Callable[
    [], Awaitable[suppressions.Networks]
]  # the networks that are not to be connected to now
Level = demand.Level
_CLIENT = {
    Level.NEVER: smtp_client.Tls.NEVER,
    Level.OPPORTUNISTIC: smtp_client.Tls.OPPORTUNISTIC,
    Level.ENCRYPTED: smtp_client.Tls.REQUIRED,
    Level.REQUIRED: smtp_client.Tls.REQUIRED,
}


class Opened(msgspec.Struct, frozen=True):
    """The callbacks that a new connection reports to."""

    on_done: Callable[[session.Connection, session.Done], None]
    on_closed: Callable[[session.Connection], None]


class _Call(msgspec.Struct, frozen=True):
    """One connection that is wanted: by which Source, to which host, with BDAT where that is offered."""

    target: route.Target
    source: directories.Source
    callbacks: Opened
    chunking: bool


class _Memory(Generic[T]):
    """What is remembered for a while of addresses or hosts; when it is too much, all of it is forgotten."""

    def __init__(self, clock: clocks.Clock, keep_s: float) -> None:
        self._clock = clock
        self._keep_s = keep_s
        self._kept: dict[tuple[str, int, str], tuple[float, T]] = {}

    def note(self, key: tuple[str, int, str], value: T) -> None:
        """Remember it from now on."""
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        self._kept[key] = (self._clock.monotonic() + self._keep_s, value)

    def get(self, key: tuple[str, int, str]) -> T | None:
        """What is remembered; None where nothing is, or no longer."""
        until, value = self._kept.get(key, (0.0, None))
        if value is not None and until <= self._clock.monotonic():
            del self._kept[key]
            return None
        return value


class Opener:
    """Collaborators come in; the only memory is which hosts did not answer lately, and whose TLS broke."""

    def __init__(  # noqa: PLR0913 - its collaborators
        self,
        resolver: resolver.Resolver,
        rules: addresses.AddressRules,
        settings: delivery_settings.DeliverySettings,
        clock: clocks.Clock,
        hostname: str,
        *,
        shuffle: Callable[[list[route.Target]], None],
        suppressed: Suppressed | None = None,
    ) -> None:
        self._resolver = resolver
        self._rules = rules
        self._named = addresses.AddressRules(allowed=_EVERYWHERE, only=rules.only)
        self._settings = settings
        self._clock = clock
        self._hostname = hostname
        self._shuffle = shuffle
        self._suppressed = suppressed
        self._opportunistic = tls.client_context(verify=False)
        self._verified = tls.client_context(verify=True, ca_path=settings.tls_ca)
        self._dead: _Memory[session.Failure] = _Memory(clock, DEAD_S)
        self._broken_tls: _Memory[str] = _Memory(clock, BROKEN_TLS_S)

    async def open(
        self, plan: route.Plan, source: directories.Source, callbacks: Opened
    ) -> session.Connection:
        """The first of the plan's hosts that becomes ready. Raises session.Failure; one that is ``blocked`` where all hosts lie in
        suppressed networks.
        """
        last: session.Failure | None = None
        left = MAX_ADDRESSES
        wanted = self._settings.chunking
        chunking = bool(wanted) and (plan.provider in wanted or EVERYBODY in wanted)
        for target in self._hosts(plan.targets):
            if left <= 0:
                break
            call = _Call(target, source, callbacks, chunking)
            try:
                waiting = await self._addresses(call)
            except session.Failure as failure:
                failure.host = target.host
                if last is None or failure.blocked is None:
                    last = failure
                continue
            while waiting and left > 0:
                before = len(waiting)
                try:
                    return await self._one(waiting, left, call)
                except session.Failure as failure:
                    left -= before - len(waiting)
                    last = failure
                    if failure.reply is not None and failure.reply.code >= 500:
                        raise
        raise last or session.Failure(
            replies.Stage.DNS, failures.Problem.NO_ADDRESS, "no host has an address"
        )

    def _hosts(self, targets: Sequence[route.Target]) -> list[route.Target]:
        """The hosts to try, in order: those of equal preference shuffled (RFC 5321 §5.1), no more than one attempt may."""
        found = list(targets)
        if len(found) > 1:
            self._shuffle(found)
            found.sort(key=lambda target: target.rank)
        return found[: self._settings.max_hosts]

    async def _addresses(self, call: _Call) -> list[str]:
        """A host's addresses in the order to try. Raises Failure; one of a known kind where all were tried lately."""
        found = await self._not_suppressed(await self._found(call))
        alive = [ip for ip in found if self._dead.get(_key(ip, call)) is None]
        if not alive:
            dead = self._dead.get(_key(found[-1], call))
            assert dead is not None  # noqa: S101 - all of them are
            raise dead.with_traceback(None)  # else each raising would add to what it holds
        return alive

    async def suppressed(self) -> suppressions.Networks:
        """The networks that are not to be connected to now."""
        return _NOBODY if self._suppressed is None else await self._suppressed()

    async def _not_suppressed(self, found: list[str]) -> list[str]:
        """Those in no suppressed network. Raises Failure, ``blocked``, where none is left."""
        networks = await self.suppressed()
        if not networks:
            return found
        left = [ip for ip in found if networks.against(ip) is None]
        if not left:
            entry = networks.against(found[-1])
            failure = session.Failure(
                replies.Stage.CONNECT, failures.Problem.PROHIBITED_ADDRESS, f"{found[-1]} is suppressed"
            )
            failure.ip, failure.blocked = found[-1], entry
            raise failure
        return left

    async def _found(self, call: _Call) -> list[str]:
        target, source = call.target, call.source
        if route.is_literal(target.host):
            return [target.host]
        answer = await self._resolver.addresses(target.host)
        if answer.kind is resolver.AddressKind.FAILED:
            raise session.Failure(
                replies.Stage.DNS, failures.Problem.DNS_FAILURE, f"{target.host}: no answer from DNS"
            )
        v6 = answer.v6 if source.local(v6=True) is not None else ()
        v4 = answer.v4 if source.local(v6=False) is not None else ()
        if not v4 and not v6 and answer.incomplete:
            raise session.Failure(
                replies.Stage.DNS, failures.Problem.DNS_FAILURE, f"{target.host}: no whole answer from DNS"
            )
        if not v4 and not v6:
            detail = (
                "no address"
                if answer.kind is resolver.AddressKind.NONE
                else "no address that this Source reaches"
            )
            raise session.Failure(
                replies.Stage.DNS, failures.Problem.NO_ADDRESS, f"{target.host} has {detail}"
            )
        return list(_by_turns(v6, v4))

    async def _one(self, waiting: list[str], most: int, call: _Call) -> session.Connection:
        """A ready connection to one of the addresses; what was tried is taken out of ``waiting``."""
        level = call.target.tls.level
        host = ("", call.target.port, call.target.host)
        may_fall_back = level is Level.OPPORTUNISTIC
        broken = self._broken_tls.get(host) if may_fall_back else None
        with_tls = level is not Level.NEVER and broken is None
        connection = await self._first(waiting, most, call, with_tls=with_tls)
        ip = connection.peer.ip
        try:
            await self._wait_ready(connection, call, with_tls=with_tls)
        except session.Failure as failure:
            # With a password there is no second try in clear: it would cross the network readable.
            if failure.stage is not replies.Stage.STARTTLS or not may_fall_back or call.source.username:
                raise
            self._broken_tls.note(host, broken := failure.detail)
            connection = await self._first([ip], 1, call, with_tls=False)
            await self._wait_ready(connection, call, with_tls=False)
        if broken is not None:
            connection.no_tls(broken)
        return connection

    async def _first(
        self, waiting: list[str], most: int, call: _Call, *, with_tls: bool
    ) -> session.Connection:
        """Race the addresses to a connected socket."""

        async def one(ip: str) -> session.Connection:
            try:
                return await self._connect(ip, call, with_tls=with_tls)
            except session.Failure as failure:
                failure.host, failure.ip = call.target.host, ip
                waiting.remove(ip)
                self._dead.note(_key(ip, call), failure)
                raise

        ways = [functools.partial(one, ip) for ip in waiting[:most]]
        connection = await race.first(
            ways, gap_s=RACE_GAP_S, lost=session.Failure, discard=session.Connection.abort
        )
        waiting.remove(connection.peer.ip)
        return connection

    async def _wait_ready(self, connection: session.Connection, call: _Call, *, with_tls: bool) -> None:
        wanted = call.target.tls
        context = None
        if with_tls:
            context = self._verified if wanted.level is Level.REQUIRED else self._opportunistic
        try:
            await connection.wait_ready(context, self._settings.reply_timeout_s)
        except session.Failure as failure:
            failure.host, failure.ip = connection.peer.host, connection.peer.ip
            if failure.stage is replies.Stage.STARTTLS and wanted.level > Level.OPPORTUNISTIC:
                raise _not_met(failure, wanted) from None
            raise
        except asyncio.CancelledError:
            connection.abort()
            raise
        if wanted.by and wanted.level is Level.REQUIRED:
            connection.tls = f"{connection.tls} ({wanted.by})"

    async def _connect(self, ip: str, call: _Call, *, with_tls: bool) -> session.Connection:
        settings, source = self._settings, call.source
        ehlo = source.ehlo or self._hostname
        client = smtp_client.ClientSession(
            smtp_client.ClientSettings(
                ehlo=ehlo.encode(),
                tls=_CLIENT[call.target.tls.level] if with_tls else smtp_client.Tls.NEVER,
                auth=(source.username, source.password) if source.username else None,
                chunking=call.chunking,
            )
        )
        times = session.Times(settings.reply_timeout_s, settings.dot_timeout_s)

        def make() -> session.Connection:
            return session.Connection(
                client, times, self._clock.now_ms, call.callbacks.on_done, call.callbacks.on_closed
            )

        transport, connection = await self._dial(make, ip, call)
        local = transport.get_extra_info("sockname")
        connection.peer = session.Peer(call.target.host, ip, local[0] if local else "", ehlo)
        return connection

    async def _dial(
        self, make: Callable[[], session.Connection], ip: str, call: _Call
    ) -> tuple[asyncio.Transport, session.Connection]:
        target = call.target
        try:
            return await connect.open_connection(
                make,
                connect.Endpoint(ip, target.port),
                source_ip=call.source.local(v6=":" in ip) or None,
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


def _not_met(failure: session.Failure, wanted: demand.Demand) -> session.Failure:
    """TLS that was demanded did not come about: whatever the host said to STARTTLS, the mail waits (faults.md C03)."""
    reason = f"STARTTLS refused with {failure.reply.code}" if failure.reply is not None else failure.detail
    asked = wanted.by or "the Source"
    found = session.Failure(
        failure.stage, failures.Problem.TLS_FAILED, f"TLS is demanded by {asked}: {reason}"
    )
    found.host, found.ip = failure.host, failure.ip
    found.tls = f"none ({asked}: {reason})"
    return found


def of_plan(plan: route.Plan, problem: failures.Problem) -> session.Failure:
    """The failure of a plan that leads nowhere."""
    failure = session.Failure(replies.Stage.DNS, problem, plan.detail)
    failure.gone = plan.gone
    if problem is failures.Problem.TLS_FAILED:
        failure.tls = f"none ({plan.detail})"
    return failure


def _key(ip: str, call: _Call) -> tuple[str, int, str]:
    """What a dead address is remembered by: another Source may reach it."""
    return ip, call.target.port, call.source.local(v6=":" in ip) or ""


def _by_turns(v6: Sequence[str], v4: Sequence[str]) -> Iterator[str]:
    """The families by turns, IPv6 first (RFC 8305 §4)."""
    for pair in itertools.zip_longest(v6, v4):
        yield from (ip for ip in pair if ip is not None)
