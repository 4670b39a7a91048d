"""Asks DNS one question and says how it went.

Guarantees: an answer is a value that keeps apart what a sender must treat differently: records, none of that type, no
such name, and no answer to rely on (SERVFAIL, REFUSED, a time-out, a referral instead of an answer, rubbish): faults.md
E04. A truncated answer is asked for again over TCP; answers to other questions are ignored (E05). Every question ends
within the lifetime, whatever the wall clock does.
Not here: caching and what the records mean for mail (``resolver``).
"""

import asyncio
import enum
import ipaddress
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

from gatepost import errors

PORT = 53
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
    """Asks the given servers in turn, or the system's."""

    def __init__(self, servers: tuple[str, ...], timeout_s: float, lifetime_s: float, place: str) -> None:
        self._resolver = _configured(servers, place)
        self._resolver.timeout = timeout_s
        self._resolver.lifetime = lifetime_s
        self._resolver.use_edns(0, 0, PAYLOAD)
        self._lifetime_s = lifetime_s
        self._backend = dns.asyncbackend.get_backend("asyncio")

    async def ask(self, name: str, rdtype: dns.rdatatype.RdataType) -> Records:
        """One question, whatever its end."""
        try:
            qname = dns.name.from_text(name)
            async with asyncio.timeout(self._lifetime_s):  # dnspython's own one follows the wall clock
                answer = await self._resolver.resolve(
                    qname, rdtype, raise_on_no_answer=False, search=False, backend=self._backend
                )
        except dns.resolver.NXDOMAIN as error:
            return Records(
                Kind.NXDOMAIN, ttl=_least_ttl(error.kwargs["responses"].values()), detail="NXDOMAIN"
            )
        except dns.resolver.NoNameservers as error:
            return Records(Kind.FAILED, detail=_last_trouble(error))
        except (TimeoutError, dns.exception.Timeout):
            return Records(Kind.FAILED, detail=f"no answer from DNS in {self._lifetime_s:g} s")
        except (dns.exception.DNSException, UnicodeError, OSError, EOFError) as error:
            return Records(Kind.FAILED, detail=f"DNS: {str(error) or type(error).__name__}")
        return _read(answer)


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


def _configured(servers: tuple[str, ...], place: str) -> dns.asyncresolver.Resolver:
    if not servers:
        try:
            return dns.asyncresolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            raise errors.BadInput(place, "no DNS server is given, and the system names none") from None
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [server(text, place) for text in servers]
    return resolver


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
