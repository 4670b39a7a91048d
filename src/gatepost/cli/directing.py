"""``gatepost queue pause|resume|flush|reroute|directives|revoke``: an operator's words over what waits."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import directive_shapes

if TYPE_CHECKING:
    from gatepost.console import directing as plans
    from gatepost.model import directory as directories
    from gatepost.store import port

Shape = directive_shapes.DirectiveShape
DryRun = Annotated[
    bool,
    cyclopts.Parameter(name="--dry-run", negative="", help="Only say how many deliveries it would mean."),
]


class Given(msgspec.Struct, frozen=True):
    """A directive as the command line says it. for_: how long it stands, or empty."""

    kind: str
    deliveries: tuple[str, ...]
    where: tuple[str, ...]
    reason: str
    for_: str = ""
    to_source: str = ""
    to_pool: str = ""


def pause_(
    *deliveries: str,
    where: context.Wheres = (),
    reason: str = "",
    for_: Annotated[str, cyclopts.Parameter(name="--for")] = "7d",
    dry_run: DryRun = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Attempt nothing of this mail for now. It is accepted and waits; what is on a connection goes.

    Parameters
    ----------
    deliveries
        Their ids, instead of --where.
    reason
        Shown wherever that mail is looked at.
    for_
        How long: 90m, 12h, 7d.
    """
    return direct(Given("pause", deliveries, where, reason, for_), config, json=json, dry_run=dry_run)


