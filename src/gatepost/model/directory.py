"""Who sends, and by what way: accounts, Bridges, Pools, Sources, sender domains and their DKIM keys. They live in the store."""

import enum
from typing import Annotated

import msgspec

from gatepost.model import directive as directive_values
from gatepost.model import webhook as webhook_values

# A lane's limit: more than any server allows, and less than would overflow a timer.
_Limit = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]


class BridgeKind(enum.IntEnum):
    """What a Bridge's mail is: decides priority, holds and unsubscribes."""

    TRANSACTIONAL = 0
    BULK = 1


class OnSuppressed(enum.IntEnum):
    """How a suppressed recipient is answered at submission (default ACCEPT)."""

    ACCEPT = 0
    REFUSE = 1


class NotifySender(enum.IntEnum):
    """Whether a Bridge's senders are told by mail of what fails. AUTO: while the Bridge has no webhook that tells it."""

    AUTO = 0
    ON = 1
    OFF = 2


class Account(msgspec.Struct, frozen=True, gc=False, tag="account"):
    """Who owns Bridges, Pools, sender domains, lists, suppressions and events."""

    id: int
    name: str


class Bridge(msgspec.Struct, frozen=True, gc=False, tag="bridge"):
    """How one application sends. ``password_mac`` and ``key_mac`` are HMAC-SHA-256 of its two secrets.

    sender_domains: what it may use in MAIL FROM and From; empty: all of its account's. lifetime_s: of its messages, or
    0 for the policy's. revoked_at: ms, or 0. note_complaints: complaints about its mail suppress nobody.
    networks: where its API key may be used from; empty: anywhere.
    """

    id: int
    account: int
    name: str
    pool: int
    kind: BridgeKind = BridgeKind.BULK
    on_suppressed: OnSuppressed = OnSuppressed.ACCEPT
    password_mac: bytes = b""
    key_mac: bytes = b""
    sender_domains: tuple[str, ...] = ()
    lifetime_s: int = 0
    created_at: int = 0
    revoked_at: int = 0
    note_complaints: bool = False
    networks: tuple[str, ...] = ()
    notify_sender: NotifySender = NotifySender.AUTO

    def notifies(self, *, webhook: bool) -> bool:
        """Whether its senders are told by mail. webhook: whether one tells it of its failures."""
        return self.notify_sender is NotifySender.ON or (
            self.notify_sender is NotifySender.AUTO and not webhook
        )


class Pool(msgspec.Struct, frozen=True, gc=False, tag="pool"):
    """A named group of Sources; mail rotates over them by weight."""

    id: int
    account: int
    name: str


class Limits(msgspec.Struct, frozen=True, gc=False):
    """A lane's limits; 0 means none. None in a Source means the Provider's or the base's value.

    connections: open at once. connections_per_min: new ones. per_connection: deliveries before it is closed.
    per_second: messages. idle_s: how long a connection without work is kept.
    """

    connections: _Limit | None = None
    connections_per_min: _Limit | None = None
    per_connection: _Limit | None = None
    per_second: _Limit | None = None
    idle_s: _Limit | None = None


class Source(msgspec.Struct, frozen=True, gc=False, tag="source"):
    """One way out: a local address with an EHLO name on one Node, or a smarthost (host is set).

    ip: the bound local address, or empty for the system's choice; ip6: an IPv6 one beside it, else an address of one
    family uses that family alone. tls: ``opportunistic``, ``required`` or ``never``.
    """

    id: int
    pool: int
    name: str
    node: int = 0
    ip: str = ""
    ehlo: str = ""
    host: str = ""
    port: int = 0
    username: str = ""
    password: str = ""
    tls: str = "opportunistic"
    weight: int = 1
    limits: Limits = Limits()
    disabled: bool = False
    ip6: str = ""

    @property
    def smarthost(self) -> bool:
        """Whether it relays through another server instead of going to the MX."""
        return bool(self.host)

    @property
    def usable(self) -> bool:
        """Whether new mail is given to it."""
        return self.weight > 0 and not self.disabled

    def local(self, *, v6: bool) -> str | None:
        """The local address for a family: empty for the system's choice, None where this Source does not use it."""
        if v6 and self.ip6:
            return self.ip6
        if not self.ip or (":" in self.ip) == v6:
            return self.ip
        return None


class ReturnPath(enum.IntEnum):
    """What stands in MAIL FROM: the submitter's address, or one of our own for each delivery."""

    KEEP = 0
    VERP = 1


class SenderDomain(msgspec.Struct, frozen=True, gc=False, tag="domain"):
    """A domain that an account may send from.

    bounce_domain: where return paths of ours are, under VERP. proved_since: when the check of its MX and SPF began to pass
    (ms), or 0 while it does not: then the submitter's address is kept. problem: what the last check said, if it was no.
    unsubscribe_url: where its recipients reach us over HTTPS, for ``List-Unsubscribe``; empty: none is added.
    """

    id: int
    account: int
    domain: str
    return_path: ReturnPath = ReturnPath.KEEP
    bounce_domain: str = ""
    proved_since: int = 0
    problem: str = ""
    unsubscribe_url: str = ""

    @property
    def verp(self) -> bool:
        """Whether its mail gets return paths of ours now."""
        return self.return_path is ReturnPath.VERP and self.proved_since > 0


