"""``gatepost pool …``: named groups of Sources."""

from gatepost import errors
from gatepost.cli import applying, context, show
from gatepost.store import directory_shapes


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
    found = directory_shapes.pools(context.run(context.directory(config)))
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
    found = [
        one for one in directory_shapes.pools(context.run(context.directory(config))) if one.name == name
    ]
    if not found:
        raise errors.BadInput("pool", f"there is no Pool {name!r}")
    for one in found:
        show.record(one, json=json)
    return 0
