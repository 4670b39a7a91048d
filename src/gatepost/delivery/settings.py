"""What an operator may set about delivery, with its defaults, and what would be wrong with it.

Guarantees: settings of which ``problems`` and ``route_problems`` tell nothing can be used without another look; each
problem is a BadInput that names the key (``delivery.lane[0].idle_s``). Not here: ``host:port`` of a route (``gatepost.config``).
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from gatepost import errors
from gatepost.dkim import canonical, signature
from gatepost.model import address
from gatepost.net import addresses

_HOUR_S = 3_600
_DAY_S = 86_400
_MANY = 100_000  # connections, or deliveries in memory: more than one process can hold
_BUDGET = 1 << 40
_THREADS = 64


class LaneLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of one lane (Provider × Source); 0 means none (taxonomy: "Providers").

    connections: open at once. connections_per_min: opened in any minute. per_connection: deliveries on one before it
    is closed. per_second: deliveries handed out. idle_s: how long one without work is kept.
    """

    connections: int = 10
    connections_per_min: int = 100
    per_connection: int = 100
    per_second: int = 0
    idle_s: int = 60


class LaneOverride(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[delivery.lane]]``: other limits for a Provider, a Source, or both; the first that fits wins."""

    provider: str = ""
    source: str = ""
    connections: int | None = None
    connections_per_min: int | None = None
    per_connection: int | None = None
    per_second: int | None = None
    idle_s: int | None = None


class TlsRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[delivery.tls]]``: TLS to a Provider or a domain (``example.test``, or ``.example.test`` for what is below it).

    tls: ``never``, ``opportunistic``, ``encrypted`` (any certificate) or ``required`` (one that is valid for the host).
    """

    provider: str = ""
    domain: str = ""
    tls: Literal["never", "opportunistic", "encrypted", "required"] = "required"


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[route]]``: mail for a domain (``example.test``) or a suffix (``.example.test``, ``.``) goes to ``to`` (host:port)."""

    domain: str = ""
    to: str = ""


class SigningSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[dkim]``.

    canonicalization: of header and body (RFC 6376 §3.4). expires_s: for how long a signature counts, 0 for ever. threads:
    that sign, in each worker; taken at start.
    """

    canonicalization: str = "relaxed/relaxed"
    expires_s: int = 0
    threads: int = 2

    @property
    def manner(self) -> signature.Manner:
        """How signatures are made."""
        header, _, body = self.canonicalization.partition("/")
        return signature.Manner(canonical.Form(header), canonical.Form(body), self.expires_s)


class DeliverySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[delivery]``.

    port: where MX hosts listen. allow_networks: private ranges that may be connected to. only_networks: if given,
    nothing else may be. connect_timeout_s, idle and the RFC's time-outs in seconds. max_hosts: MX hosts tried for one
    attempt. window: deliveries kept in memory for a lane. body_budget: bytes of bodies kept in memory per worker.
    max_connections: open at once in one worker, all lanes together. pacing: whether lanes are slowed and paused by what they are
    answered (docs/pacing.md). mta_sts: whether policies of domains are kept. tls_ca: a file of certificates that are trusted
    beside the machine's own. chunking: Providers that get their mail with BDAT where they offer it (RFC 3030); ``*`` for all.
    """

    port: int = 25
    allow_networks: tuple[str, ...] = ()
    only_networks: tuple[str, ...] = ()
    connect_timeout_s: float = 30.0
    reply_timeout_s: float = 300.0
    dot_timeout_s: float = 600.0
    max_hosts: int = 5
    window: int = 500
    body_budget: int = 64 * 1024 * 1024
    max_connections: int = 2000
    pacing: bool = True
    sweep_s: float = 2.0
    shutdown_timeout_s: float = 30.0
    mta_sts: bool = True
    tls_ca: str = ""
    chunking: tuple[str, ...] = ()
    tls: tuple[TlsRule, ...] = ()
    lane: tuple[LaneOverride, ...] = ()


def problems(settings: DeliverySettings) -> Iterator[errors.BadInput]:
    """Everything that is wrong with ``[delivery]``."""
    for key, least, most in (
        ("port", 1, 65535),
        ("connect_timeout_s", 0.1, _HOUR_S),
        ("reply_timeout_s", 0.1, _DAY_S),
        ("dot_timeout_s", 0.1, _DAY_S),
        ("max_hosts", 1, 100),
        ("window", 1, _MANY),
        ("body_budget", 0, _BUDGET),
        ("max_connections", 1, _MANY),
        ("sweep_s", 0.05, _HOUR_S),
        ("shutdown_timeout_s", 0, _HOUR_S),
    ):
        yield from errors.out_of_range(getattr(settings, key), least, most, f"delivery.{key}")
    yield from addresses.wrong_networks(settings.allow_networks, "delivery.allow_networks")
    yield from addresses.wrong_networks(settings.only_networks, "delivery.only_networks")
    for index, rule in enumerate(settings.tls):
        if rule.domain and not _is_pattern(rule.domain.lower()):
            yield errors.BadInput(
                f"delivery.tls[{index}].domain",
                f"{rule.domain!r} is not example.test or .example.test (IDNs as A-labels)",
            )
    for index, lane in enumerate(settings.lane):
        yield from _lane_problems(lane, f"delivery.lane[{index}]")


def signing_problems(settings: SigningSettings) -> Iterator[errors.BadInput]:
    """Everything that is wrong with ``[dkim]``."""
    forms = [f"{header}/{body}" for header in canonical.Form for body in canonical.Form]
    if settings.canonicalization not in forms:
        problem = f"{settings.canonicalization!r} is none of {', '.join(forms)}"
        yield errors.BadInput("dkim.canonicalization", problem)
    if settings.expires_s:
        yield from errors.out_of_range(settings.expires_s, _DAY_S, 365 * _DAY_S, "dkim.expires_s")
    yield from errors.out_of_range(settings.threads, 1, _THREADS, "dkim.threads")


def route_problems(routes: tuple[Route, ...]) -> Iterator[errors.BadInput]:
    """What is wrong with the domains of ``[[route]]``."""
    places: dict[str, str] = {}
    for index, route in enumerate(routes):
        place = f"route[{index}].domain"
        key = route.domain.lower().rstrip(".") or route.domain
        if not _is_pattern(key):
            yield errors.BadInput(
                place, f"{route.domain!r} is not example.test, .example.test or '.' (IDNs as A-labels)"
            )
        elif key in places:
            yield errors.BadInput(place, f"{route.domain!r} is {places[key]} already")
        places.setdefault(key, place)


def _is_pattern(text: str) -> bool:
    if text == ".":
        return True
    name = text.removeprefix(".")
    try:
        return address.domain_key(name) == name
    except errors.BadInput:
        return False


def _lane_problems(lane: LaneOverride, place: str) -> Iterator[errors.BadInput]:
    for key, most in (
        ("connections", _MANY),
        ("connections_per_min", _MANY),
        ("per_connection", _MANY),
        ("per_second", _MANY),
        ("idle_s", _HOUR_S),
    ):
        value = getattr(lane, key)
        if value is not None:
            yield from errors.out_of_range(value, 0, most, f"{place}.{key}")