class KeyAlgorithm(enum.StrEnum):
    """What a DKIM key is."""

    RSA = "rsa"
    ED25519 = "ed25519"


class KeyState(enum.StrEnum):
    """Whether a DKIM key signs. STAGED: made, its DNS record may not be there yet. RETIRED: signs no more."""

    STAGED = "staged"
    ACTIVE = "active"
    RETIRED = "retired"


class DkimKey(msgspec.Struct, frozen=True, gc=False, tag="dkim_key"):
    """A key that signs a sender domain's mail, in DNS at ``selector._domainkey.domain``.

    domain: the SenderDomain. private_key: PEM (PKCS #8); a secret, kept as a smarthost's password is. The times in ms, or 0.
    """

    id: int
    domain: int
    selector: str
    algorithm: KeyAlgorithm
    private_key: str
    state: KeyState = KeyState.STAGED
    created_at: int = 0
    activated_at: int = 0
    retired_at: int = 0


class Node(msgspec.Struct, frozen=True, gc=False, tag="node"):
    """A machine that runs Gatepost."""

    id: int
    name: str


class TokenKey(msgspec.Struct, frozen=True, gc=False, tag="token_key"):
    """A secret that return paths and header tokens are signed with. since: ms; mail accepted from then on has it."""

    id: int
    name: str
    secret: bytes
    since: int


class Role(enum.IntEnum):
    """What an API key may do; each may what those before it may."""

    READ = 0
    OPERATOR = 1
    ADMIN = 2

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class ApiKey(msgspec.Struct, frozen=True, gc=False, tag="api_key"):
    """A key to the console's API that belongs to no Bridge. ``key_mac``: HMAC-SHA-256 of it. The times in ms, or 0.

    networks: where it may be used from; empty: anywhere.
    """

    id: int
    name: str
    role: Role
    key_mac: bytes
    networks: tuple[str, ...] = ()
    created_at: int = 0
    revoked_at: int = 0


class User(msgspec.Struct, frozen=True, gc=False, tag="user"):
    """Who logs in to the dashboard. ``password_hash``: argon2id, with its parameters and salt. The times in ms.

    password_at: since when this password holds; a session that was opened before has ended. removed: it ends with this change.
    """

    id: int
    name: str
    role: Role
    password_hash: str
    password_at: int = 0
    created_at: int = 0
    removed: bool = False


class Directory(msgspec.Struct, frozen=True, gc=False):
    """All of it at one version: a worker holds one and takes a new one when the version has risen."""

    version: int = 0
    accounts: tuple[Account, ...] = ()
    bridges: tuple[Bridge, ...] = ()
    pools: tuple[Pool, ...] = ()
    sources: tuple[Source, ...] = ()
    sender_domains: tuple[SenderDomain, ...] = ()
    nodes: tuple[Node, ...] = ()
    dkim_keys: tuple[DkimKey, ...] = ()
    token_keys: tuple[TokenKey, ...] = ()
    api_keys: tuple[ApiKey, ...] = ()
    webhooks: tuple[webhook_values.Webhook, ...] = ()
    directives: tuple[directive_values.Directive, ...] = ()
    users: tuple[User, ...] = ()

    def notifies(self, bridge: Bridge) -> bool:
        """Whether a Bridge's senders are told by mail of what fails."""
        told = any(one.tells_of_failures(bridge.account, bridge.id) for one in self.webhooks)
        return bridge.notifies(webhook=told)

    def standing(self) -> directive_values.Standing:
        """The directives that deliveries are held against."""
        usable: dict[int, list[int]] = {}
        for one in self.sources:
            if one.usable:
                usable.setdefault(one.pool, []).append(one.id)
        return directive_values.Standing(self.directives, {one.id: one.pool for one in self.sources}, usable)

    def direct(self, account: int) -> list[Source]:
        """The Sources by which an account's mail goes to the MX itself, from addresses of ours."""
        pools = {pool.id for pool in self.pools if pool.account == account}
        return [one for one in self.sources if one.pool in pools and not one.smarthost and not one.disabled]


Change = (
    Account
    | Bridge
    | Pool
    | Source
    | SenderDomain
    | Node
    | DkimKey
    | TokenKey
    | ApiKey
    | User
    | webhook_values.Webhook
    | directive_values.Directive
)


def name_of(entry: Change) -> str:
    """As people call it."""
    match entry:
        case SenderDomain():
            return entry.domain
        case DkimKey():
            return entry.selector
        case _:
            return entry.name
