"""Where a domain's mail goes: an override, the Source's smarthost, or the hosts that its DNS names.

Guarantees: an answer is either targets in the order to try them or a Problem; nothing here connects anywhere.
Not here: which addresses may be connected to (``gatepost.net.addresses``, checked on the socket's own address).
"""

import collections
import functools
import ipaddress
from collections.abc import Sequence

import msgspec
import publicsuffixlist

from gatepost.delivery import demand, strict
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories
from gatepost.model import failure as failures
from gatepost.net import mta_sts
from gatepost.net import resolver as resolvers

# A Provider by the registered domain of its MX hosts (the providers' own published MX names).
_PROVIDERS = {
    "google.com": "google",
    "googlemail.com": "google",
    "outlook.com": "microsoft",
    "hotmail.com": "microsoft",
    "office365.us": "microsoft",
    "mx.microsoft": "microsoft",
    "yahoodns.net": "yahoo",
    "icloud.com": "apple",
    "comcast.net": "comcast",
    "mimecast.com": "mimecast",
    "pphosted.com": "proofpoint",
    "orange.fr": "orange",
    "gmx.net": "gmx",
    "web.de": "gmx",
    "qq.com": "qq",
    "mail.ru": "mail.ru",
    "yandex.ru": "yandex",
    "zoho.com": "zoho",
}

_NAMED = 5  # hosts in a detail


class Target(msgspec.Struct, frozen=True):
    """One host to try: a name (or an address literal) and a port.

    named: by the operator, who may mean a private one. rank: its place by preference, from 0; equal ones share it.
    tls: what is demanded of it.
    """

    host: str
    port: int
    named: bool = False
    rank: int = 0
    tls: demand.Demand = demand.Demand()


class Plan(msgspec.Struct, frozen=True):
    """How to reach a domain by one Source: its Provider, and either targets or the Problem that stops it.

    targets: in one order for all domains with these hosts, so that they share connections. fixed: the targets were named by the operator (a smarthost or an override), not by DNS.
    expires: monotonic seconds until which the plan may be used again. gone: NXDOMAIN that two resolvers confirmed.
    """

    provider: str
    targets: tuple[Target, ...]
    problem: failures.Problem | None = None
    detail: str = ""
    fixed: bool = False
    expires: float = 0.0
    gone: bool = False


