"""DNS for delivery: MX and addresses, cached, with equal questions asked once at a time.

Guarantees: NXDOMAIN, no answer and a null MX are told apart, and only what DNS really said is said (faults.md E02–E04);
answers live for their TTL within bounds, failures for seconds; the cache is bounded.
Not here: which addresses may be used (``addresses``).
"""

import asyncio
import enum
import ipaddress
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import msgspec

from gatepost import clock as clocks
from gatepost import errors

T = TypeVar("T")
MAX_HOSTS = 25  # MX records looked at
_CACHE = 100_000
_LEAST_S, _MOST_S = 5.0, 3600.0
_FAILED_S = 5.0
_NEGATIVE_S = 30.0


class MxKind(enum.Enum):
    """What DNS says about where a domain's mail goes."""

    FOUND = enum.auto()
    IMPLICIT = enum.auto()  # no MX, but an address (RFC 5321 §5.1)
    NULL_MX = enum.auto()  # RFC 7505
    NXDOMAIN = enum.auto()
    NO_ADDRESS = enum.auto()  # the name exists and has neither MX nor address
    FAILED = enum.auto()  # no usable answer: nothing is known


class MxAnswer(msgspec.Struct, frozen=True):
    """hosts: (preference, name), best first, equals in random order. detail: for people."""

    kind: MxKind
    hosts: tuple[tuple[int, str], ...] = ()
    detail: str = ""


class AddressKind(enum.Enum):
    """What DNS says about a host's addresses."""

    FOUND = enum.auto()
    NONE = enum.auto()
    FAILED = enum.auto()


class AddressAnswer(msgspec.Struct, frozen=True):
    """A host's addresses of both families."""

    kind: AddressKind
    v4: tuple[str, ...] = ()
    v6: tuple[str, ...] = ()


class _Said(msgspec.Struct, frozen=True):
    """One question's answer: kind of failure or empty, the records' texts, and seconds that it holds."""

    problem: str
    records: tuple[tuple[int, str], ...]
    ttl: float


