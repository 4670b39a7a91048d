"""``gatepost domain …``: the domains that an account may send from."""

from typing import Literal

from gatepost import errors
from gatepost.cli import applying, context, show
from gatepost.store import directory_shapes


def add_(
    *names: str,
    account: str = "default",
    return_path: Literal["keep", "verp"] | None = None,
    bounce_domain: str = "",
    unsubscribe_url: str | None = None,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Let an account send from these domains, or change how.

    Parameters
    ----------
    names
        example.com …
    account
        Whose they are.
    return_path
        keep: the submitter's MAIL FROM. verp: an address of ours for each delivery, so that late bounces come here; used only
        while the bounce domain's MX is this gateway and its SPF passes. Without it: as it is.
    bounce_domain
        Where those addresses are; bounce.DOMAIN without it.
    unsubscribe_url
        https://… in front of /u/…, where recipients reach this gateway: List-Unsubscribe for bulk mail with a list. "": none.
    """
    from gatepost.console import planning

    if not names:
        raise errors.BadInput("domain", "name at least one")
    wanted = tuple(
        planning.DomainPlan(name, account, return_path, bounce_domain, unsubscribe_url) for name in names
    )
    return context.run(applying.carry_out(planning.Plan(domain=wanted), config, json=json))


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the sender domains."""
    found = directory_shapes.domains(context.run(context.directory(config)))
    if json:
        for one in found:
            show.json_line(one)
    else:
        rows = [
            (one.account, one.domain, one.return_path, one.in_use, one.bounce_domain or "") for one in found
        ]
        show.table(("account", "domain", "return path", "in use", "bounce domain"), rows)
    return 0


def show_(name: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Show one sender domain, in each account that has it.

    Parameters
    ----------
    name
        example.com
    """
    found = [
        one
        for one in directory_shapes.domains(context.run(context.directory(config)))
        if one.domain == name.lower()
    ]
    if not found:
        raise errors.BadInput("domain", f"{name!r} is no sender domain")
    for one in found:
        show.record(one, json=json)
    return 0
