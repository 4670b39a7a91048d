"""Accounts, Bridges, Pools, Sources and sender domains as somebody wants them, and the changes that make them so.

Guarantees: what is as wanted is left alone, so that following a plan twice changes nothing the second time; nothing that
a plan does not name is touched. References are by name. A new Bridge gets its secrets here, and they are returned once.
"""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Literal, TypeVar

import msgspec

from gatepost import errors
from gatepost.model import address as addresses
from gatepost.model import directory as directories
from gatepost.net import addresses as net_addresses
from gatepost.net import bounce_domain as bounce_domains
from gatepost.store import credentials

DEFAULT = "default"
_URL = re.compile(r"https://([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
_MAX_PORT = 65_535

_E = TypeVar("_E", bound=directories.Change)


class AccountPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[account]]``."""

    name: str


class PoolPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[pool]]``."""

    name: str
    account: str = DEFAULT


class SourcePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[source]]``: a local address with its EHLO name, or a smarthost (``host``)."""

    name: str
    pool: str = DEFAULT
    ip: str = ""
    ehlo: str = ""
    host: str = ""
    port: int = 0
    username: str = ""
    password: str = ""
    tls: Literal["opportunistic", "required", "never"] = "opportunistic"
    weight: int = 1
    disabled: bool = False
    ip6: str = ""
    limits: directories.Limits = directories.Limits()


class BridgePlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[bridge]]``. revoked: true ends it; its secrets open nothing any more. complaints: note: those about
    its mail are told, and suppress nobody. networks: where its API key may be used from; empty: anywhere.
    notify_sender: auto: its senders are told of failures while it has no webhook.
    """

    name: str
    account: str = DEFAULT
    pool: str = DEFAULT
    kind: Literal["bulk", "transactional"] = "bulk"
    on_suppressed: Literal["accept", "refuse"] = "accept"
    sender_domains: tuple[str, ...] = ()
    lifetime_s: int = 0
    revoked: bool = False
    complaints: Literal["suppress", "note"] = "suppress"
    networks: tuple[str, ...] = ()
    notify_sender: Literal["auto", "on", "off"] = "auto"


class DomainPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[domain]]``: a domain that an account may send from; what is not given stays as it is.

    bounce_domain: under ``verp``; empty: ``bounce.`` before the name. unsubscribe_url: empty: none.
    """

    name: str
    account: str = DEFAULT
    return_path: Literal["keep", "verp"] | None = None
    bounce_domain: str = ""
    unsubscribe_url: str | None = None


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A whole file."""

    account: tuple[AccountPlan, ...] = ()
    pool: tuple[PoolPlan, ...] = ()
    source: tuple[SourcePlan, ...] = ()
    domain: tuple[DomainPlan, ...] = ()
    bridge: tuple[BridgePlan, ...] = ()


class Secrets(msgspec.Struct, frozen=True):
    """Of one new Bridge; shown once."""

    bridge: str
    password: str
    key: str


class Done(msgspec.Struct, frozen=True):
    """One line per entry that was added or changed, and the secrets of new Bridges."""

    lines: tuple[str, ...]
    secrets: tuple[Secrets, ...]


class Means(msgspec.Struct, frozen=True):
    """How a plan is carried out: who writes the changes (and gives the Directory after them), for whom, who makes Bridges."""

    change: Callable[[Sequence[directories.Change], str], Awaitable[directories.Directory]]
    actor: str
    maker: "Maker"


async def follow(plan: Plan, known: directories.Directory, means: Means) -> Done:
    """Make it so. What refers to something new is written after it. Raises BadInput."""
    maker = means.maker
    stages: list[tuple[str, Callable[[directories.Directory], list[directories.Change]]]] = [
        ("account", lambda known: [_account(one, known) for one in plan.account]),
        ("pool", lambda known: [pool_entry(one, known) for one in plan.pool]),
        ("source", lambda known: [source_entry(one, known) for one in plan.source]),
        ("domain", lambda known: [domain_entry(one, known) for one in plan.domain]),
        ("bridge", lambda known: [maker.bridge(one, known) for one in plan.bridge]),
    ]
    lines: list[str] = []
    for kind, wanted in stages:
        changes = [entry for entry in wanted(known) if entry not in entries(known, kind)]
        if changes:
            lines += [
                f"{kind} {directories.name_of(entry)} {'changed' if entry.id else 'added'}"
                for entry in changes
            ]
            known = await means.change(changes, means.actor)
    return Done(tuple(lines), tuple(maker.secrets))


def entries(known: directories.Directory, kind: str) -> Sequence[directories.Change]:
    """All of one kind."""
    found: dict[str, Sequence[directories.Change]] = {
        "account": known.accounts,
        "pool": known.pools,
        "source": known.sources,
        "domain": known.sender_domains,
        "bridge": known.bridges,
    }
    return found[kind]