class Resolver:
    """Asks the given servers (``ip`` or ``ip:port``), or those of the system."""

    def __init__(
        self,
        servers: tuple[str, ...],
        *,
        clock: clocks.Clock,
        timeout_s: float = 5.0,
        shuffle: Callable[[list[tuple[int, str]]], None] = random.shuffle,
    ) -> None:
        self._ask = dns.asyncresolver.Resolver(configure=not servers)
        if servers:
            pairs = [_server(text) for text in servers]
            self._ask.nameservers = [host for host, _ in pairs]
            self._ask.port = pairs[0][1]
        self._ask.lifetime = timeout_s
        self._clock = clock
        self._shuffle = shuffle
        self._kept: dict[tuple[str, str], tuple[float, object]] = {}
        self._asked: dict[tuple[str, str], asyncio.Future[object]] = {}

    async def mx(self, domain: str) -> MxAnswer:
        """Where a domain's mail goes. The domain is in A-labels."""
        found = await self._cached("mx", domain, lambda: self._mx(domain))
        if len(found.hosts) < 2:
            return found
        hosts = list(found.hosts)
        self._shuffle(hosts)
        hosts.sort(key=lambda host: host[0])
        return MxAnswer(found.kind, tuple(hosts), found.detail)

    async def addresses(self, host: str) -> AddressAnswer:
        """A host's addresses, both families asked at once."""
        return await self._cached("ip", host, lambda: self._addresses(host))

    # --- questions

    async def _mx(self, domain: str) -> tuple[MxAnswer, float]:
        said = await self._query(domain, dns.rdatatype.MX)
        if said.problem == "nxdomain":
            return MxAnswer(MxKind.NXDOMAIN, detail=f"{domain} does not exist"), _NEGATIVE_S
        if said.problem == "failed":
            return MxAnswer(MxKind.FAILED, detail=f"no answer from DNS for {domain}"), _FAILED_S
        if said.records and all(not name for _, name in said.records):
            return MxAnswer(MxKind.NULL_MX, detail=f"{domain} says that it takes no mail"), said.ttl
        usable = [(p, name) for p, name in said.records if name and len(name) <= 253 and not _is_ip(name)]
        if usable:
            usable.sort()
            return MxAnswer(MxKind.FOUND, tuple(usable[:MAX_HOSTS])), said.ttl
        if said.records:
            return MxAnswer(MxKind.NO_ADDRESS, detail=f"{domain} has no usable MX"), said.ttl
        return await self._implicit(domain)

    async def _implicit(self, domain: str) -> tuple[MxAnswer, float]:
        found, ttl = await self._addresses(domain)
        match found.kind:
            case AddressKind.FOUND:
                return MxAnswer(MxKind.IMPLICIT, ((0, domain),)), ttl
            case AddressKind.NONE:
                return MxAnswer(MxKind.NO_ADDRESS, detail=f"{domain} has neither MX nor address"), ttl
            case AddressKind.FAILED:
                return MxAnswer(MxKind.FAILED, detail=f"no answer from DNS for {domain}"), ttl

    async def _addresses(self, host: str) -> tuple[AddressAnswer, float]:
        four, six = await asyncio.gather(
            self._query(host, dns.rdatatype.A), self._query(host, dns.rdatatype.AAAA)
        )
        v4 = tuple(text for _, text in four.records)
        v6 = tuple(text for _, text in six.records)
        if v4 or v6:
            return AddressAnswer(AddressKind.FOUND, v4, v6), min(four.ttl, six.ttl)
        if "failed" in (four.problem, six.problem):
            return AddressAnswer(AddressKind.FAILED), _FAILED_S
        return AddressAnswer(AddressKind.NONE), _NEGATIVE_S

    async def _query(self, name: str, kind: dns.rdatatype.RdataType) -> _Said:
        try:
            answer = await self._ask.resolve(
                dns.name.from_text(name), kind, raise_on_no_answer=False, search=False
            )
        except dns.resolver.NXDOMAIN:
            return _Said("nxdomain", (), _NEGATIVE_S)
        except (dns.exception.DNSException, OSError, ValueError):
            return _Said("failed", (), _FAILED_S)
        if answer.rrset is None:
            return _Said("", (), _NEGATIVE_S)
        ttl = min(max(float(answer.rrset.ttl), _LEAST_S), _MOST_S)
        if kind is dns.rdatatype.MX:
            records = [(r.preference, str(r.exchange).removesuffix(".").lower()) for r in answer]
        else:
            records = [(0, str(r.address)) for r in answer]
        return _Said("", tuple(records), ttl)

    # --- the cache

    async def _cached(self, kind: str, name: str, ask: Callable[[], Awaitable[tuple[T, float]]]) -> T:
        key = (kind, name)
        kept = self._kept.get(key)
        if kept is not None and kept[0] > self._clock.monotonic():
            return cast("T", kept[1])
        asked = self._asked.get(key)
        if asked is not None:
            return cast("T", await asyncio.shield(asked))
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._asked[key] = answer
        try:
            found, ttl = await ask()
        except BaseException as error:
            # Whoever waits with us asks for himself the next time.
            answer.set_exception(
                error if isinstance(error, Exception) else ConnectionError("not asked to the end")
            )
            answer.exception()
            raise
        finally:
            del self._asked[key]
        if len(self._kept) >= _CACHE:
            self._kept.clear()
        self._kept[key] = (self._clock.monotonic() + ttl, found)
        answer.set_result(found)
        return found


def _server(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or ("]" not in text and text.count(":") > 1):
        host, port = text, "53"
    host = host.strip("[]")
    if not _is_ip(host) or not port.isdigit():
        raise errors.BadInput("dns.server", f"{text!r} is not ip or ip:port")
    return host, int(port)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
