"""``gatepost bridge …``: how applications send, and the secrets by which they do."""

from pathlib import Path
from typing import Annotated, Literal

import cyclopts
import msgspec

from gatepost.cli import applying, context, show
from gatepost.model import directory as directories
from gatepost.store import directory_shapes, shapes

Names = Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=True, negative="")]


def add_(  # noqa: PLR0913 - one parameter per option of the command
    name: str,
    /,
    *,
    account: str = "default",
    pool: str = "default",
    kind: Literal["bulk", "transactional"] = "bulk",
    on_suppressed: Literal["accept", "refuse"] = "accept",
    sender_domain: Names = (),
    lifetime_s: int = 0,
    complaints: Literal["suppress", "note"] = "suppress",
    network: Names = (),
    notify_sender: Literal["auto", "on", "off"] = "auto",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Add a Bridge and show its secrets once.

    Parameters
    ----------
    name
        What it logs in as.
    account
        Whose it is.
    pool
        The Pool that its mail leaves by.
    kind
        Transactional mail goes first and is not held back with campaigns.
    on_suppressed
        How a suppressed recipient is answered at submission.
    sender_domain
        What it may send from; all domains of the account without it.
    lifetime_s
        Of its messages; the policy's without it.
    complaints
        What a complaint about its mail does: suppress the recipient for the account, or be noted alone.
    network
        Where its API key may be used from, like 192.0.2.0/24; anywhere without it.
    notify_sender
        Whether its senders are told by mail of what cannot be delivered; auto: while the Bridge has no webhook.
    """
    from gatepost import errors
    from gatepost.console import planning

    wanted = planning.BridgePlan(
        name,
        account,
        pool,
        kind,
        on_suppressed,
        sender_domain,
        lifetime_s,
        complaints=complaints,
        networks=network,
        notify_sender=notify_sender,
    )

    async def work() -> int:
        async with context.opened(context.load(config)) as store:
            known = await store.directory()
        owner = planning.account_of(account, known).id
        if any(one.name == name and one.account == owner for one in known.bridges):
            raise errors.BadInput("bridge", f"{name!r} is there already")
        return await applying.carry_out(planning.Plan(bridge=(wanted,)), config, json=json)

    return context.run(work())


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the Bridges, also revoked ones."""
    known = _directory(config)
    names = shapes.Names(known)
    found = [directory_shapes.bridge(one, names) for one in known.bridges]
    if json:
        for one in found:
            show.json_line(one)
        return 0
    rows = [
        (one.account, one.name, one.kind, one.pool, one.on_suppressed, one.revoked_at or "") for one in found
    ]
    show.table(("account", "bridge", "kind", "pool", "on suppressed", "revoked"), rows)
    return 0


def show_(name: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Show one Bridge.

    Parameters
    ----------
    name
        Its name, or account/name.
    """
    from gatepost.console import planning

    known = _directory(config)
    show.record(directory_shapes.bridge(planning.bridge_of(name, known), shapes.Names(known)), json=json)
    return 0


def rotate_(
    name: str,
    /,
    *,
    what: Literal["both", "password", "key"] = "both",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Give a Bridge new secrets; the old ones end within a second.

    Parameters
    ----------
    name
        Its name, or account/name.
    what
        The SMTP password, the API key, or both.
    """
    return context.run(_rotate(name, what, config, json=json))


def revoke_(name: str, /, *, config: context.Config = context.DEFAULT) -> int:
    """End a Bridge: its secrets open nothing any more. Mail that it handed in is still delivered.

    Parameters
    ----------
    name
        Its name, or account/name.
    """
    return context.run(_revoke(name, config))


async def _rotate(name: str, what: str, config: Path, *, json: bool) -> int:
    from gatepost.app import compose
    from gatepost.console import planning
    from gatepost.store import credentials

    settings = context.load(config)
    pepper = compose.pepper(settings)
    async with context.operated(settings) as (store, operator):
        bridge = planning.bridge_of(name, await store.directory())
        password = credentials.new_secret() if what != "key" else ""
        key = credentials.new_key() if what != "password" else ""
        new = planning.with_secrets(bridge, pepper, password, key)
        await operator.change_directory([new], context.actor())
    secrets = planning.Secrets(bridge.name, password, key)
    if json:
        show.json_line(secrets)
    else:
        applying.tell(secrets)
    return 0


async def _revoke(name: str, config: Path) -> int:
    from gatepost.console import planning

    async with context.operated(context.load(config)) as (store, operator):
        bridge = planning.bridge_of(name, await store.directory())
        if not bridge.revoked_at:
            ended = msgspec.structs.replace(bridge, revoked_at=context.now_ms())
            await operator.change_directory([ended], context.actor())
    show.line(f"bridge {bridge.name} {'was revoked already' if bridge.revoked_at else 'revoked'}")
    return 0


def _directory(config: Path) -> directories.Directory:
    return context.run(context.directory(config))