def all_entries(known: directories.Directory) -> list[directories.Change]:
    """Of every kind that a plan knows."""
    return [one for kind in Plan.__struct_fields__ for one in entries(known, kind)]


def bridge_of(name: str, known: directories.Directory) -> directories.Bridge:
    """The Bridge called ``name`` or ``account/name``. Raises BadInput."""
    account, slash, short = name.rpartition("/")
    owners = {one.id for one in known.accounts if not slash or one.name == account}
    found = [one for one in known.bridges if one.name == short and one.account in owners]
    if len(found) != 1:
        problem = "is the name of several Bridges: write account/name" if found else "is no Bridge"
        raise errors.BadInput("bridge", f"{name!r} {problem}")
    return found[0]


def fresh(_: str) -> str:
    """A random secret, whatever it is for."""
    return credentials.new_secret()


class Maker:
    """Makes Bridges, and remembers the secrets of new ones. draw: a secret, for ``password`` or ``key``."""

    def __init__(self, pepper: bytes, now_ms: int, draw: Callable[[str], str] = fresh) -> None:
        self.secrets: list[Secrets] = []
        self._pepper = pepper
        self._now = now_ms
        self._draw = draw

    def bridge(self, wanted: BridgePlan, known: directories.Directory) -> directories.Bridge:
        """The entry: as it is but for what is wanted otherwise, or new."""
        account = account_of(wanted.account, known).id
        old = find((one for one in known.bridges if one.account == account), wanted.name)
        if old is None:
            old = self._new(wanted.name)
        return msgspec.structs.replace(
            old,
            account=account,
            pool=pool_of(wanted.pool, account, known).id,
            kind=directories.BridgeKind[wanted.kind.upper()],
            on_suppressed=directories.OnSuppressed[wanted.on_suppressed.upper()],
            sender_domains=tuple(_domain_key(name) for name in wanted.sender_domains),
            lifetime_s=wanted.lifetime_s,
            note_complaints=wanted.complaints == "note",
            networks=networks_of(wanted.networks, f"bridge {wanted.name}.networks"),
            notify_sender=directories.NotifySender[wanted.notify_sender.upper()],
            revoked_at=(old.revoked_at or self._now) if wanted.revoked else 0,
        )

    def _new(self, name: str) -> directories.Bridge:
        secrets = Secrets(name, self._draw("password"), credentials.KEY_PREFIX + self._draw("key"))
        self.secrets.append(secrets)
        return directories.Bridge(
            id=0,
            account=0,
            name=name,
            pool=0,
            password_mac=credentials.mac(self._pepper, secrets.password),
            key_mac=credentials.mac(self._pepper, secrets.key),
            created_at=self._now,
        )


def with_secrets(
    bridge: directories.Bridge, pepper: bytes, password: str | None, key: str | None
) -> directories.Bridge:
    """A Bridge with other secrets; None: the old one stays."""
    return msgspec.structs.replace(
        bridge,
        password_mac=credentials.mac(pepper, password) if password else bridge.password_mac,
        key_mac=credentials.mac(pepper, key) if key else bridge.key_mac,
    )


def _account(wanted: AccountPlan, known: directories.Directory) -> directories.Account:
    return find(known.accounts, wanted.name) or directories.Account(0, wanted.name)


def pool_entry(wanted: PoolPlan, known: directories.Directory) -> directories.Pool:
    """The entry: as it is, or new. Raises BadInput."""
    account = account_of(wanted.account, known).id
    old = find((one for one in known.pools if one.account == account), wanted.name)
    return old or directories.Pool(0, account, wanted.name)


def source_entry(wanted: SourcePlan, known: directories.Directory) -> directories.Source:
    """The entry: as it is but for what is wanted otherwise, or new. Raises BadInput."""
    old = find(known.sources, wanted.name)
    pools = [one for one in known.pools if one.name == wanted.pool]
    if old is not None and old.pool in {one.id for one in pools}:
        pools = [one for one in pools if one.id == old.pool]
    if len(pools) != 1:
        raise errors.BadInput(f"source {wanted.name}", f"{wanted.pool!r} is not the name of one Pool")
    _check_source(wanted)
    return directories.Source(
        id=old.id if old else 0,
        pool=pools[0].id,
        name=wanted.name,
        node=old.node if old else 0,
        ip=wanted.ip,
        ip6=wanted.ip6,
        ehlo=wanted.ehlo,
        host=wanted.host,
        port=wanted.port,
        username=wanted.username,
        password=wanted.password,
        tls=wanted.tls,
        weight=wanted.weight,
        limits=wanted.limits,
        disabled=wanted.disabled,
    )


