"""What an operator may set about submission, with its defaults, and what would be wrong with it.

Guarantees: a value of which ``…_problems`` tells nothing can be used without another look. Each wrong one is a BadInput
that names the key (``listener[0].address``). Not here: reading files (``gatepost.config``), opening sockets (``gatepost.net``).
"""

import enum
import ipaddress
import re
from collections.abc import Iterator

import msgspec

from gatepost import errors
from gatepost.model import address as mail_addresses
from gatepost.net import addresses

MIB = 1024 * 1024
HEADER_BYTES = 100_000  # faults.md P19; Postfix's header_size_limit is 102,400 for one header
HEADER_LINES = 1_000  # faults.md P19
MAX_HOPS = 50  # Received headers; Postfix's hopcount_limit (RFC 5321 §6.3)
MAX_RECIPIENTS = 4_094  # a message and its deliveries take one range of ids (gatepost.model.ids)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BRIDGE = re.compile(rf"(?:{_NAME.pattern}/)?{_NAME.pattern}")
_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
MAX_SIZE = 1024 * MIB  # of one message; beyond, no receiver takes it
_DAY_S = 86_400
_HOUR_S = 3_600
_MANY = 100_000  # more connections, or messages in one request, than one process can serve


class ListenerTls(enum.StrEnum):
    """How a submission listener comes to TLS."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class ListenerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[listener]]``: one address where applications hand in mail over SMTP.

    address: ``host:port``, ``[::1]:587`` for IPv6. bridge: whoever connects from ``networks`` sends as this Bridge
    without AUTH. auth_without_tls: passwords may cross in clear; only on a loopback address. max_connections and
    per_ip_connections: open at once in one worker; above them the answer is ``421 4.3.2``.
    """

    name: str = "submission"
    address: str = "127.0.0.1:587"
    tls: ListenerTls = ListenerTls.STARTTLS
    bridge: str = ""
    networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    auth_without_tls: bool = False
    per_ip_connections: int = 50
    max_connections: int = 1000


class InboundSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[inbound]``: where late bounces, complaints and wishes to unsubscribe come in; empty address: nowhere.

    hosts: the names under which MX records lead to it; empty: ``hostname``. max_size: bytes of one report. budget: bytes of
    reports in memory at once in one worker; above it 451. max_connections, per_ip_connections: open at once in one worker;
    above them 421. unverified_per_min: mails from one address that no valid token lets in; above it 451. operator: who gets
    what comes to postmaster@ and abuse@, over ``bridge``. parse_timeout_s: for reading one report.
    """

    address: str = ""
    hosts: tuple[str, ...] = ()
    max_size: int = 10 * MIB
    budget: int = 64 * MIB
    max_connections: int = 1000
    per_ip_connections: int = 50
    unverified_per_min: int = 60
    operator: str = ""
    bridge: str = ""
    parse_timeout_s: float = 5.0


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[http]``: where ``POST /v1/send`` is answered; empty address: nowhere.

    tls: with the certificate of ``[tls]``; without it, only a loopback address is allowed, or ``behind_proxy`` says
    that something else in front brings the TLS. proxies: networks from which it is believed who the client is (X-Forwarded-For),
    where ``behind_proxy`` is set.
    """

    address: str = "127.0.0.1:8025"
    tls: bool = False
    behind_proxy: bool = False
    proxies: tuple[str, ...] = ("127.0.0.0/8", "::1/128")


class TlsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[tls]``: paths of the PEM certificate chain and its key."""

    cert: str = ""
    key: str = ""


class IngestSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[ingest]``: the limits of submission (faults.md P19).

    max_size: bytes of one message. max_recipients: of one message. max_batch: messages in one HTTP request.
    max_request: bytes of one HTTP request. request_budget: bytes of HTTP requests in memory at once; above it 503.
    min_free: the share of the volume that stays free; below it, ``452 4.3.1``. max_memory: the share of the memory that
    may be in use (``memory``); above it, ``421 4.3.2`` and ``451 4.3.2``. command_timeout_s: for one whole
    command, from the reply before it (RFC 5321 §4.5.3.2.7). data_timeout_s: the same before and in DATA, but a
    body that comes at min_data_rate bytes a second may take longer. auth_failures: before a connection is closed.
    accept_timeout_s: for the store to begin with a message; past it ``451 4.3.2`` (P4).
    """

    max_size: int = 50 * MIB
    max_recipients: int = 1_000
    max_batch: int = 1_000
    max_request: int = 75 * MIB
    request_budget: int = 256 * MIB
    min_free: float = 0.10
    max_memory: float = 0.75
    command_timeout_s: float = 300.0
    data_timeout_s: float = 180.0
    min_data_rate: int = 500
    auth_failures: int = 10
    accept_timeout_s: float = 20.0
    shutdown_timeout_s: float = 30.0


