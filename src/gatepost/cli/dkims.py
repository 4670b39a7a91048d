"""``gatepost dkim …``: the keys that sign a sender domain's mail, from the making to the end, and what DNS has to say of them.

Guarantees: a private key is never printed; a running gateway signs by what was said here within a second.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, show, signers
from gatepost.model import directory as directories

if TYPE_CHECKING:
    from gatepost.dkim import keys

Activate = Annotated[
    bool,
    cyclopts.Parameter(name="--activate", negative="", help="Let it sign at once: its record is in DNS."),
]
Account = Annotated[str, cyclopts.Parameter(help="Whose domain it is.")]


def new_(  # noqa: PLR0913 - one parameter per option of the command
    domain: str,
    /,
    *,
    selector: str = "",
    algorithm: Literal["rsa-2048", "ed25519"] = "rsa-2048",
    activate: Activate = False,
    account: Account = "default",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Make a key and print its DNS record. It signs nothing before it is activated.

    Parameters
    ----------
    domain
        A sender domain.
    selector
        The key's name in DNS; by the month and the algorithm without it.
    algorithm
        Every receiver verifies rsa-2048; ed25519 stands beside it.
    """
    from gatepost.app import keymaking
    from gatepost.dkim import keys

    made = keymaking.make(keys.Algorithm(algorithm.partition("-")[0]))
    return context.run(_add(_Wanted(domain, account, selector, activate), made, config, json=json))


def import_(  # noqa: PLR0913 - one parameter per option of the command
    domain: str,
    file: Path,
    /,
    *,
    selector: str,
    activate: Activate = False,
    account: Account = "default",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Take a private key that another program signed with.

    Parameters
    ----------
    domain
        A sender domain.
    file
        PEM: RSA of 1024 to 4096 bits, or Ed25519; without a passphrase.
    selector
        The key's name in DNS, as it is there.
    """
    from gatepost.dkim import keys

    try:
        made = keys.load(file.read_bytes())
    except keys.BadKey as error:
        raise errors.BadInput(str(file), str(error)) from None
    return context.run(_add(_Wanted(domain, account, selector, activate), made, config, json=json))


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the keys, also retired ones."""
    known = context.run(context.directory(config))
    shapes = [signers.shape_of(one, known) for one in known.dkim_keys]
    if json:
        for one in shapes:
            show.json_line(one)
        return 0
    rows = [
        (one.account, one.domain, one.selector, one.algorithm, one.state, one.problem or "") for one in shapes
    ]
    show.table(("account", "domain", "selector", "algorithm", "state", "problem"), rows)
    return 0


def show_(
    domain: str,
    selector: str = "",
    /,
    *,
    account: Account = "default",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Print the DNS records of a domain's keys that are not retired, as a zone file has them.

    Parameters
    ----------
    domain
        A sender domain.
    selector
        Of one key, whatever its state.
    """
    known = context.run(context.directory(config))
    owner = signers.domain_of(domain, account, known)
    if selector:
        found = [signers.key_of(owner, selector, known)]
    else:
        found = [
            one for one in signers.keys_of(owner, known) if one.state is not directories.KeyState.RETIRED
        ]
    if not found:
        raise errors.BadInput(
            "domain", f"{owner.domain} has no key; `gatepost dkim new {owner.domain}` makes one"
        )
    for one in found:
        signers.tell(signers.shape_of(one, known), json=json)
    return 0


def activate_(
    domain: str,
    selector: str,
    /,
    *,
    replace: Annotated[
        bool, cyclopts.Parameter(negative="", help="Retire the domain's other keys of the same algorithm.")
    ] = False,
    account: Account = "default",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Let a key sign. Its record has to be in DNS already; all active keys of a domain sign.

    Parameters
    ----------
    domain
        A sender domain.
    selector
        The key's name in DNS.
    """

    from gatepost.app import keymaking

    async def work() -> int:
        async with context.operated(context.load(config)) as (store, operator):
            known = await store.directory()
            owner = signers.domain_of(domain, account, known)
            key, now = signers.key_of(owner, selector, known), context.now_ms()
            changes = [keymaking.in_state(key, directories.KeyState.ACTIVE, now)]
            if replace:
                changes += [
                    keymaking.in_state(one, directories.KeyState.RETIRED, now)
                    for one in signers.keys_of(owner, known)
                    if one.id != key.id and one.algorithm is key.algorithm and signers.signs(one)
                ]
            changes = [one for one in changes if one not in known.dkim_keys]
            if changes:
                known = await operator.change_directory(changes, context.actor())
        return _say(changes, owner, known, json=json)

    return context.run(work())


def retire_(
    domain: str,
    selector: str,
    /,
    *,
    account: Account = "default",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Let a key sign no more. Leave its record in DNS until what it signed has arrived: a week.

    Parameters
    ----------
    domain
        A sender domain.
    selector
        The key's name in DNS.
    """

    from gatepost.app import keymaking

    async def work() -> int:
        async with context.operated(context.load(config)) as (store, operator):
            known = await store.directory()
            owner = signers.domain_of(domain, account, known)
            key = signers.key_of(owner, selector, known)
            changes = [keymaking.in_state(key, directories.KeyState.RETIRED, context.now_ms())]
            changes = [one for one in changes if one not in known.dkim_keys]
            if changes:
                known = await operator.change_directory(changes, context.actor())
        return _say(changes, owner, known, json=json)

    return context.run(work())


_NEXT = "Put this record into DNS; when it is seen everywhere: gatepost dkim activate {} {}"


class _Wanted(msgspec.Struct, frozen=True):
    """A key to be added. selector: empty for one by the date."""

    domain: str
    account: str
    selector: str
    activate: bool


async def _add(wanted: _Wanted, made: "keys.Key", config: Path, *, json: bool) -> int:
    from gatepost.app import keymaking

    async with context.operated(context.load(config)) as (store, operator):
        known = await store.directory()
        owner = signers.domain_of(wanted.domain, wanted.account, known)
        selector = (
            signers.selector_of(wanted.selector, owner)
            if wanted.selector
            else signers.by_date(made, owner, known)
        )
        if any(one.selector == selector for one in signers.keys_of(owner, known)):
            raise errors.BadInput("selector", f"{owner.domain} has a key {selector!r} already")
        now = context.now_ms()
        entry = keymaking.entry(owner.id, selector, made, now)
        if wanted.activate:
            entry = keymaking.in_state(entry, directories.KeyState.ACTIVE, now)
        known = await operator.change_directory([entry], context.actor())
    shape = signers.shape_of(signers.key_of(owner, selector, known), known)
    if not json:
        show.line(f"key {selector} of {owner.domain}: {shape.algorithm}, {shape.state}")
        show.line("Its record for DNS:" if wanted.activate else _NEXT.format(owner.domain, selector))
    signers.tell(shape, json=json)
    return 0


def _say(
    changes: Sequence[directories.DkimKey],
    owner: directories.SenderDomain,
    known: directories.Directory,
    *,
    json: bool,
) -> int:
    """What was changed, and what signs now."""
    if json:
        for one in changes:
            show.json_line(signers.shape_of(one, known))
        return 0
    for one in changes:
        show.line(f"key {one.selector} of {owner.domain} is {one.state.value}")
    signing = [one.selector for one in signers.keys_of(owner, known) if signers.signs(one)]
    if not changes:
        show.line("nothing to change")
    show.line(
        f"{owner.domain} is signed by {', '.join(signing)}"
        if signing
        else f"no key of {owner.domain} signs its mail"
    )
    return 0
