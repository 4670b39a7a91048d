"""The do-not-send floor: which addresses, domains and networks are not sent to, for whom, since when and why."""

import enum
import ipaddress
from collections.abc import Iterable

import msgspec

from gatepost.model import address as addresses


class Scope(enum.IntEnum):
    """For whom an entry blocks; a higher value is more specific, and the most specific match explains."""

    INSTANCE = 0
    ACCOUNT = 1
    BRIDGE = 2
    LIST = 3

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


_MAPPED = 96  # bits before the IPv4 address in ::ffff:0:0/96


class Kind(enum.IntEnum):
    """What an entry names."""

    ADDRESS = 0
    DOMAIN = 1
    SUBDOMAINS = 2  # the domain and everything under it
    NETWORK = 3  # of the hosts that mail would go to; for the instance alone


class Standing(enum.IntEnum):
    """How sure we are: a provisional entry blocks just the same, but expires."""

    PROVISIONAL = 1
    CONFIRMED = 2

    @property
    def word(self) -> str:
        """As written outside the code (design.md calls it ``state``)."""
        return self.name.lower()


class Suppression(msgspec.Struct, frozen=True, gc=False):
    """One entry; (kind, target, scope, owner, list) is its identity.

    target: an address key, a domain key or a network (``network``). owner: the account's id (also for a list's scope), the Bridge's id, or 0.
    list: the list's name for scope LIST. reason: ``hard``, ``escalated``, ``refused``, ``complaint``, ``manual``,
    ``import`` … expires_at: ms, or 0 for never. delivery: whose bounce caused it. event: that event's seq.
    account, bridge: who caused it (decides to whom the reason may be shown). incident: its group, or 0.
    first_at: the first hard verdict; last_at: the newest one. previous: instance when a wider scope replaced it.
    """

    kind: Kind
    target: str
    scope: Scope = Scope.INSTANCE
    owner: int = 0
    list: str = ""
    standing: Standing = Standing.CONFIRMED
    reason: str = ""
    category: str = ""
    rule: str = ""
    rule_version: int = 0
    reply: bytes = b""
    created_at: int = 0
    last_at: int = 0
    expires_at: int = 0
    delivery: int = 0
    event: int = 0
    account: int = 0
    bridge: int = 0
    incident: int = 0
    note: str = ""

    @property
    def identity(self) -> tuple[int, str, int, int, str]:
        """What makes two entries the same one."""
        return (self.kind, self.target, self.scope, self.owner, self.list)


class Sender(msgspec.Struct, frozen=True, gc=False):
    """For whom a look-up is made: the scopes that can block one delivery."""

    account: int
    bridge: int
    list: str = ""


def blocks(entry: Suppression, sender: Sender, now_ms: int) -> bool:
    """Whether an entry about the right address or domain holds for this sender now."""
    if entry.expires_at and entry.expires_at <= now_ms:
        return False
    match entry.scope:
        case Scope.INSTANCE:
            return True
        case Scope.ACCOUNT:
            return entry.owner == sender.account
        case Scope.BRIDGE:
            return entry.owner == sender.bridge
        case Scope.LIST:
            return entry.owner == sender.account and entry.list == sender.list


def targets(key: str, domain: str) -> list[tuple[Kind, str]]:
    """Every (kind, target) that can block an address: itself, its domain, and each domain above it."""
    found = [(Kind.ADDRESS, key), (Kind.DOMAIN, domain), (Kind.SUBDOMAINS, domain)]
    at = domain.find(".")
    while at != -1:
        domain = domain[at + 1 :]
        found.append((Kind.SUBDOMAINS, domain))
        at = domain.find(".")
    return found


def hash_of(kind: Kind, target: str) -> int:
    """The 63-bit look-up key of an entry."""
    return addresses.hash64(target if kind is Kind.ADDRESS else f"{'@./'[kind - 1]}{target}")


def network(text: str) -> str:
    """The one form of a CIDR network or a single address; IPv4 in IPv6 (RFC 4291 §2.5.5.2) is IPv4. Raises ValueError."""
    found = ipaddress.ip_network(text.partition("%")[0])
    if (
        isinstance(found, ipaddress.IPv6Network)
        and found.network_address.ipv4_mapped
        and found.prefixlen >= _MAPPED
    ):
        found = ipaddress.IPv4Network((found.network_address.ipv4_mapped, found.prefixlen - _MAPPED))
    return str(found)


class Networks:
    """The NETWORK entries that hold now: a look-up costs one step for each length of prefix among them."""

    def __init__(self, entries: Iterable[Suppression] = ()) -> None:
        self._found: dict[tuple[int, int], dict[int, Suppression]] = {}
        for entry in entries:
            kept = ipaddress.ip_network(entry.target)
            at = self._found.setdefault((kept.version, kept.prefixlen), {})
            at[int(kept.network_address) >> (kept.max_prefixlen - kept.prefixlen)] = entry
        self._lengths = sorted(self._found, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._found)

    def against(self, text: str) -> Suppression | None:
        """The narrowest entry that an address, or the whole of a network, lies in; None too for what is neither."""
        if not self._found:
            return None
        try:
            asked = ipaddress.ip_network(network(text))
        except ValueError:
            return None
        number = int(asked.network_address)
        for version, length in self._lengths:
            if version == asked.version and length <= asked.prefixlen:
                entry = self._found[version, length].get(number >> (asked.max_prefixlen - length))
                if entry is not None:
                    return entry
        return None
