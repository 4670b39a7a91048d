"""Suppressions as people write them: ``ann@example.org``, ``@example.org``, ``@.example.org``; for whom, why and until when.

Guarantees: addresses and domains are read into their normal form; an entry made here is confirmed, unless it expires.
Fails with BadInput.
"""

from collections.abc import AsyncIterator

import msgspec

from gatepost import errors
from gatepost.console import planning
from gatepost.model import address as addresses
from gatepost.model import directory as directories
from gatepost.model import suppression as suppressions
from gatepost.store import filters, port

_PAGE = 1000
_SCOPES = "instance, account:NAME, bridge:NAME or list:NAME (list:ACCOUNT/NAME)"


class Wish(msgspec.Struct, frozen=True):
    """What an entry shall be, as given."""

    targets: tuple[str, ...]
    scope: str
    reason: str = "manual"
    note: str = ""
    expires: int = 0


def entry_of(text: str, wish: Wish, known: directories.Directory, now: int) -> suppressions.Suppression:
    """The entry about a target as it is wished. Raises BadInput."""
    kind, target = target_of(text)
    scope, owner, listed = scope_of(wish.scope, known)
    if kind is suppressions.Kind.NETWORK and scope is not suppressions.Scope.INSTANCE:
        raise errors.BadInput(
            repr(text), "a network is suppressed for the instance alone: connections are shared"
        )
    bridge = next(
        (one for one in known.bridges if scope is suppressions.Scope.BRIDGE and one.id == owner), None
    )
    account = bridge.account if bridge is not None else owner
    standing = suppressions.Standing.PROVISIONAL if wish.expires else suppressions.Standing.CONFIRMED
    return suppressions.Suppression(
        kind=kind,
        target=target,
        scope=scope,
        owner=owner,
        list=listed,
        standing=standing,
        reason=wish.reason,
        created_at=now,
        last_at=now,
        expires_at=now + wish.expires if wish.expires else 0,
        account=account,
        bridge=bridge.id if bridge is not None else 0,
        note=wish.note,
    )


def target_of(text: str) -> tuple[suppressions.Kind, str]:
    """Read an address, ``@domain``, ``@.domain`` or a network of hosts (``192.0.2.0/24``). Raises BadInput."""
    if "@" not in text:
        try:
            return suppressions.Kind.NETWORK, suppressions.network(text)
        except ValueError:
            raise errors.BadInput(repr(text), "is no address, @domain or network like 192.0.2.0/24") from None
    try:
        if text.startswith("@."):
            return suppressions.Kind.SUBDOMAINS, addresses.domain_key(text[2:])
        if text.startswith("@"):
            return suppressions.Kind.DOMAIN, addresses.domain_key(text[1:])
        return suppressions.Kind.ADDRESS, addresses.parse(text, utf8=True).key
    except addresses.AddressError as error:
        raise errors.BadInput(repr(text), error.problem) from None


def scope_of(text: str, known: directories.Directory) -> tuple[suppressions.Scope, int, str]:
    """Read a scope: what, whose (the owner's number), and the list's name. Raises BadInput."""
    word, _, name = text.partition(":")
    match word:
        case "instance" if not name:
            return suppressions.Scope.INSTANCE, 0, ""
        case "account":
            return suppressions.Scope.ACCOUNT, _account(name, known), ""
        case "bridge" if name:
            return suppressions.Scope.BRIDGE, planning.bridge_of(name, known).id, ""
        case "list" if name:
            account, _, listed = name.rpartition("/")
            return suppressions.Scope.LIST, _account(account, known), listed
        case _:
            raise errors.BadInput("scope", f"{text!r} is not {_SCOPES}")


def _account(name: str, known: directories.Directory) -> int:
    """The account of that name, or the only one."""

    if not name and len(known.accounts) == 1:
        return known.accounts[0].id
    return planning.account_of(name or planning.DEFAULT, known).id


async def pages(
    store: port.Store, where: filters.Where
) -> AsyncIterator[tuple[int, suppressions.Suppression]]:
    """The entries that match, with their cursors, page by page: no snapshot is held."""
    after = 0
    while page := await store.suppressions(where, after, _PAGE):
        for one in page:
            yield one
        after = page[-1][0]
