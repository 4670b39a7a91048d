"""DKIM keys of sender domains in the Directory: found by name, brought into a state, and shown.

Guarantees: a private key is in nothing that is shown.
"""

import re
from typing import TYPE_CHECKING

import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.model import directory as directories

if TYPE_CHECKING:
    from gatepost.dkim import keys

_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*")
_MAX_NAME = 253  # octets of a name in DNS as written


class KeyShape(msgspec.Struct, frozen=True):
    """A key as scripts see it: all but its private half. name: where its TXT record stands. strings: the record's value."""

    domain: str
    account: str
    selector: str
    algorithm: str
    state: str
    name: str
    value: str
    strings: tuple[str, ...]
    problem: str | None
    created_at: str | None
    activated_at: str | None
    retired_at: str | None


def domain_of(name: str, account: str, known: directories.Directory) -> directories.SenderDomain:
    """The account's sender domain of that name. Raises BadInput."""
    from gatepost.console import planning
    from gatepost.model import address as addresses

    owner = planning.account_of(account, known).id
    try:
        wanted = addresses.domain_key(name)
    except addresses.AddressError as error:
        raise errors.BadInput("domain", f"{name!r}: {error.problem}") from None
    for one in known.sender_domains:
        if one.account == owner and one.domain == wanted:
            return one
    hint = f"`gatepost domain add {wanted}` makes it one"
    raise errors.BadInput("domain", f"{wanted} is no sender domain of account {account!r}; {hint}")


def keys_of(owner: directories.SenderDomain, known: directories.Directory) -> list[directories.DkimKey]:
    """All keys of a domain, in the order in which they were made."""
    return [one for one in known.dkim_keys if one.domain == owner.id]


def key_of(
    owner: directories.SenderDomain, selector: str, known: directories.Directory
) -> directories.DkimKey:
    """The domain's key with that selector. Raises BadInput."""
    for one in keys_of(owner, known):
        if one.selector == selector.lower():
            return one
    raise errors.BadInput("selector", f"{owner.domain} has no key {selector!r}")


def selector_of(text: str, owner: directories.SenderDomain) -> str:
    """RFC 6376 §3.1: one or more labels. Raises BadInput."""
    found = text.lower()
    if not _SELECTOR.fullmatch(found) or len(f"{found}._domainkey.{owner.domain}") > _MAX_NAME:
        raise errors.BadInput("selector", f"{text!r} is no selector: letters, digits and hyphens, as in DNS")
    return found


def by_date(made: "keys.Key", owner: directories.SenderDomain, known: directories.Directory) -> str:
    """``gp202611-rsa``; with a number behind where that is taken."""
    month = show.time(context.now_ms())[:7].replace("-", "")
    first = f"gp{month}-{made.algorithm.value}"
    taken = {one.selector for one in keys_of(owner, known)}
    return next(
        name for n in range(1, len(taken) + 2) if (name := f"{first}-{n}" if n > 1 else first) not in taken
    )


def signs(key: directories.DkimKey) -> bool:
    """Whether it signs now."""
    return key.state is directories.KeyState.ACTIVE


def shape_of(one: directories.DkimKey, known: directories.Directory) -> KeyShape:
    """A key as it is shown; one that cannot be read shows its problem."""
    from gatepost.dkim import keys

    owner = next(domain for domain in known.sender_domains if domain.id == one.domain)
    accounts = {account.id: account.name for account in known.accounts}
    algorithm, record, problem = one.algorithm.value, "", None
    try:
        loaded = keys.load(one.private_key.encode(), known=True)
    except keys.BadKey as error:
        problem = str(error)
    else:
        algorithm, record = loaded.word, loaded.record
    return KeyShape(
        domain=owner.domain,
        account=accounts.get(owner.account, ""),
        selector=one.selector,
        algorithm=algorithm,
        state=one.state.value,
        name=f"{one.selector}._domainkey.{owner.domain}",
        value=record,
        strings=keys.strings(record),
        problem=problem,
        created_at=show.time_or_none(one.created_at),
        activated_at=show.time_or_none(one.activated_at),
        retired_at=show.time_or_none(one.retired_at),
    )


def tell(shape: KeyShape, *, json: bool) -> None:
    """The record as a zone file has it, in strings of at most 255 octets."""
    if json:
        show.json_line(shape)
        return
    if shape.problem:
        show.line(f"; {shape.name}: {shape.problem}")
        return
    show.line(f"{shape.name}. IN TXT (")
    for one in shape.strings:
        show.line(f'  "{one}"')
    show.line(")")
