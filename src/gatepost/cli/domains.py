"""``gatepost domain …``: the domains that an account may send from."""

import msgspec

from gatepost.cli import applying, context, show


class DomainShape(msgspec.Struct, frozen=True):
    """A sender domain as scripts see it."""

    domain: str
    account: str


def add_(
    *names: str,
    account: str = "default",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Let an account send from these domains.

    Parameters
    ----------
    names
        example.com …
    account
        Whose they are.
    """
    from gatepost import errors
    from gatepost.cli import planning

    if not names:
        raise errors.BadInput("domain", "name at least one")
    plan = planning.Plan(domain=tuple(planning.DomainPlan(name, account) for name in names))
    return context.run(applying.carry_out(plan, config, json=json))


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the sender domains."""
    known = context.run(context.directory(config))
    accounts = {account.id: account.name for account in known.accounts}
    found = [DomainShape(one.domain, accounts.get(one.account, "")) for one in known.sender_domains]
    if json:
        for one in found:
            show.json_line(one)
    else:
        show.table(("account", "domain"), [(one.account, one.domain) for one in found])
    return 0
