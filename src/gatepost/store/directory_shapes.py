"""The JSON form of the Directory's entries: names for numbers, and no secret.

Guarantees: the fields of a shape are always there; what is not known is null.
"""

import msgspec

from gatepost.model import directory as directories
from gatepost.model import moment as moments


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


def bridge(one: directories.Bridge, known: directories.Directory) -> BridgeShape:
    """The shape of a Bridge."""
    accounts = {account.id: account.name for account in known.accounts}
    pools = {pool.id: pool.name for pool in known.pools}
    return BridgeShape(
        name=one.name,
        account=accounts.get(one.account, ""),
        pool=pools.get(one.pool, ""),
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
