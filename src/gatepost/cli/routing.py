"""``gatepost route``: which Source, lane, hosts, TLS and limits a recipient would get, asked of DNS now."""

from typing import TYPE_CHECKING, Annotated

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, show

if TYPE_CHECKING:
    from gatepost import config
    from gatepost.delivery import route as routes
    from gatepost.delivery import settings as delivery_settings
    from gatepost.delivery import strict
    from gatepost.model import directory as directories
    from gatepost.net import addresses, resolver


class Host(msgspec.Struct, frozen=True):
    """One host that would be tried. rank: 0 for the best. refused: addresses that are never connected to, and why."""

    host: str
    port: int
    rank: int
    addresses: list[str]
    refused: list[str]
    problem: str | None


class Way(msgspec.Struct, frozen=True):
    """How mail would leave by one Source. local: its addresses; none for the system's choice. problem: why it would wait."""

    address: str
    source: str
    weight: int
    queue: str
    provider: str
    lane: str
    local: list[str]
    ehlo: str
    hosts: list[Host]
    tls: str
    tls_by: str
    mta_sts: str | None
    limits: "delivery_settings.LaneLimits"
    problem: str | None


class _Parts(msgspec.Struct, frozen=True):
    """What the ways are found with."""

    settings: "config.Settings"
    finds: "resolver.Resolver"
    rules: "addresses.AddressRules"
    policies: "strict.Policies"
    router: "routes.Router"


def route(
    address: str,
    /,
    *,
    bridge: Annotated[str, cyclopts.Parameter(help="Only the Sources that this Bridge's mail uses.")] = "",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Say which way mail to an address would take; status 1 if it would have to wait.

    Parameters
    ----------
    address
        The recipient, or its domain.
    """
    from gatepost.model import address as model_addresses

    domain = address if "@" not in address else model_addresses.parse(address, utf8=True).domain
    found = context.run(_ways(address, model_addresses.domain_key(domain), bridge, context.load(config)))
    for way in found:
        if json:
            show.json_line(way)
        else:
            _print(way)
    return 1 if any(way.problem for way in found) else 0


async def _ways(address: str, domain: str, bridge: str, settings: "config.Settings") -> list[Way]:
    async with context.opened(settings) as store:
        sources = _sources(await store.directory(), bridge)
    parts = _parts(settings)
    return [await _way(address, domain, source, parts) for source in sources]


def _sources(known: "directories.Directory", bridge: str) -> list["directories.Source"]:
    pools = {pool.id for pool in known.pools}
    if bridge:
        pools = {one.pool for one in known.bridges if one.name == bridge}
        if not pools:
            raise errors.BadInput("bridge", f"there is no Bridge {bridge!r}")
    found = [one for one in known.sources if one.pool in pools and one.usable]
    if not found:
        raise errors.BadInput("source", "no Source is in use here; `gatepost source add` makes one")
    return found


def _parts(settings: "config.Settings") -> _Parts:
    from gatepost.app import compose
    from gatepost.delivery import route as routes
    from gatepost.delivery import strict

    clock = compose.clock()
    finds = compose.build_resolver(settings, clock)
    policies = strict.Policies(finds, compose.build_fetcher(settings, finds), clock)
    router = routes.Router(finds, settings.route, settings.delivery, policies)
    return _Parts(settings, finds, compose.build_rules(settings), policies, router)


async def _way(address: str, domain: str, source: "directories.Source", parts: _Parts) -> Way:
    from gatepost.delivery import demand, limits

    delivery = parts.settings.delivery
    plan = await parts.router.plan(domain, source, 0.0)
    hosts = [await _host(target, source, parts) for target in plan.targets]
    known = await parts.policies.find(domain) if delivery.mta_sts and not plan.fixed else None
    wanted = plan.targets[0].tls if plan.targets else demand.of(source, None, None)
    problem = plan.detail if plan.problem is not None else None
    if not problem and not any(host.addresses for host in hosts):
        problem = hosts[0].problem or "no host has an address that may be connected to"
    mode = known.policy.mode.value if known is not None and known.policy is not None else None
    return Way(
        address=address,
        source=source.name,
        weight=source.weight,
        queue=f"{domain}/{source.name}",
        provider=plan.provider,
        lane=source.name if source.smarthost else f"{plan.provider}/{source.name}",
        local=[ip for ip in (source.ip, source.ip6) if ip],
        ehlo=source.ehlo or parts.settings.hostname,
        hosts=hosts,
        tls=wanted.level.word,
        tls_by=wanted.by or f"source {source.name}",
        mta_sts=mode or (known.problem if known is not None and known.problem else None),
        limits=limits.effective(plan.provider, source, delivery),
        problem=problem,
    )


async def _host(target: "routes.Target", source: "directories.Source", parts: _Parts) -> Host:
    from gatepost.delivery import route as routes

    if routes.is_literal(target.host):
        found: tuple[str, ...] = (target.host,)
        problem = ""
    else:
        answer = await parts.finds.addresses(target.host)
        found = tuple(ip for ip in (*answer.v6, *answer.v4) if source.local(v6=":" in ip) is not None)
        problem = answer.detail or ("" if found else "no address of a family that this Source has")
    refusals = {} if target.named else {ip: parts.rules.refusal(ip) for ip in found}
    refused = [said for said in refusals.values() if said]
    return Host(
        host=target.host,
        port=target.port,
        rank=target.rank,
        addresses=[ip for ip in found if not refusals.get(ip)],
        refused=refused,
        problem=problem or (refused[0] if len(refused) == len(found) else "") or None,
    )


def _print(way: Way) -> None:
    limits = way.limits
    rate = f", {limits.per_second} a second" if limits.per_second else ""
    rows = [
        ("source", f"{way.source}  (weight {way.weight}, EHLO {way.ehlo})"),
        ("from", " and ".join(way.local) or "the system's choice of address"),
        ("queue", way.queue),
        ("lane", f"{way.lane}  (provider {way.provider})"),
        *(("host", _host_line(host)) for host in way.hosts),
        ("tls", f"{way.tls}, by {way.tls_by}"),
        ("mta-sts", way.mta_sts or "none"),
        (
            "limits",
            f"{limits.connections} connections, {limits.connections_per_min} new a minute, "
            f"{limits.per_connection} deliveries each{rate}",
        ),
    ]
    if way.problem:
        rows.append(("problem", f"the mail would wait or end: {way.problem}"))
    for name, text in rows:
        show.line(f"{name:<9}{text}")
    show.line("")


def _host_line(host: Host) -> str:
    said = ", ".join(host.addresses) or host.problem or "no address"
    never = f"; never: {'; '.join(host.refused)}" if host.refused and host.addresses else ""
    return f"{host.host}:{host.port}  {said}{never}"
