"""``gatepost source …``: ways out, local addresses and smarthosts."""

from pathlib import Path
from typing import Annotated, Literal

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import applying, context, show
from gatepost.store import directory_shapes


def add_(  # noqa: PLR0913 - one parameter per option of the command
    name: str,
    /,
    *,
    pool: str = "default",
    ip: str = "",
    ip6: str = "",
    ehlo: str = "",
    host: str = "",
    port: int = 587,
    username: str = "",
    password_file: Annotated[Path | None, cyclopts.Parameter(negative="")] = None,
    tls: Literal["opportunistic", "required", "never"] = "opportunistic",
    weight: int = 1,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Add a Source, or change the one of this name.

    Parameters
    ----------
    name
        Its name.
    pool
        The Pool it belongs to.
    ip
        The local address that mail leaves from; the system's choice without it.
    ip6
        A local IPv6 address beside it, for hosts that have one.
    ehlo
        The name that belongs to that address.
    host
        A smarthost, through which mail goes instead of to the MX.
    port
        The smarthost's.
    username
        For the smarthost.
    password_file
        Where the smarthost's password stands, alone.
    tls
        With the smarthost: opportunistic, required or never.
    weight
        Its share of the Pool's mail.
    """
    from gatepost.console import planning

    password = password_file.read_text("utf-8").strip() if password_file is not None else ""
    wanted = planning.SourcePlan(
        name=name,
        pool=pool,
        ip=ip,
        ip6=ip6,
        ehlo=ehlo,
        host=host,
        port=port if host else 0,
        username=username,
        password=password,
        tls=tls,
        weight=weight,
    )
    return context.run(applying.carry_out(planning.Plan(source=(wanted,)), config, json=json))


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the Sources, also disabled ones."""
    found = directory_shapes.sources(context.run(context.directory(config)))
    if json:
        for one in found:
            show.json_line(one)
        return 0
    rows = [
        (one.pool, one.name, _way(one), one.ehlo or "", one.weight, "disabled" if one.disabled else "")
        for one in found
    ]
    show.table(("pool", "source", "by", "EHLO", "weight", ""), rows)
    return 0


def show_(name: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Show one Source.

    Parameters
    ----------
    name
        Its name.
    """
    for one in directory_shapes.sources(context.run(context.directory(config))):
        if one.name == name:
            show.record(one, json=json)
            return 0
    raise errors.BadInput("source", f"there is no Source {name!r}")


def revoke_(name: str, /, *, config: context.Config = context.DEFAULT) -> int:
    """Disable a Source: no new mail is given to it.

    Parameters
    ----------
    name
        Its name.
    """
    return context.run(_revoke(name, config))


async def _revoke(name: str, config: Path) -> int:
    async with context.operated(context.load(config)) as (store, operator):
        known = await store.directory()
        found = [one for one in known.sources if one.name == name]
        if not found:
            raise errors.BadInput("source", f"there is no Source {name!r}")
        disabled = msgspec.structs.replace(found[0], disabled=True)
        await operator.change_directory([disabled], context.actor())
    show.line(f"source {name} disabled")
    return 0


def _way(one: directory_shapes.SourceShape) -> str:
    return (
        f"{one.host}:{one.port}"
        if one.host
        else " ".join(filter(None, (one.ip, one.ip6))) or "the system's address"
    )
