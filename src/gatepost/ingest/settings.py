"""What an operator may set about submission, with its defaults, and what would be wrong with it.

Guarantees: a value that passed its ``check_…`` can be used without another look. A wrong one is a BadInput that names
the key (``listener[0].address``). Not here: reading files (``gatepost.config``), opening sockets (``gatepost.net``).
"""

import enum
import ipaddress
import re

import msgspec

from gatepost import errors

MIB = 1024 * 1024
HEADER_BYTES = 100_000  # faults.md P19; Postfix's header_size_limit is 102,400 for one header
HEADER_LINES = 1_000  # faults.md P19
MAX_HOPS = 50  # Received headers; Postfix's hopcount_limit (RFC 5321 §6.3)
MAX_RECIPIENTS = 4_094  # a message and its deliveries take one range of ids (gatepost.model.ids)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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


class HttpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[http]``: where ``POST /v1/send`` is answered; empty address: nowhere.

    tls: with the certificate of ``[tls]``; without it, only a loopback address is allowed, or ``behind_proxy`` says
    that something else in front brings the TLS.
    """

    address: str = "127.0.0.1:8025"
    tls: bool = False
    behind_proxy: bool = False


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
    if not (port.isascii() and port.isdigit() and int(port) <= 65535):
        raise errors.BadInput(place, f"{port!r} is not a port")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def networks(texts: tuple[str, ...], place: str) -> tuple[Network, ...]:
    """Read CIDR networks. Raises BadInput naming the one that is wrong."""
    found: list[Network] = []
    for index, text in enumerate(texts):
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise errors.BadInput(f"{place}[{index}]", f"{text!r} is not a network like 10.0.0.0/8") from None
    return tuple(found)


def check_listener(listener: ListenerSettings, place: str, tls: TlsSettings) -> None:
    """Raises BadInput for the first thing that is wrong with a listener; ``place`` is ``listener[0]``."""
    if not _NAME.fullmatch(listener.name):
        raise errors.BadInput(
            f"{place}.name", f"{listener.name!r} is not a name of letters, digits, '.', '_' and '-'"
        )
    host, _ = host_port(listener.address, f"{place}.address")
    networks(listener.networks, f"{place}.networks")
    if listener.auth_without_tls and not is_loopback(host):
        raise errors.BadInput(
            f"{place}.auth_without_tls", "only a loopback listener may take passwords without TLS"
        )
    if listener.tls is not ListenerTls.NONE and not tls.cert:
        raise errors.BadInput(f"{place}.tls", f"{listener.tls.value!r} needs [tls] cert and key")
    for key, value in (
        ("per_ip_connections", listener.per_ip_connections),
        ("max_connections", listener.max_connections),
    ):
        _at_least(value, 1, f"{place}.{key}")


def check_http(http: HttpSettings, tls: TlsSettings) -> None:
    """Raises BadInput for the first thing that is wrong with ``[http]``."""
    if not http.address:
        return
    host, _ = host_port(http.address, "http.address")
    if http.tls and not tls.cert:
        raise errors.BadInput("http.tls", "needs [tls] cert and key")
    if not (http.tls or http.behind_proxy or is_loopback(host)):
        raise errors.BadInput(
            "http.address", "API keys would cross the network in clear: set tls or behind_proxy"
        )


def check_tls(tls: TlsSettings) -> None:
    """Raises BadInput when one of the two paths is missing (whether the files are good is said when they are read)."""
    if bool(tls.cert) != bool(tls.key):
        raise errors.BadInput("tls.key" if tls.cert else "tls.cert", "certificate and key go together")


def check_ingest(settings: IngestSettings) -> None:
    """Raises BadInput for the first limit that makes no sense."""
    _at_least(settings.max_size, 1024, "ingest.max_size")
    _at_least(settings.max_batch, 1, "ingest.max_batch")
    _at_least(settings.max_request, settings.max_size, "ingest.max_request")
    _at_least(settings.request_budget, settings.max_request, "ingest.request_budget")
    _at_least(settings.command_timeout_s, 1, "ingest.command_timeout_s")
    _at_least(settings.data_timeout_s, 1, "ingest.data_timeout_s")
    _at_least(settings.min_data_rate, 0, "ingest.min_data_rate")
    _at_least(settings.auth_failures, 1, "ingest.auth_failures")
    _at_least(settings.accept_timeout_s, 0.1, "ingest.accept_timeout_s")
    if not 1 <= settings.max_recipients <= MAX_RECIPIENTS:
        raise errors.BadInput("ingest.max_recipients", f"is not in 1…{MAX_RECIPIENTS}")
    if not 0 <= settings.min_free < 1:
        raise errors.BadInput("ingest.min_free", "is not a share from 0 to below 1")
    if not 0 < settings.max_memory <= 1:
        raise errors.BadInput("ingest.max_memory", "is not a share from above 0 to 1")


def _at_least(value: float, least: float, place: str) -> None:
    if value < least:
        raise errors.BadInput(place, f"{value} is below {least}")
