"""Assembles the Settings that each package declares, from ``gatepost.toml`` and the environment.

Guarantees: a Settings that was loaded is usable; unknown keys are refused; all errors are told at once, each names
``file:line: key`` or the environment's variable. ``GATEPOST_SECTION__KEY`` stands above the file.
Not here: what lives in the store, and what only the machine can tell (``gatepost.app.starting``).
"""

import os
import re
import socket
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from gatepost import errors, toml
from gatepost.classify import settings as classify_settings
from gatepost.console import settings as console_settings
from gatepost.delivery import settings as delivery_settings
from gatepost.feed import settings as feed_settings
from gatepost.ingest import settings as ingest_settings
from gatepost.net import questions, resolver
from gatepost.policy import settings as policy_settings
from gatepost.upkeep import settings as upkeep_settings

FILE = "gatepost.toml"
RULES = "rules"  # the folder beside it
_PREFIX = "GATEPOST_"
_COMMANDS = frozenset({"GATEPOST_CONFIG", "GATEPOST_KEY"})  # of the command line, no settings
MAX_WORKERS = 64  # gatepost.store.port.SLOTS: a worker above it would own none
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_HOSTNAME = re.compile(
    r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?|\[[0-9A-Fa-f.:]+\]|\[IPv6:[0-9A-Fa-f.:]+\]"
)
_MAX_HOSTNAME = 255
_LONGEST_SOCKET = "/worker-63.sock"  # of those in the data directory
_MAX_SOCKET_PATH = 107  # Linux: bytes of a Unix socket's path
_RESTART = (
    "data_dir",
    "node",
    "hostname",
    "workers",
    "listener",
    "inbound",
    "http",
    "console",
    "dns",
    "webhooks",
)


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[log]``. level: debug, info, warning or error. json: one JSON object a line, else plain text."""

    level: str = "info"
    json: bool = True


class DnsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[dns]``. server: ``ip:port`` of other resolvers than the system's, one or a list. control: a name that exists."""

    server: str | tuple[str, ...] = ""
    control: str = resolver.CONTROL

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers; none for the system's."""
        if isinstance(self.server, tuple):
            return self.server
        return (self.server,) if self.server else ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a process needs to start. workers: 0 for the machine's number. hostname: for EHLO and Received."""

    data_dir: str = "data"
    node: str = "node1"
    hostname: str = ""
    workers: int = 0
    listener: tuple[ingest_settings.ListenerSettings, ...] = ()
    inbound: ingest_settings.InboundSettings = ingest_settings.InboundSettings()
    http: ingest_settings.HttpSettings = ingest_settings.HttpSettings()
    console: console_settings.ConsoleSettings = console_settings.ConsoleSettings()
    webhooks: feed_settings.WebhookSettings = feed_settings.WebhookSettings()
    tls: ingest_settings.TlsSettings = ingest_settings.TlsSettings()
    dns: DnsSettings = DnsSettings()
    route: tuple[delivery_settings.Route, ...] = ()
    delivery: delivery_settings.DeliverySettings = delivery_settings.DeliverySettings()
    dkim: delivery_settings.SigningSettings = delivery_settings.SigningSettings()
    ingest: ingest_settings.IngestSettings = ingest_settings.IngestSettings()
    classify: classify_settings.ClassifySettings = classify_settings.ClassifySettings()
    policy: policy_settings.PolicySettings = policy_settings.PolicySettings()
    retention: upkeep_settings.RetentionSettings = upkeep_settings.RetentionSettings()
    log: LogSettings = LogSettings()