def flush_(
    *deliveries: str,
    where: context.Wheres = (),
    reason: str = "",
    dry_run: DryRun = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Attempt this mail now instead of when it is due. Limits, paused lanes and held addresses stay.

    Parameters
    ----------
    deliveries
        Their ids, instead of --where.
    reason
        For the audit log.
    """
    return direct(Given("flush", deliveries, where, reason), config, json=json, dry_run=dry_run)


def reroute_(  # noqa: PLR0913 - one for each option
    *deliveries: str,
    where: context.Wheres = (),
    to_source: str = "",
    to_pool: str = "",
    reason: str = "",
    for_: Annotated[str, cyclopts.Parameter(name="--for")] = "7d",
    dry_run: DryRun = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Send this mail by another Source from now on, each delivery when it is due.

    Parameters
    ----------
    deliveries
        Their ids, instead of --where.
    to_source
        That Source.
    to_pool
        Or the Sources of that Pool.
    reason
        For the audit log.
    for_
        How long: 90m, 12h, 7d.
    """
    given = Given("reroute", deliveries, where, reason, for_, to_source, to_pool)
    return direct(given, config, json=json, dry_run=dry_run)


def resume_(
    *, where: context.Wheres = (), json: context.Json = False, config: context.Config = context.DEFAULT
) -> int:
    """Take back the pauses of exactly this mail."""
    wanted = where_plan((), where)

    async def work() -> list[Shape]:
        from gatepost.console import directing as plans

        async with context.operated(context.load(config)) as (store, operator):
            known = await store.directory()
            which, now = plans.filter_of(wanted, known), context.now_ms()
            found = [
                one
                for one in known.directives
                if one.which == which and one.kind.word == "pause" and one.stands(now)
            ]
            if not found:
                raise errors.BadInput(
                    "queue resume", "no pause of exactly this stands; queue directives lists them"
                )
            ended = [plans.revoked(one, context.actor(), now) for one in found]
            known = await operator.change_directory(ended, context.actor())
            numbers = {one.id for one in found}
            return [one for one in await shapes_of(store, known) if one.id in numbers]

    return _shown(context.run(work()), json=json)


def revoke_(number: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Take a directive back: resume what is paused, undo a cancel within its ten minutes.

    Parameters
    ----------
    number
        Its number.
    """

    async def work() -> list[Shape]:
        from gatepost.console import directing as plans

        async with context.operated(context.load(config)) as (store, operator):
            known = await store.directory()
            old = plans.of_number(number, known)
            if old.ended_at:
                raise errors.BadInput("queue revoke", f"directive {number} is over: {old.outcome}")
            ended = plans.revoked(old, context.actor(), context.now_ms())
            known = await operator.change_directory([ended], context.actor())
            return [one for one in await shapes_of(store, known) if one.id == old.id]

    return _shown(context.run(work()), json=json)


def directives_(
    *,
    all_: Annotated[bool, cyclopts.Parameter(name="--all", negative="")] = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """List the directives that stand, the newest first.

    Parameters
    ----------
    all_
        Those that are over, too.
    """

    async def work() -> list[Shape]:
        async with context.opened(context.load(config)) as store:
            return await shapes_of(store, await store.directory(), standing=not all_)

    return _shown(context.run(work()), json=json)


def direct(given: Given, config: Path, *, json: bool, dry_run: bool) -> int:
    """Give a directive, or say how many deliveries it would mean."""
    from gatepost.console import directing as plans
    from gatepost.model import moment as moments

    raw: dict[str, object] = {
        "kind": given.kind,
        "where": where_plan(given.deliveries, given.where),
        "reason": given.reason,
        "to_source": given.to_source,
        "to_pool": given.to_pool,
    }
    if given.for_:
        raw["expires_in"] = moments.seconds_of(given.for_, "--for")
    try:
        wanted = msgspec.convert(msgspec.to_builtins(raw), plans.DirectivePlan)
    except msgspec.ValidationError as error:
        raise errors.BadInput(f"queue {given.kind}", str(error)) from None
    if dry_run:
        count = context.run(_count(wanted, config))
        if json:
            show.json_line({"matching": count})
        else:
            show.line(f"{count} open deliveries match now; nothing was done")
        return 0
    return _shown(context.run(_give(wanted, config)), json=json)


async def _count(wanted: "plans.DirectivePlan", config: Path) -> int:
    from gatepost.console import directing as plans
    from gatepost.store import filters

    async with context.opened(context.load(config)) as store:
        one = plans.entry(wanted, await store.directory(), context.actor(), context.now_ms())
        return await store.open_matching(filters.of_directive(one.which))


async def _give(wanted: "plans.DirectivePlan", config: Path) -> list[Shape]:
    from gatepost.console import directing as plans

    async with context.operated(context.load(config)) as (store, operator):
        entry = plans.entry(wanted, await store.directory(), context.actor(), context.now_ms())
        known = await operator.change_directory([entry], context.actor())
        newest = max(one.id for one in known.directives if one.which == entry.which)
        return [one for one in await shapes_of(store, known) if one.id == newest]


def where_plan(deliveries: tuple[str, ...], where: tuple[str, ...]) -> "plans.WherePlan":
    """Which mail: ids, or words field=value. Raises BadInput."""
    from gatepost.console import directing as plans

    given: dict[str, str] = {}
    for word in where:
        field, equals, value = word.partition("=")
        if not equals or not value:
            raise errors.BadInput("--where", f"{word!r} is not field=value")
        if field not in plans.WherePlan.__struct_fields__ or field == "deliveries":
            known = sorted(set(plans.WherePlan.__struct_fields__) - {"deliveries"})
            raise errors.BadInput("--where", f"{field!r} is not one of {', '.join(known)}")
        if field in given:
            raise errors.BadInput("--where", f"{field} is given twice")
        given[field] = value
    if not given and not deliveries:
        raise errors.BadInput("--where", "say which mail; nothing would mean everything")
    return plans.WherePlan(**given, deliveries=deliveries)


async def shapes_of(
    store: "port.Store", known: "directories.Directory", *, standing: bool = False
) -> list[Shape]:
    """The newest first."""
    from gatepost.store import shapes

    held, names, now = await store.held(), shapes.Names(known), context.now_ms()
    found = [one for one in known.directives if one.stands(now) or not standing]
    found.sort(key=lambda one: -one.id)
    return [directive_shapes.directive(one, names, held.get(one.id, 0), now) for one in found]


def sentence(one: Shape) -> str:
    """One directive in a line."""
    to = f" to {one.to_source or one.to_pool}" if one.kind == "reroute" else ""
    parts = [f"directive {one.id}: {one.kind} {one.where.words}{to}, by {one.actor} at {one.created_at}"]
    if one.reason:
        parts.append(one.reason)
    if one.held:
        parts.append(f"holds {one.held}")
    if one.outcome:
        parts.append(f"over: {one.outcome}" + (f", {one.count} deliveries" if one.count else ""))
    elif one.due_at:
        parts.append(f"takes effect at {one.due_at}")
    elif one.expires_at:
        parts.append(f"until {one.expires_at}")
    return "; ".join(parts)


def _shown(found: list[Shape], *, json: bool) -> int:
    for one in found:
        if json:
            show.json_line(one)
        else:
            show.line(sentence(one))
    return 0
