"""``gatepost audit``: who changed what, the newest first."""

from typing import TYPE_CHECKING

from gatepost.cli import context, show

if TYPE_CHECKING:
    from gatepost import config as config_values
    from gatepost.console import audits
    from gatepost.store import filters

_PAGE = 500


def audit(
    *,
    limit: int = 100,
    where: context.Wheres = (),
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Show who changed what, the newest first.

    Parameters
    ----------
    limit
        How many changes.
    """
    from gatepost.store import filters

    for one in context.run(_audit(filters.parse(where, filters.AUDIT), limit, context.load(config))):
        if json:
            show.json_line(one)
            continue
        who = f"{one.actor} from {one.address}" if one.address else one.actor
        show.line(f"{one.at} {one.id:>6} {who}: {one.what}")
        for word, value in (("before", one.before), ("after", one.after)):
            if value:
                show.line(f"    {word:<6} {value}")
    return 0


async def _audit(
    where: "filters.Where", limit: int, settings: "config_values.Settings"
) -> "list[audits.AuditShape]":
    from gatepost.console import audits

    found: list[audits.AuditShape] = []
    before = 0
    async with context.opened(settings) as store:
        while len(found) < limit:
            page = await store.audit(where, before, min(_PAGE, limit - len(found)))
            if not page:
                break
            found += [audits.shape(one) for one in page]
            before = page[-1].id
    return found