class Router:
    """Finds plans. Collaborators come in; the resolver keeps the cache."""

    def __init__(
        self,
        resolver: resolvers.Resolver,
        routes: tuple[delivery_settings.Route, ...],
        settings: delivery_settings.DeliverySettings,
        policies: strict.Policies | None = None,
    ) -> None:
        self._resolver = resolver
        self._policies = policies if settings.mta_sts else None
        self._settings = settings
        self._routes = {route.domain.lower().rstrip(".") or ".": _target(route.to) for route in routes}

    def override(self, domain: str) -> Target | None:
        """The ``[[route]]`` that covers a domain: itself, then each ``.suffix``, then ``.``."""
        if not self._routes:
            return None
        exact = self._routes.get(domain)
        if exact is not None:
            return exact
        at = domain.find(".")
        while at != -1:
            found = self._routes.get(domain[at:])
            if found is not None:
                return found
            at = domain.find(".", at + 1)
        return self._routes.get(".")

    def provider_without_dns(self, domain: str, source: directories.Source) -> str:
        """The Provider where no DNS is asked (smarthost or override), else empty."""
        if source.smarthost:
            return f"{source.host}:{source.port or 587}"
        target = self.override(domain)
        return f"{target.host}:{target.port}" if target else ""

    async def plan(self, domain: str, source: directories.Source, now: float) -> Plan:
        """The plan for a domain by a Source; asks DNS unless the operator has fixed the way."""
        fixed = self.provider_without_dns(domain, source)
        if fixed:
            host, _, port = fixed.rpartition(":")
            rule = demand.rule_for(self._settings.tls, domain, fixed)
            target = Target(host, int(port), named=True, tls=demand.of(source, rule, None))
            return Plan(fixed, (target,), fixed=True, expires=now + 3600.0)
        answer = await self._resolver.mx(domain)
        match answer.kind:
            case resolvers.MxKind.FOUND:
                return await self._to(domain, provider_of_set(answer.hosts), answer, source, now)
            case resolvers.MxKind.IMPLICIT:
                return await self._to(domain, domain, answer, source, now)
            case resolvers.MxKind.NULL_MX:
                problem = failures.Problem.NULL_MX
            case resolvers.MxKind.NXDOMAIN:
                gone = await self._resolver.is_gone(domain)
                problem = failures.Problem.NX_DOMAIN
                return Plan(domain, (), problem, answer.detail, expires=now + 60.0, gone=gone)
            case resolvers.MxKind.NO_ADDRESS:
                problem = failures.Problem.NO_ADDRESS
            case resolvers.MxKind.FAILED:
                problem = failures.Problem.DNS_FAILURE
        return Plan(domain, (), problem, answer.detail, expires=now + 5.0)

    async def _to(
        self,
        domain: str,
        provider: str,
        answer: resolvers.MxAnswer,
        source: directories.Source,
        now: float,
    ) -> Plan:
        """The plan to the hosts that DNS names, with what is demanded of them."""
        rule = demand.rule_for(self._settings.tls, domain, provider)
        found = strict.Found()
        if rule is None and self._policies is not None and source.tls != "never":
            found = await self._policies.find(domain)
        wanted = demand.of(source, rule, found.policy)
        hosts = answer.hosts
        if found.policy is not None and demand.enforced(found.policy):
            hosts = tuple(one for one in hosts if mta_sts.allows(found.policy, one[1]))
        if not hosts:
            named = ", ".join(host for _, host in answer.hosts[:_NAMED])
            detail = f"{demand.MTA_STS}: the policy of {domain} allows none of its hosts: {named}"
            return Plan(provider, (), failures.Problem.TLS_FAILED, detail, expires=now + 60.0)
        return Plan(provider, self._targets(hosts, wanted), expires=now + 60.0)

    def _targets(self, hosts: Sequence[tuple[int, str]], wanted: demand.Demand) -> tuple[Target, ...]:
        ranks = {preference: rank for rank, preference in enumerate(sorted({one for one, _ in hosts}))}
        port = self._settings.port
        found = (Target(host, port, rank=ranks[preference], tls=wanted) for preference, host in hosts)
        return tuple(sorted(found, key=lambda target: (target.rank, target.host)))


def provider_of_set(hosts: Sequence[tuple[int, str]]) -> str:
    """The Provider behind MX records, whatever their order: of the best ones the one with a name, else the commonest."""
    best = min(preference for preference, _ in hosts)
    found = collections.Counter(provider_of(host) for preference, host in hosts if preference == best)
    return min(found, key=lambda name: (name not in provider_names(), -found[name], name))


def provider_of(mx_host: str) -> str:
    """The Provider behind an MX host: a known name, else the registered domain of the host."""
    registered = _suffixes().privatesuffix(mx_host.lower().rstrip(".")) or mx_host
    return _PROVIDERS.get(registered, registered)


def provider_names() -> frozenset[str]:
    """The Providers that have a name of their own; any other is a domain, or ``host:port`` where the way is fixed."""
    return frozenset(_PROVIDERS.values())


@functools.cache
def _suffixes() -> publicsuffixlist.PublicSuffixList:
    """Read once, when the first MX is seen: it costs a tenth of a second."""
    return publicsuffixlist.PublicSuffixList(only_icann=True)


def _target(to: str) -> Target:
    host, _, port = to.rpartition(":")
    host = host.strip("[]")
    return Target(host, int(port))


def is_literal(host: str) -> bool:
    """Whether a target is an IP address and needs no DNS."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
