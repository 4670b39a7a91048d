"""What only the machine can tell of a configuration: before the first process starts, and before a reload is taken.

Guarantees: all problems at once, each a BadInput that names the key; nothing is changed, and no socket stays open.
Not here: what the file alone can tell (``gatepost.config``). A port may still be taken between the look and the start.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gatepost import clock as clocks
from gatepost import config, errors
from gatepost.app import compose
from gatepost.classify import rules
from gatepost.ingest import settings as ingest_settings
from gatepost.net import listen, tls


def data_dir_problems(settings: config.Settings) -> Iterator[errors.BadInput]:
    """What is wrong with the data directory; before its lock is taken."""
    data_dir = Path(settings.data_dir)
    if not data_dir.is_dir():
        yield errors.BadInput("data_dir", f"{data_dir} is not there: run `gatepost init` first")
    elif (owner := data_dir.stat().st_uid) != os.geteuid():
        yield errors.BadInput("data_dir", f"{data_dir} belongs to user {owner}: run the gateway as that user")
    elif not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        yield errors.BadInput("data_dir", f"{data_dir} may not be read and written")
    else:
        yield from _told(lambda: compose.pepper(settings), "data_dir")


def problems(settings: config.Settings) -> Iterator[errors.BadInput]:
    """Everything that would stop a process of the gateway, or let one start that cannot do its work."""
    yield from certificate_problems(settings)
    for index, one in enumerate(settings.listener):
        yield from _address_problems(one.address, f"listener[{index}].address")
    if settings.inbound.address:
        yield from _address_problems(settings.inbound.address, "inbound.address")
    if settings.http.address:
        yield from _address_problems(settings.http.address, "http.address")
    if settings.console.address:
        yield from _address_problems(settings.console.address, "console.address")
    yield from _told(lambda: compose.build_resolver(settings, clocks.SystemClock()))


def certificate_problems(settings: config.Settings) -> Iterator[errors.BadInput]:
    """What is wrong with the files of ``[tls]``, and with those that are trusted."""
    if settings.delivery.tls_ca:
        yield from _told(lambda: tls.client_context(verify=True, ca_path=settings.delivery.tls_ca))
    if settings.tls.cert:
        yield from _told(lambda: tls.server_context(settings.tls.cert, settings.tls.key))


def rule_problems(own: Mapping[str, bytes]) -> Iterator[errors.BadInput]:
    """What keeps the operator's rules from being loaded. Lint is `gatepost check`'s alone: a new one never stops a gateway."""
    if own:
        for problem in rules.problems(compose.shipped_rules(), own):
            place, _, words = problem.partition(": ")
            yield errors.BadInput(place, words)


def _address_problems(address: str, place: str) -> Iterator[errors.BadInput]:
    host, number = ingest_settings.host_port(address, place)
    # Not shared: so that another gateway on the same port is noticed too, whose processes would share it.
    yield from _told(lambda: _bind(host, number, place))


def _told(work: Callable[[], object], key: str = "") -> Iterator[errors.BadInput]:
    try:
        work()
    except errors.BadInput as problem:
        yield errors.BadInput(key, str(problem)) if key else problem


def _bind(host: str, number: int, place: str) -> None:
    for one in listen.bind(host, number, place, reuse_port=False):
        one.close()