def host_port(text: str, place: str) -> tuple[str, int]:
    """Read ``127.0.0.1:587`` or ``[::1]:587``; port 0 lets the system choose. Raises BadInput naming ``place``."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise errors.BadInput(place, f"{text!r}: an IPv6 address needs brackets: [::1]:587")
    if not colon or not host:
        raise errors.BadInput(place, f"{text!r} is not host:port")
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise errors.BadInput(place, f"{port!r} is not a port")
    if not (_HOST.fullmatch(host) or _is_ip(host)):
        raise errors.BadInput(place, f"{host!r} is neither an address nor a host name")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_open_to_others(address: str) -> bool:
    """Whether more than this machine reaches it; an address that is none reaches nobody."""
    try:
        return not is_loopback(host_port(address, "")[0])
    except errors.BadInput:
        return False


def wrong_host_port(text: str, place: str, *, least_port: int = 0) -> Iterator[errors.BadInput]:
    """What is wrong with ``host:port``."""
    try:
        _, number = host_port(text, place)
    except errors.BadInput as problem:
        yield problem
    else:
        yield from errors.out_of_range(number, least_port, 65535, place)


def listener_problems(listener: ListenerSettings, place: str, tls: TlsSettings) -> Iterator[errors.BadInput]:
    """Everything that is wrong with a listener; ``place`` is ``listener[0]``."""
    for key, name in (("name", listener.name), ("bridge", listener.bridge)):
        if not _NAME.fullmatch(name) and (name or key == "name"):
            yield errors.BadInput(
                f"{place}.{key}", f"{name!r} is not a name of letters, digits, '.', '_' and '-'"
            )
    yield from wrong_host_port(listener.address, f"{place}.address")
    yield from addresses.wrong_networks(listener.networks, f"{place}.networks")
    if listener.bridge and not listener.networks:
        yield errors.BadInput(f"{place}.networks", "is empty, so nobody can be the Bridge")
    if listener.auth_without_tls and _is_open_to_others(listener.address):
        yield errors.BadInput(
            f"{place}.auth_without_tls", "only a loopback listener may take passwords without TLS"
        )
    if listener.tls is not ListenerTls.NONE and not tls.cert:
        yield errors.BadInput(f"{place}.tls", f"{listener.tls.value!r} needs [tls] cert and key")
    yield from errors.out_of_range(listener.per_ip_connections, 1, _MANY, f"{place}.per_ip_connections")
    yield from errors.out_of_range(listener.max_connections, 1, _MANY, f"{place}.max_connections")


def inbound_problems(inbound: InboundSettings) -> Iterator[errors.BadInput]:
    """Everything that is wrong with ``[inbound]``."""
    if inbound.address:
        yield from wrong_host_port(inbound.address, "inbound.address")
    for host in inbound.hosts:
        if not _HOST.fullmatch(host):
            yield errors.BadInput("inbound.hosts", f"{host!r} is no host name (IDNs as A-labels)")
    if inbound.bridge and not _BRIDGE.fullmatch(inbound.bridge):
        yield errors.BadInput("inbound.bridge", f"{inbound.bridge!r} is not the name of a Bridge")
    if bool(inbound.operator) != bool(inbound.bridge):
        place = "inbound.bridge" if inbound.operator else "inbound.operator"
        yield errors.BadInput(place, "operator and bridge go together: who gets the mail, and how it is sent")
    if inbound.operator:
        try:
            mail_addresses.parse(inbound.operator)
        except errors.BadInput as problem:
            yield errors.BadInput("inbound.operator", problem.problem)
    for key, least, most in (
        ("max_size", 1024, MAX_SIZE),
        ("budget", 1024, 1024 * MAX_SIZE),
        ("max_connections", 1, _MANY),
        ("per_ip_connections", 1, _MANY),
        ("unverified_per_min", 0, _MANY),
        ("parse_timeout_s", 0.1, 60),
    ):
        yield from errors.out_of_range(getattr(inbound, key), least, most, f"inbound.{key}")
    if inbound.budget < inbound.max_size:
        yield errors.BadInput("inbound.budget", f"{inbound.budget} is below max_size")


def shared_addresses(
    listeners: tuple[ListenerSettings, ...], http: HttpSettings, inbound: InboundSettings, console: str = ""
) -> Iterator[errors.BadInput]:
    """Addresses that are given twice: the system would hand each connection to either of the two."""
    owners: dict[str, str] = {}
    given = [(f"listener[{index}].address", one.address) for index, one in enumerate(listeners)]
    given += [
        ("inbound.address", inbound.address),
        ("http.address", http.address),
        ("console.address", console),
    ]
    for place, address in given:
        if not address or address.endswith(":0"):
            continue
        if address in owners:
            yield errors.BadInput(place, f"{address} is {owners[address]} already")
        owners.setdefault(address, place)


def http_problems(http: HttpSettings, tls: TlsSettings, section: str = "http") -> Iterator[errors.BadInput]:
    """Everything that is wrong with ``[http]``, or with another section that says the same."""
    if not http.address:
        return
    yield from wrong_host_port(http.address, f"{section}.address")
    if http.tls and not tls.cert:
        yield errors.BadInput(f"{section}.tls", "needs [tls] cert and key")
    yield from addresses.wrong_networks(http.proxies, f"{section}.proxies")
    if not (http.tls or http.behind_proxy) and _is_open_to_others(http.address):
        yield errors.BadInput(
            f"{section}.address", "API keys would cross the network in clear: set tls or behind_proxy"
        )


def tls_problems(tls: TlsSettings) -> Iterator[errors.BadInput]:
    """Whether one of the two paths is missing (whether the files are good is said when they are read)."""
    if bool(tls.cert) != bool(tls.key):
        yield errors.BadInput("tls.key" if tls.cert else "tls.cert", "certificate and key go together")
    for place, path in (("tls.cert", tls.cert), ("tls.key", tls.key)):
        if "\0" in path:
            yield errors.BadInput(place, "no path has a NUL character in it")


def ingest_problems(settings: IngestSettings) -> Iterator[errors.BadInput]:
    """Every limit that makes no sense."""
    for key, least, most in (
        ("max_size", 1024, MAX_SIZE),
        ("max_recipients", 1, MAX_RECIPIENTS),
        ("max_batch", 1, _MANY),
        ("max_request", 1024, 4 * MAX_SIZE),
        ("request_budget", 1024, 1024 * MAX_SIZE),
        ("command_timeout_s", 1, _DAY_S),
        ("data_timeout_s", 1, _DAY_S),
        ("min_data_rate", 0, MAX_SIZE),
        ("auth_failures", 1, 1000),
        ("shutdown_timeout_s", 0, _HOUR_S),
        ("accept_timeout_s", 0.1, _HOUR_S),
    ):
        yield from errors.out_of_range(getattr(settings, key), least, most, f"ingest.{key}")
    if not 0 < settings.max_memory <= 1:
        yield errors.BadInput("ingest.max_memory", f"{settings.max_memory} is not a share from above 0 to 1")
    if not 0 <= settings.min_free < 1:
        yield errors.BadInput("ingest.min_free", f"{settings.min_free} is not a share from 0 to below 1")
    for key, least_key in (("max_request", "max_size"), ("request_budget", "max_request")):
        if getattr(settings, key) < getattr(settings, least_key):
            yield errors.BadInput(f"ingest.{key}", f"{getattr(settings, key)} is below {least_key}")
