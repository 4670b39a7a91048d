"""Whether a bounce domain may stand in return paths: its mail comes to us, and its SPF lets our ways out send for it.

Guarantees: trouble in asking DNS is UNKNOWN, never a no.
Not here: when it is asked, and what follows (``gatepost.upkeep``, ``gatepost.delivery``).
"""

import enum
import functools
import ipaddress
from collections.abc import Sequence

import msgspec
import publicsuffixlist

from gatepost.net import resolver as resolvers
from gatepost.net import spf


class Kind(enum.Enum):
    """How the check went."""

    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"  # DNS did not answer


class Checked(msgspec.Struct, frozen=True):
    """What was found. problem: for the operator; empty where it is good."""

    kind: Kind
    problem: str = ""


class Exit(msgspec.Struct, frozen=True):
    """One way out. ip: its bound address, or empty; ehlo: the name whose addresses stand for it where that is none of the
    Internet's (behind NAT, or left to the system)."""

    source: str
    ip: str
    ehlo: str


GOOD = Checked(Kind.GOOD)


async def check(
    resolver: resolvers.Resolver, bounce_domain: str, our_hosts: frozenset[str], exits: Sequence[Exit]
) -> Checked:
    """One look. our_hosts: the names under which our inbound listener is reached, lower case."""
    wrong = await _mail_comes_to_us(resolver, bounce_domain, our_hosts)
    if wrong is not None:
        return wrong
    for one in exits:
        ips = await _addresses(resolver, one)
        if isinstance(ips, Checked):
            return ips
        for ip in ips:
            result = await spf.check(resolver, ip, f"b@{bounce_domain}")
            if result is not spf.Result.PASS:
                kind = Kind.UNKNOWN if result is spf.Result.TEMPERROR else Kind.BAD
                return Checked(kind, f"SPF of {bounce_domain} for {ip} (Source {one.source}): {result}")
    return GOOD


def organisational(domain: str) -> str:
    """The organisational domain (a public suffix and one label more), or the domain itself where there is none."""
    return _suffixes().privatesuffix(domain) or domain


async def _mail_comes_to_us(
    resolver: resolvers.Resolver, domain: str, our_hosts: frozenset[str]
) -> Checked | None:
    answer = await resolver.mx(domain)
    match answer.kind:
        case resolvers.MxKind.FAILED:
            return Checked(Kind.UNKNOWN, answer.detail)
        case resolvers.MxKind.FOUND:
            best = min(preference for preference, _ in answer.hosts)
            others = [
                host for preference, host in answer.hosts if preference == best and host not in our_hosts
            ]
            if others:
                names = " or ".join(sorted(our_hosts))
                return Checked(Kind.BAD, f"MX of {domain} is {others[0]}, not {names}")
            return None
        case resolvers.MxKind.IMPLICIT:
            return Checked(Kind.BAD, f"{domain} has no MX record")
        case _:
            return Checked(Kind.BAD, answer.detail or f"{domain} takes no mail")


async def _addresses(resolver: resolvers.Resolver, one: Exit) -> tuple[str, ...] | Checked:
    """The addresses as which receivers see it."""
    if one.ip and ipaddress.ip_address(one.ip).is_global:
        return (one.ip,)
    answer = await resolver.addresses(one.ehlo)
    match answer.kind:
        case resolvers.AddressKind.FOUND:
            return answer.v4 + answer.v6
        case resolvers.AddressKind.FAILED:
            return Checked(Kind.UNKNOWN, answer.detail)
        case resolvers.AddressKind.NONE:
            return Checked(
                Kind.BAD,
                f"the address of Source {one.source} is not known: it has no public ip, and {one.ehlo} has no address",
            )


@functools.cache
def _suffixes() -> publicsuffixlist.PublicSuffixList:
    return publicsuffixlist.PublicSuffixList()
