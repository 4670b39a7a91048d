"""``gatepost serve`` and ``gatepost demo``: what runs until it is stopped."""

import contextlib
from typing import TYPE_CHECKING, Annotated

import cyclopts

from gatepost.cli import context

if TYPE_CHECKING:
    from gatepost import config as configs

_SEED = 1
_RECIPIENTS = 2000


def serve(*, config: context.Config = context.DEFAULT) -> int:
    """Run the gateway until SIGTERM: it then takes no new mail and finishes what is under way; SIGHUP reads the configuration again."""
    from gatepost import config as configs
    from gatepost import log as logs
    from gatepost.app import supervise

    settings = context.load(config)
    logs.configure(settings.log.level, json=settings.log.json)
    supervisor = supervise.Supervisor(settings, lambda: context.load(config))
    try:
        return context.run(supervisor.run(lambda running: _tell(running.settings)))
    except configs.Unusable as error:
        raise context.named(error.problems, config) from None


def demo(
    *,
    once: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    seed: int = _SEED,
    recipients: int = _RECIPIENTS,
) -> int:
    """Try it: the gateway, its console and a sandbox of receivers on loopback, with a realistic campaign through them.

    Parameters
    ----------
    once
        End when the campaign has ended.
    seed
        Of everything that is random.
    recipients
        How many.
    """
    import rich.console

    from gatepost.app import demo as demos

    return demos.run(once=once, seed=seed, recipients=recipients, out=rich.console.Console())


def _tell(settings: "configs.Settings") -> None:
    """On standard output (the log has standard error), once everything answers."""
    lines = [f"SMTP {one.address} ({one.name}, TLS {one.tls.value})" for one in settings.listener]
    if settings.http.address:
        lines.append(f"HTTP{'S' if settings.http.tls else ''} {settings.http.address}")
    if settings.console.address:
        lines.append(f"console HTTP{'S' if settings.console.tls else ''} {settings.console.address}")
    with contextlib.suppress(OSError):  # whoever started it may have closed its end
        print(f"gatepost: {settings.hostname} listens: {', '.join(lines) or 'nowhere'}", flush=True)
