"""Asks DNS one question and says how it went.

Guarantees: an answer is a value that keeps apart what a sender must treat differently: records, none of that type, no
such name, and no answer to rely on (SERVFAIL, REFUSED, a time-out, a referral instead of an answer, rubbish): faults.md
E04. A truncated answer is asked for again over TCP; answers to other questions are ignored (E05). Every question ends
within the lifetime, whatever the wall clock does. Servers take turns; one that did not answer is asked last for a while,
and what one could not tell is asked of the next.
Not here: caching and what the records mean for mail (``resolver``).
"""

import asyncio
import enum
import ipaddress
import itertools
from collections.abc import Iterable

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.resolver
import msgspec

from gatepost import clock as clocks
from gatepost import errors

PORT = 53
_PLACE = "dns.server"  # the setting that names them
_TRIES = 3  # of one question at a server that does not answer: a datagram may be lost
DOWN_S = 30.0  # how long a server that did not answer is asked last
PAYLOAD = 1232  # bytes over UDP that pass every path unfragmented (DNS Flag Day 2020)


class Kind(enum.Enum):
    """How a question went."""

    FOUND = "found"
    EMPTY = "empty"  # the name exists, but has no records of this type
    NXDOMAIN = "nxdomain"
    FAILED = "failed"


class Records(msgspec.Struct, frozen=True):
    """The end of one question. ttl: seconds that DNS itself gives it; 0 where it failed."""

    kind: Kind
    rdatas: tuple[dns.rdata.Rdata, ...] = ()
    ttl: int = 0
    detail: str = ""


class Asker:
    """Asks the given servers in turn, or the system's. A try has ``timeout_s``, a question ``lifetime_s``."""

    def __init__(
        self, servers: tuple[str, ...], timeout_s: float, lifetime_s: float, clock: clocks.Clock
    ) -> None:
        self._servers = [_Server(one, timeout_s) for one in _nameservers(servers)]
        self._turn = itertools.cycle(range(len(self._servers)))
        self._timeout_s = timeout_s
        self._lifetime_s = lifetime_s
        self._clock = clock

    async def ask(self, name: str, rdtype: dns.rdatatype.RdataType) -> Records:
        """One question, whatever its end: of each server that is needed, again while there is time."""
        found = Records(Kind.FAILED, detail=f"no answer from DNS in {self._lifetime_s:g} s")
        asking = self._order()
        try:
            async with asyncio.timeout(self._lifetime_s):  # dnspython's own one follows the wall clock
                for server in asking * _TRIES:
                    if server not in asking:
                        continue
                    found, silent = await self._try(server, name, rdtype)
                    if found.kind is not Kind.FAILED:
                        break
                    if not silent:
                        asking.remove(server)  # it has said what it can
        except TimeoutError:
            return Records(Kind.FAILED, detail=f"no answer from DNS in {self._lifetime_s:g} s")
        return found

    async def ask_two(self, name: str, rdtype: dns.rdatatype.RdataType) -> list[Records]:
        """The same question of two servers, at once; of fewer where fewer are known."""
        two = self._order()[:2]
        async with asyncio.TaskGroup() as both:
            asked = [both.create_task(self._try(server, name, rdtype)) for server in two]
        return [one.result()[0] for one in asked]

    async def _try(
        self, server: "_Server", name: str, rdtype: dns.rdatatype.RdataType
    ) -> tuple[Records, bool]:
        found, silent = await server.ask(name, rdtype)
        server.down_until = self._clock.monotonic() + DOWN_S if silent else 0.0
        return found, silent

    def _order(self) -> list["_Server"]:
        """Who is asked, in order: the next in turn and those after it, the silent ones last."""
        at = next(self._turn)
        now = self._clock.monotonic()
        turned = self._servers[at:] + self._servers[:at]
        turned.sort(
            key=lambda server: server.down_until > now
        )  # a stable sort: among equals the turn decides
        return turned


