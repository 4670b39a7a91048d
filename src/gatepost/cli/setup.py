"""``gatepost init``: a commented ``gatepost.toml``, the data directory, and the first Bridge with its secrets.

Guarantees: nothing that is there is overwritten; the secrets are shown once and kept nowhere in clear. It asks only on a
terminal, and only for what was not given.
"""

import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import applying, context, show

if TYPE_CHECKING:
    from gatepost import config as config_values
    from gatepost.console import planning

Answer = Literal["accept", "refuse"]

_DAYS = 3650
_EXPLAINED = """What should an application hear when it submits mail to a suppressed address?
  accept  250 as usual; the recipient becomes a `rejected` event (the application need not change)
  refuse  550 at RCPT TO over SMTP, `rejected` with its reason over HTTP: the application knows at once"""


class Wishes(msgspec.Struct, frozen=True):
    """What the first Bridge shall be."""

    hostname: str
    on_suppressed: Answer
    domains: tuple[str, ...]
    bridge: str
    source_ip: str
    ehlo: str


def init(  # noqa: PLR0913 - one parameter per option of the command
    *,
    dir: Path = Path(),  # noqa: A002 - the option's name
    hostname: str = "",
    on_suppressed: Answer | None = None,
    domain: Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=True, negative="")] = (),
    bridge: str = "",
    source_ip: str = "",
    ehlo: str = "",
    yes: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    json: context.Json = False,
) -> int:
    """Write a commented gatepost.toml, create the data directory and the first Bridge, and show its secrets once.

    Parameters
    ----------
    dir
        Where gatepost.toml and the data directory go.
    hostname
        This machine's name, for EHLO and Received; what the system says without it.
    on_suppressed
        How a suppressed recipient is answered at submission; accept without it.
    domain
        Domains that mail is sent from.
    bridge
        The first Bridge's name; app without it.
    source_ip
        The local address that mail leaves from; the system's choice without it.
    ehlo
        The name that belongs to that address; the hostname without it.
    yes
        Ask nothing: take the defaults for what was not given.
    """
    target = dir / "gatepost.toml"
    if target.exists():
        raise errors.BadInput(str(target), "is there already; it is not overwritten")
    ask = sys.stdin.isatty() and sys.stdout.isatty() and not yes
    given = Wishes(
        hostname=hostname or (_asked("This machine's name", socket.getfqdn()) if ask else socket.getfqdn()),
        on_suppressed=on_suppressed or (_asked_answer() if ask else "accept"),
        domains=domain or (_asked_domains() if ask else ()),
        bridge=bridge or (_asked("Name of the first Bridge", "app") if ask else "app"),
        source_ip=source_ip,
        ehlo=ehlo,
    )
    made = context.run(_make(target, given))
    _tell(target, given, made, json=json)
    return 0


class Made(msgspec.Struct, frozen=True):
    """What is shown once. The secrets are empty where the store already had that Bridge, or a key to the API."""

    config: str
    bridge: str
    username: str
    password: str
    api_key: str
    admin_key: str


async def _make(target: Path, given: Wishes) -> Made:
    from gatepost.app import compose
    from gatepost.cli import template

    plan = _plan(given)
    base = target.parent
    base.mkdir(parents=True, exist_ok=True)
    _write_certificate(base / "tls", given.hostname)
    with target.open("x", encoding="utf-8") as file:
        file.write(template.text(given.hostname))
    try:
        settings = context.load(target)
        compose.make_data_dir(Path(settings.data_dir))
        done = await applying.follow(plan, settings)
        admin = await _make_admin(settings)
    except BaseException:
        target.unlink()  # noqa: ASYNC240 - so that init can be run again
        raise
    if not done.secrets:
        return Made(str(target), given.bridge, given.bridge, "", "", admin)
    secrets = done.secrets[0]
    return Made(str(target), given.bridge, given.bridge, secrets.password, secrets.key, admin)


async def _make_admin(settings: "config_values.Settings") -> str:
    """The first key to the API; empty where the store has keys already."""
    from gatepost.cli import keys
    from gatepost.console import keys as api_keys

    async with context.opened(settings) as store:
        if (await store.directory()).api_keys:
            return ""
    return (await keys.make(api_keys.NewKey("admin", "admin"), settings)).api_key


def _plan(given: Wishes) -> "planning.Plan":
    from gatepost.console import planning

    account = planning.DEFAULT
    return planning.Plan(
        account=(planning.AccountPlan(account),),
        pool=(planning.PoolPlan(account),),
        source=(planning.SourcePlan(name="main", ip=given.source_ip, ehlo=given.ehlo or given.hostname),),
        domain=tuple(planning.DomainPlan(name) for name in given.domains),
        bridge=(planning.BridgePlan(name=given.bridge, on_suppressed=given.on_suppressed),),
    )


def _write_certificate(folder: Path, hostname: str) -> None:
    """A self-signed certificate, unless there is one."""
    import datetime as dt
    import os

    from gatepost.net import tls

    cert, key = folder / "cert.pem", folder / "key.pem"
    if cert.exists() or key.exists():
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    now = dt.datetime.fromtimestamp(context.now_ms() / 1000, dt.UTC)
    public, private = tls.self_signed(hostname, now=now, days=_DAYS)
    cert.write_bytes(public)
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(private)


def _tell(target: Path, given: Wishes, made: Made, *, json: bool) -> None:
    if json:
        show.json_line(made)
        return
    show.line(f"wrote {target}; a data directory and a self-signed certificate stand beside it")
    if not given.domains:
        show.line("no sender domain yet: `gatepost domain add example.com`")
    if not made.password:
        show.line(f"Bridge {made.bridge!r} was there already and keeps its secrets: `gatepost bridge rotate`")
    else:
        show.line(f"Bridge {made.bridge!r}; its secrets are shown only now:")
        show.line(f"  SMTP user      {made.username}")
        show.line(f"  SMTP password  {made.password}")
        show.line(f"  API key        {made.api_key}")
    if made.admin_key:
        show.line(f"the console's API, as admin: {made.admin_key}")
    where = "" if target == context.DEFAULT else f" -c {target}"
    show.line(f"who may log in to the dashboard: gatepost user add NAME --role admin{where}")
    show.line(f"next: gatepost serve{where}")


def _asked(question: str, default: str) -> str:
    return input(f"{question} [{default}]: ").strip() or default


def _asked_domains() -> tuple[str, ...]:
    return tuple(input("Domains that mail is sent from (example.com …) []: ").replace(",", " ").split())


def _asked_answer() -> Answer:
    print(_EXPLAINED)
    while True:
        match _asked("accept or refuse", "accept").lower():
            case "accept":
                return "accept"
            case "refuse":
                return "refuse"
            case other:
                print(f"{other!r} is neither")