def domain_entry(wanted: DomainPlan, known: directories.Directory) -> directories.SenderDomain:
    """The entry: as it is but for what is wanted otherwise, or new. Raises BadInput."""
    account = account_of(wanted.account, known).id
    domain = _domain_key(wanted.name)
    fresh = directories.SenderDomain(0, account, domain)
    same = (one for one in known.sender_domains if one.account == account and one.domain == domain)
    found = _returning(wanted, next(same, fresh))
    if wanted.unsubscribe_url is None:
        return found
    return msgspec.structs.replace(found, unsubscribe_url=_unsubscribe_url(wanted.unsubscribe_url, domain))


def _unsubscribe_url(url: str, domain: str) -> str:
    """What stands in front of a token: HTTPS, under the sender's own organisational domain, so that nobody is surprised."""
    if not url:
        return ""
    found, top = _URL.fullmatch(url), bounce_domains.organisational(domain)
    if found is None:
        raise errors.BadInput(f"domain {domain}.unsubscribe_url", f"{url!r} is not https://host/path")
    host = found[1].lower()
    if host != top and not host.endswith(f".{top}"):
        raise errors.BadInput(f"domain {domain}.unsubscribe_url", f"{host} is not {top} or below it")
    return f"{url.rstrip('/')}/u/"


def _returning(wanted: DomainPlan, old: directories.SenderDomain) -> directories.SenderDomain:
    """With the return path that is wanted; a new one has to be proved first."""
    path = old.return_path
    if wanted.return_path is not None:
        path = directories.ReturnPath[wanted.return_path.upper()]
    bounce = ""
    if path is directories.ReturnPath.VERP:
        bounce = _bounce_domain(
            wanted.bounce_domain or old.bounce_domain or f"bounce.{old.domain}", old.domain
        )
    elif wanted.bounce_domain:
        raise errors.BadInput(f"domain {old.domain}.bounce_domain", 'is for return_path = "verp" alone')
    if (path, bounce) == (old.return_path, old.bounce_domain):
        return old
    return msgspec.structs.replace(old, return_path=path, bounce_domain=bounce, proved_since=0, problem="")


def _bounce_domain(name: str, domain: str) -> str:
    """Under the organisational domain of the sender's, so that SPF and From stay aligned (RFC 7489 §3.1.2)."""
    bounce = _domain_key(name)
    top = bounce_domains.organisational(domain)
    if not bounce.endswith(f".{top}"):
        raise errors.BadInput(f"domain {domain}.bounce_domain", f"{bounce} is not below {top}")
    if bounce == domain:
        raise errors.BadInput(
            f"domain {domain}.bounce_domain", "is the sender domain itself: its own mail would come here"
        )
    return bounce


def _check_source(wanted: SourcePlan) -> None:
    place = f"source {wanted.name}"
    try:
        ipaddress.ip_address(wanted.ip or "::1")
    except ValueError:
        raise errors.BadInput(f"{place}.ip", f"{wanted.ip!r} is not an IP address") from None
    try:
        ipaddress.IPv6Address(wanted.ip6 or "::1")
    except ValueError:
        raise errors.BadInput(f"{place}.ip6", f"{wanted.ip6!r} is not an IPv6 address") from None
    if wanted.ip6 and ":" in wanted.ip:
        raise errors.BadInput(f"{place}.ip6", "ip is an IPv6 address already")
    if wanted.weight < 0:
        raise errors.BadInput(f"{place}.weight", f"{wanted.weight} is below 0")
    if wanted.host and not 1 <= wanted.port <= _MAX_PORT:
        raise errors.BadInput(f"{place}.port", f"{wanted.port} is not a port")


def networks_of(given: Sequence[str], place: str) -> tuple[str, ...]:
    """Networks in their normal form. Raises BadInput."""
    return tuple(str(one) for one in net_addresses.networks(given, place))


def _domain_key(name: str) -> str:
    try:
        return addresses.domain_key(name)
    except addresses.AddressError as error:
        raise errors.BadInput(f"domain {name!r}", error.problem) from None


def account_of(name: str, known: directories.Directory) -> directories.Account:
    """The account of that name. Raises BadInput."""
    found = find(known.accounts, name)
    if found is None:
        raise errors.BadInput("account", f"there is no account {name!r}")
    return found


def pool_of(name: str, account: int, known: directories.Directory) -> directories.Pool:
    """The account's Pool of that name. Raises BadInput."""
    found = find((one for one in known.pools if one.account == account), name)
    if found is None:
        raise errors.BadInput("pool", f"there is no Pool {name!r} of this account")
    return found


def find(entries_: Iterable[_E], name: str) -> _E | None:
    """The entry of that name."""
    for entry in entries_:
        if directories.name_of(entry) == name:
            return entry
    return None
