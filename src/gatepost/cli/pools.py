"""``gatepost pool …``: named groups of Sources."""

import msgspec

from gatepost import errors
from gatepost.cli import applying, context, show
from gatepost.model import directory as directories


class PoolShape(msgspec.Struct, frozen=True):
    """A Pool as scripts see it."""

    name: str
    account: str
    sources: tuple[str, ...]


def add_(
    name: str,
    /,
    *,
    account: str = "default",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Add a Pool.

    Parameters
    ----------
    name
        Its name.
    account
        Whose it is.
    """
    from gatepost.console import planning

    plan = planning.Plan(pool=(planning.PoolPlan(name, account),))
    return context.run(applying.carry_out(plan, config, json=json))


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the Pools with their Sources."""
    found = _all(context.run(context.directory(config)))
    if json:
        for one in found:
            show.json_line(one)
    else:
        rows = [(one.account, one.name, " ".join(one.sources)) for one in found]
        show.table(("account", "pool", "sources"), rows)
    return 0


def show_(name: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Show one Pool, in each account that has one of this name.

    Parameters
    ----------
    name
        Its name.
    """
    found = [one for one in _all(context.run(context.directory(config))) if one.name == name]
    if not found:
        raise errors.BadInput("pool", f"there is no Pool {name!r}")
    for one in found:
        show.record(one, json=json)
    return 0


def _all(known: directories.Directory) -> list[PoolShape]:
    accounts = {account.id: account.name for account in known.accounts}
    return [
        PoolShape(
            name=pool.name,
            account=accounts.get(pool.account, ""),
            sources=tuple(source.name for source in known.sources if source.pool == pool.id),
        )
        for pool in known.pools
    ]