class Unusable(errors.GatepostError):
    """A configuration with problems; all of them, one a line."""

    def __init__(self, problems: tuple[errors.BadInput, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read, override, check. Paths in it are relative to the file's directory. Raises BadInput or Unusable."""
    text = _text(path)
    table, variables = _overridden(toml.parse(text, str(path)), environ)
    found, mistakes = toml.convert(table, Settings)
    found = completed(found, path.parent)
    mistaken = {_section(one.place) for one in mistakes}
    mistakes += [one for one in problems(found) if _section(one.place) not in mistaken]
    if mistakes:
        raise _named(mistakes, text, path, variables)
    return found


def named(found: Iterable[errors.BadInput], path: Path, environ: Mapping[str, str]) -> Unusable:
    """Problems with keys that showed up later, with the place where each key was given."""
    text = _text(path)
    return _named(found, text, path, _overridden(toml.parse(text, str(path)), environ)[1])


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        hint = "; `gatepost init` writes one" if isinstance(error, FileNotFoundError) else ""
        raise errors.BadInput(str(path), f"cannot be read: {error.strerror}{hint}") from None
    except UnicodeDecodeError as error:
        raise errors.BadInput(str(path), str(error)) from None


def _named(found: Iterable[errors.BadInput], text: str, path: Path, variables: Mapping[str, str]) -> Unusable:
    def place(key: str) -> str:
        for given, variable in variables.items():
            if re.match(rf"{re.escape(given)}(?![\w-])", key):
                return variable if key == given else f"{variable}: {key}"
        return toml.place(text, str(path), key)

    return Unusable(tuple(errors.BadInput(place(one.place), one.problem) for one in found))


def _section(key: str) -> str:
    return re.split(r"[.\[]", key, maxsplit=1)[0]


def needs_restart(old: Settings, new: Settings) -> list[str]:
    """Keys that differ and take effect only after a restart."""
    found: list[str] = []
    for name in _RESTART:
        found += _differences(getattr(old, name), getattr(new, name), name)
    if bool(old.tls.cert) != bool(new.tls.cert):
        found.append("tls")
    return found


def taken(old: Settings, new: Settings) -> Settings:
    """What a running gateway works with after a reload: the new, but the old where only a restart can change it."""
    kept = {name: getattr(old, name) for name in _RESTART}
    if bool(old.tls.cert) != bool(new.tls.cert):
        kept["tls"] = old.tls
    return msgspec.structs.replace(new, **kept)


def _differences(old: object, new: object, key: str) -> Iterator[str]:
    if isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct):
        for name in old.__struct_fields__:
            yield from _differences(getattr(old, name), getattr(new, name), f"{key}.{name}")
    elif key == "listener" and isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{key}[{index}]")
    elif old != new:
        yield key


def completed(found: Settings, base: Path) -> Settings:
    """With what the machine says where nothing was given, and paths relative to ``base``."""
    cores = os.cpu_count() or 1
    return msgspec.structs.replace(
        found,
        data_dir=str(base / found.data_dir),
        hostname=found.hostname or socket.getfqdn(),
        workers=found.workers or min(MAX_WORKERS, 1 if cores <= 2 else cores // 2),
        delivery=msgspec.structs.replace(
            found.delivery, tls_ca=str(base / found.delivery.tls_ca) if found.delivery.tls_ca else ""
        ),
        classify=classify_settings.ClassifySettings(_rule_folder(found.classify.rules, base)),
        tls=msgspec.structs.replace(
            found.tls,
            cert=str(base / found.tls.cert) if found.tls.cert else "",
            key=str(base / found.tls.key) if found.tls.key else "",
        ),
    )


def _rule_folder(given: str, base: Path) -> str:
    """The operator's rules: the folder that was named, or else the usual one where there is one."""
    if given:
        return str(base / given)
    usual = base / RULES
    return str(usual) if usual.is_dir() else ""


def problems(found: Settings) -> Iterator[errors.BadInput]:
    """Everything that makes no sense, in the order of the documentation."""
    yield from _general_problems(found)
    for index, listener in enumerate(found.listener):
        yield from ingest_settings.listener_problems(listener, f"listener[{index}]", found.tls)
    yield from ingest_settings.inbound_problems(found.inbound)
    yield from ingest_settings.shared_addresses(
        found.listener, found.http, found.inbound, found.console.address
    )
    yield from ingest_settings.http_problems(found.http, found.tls)
    yield from _console_problems(found)
    yield from feed_settings.problems(found.webhooks)
    yield from ingest_settings.tls_problems(found.tls)
    yield from _dns_problems(found.dns)
    yield from delivery_settings.route_problems(found.route)
    for index, route in enumerate(found.route):
        yield from ingest_settings.wrong_host_port(route.to, f"route[{index}].to", least_port=1)
    yield from delivery_settings.problems(found.delivery)
    yield from delivery_settings.signing_problems(found.dkim)
    yield from ingest_settings.ingest_problems(found.ingest)
    yield from policy_settings.problems(found.policy)
    yield from upkeep_settings.problems(found.retention)
    if found.log.level not in {"debug", "info", "warning", "error"}:
        yield errors.BadInput("log.level", f"{found.log.level!r} is not debug, info, warning or error")


def _console_problems(found: Settings) -> Iterator[errors.BadInput]:
    console = found.console
    as_http = ingest_settings.HttpSettings(console.address, console.tls, console.behind_proxy)
    yield from ingest_settings.http_problems(as_http, found.tls, "console")
    for key, least, most in (
        ("per_min", 1, 1_000_000),
        ("max_streams", 0, 100_000),
        ("max_body", 1024, 1 << 30),
        ("body_timeout_s", 0.1, 3600),
    ):
        yield from errors.out_of_range(getattr(console, key), least, most, f"console.{key}")


def _dns_problems(found: DnsSettings) -> Iterator[errors.BadInput]:
    for server in found.servers:
        try:
            questions.server(server, "dns.server")
        except errors.BadInput as problem:
            yield problem
    if not resolver.is_host(found.control):
        yield errors.BadInput("dns.control", f"{found.control!r} is not a name (IDNs as A-labels)")


def _general_problems(found: Settings) -> Iterator[errors.BadInput]:
    longest = len(os.fsencode(found.data_dir)) + len(_LONGEST_SOCKET)
    if "\0" in found.data_dir:
        yield errors.BadInput("data_dir", "no path has a NUL character in it")
    elif longest > _MAX_SOCKET_PATH:
        yield errors.BadInput(
            "data_dir",
            f"the path is {longest - _MAX_SOCKET_PATH} bytes too long for the sockets in it; a symbolic link helps",
        )
    if not _NODE.fullmatch(found.node):
        yield errors.BadInput("node", f"{found.node!r} is not a name of letters, digits, '.', '_' and '-'")
    if len(found.hostname) > _MAX_HOSTNAME or not _HOSTNAME.fullmatch(found.hostname):
        yield errors.BadInput("hostname", f"{found.hostname!r} is no host name (IDNs as A-labels)")
    yield from errors.out_of_range(found.workers, 1, MAX_WORKERS, "workers")


def _overridden(
    table: dict[str, object], environ: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, str]]:
    """The table with what the environment says, and which variable gave which key."""
    variables: dict[str, str] = {}
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
        variables[".".join((*sections, key))] = name
    return table, variables


def _value(text: str) -> object:
    """A TOML value, or the text itself where it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
