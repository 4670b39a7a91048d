"""``gatepost key …``: keys to the console's API, each with a role. A Bridge's own key is the Bridge's (``gatepost bridge``)."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import directory_shapes

if TYPE_CHECKING:
    from gatepost import config as config_values
    from gatepost.console import keys as keys_

Networks = Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=True, negative="")]


def add_(
    name: str,
    /,
    *,
    role: Literal["read", "operator", "admin"] = "read",
    network: Networks = (),
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Make a key and show it once.

    Parameters
    ----------
    name
        What the audit log calls it.
    role
        read: sees everything. operator: also changes suppressions and the queue. admin: also Bridges, keys and what else
        lives in the store.
    network
        Where it may be used from, like 192.0.2.0/24; anywhere without it.
    """
    from gatepost.console import keys

    made = context.run(make(keys.NewKey(name, role, network), context.load(config)))
    if json:
        show.json_line(made)
    else:
        show.line(f"key {name!r} with the role {role}; it is shown only now:")
        show.line(f"  API key   {made.api_key}")
    return 0


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the keys, also revoked ones."""
    found = [directory_shapes.api_key(one) for one in context.run(context.directory(config)).api_keys]
    if json:
        for one in found:
            show.json_line(one)
        return 0
    rows = [(one.name, one.role, " ".join(one.networks) or "anywhere", one.revoked_at or "") for one in found]
    show.table(("key", "role", "from", "revoked"), rows)
    return 0


def revoke_(name: str, /, *, config: context.Config = context.DEFAULT) -> int:
    """End a key: it opens nothing any more, within a second.

    Parameters
    ----------
    name
        Its name.
    """
    return context.run(_revoke(name, config))


async def make(wanted: "keys_.NewKey", settings: "config_values.Settings") -> "keys_.Shown":
    """A new key. Raises BadInput."""
    from gatepost.app import compose
    from gatepost.console import keys, operation, planning
    from gatepost.net import problem
    from gatepost.store import credentials

    try:
        operation.checked_name(wanted.name)
    except problem.Problem:
        raise errors.BadInput(
            "key", f"{wanted.name!r} is not a name of letters, digits, '.', '_' and '-'"
        ) from None
    secret = credentials.new_key()
    async with context.operated(settings) as (store, operator):
        if planning.find((await store.directory()).api_keys, wanted.name) is not None:
            raise errors.BadInput("key", f"{wanted.name!r} is there already, perhaps revoked")
        mac = credentials.mac(compose.pepper(settings), secret)
        after = await operator.change_directory(
            [keys.new_key(wanted, mac, context.now_ms())], context.actor()
        )
    made = next(one for one in after.api_keys if one.name == wanted.name)
    return keys.Shown(secret, directory_shapes.api_key(made))


async def _revoke(name: str, config: Path) -> int:
    from gatepost.console import keys, planning

    async with context.operated(context.load(config)) as (store, operator):
        known = (await store.directory()).api_keys
        if planning.find(known, name) is None:
            raise errors.BadInput("key", f"there is no key {name!r}")
        ended = keys.revoked(name, known, context.now_ms())
        if ended:
            await operator.change_directory(ended, context.actor())
    show.line(f"key {name} {'revoked' if ended else 'was revoked already'}")
    return 0
