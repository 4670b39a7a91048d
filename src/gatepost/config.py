"""Assembles the Settings that each package declares, from ``gatepost.toml`` and the environment.

Guarantees: a Settings that was loaded is usable; unknown keys are refused; every error names ``file:key``. An environment
variable ``GATEPOST_SECTION__KEY`` stands above the file. Not here: what lives in the store.
"""

import os
import socket
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from gatepost import errors
from gatepost.delivery import settings as delivery_settings
from gatepost.ingest import settings as ingest_settings
from gatepost.policy import settings as policy_settings

FILE = "gatepost.toml"
_PREFIX = "GATEPOST_"
_COMMANDS = frozenset({"GATEPOST_CONFIG", "GATEPOST_KEY"})  # of the command line, no settings
_RESTART = ("data_dir", "node", "hostname", "workers", "listener", "http", "tls", "dns", "ingest", "log")


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[log]``. level: debug, info, warning or error. json: one JSON object a line, else plain text."""

    level: str = "info"
    json: bool = True


class DnsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[dns]``. server: ``ip:port`` of another resolver than the system's."""

    server: str = ""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a process needs to start. workers: 0 for the machine's number. hostname: for EHLO and Received."""

    data_dir: str = "data"
    node: str = "node1"
    hostname: str = ""
    workers: int = 0
    listener: tuple[ingest_settings.ListenerSettings, ...] = ()
    http: ingest_settings.HttpSettings = ingest_settings.HttpSettings()
    tls: ingest_settings.TlsSettings = ingest_settings.TlsSettings()
    dns: DnsSettings = DnsSettings()
    route: tuple[delivery_settings.Route, ...] = ()
    delivery: delivery_settings.DeliverySettings = delivery_settings.DeliverySettings()
    ingest: ingest_settings.IngestSettings = ingest_settings.IngestSettings()
    policy: policy_settings.PolicySettings = policy_settings.PolicySettings()
    log: LogSettings = LogSettings()


class Unusable(errors.GatepostError):
    """A configuration with problems; all of them, one a line."""

    def __init__(self, problems: tuple[errors.BadInput, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read, override, check. Paths in it are relative to the file's directory. Raises BadInput or Unusable."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise errors.BadInput(str(path), f"cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise errors.BadInput(str(path), str(error)) from None
    return read(_overridden(table, environ), path)


def read(table: Mapping[str, object], path: Path) -> Settings:
    """Settings from a parsed table. Raises BadInput or Unusable."""
    try:
        found = msgspec.convert(dict(table), Settings)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$.")
        where = f"{path}:{place.rstrip('`')}" if place else str(path)
        raise errors.BadInput(where, problem) from None
    found = _completed(found, path.parent)
    problems = tuple(errors.BadInput(f"{path}:{p.place}", p.problem) for p in _problems(found))
    if problems:
        raise Unusable(problems)
    return found


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """Keys that differ and take effect only after a restart."""
    return [key for key in _RESTART if getattr(old, key) != getattr(new, key)]


def _completed(found: Settings, base: Path) -> Settings:
    cores = os.cpu_count() or 1
    return msgspec.structs.replace(
        found,
        data_dir=str(base / found.data_dir),
        hostname=found.hostname or socket.getfqdn(),
        workers=found.workers or (1 if cores <= 2 else cores // 2),
        tls=msgspec.structs.replace(
            found.tls,
            cert=str(base / found.tls.cert) if found.tls.cert else "",
            key=str(base / found.tls.key) if found.tls.key else "",
        ),
    )


def _problems(found: Settings) -> Iterator[errors.BadInput]:
    if found.workers < 1:
        yield errors.BadInput("workers", f"{found.workers} is below 1")
    if found.log.level not in {"debug", "info", "warning", "error"}:
        yield errors.BadInput("log.level", f"{found.log.level!r} is not debug, info, warning or error")
    checks: list[Callable[[], None]] = [
        lambda: ingest_settings.check_tls(found.tls),
        lambda: ingest_settings.check_http(found.http, found.tls),
        lambda: ingest_settings.check_ingest(found.ingest),
    ]
    for check in checks:
        try:
            check()
        except errors.BadInput as problem:
            yield problem
    for index, listener in enumerate(found.listener):
        try:
            ingest_settings.check_listener(listener, f"listener[{index}]", found.tls)
        except errors.BadInput as problem:
            yield problem
    for index, route in enumerate(found.route):
        try:
            ingest_settings.host_port(route.to, f"route[{index}].to")
        except errors.BadInput as problem:
            yield problem
    yield from policy_settings.problems(found.policy)


def _overridden(table: dict[str, object], environ: Mapping[str, str]) -> dict[str, object]:
    for name, text in environ.items():
        if not name.startswith(_PREFIX) or name in _COMMANDS:
            continue
        *sections, key = name.removeprefix(_PREFIX).lower().split("__")
        if (sections or [key])[0] not in Settings.__struct_fields__:
            raise errors.BadInput(name, "names no setting")
        at = table
        for section in sections:
            inner = at.setdefault(section, {})
            if not isinstance(inner, dict):
                raise errors.BadInput(name, f"{section} is not a section")
            at = inner
        at[key] = _value(text)
    return table


def _value(text: str) -> object:
    """A TOML value, or the text itself where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
