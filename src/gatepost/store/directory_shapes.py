"""The JSON form of the Directory's entries: names for numbers, and no secret.

Guarantees: the fields of a shape are always there; what is not known is null.
"""

import msgspec

from gatepost.model import directory as directories
from gatepost.model import moment as moments
from gatepost.store import shapes


class BridgeShape(msgspec.Struct, frozen=True):
    """A Bridge as scripts see it: all but its secrets. networks: where its API key may be used from; empty: anywhere."""

    name: str
    account: str
    pool: str
    kind: str
    on_suppressed: str
    sender_domains: tuple[str, ...]
    lifetime_s: int
    complaints: str
    networks: tuple[str, ...]
    notify_sender: str
    created_at: str | None
    revoked_at: str | None


class ApiKeyShape(msgspec.Struct, frozen=True):
    """A key to the API: all but the key itself."""

    name: str
    role: str
    networks: tuple[str, ...]
    created_at: str | None
    revoked_at: str | None


class UserShape(msgspec.Struct, frozen=True):
    """Who logs in to the dashboard: all but the password. password: whether there is one."""

    name: str
    role: str
    password: bool
    created_at: str | None


class PoolShape(msgspec.Struct, frozen=True):
    """A Pool as scripts see it."""

    name: str
    account: str
    sources: tuple[str, ...]


class SourceShape(msgspec.Struct, frozen=True):
    """A Source as scripts see it: all but its password."""

    name: str
    pool: str
    ip: str | None
    ip6: str | None
    ehlo: str | None
    host: str | None
    port: int | None
    username: str | None
    tls: str
    weight: int
    limits: directories.Limits
    disabled: bool


class DomainShape(msgspec.Struct, frozen=True):
    """A sender domain as scripts see it.

    return_path: as set. in_use: ``verp`` only while the check passes. proved_since: null while it does not; problem: why not.
    """

    domain: str
    account: str
    return_path: str
    in_use: str
    bounce_domain: str | None
    proved_since: str | None
    problem: str | None
    unsubscribe_url: str | None


def bridge(one: directories.Bridge, names: shapes.Names) -> BridgeShape:
    """The shape of a Bridge."""
    return BridgeShape(
        name=one.name,
        account=names.account.get(one.account, ""),
        pool=names.pool.get(one.pool, ""),
        kind=one.kind.name.lower(),
        on_suppressed=one.on_suppressed.name.lower(),
        sender_domains=one.sender_domains,
        lifetime_s=one.lifetime_s,
        complaints="note" if one.note_complaints else "suppress",
        networks=one.networks,
        notify_sender=one.notify_sender.name.lower(),
        created_at=moments.text_or_none(one.created_at),
        revoked_at=moments.text_or_none(one.revoked_at),
    )


def api_key(one: directories.ApiKey) -> ApiKeyShape:
    """The shape of a key."""
    return ApiKeyShape(
        one.name,
        one.role.word,
        one.networks,
        moments.text_or_none(one.created_at),
        moments.text_or_none(one.revoked_at),
    )


def user(one: directories.User) -> UserShape:
    """The shape of a user."""
    created = moments.text_or_none(one.created_at)
    return UserShape(one.name, one.role.word, bool(one.password_hash), created)


def pools(known: directories.Directory) -> list[PoolShape]:
    """The shapes of all Pools."""
    names = shapes.Names(known)
    return [
        PoolShape(
            name=pool.name,
            account=names.account.get(pool.account, ""),
            sources=tuple(source.name for source in known.sources if source.pool == pool.id),
        )
        for pool in known.pools
    ]


def sources(known: directories.Directory) -> list[SourceShape]:
    """The shapes of all Sources."""
    names = shapes.Names(known)
    return [
        SourceShape(
            name=one.name,
            pool=names.pool.get(one.pool, ""),
            ip=one.ip or None,
            ip6=one.ip6 or None,
            ehlo=one.ehlo or None,
            host=one.host or None,
            port=one.port or None,
            username=one.username or None,
            tls=one.tls,
            weight=one.weight,
            limits=one.limits,
            disabled=one.disabled,
        )
        for one in known.sources
    ]


def domains(known: directories.Directory) -> list[DomainShape]:
    """The shapes of all sender domains."""
    names = shapes.Names(known)
    return [
        DomainShape(
            domain=one.domain,
            account=names.account.get(one.account, ""),
            return_path=one.return_path.name.lower(),
            in_use="verp" if one.verp else "keep",
            bounce_domain=one.bounce_domain or None,
            proved_since=moments.text_or_none(one.proved_since),
            problem=one.problem or None,
            unsubscribe_url=one.unsubscribe_url or None,
        )
        for one in known.sender_domains
    ]
