"""``gatepost user …``: people who log in to the dashboard, each with a role. Programs have keys (``gatepost key``)."""

import getpass
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import directory_shapes

if TYPE_CHECKING:
    from gatepost.model import directory as directories

Change = Callable[["directories.Directory"], "Sequence[directories.Change]"]
Made = Annotated[bool, cyclopts.Parameter(name="--generate", negative="")]


class Shown(msgspec.Struct, frozen=True):
    """A user, and the password where it was made here: it is shown only now."""

    user: directory_shapes.UserShape
    password: str | None


def add_(
    name: str,
    /,
    *,
    role: Literal["read", "operator", "admin"] = "read",
    generate: Made = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Add a user of the dashboard. On a terminal the password is asked for; else, or where it is left empty, it is made and shown once.

    Parameters
    ----------
    name
        What the person logs in with, and what the audit log says.
    role
        read: sees everything. operator: also changes suppressions and the queue. admin: also Bridges, keys and what else
        lives in the store.
    generate
        Ask nothing: make a password.
    """
    from gatepost.console import operation, users
    from gatepost.net import problem

    try:
        operation.checked_name(name)
    except problem.Problem:
        raise errors.BadInput(
            "user", f"{name!r} is not a name of letters, digits, '.', '_' and '-'"
        ) from None
    wanted = users.NewUser(name, role)
    known = context.run(context.directory(config))
    users.new_user(wanted, "", known, 0)  # so that nobody is asked for a password in vain
    password, shown = _password(ask=not generate)
    kept = _hash(password)
    _change(config, lambda found: users.new_user(wanted, kept, found, context.now_ms()))
    _tell(name, password if shown else None, config, json=json)
    return 0


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the users of the dashboard."""
    found = [directory_shapes.user(one) for one in context.run(context.directory(config)).users]
    if json:
        for one in found:
            show.json_line(one)
        return 0
    rows = [(one.name, one.role, "" if one.password else "none", one.created_at or "") for one in found]
    show.table(("user", "role", "password", "since"), rows)
    return 0


def password_(
    name: str,
    /,
    *,
    generate: Made = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Give a user another password: asked for on a terminal, or made and shown once. Every session of the user ends.

    Parameters
    ----------
    name
        Whose.
    generate
        Ask nothing: make a password.
    """
    from gatepost.console import users

    users.named(name, context.run(context.directory(config)).users)
    password, shown = _password(ask=not generate)
    kept = _hash(password)
    _change(config, lambda found: users.with_password(name, kept, found.users, context.now_ms()))
    _tell(name, password if shown else None, config, json=json)
    return 0


def link_(name: str, /, *, config: context.Config = context.DEFAULT) -> int:
    """Print a link that logs a user in once, within a day.

    Parameters
    ----------
    name
        Whom.
    """
    show.line(context.run(_link(name, config)))
    return 0


def remove_(name: str, /, *, config: context.Config = context.DEFAULT) -> int:
    """Remove a user; every session of the user ends.

    Parameters
    ----------
    name
        Whom.
    """
    from gatepost.console import users

    _change(config, lambda found: users.removed(name, found.users))
    show.line(f"user {name} removed")
    return 0


def _password(*, ask: bool) -> tuple[str, bool]:
    """A password, and whether it has to be shown because it was made here. Raises BadInput."""
    from gatepost.console import passwords

    if not ask or not sys.stdin.isatty():
        return passwords.made(), True
    given = getpass.getpass(f"Password, at least {passwords.SHORTEST} characters (empty: one is made): ")
    if not given:
        return passwords.made(), True
    passwords.checked(given)
    if getpass.getpass("The same again: ") != given:
        raise errors.BadInput("password", "was not the same the second time")
    return given, False


def _hash(password: str) -> str:
    from gatepost.console import passwords

    async def run() -> str:
        return await passwords.Passwords().hash(password)

    return context.run(run())


def _change(config: Path, decide: Change) -> "directories.Directory":
    async def run() -> "directories.Directory":
        async with context.operated(context.load(config)) as (store, operator):
            return await operator.change_directory(decide(await store.directory()), context.actor())

    return context.run(run())


async def _link(name: str, config: Path) -> str:
    from gatepost.app import compose
    from gatepost.console import entrance, users

    settings = context.load(config)
    if not settings.console.address:
        raise errors.BadInput("console.address", "is empty: there is no dashboard to log in to")
    pepper = compose.pepper(settings)
    async with context.opened(settings) as store:
        user = users.named(name, (await store.directory()).users)
        secret, link = entrance.new_link(pepper, user, context.now_ms())
        await store.sessions.offer(link)
    return entrance.link_address(settings.console, secret)


def _tell(name: str, password: str | None, config: Path, *, json: bool) -> None:
    found = next(one for one in context.run(context.directory(config)).users if one.name == name)
    shape = directory_shapes.user(found)
    if json:
        show.json_line(Shown(shape, password))
        return
    show.line(f"user {shape.name!r} with the role {shape.role}")
    if password is not None:
        show.line("its password is shown only now:")
        show.line(f"  {password}")