class _Server:
    """One server. down_until: monotonic seconds; asked last before."""

    def __init__(self, server: dns.nameserver.Nameserver | str, timeout_s: float) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        self._resolver.nameservers = [server]
        self._resolver.timeout = self._resolver.lifetime = timeout_s
        self._resolver.use_edns(0, 0, PAYLOAD)
        self._backend = dns.asyncbackend.get_backend("asyncio")
        self._timeout_s = timeout_s
        self.down_until = 0.0

    async def ask(self, name: str, rdtype: dns.rdatatype.RdataType) -> tuple[Records, bool]:
        """One try, and whether the server did not answer at all."""
        try:
            qname = dns.name.from_text(name)
            async with asyncio.timeout(self._timeout_s):
                answer = await self._resolver.resolve(
                    qname, rdtype, raise_on_no_answer=False, search=False, backend=self._backend
                )
        except dns.resolver.NXDOMAIN as error:
            ttl = _least_ttl(error.kwargs["responses"].values())
            return Records(Kind.NXDOMAIN, ttl=ttl, detail="NXDOMAIN"), False
        except dns.resolver.NoNameservers as error:
            return Records(Kind.FAILED, detail=_last_trouble(error)), _was_unreachable(error)
        except (TimeoutError, dns.exception.Timeout):
            return Records(Kind.FAILED, detail=f"no answer from DNS in {self._timeout_s:g} s"), True
        except (dns.exception.DNSException, UnicodeError, OSError, EOFError) as error:
            return Records(Kind.FAILED, detail=f"DNS: {str(error) or type(error).__name__}"), False
        return _read(answer), False


def _read(answer: dns.resolver.Answer) -> Records:
    if answer.response.flags & dns.flags.TC:  # over TCP, where nothing may be missing; dnspython lets it pass
        return Records(Kind.FAILED, detail="the DNS server cut its answer short")
    if answer.rrset is not None:
        return Records(Kind.FOUND, tuple(answer.rrset), _least_ttl((answer.response,)))
    if _is_referral(answer.response):
        return Records(Kind.FAILED, detail="the DNS server sent a referral, not an answer")
    return Records(Kind.EMPTY, ttl=_least_ttl((answer.response,)), detail="no such records")


def _is_referral(response: dns.message.Message) -> bool:
    """A lame server points elsewhere; that says nothing about the name."""
    if response.flags & dns.flags.AA:
        return False
    kinds = {rrset.rdtype for rrset in response.authority}
    return dns.rdatatype.NS in kinds and dns.rdatatype.SOA not in kinds


def _least_ttl(responses: Iterable[dns.message.Message]) -> int:
    ttls = [
        response.resolve_chaining().minimum_ttl
        for response in responses
        if isinstance(response, dns.message.QueryMessage)
    ]
    return min(ttls, default=0)


def _last_trouble(error: dns.resolver.NoNameservers) -> str:
    tried = error.kwargs.get("errors") or [("the DNS server", False, PORT, "no answer", None)]
    server, _, _, trouble, _ = tried[-1]
    return f"{str(server).removeprefix('Do53:')}: {str(trouble) or type(trouble).__name__}"


def _was_unreachable(error: dns.resolver.NoNameservers) -> bool:
    """Whether nothing came from the server: its port is closed, or there is no way to it."""
    tried = error.kwargs.get("errors") or ()
    return any(
        isinstance(one[3], OSError) and not isinstance(one[3], dns.exception.DNSException) for one in tried
    )


def _nameservers(servers: tuple[str, ...]) -> list[dns.nameserver.Nameserver | str]:
    if servers:
        return [server(text, _PLACE) for text in servers]
    try:
        found = dns.asyncresolver.Resolver().nameservers
    except dns.resolver.NoResolverConfiguration:
        raise errors.BadInput(_PLACE, "no DNS server is given, and the system names none") from None
    return list(found)


def server(text: str, place: str) -> dns.nameserver.Nameserver:
    """``192.0.2.1``, ``192.0.2.1:53``, ``2001:db8::1``, ``[2001:db8::1]:53``. Raises BadInput naming ``place``."""
    ip, port = text, str(PORT)
    if text.startswith("["):
        ip, closed, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest or not closed else port
    elif text.count(":") == 1:
        ip, _, port = text.partition(":")
    try:
        _, number = ipaddress.ip_address(ip), int(port)
    except ValueError:
        raise errors.BadInput(
            place, f"{text!r} is not the address of a DNS server, with or without :port"
        ) from None
    if not 0 < number < 65536:
        raise errors.BadInput(place, f"{text!r}: a port is a number from 1 to 65535")
    return dns.nameserver.Do53Nameserver(ip, number)
