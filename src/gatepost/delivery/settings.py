"""What an operator may set about delivery, with its defaults."""

import msgspec


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


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[[route]]``: mail for a domain (``example.test``) or a suffix (``.example.test``, ``.``) goes to ``to`` (host:port)."""

    domain: str
    to: str


class DeliverySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[delivery]``.

    port: where MX hosts listen. allow_networks: private ranges that may be connected to. only_networks: if given,
    nothing else may be. connect_timeout_s, idle and the RFC's time-outs in seconds. max_hosts: MX hosts tried for one
    attempt. window: deliveries kept in memory for a lane. body_budget: bytes of bodies kept in memory per worker.
    max_connections: open at once in one worker, all lanes together.
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
    sweep_s: float = 2.0
    shutdown_timeout_s: float = 30.0
    lane: tuple[LaneOverride, ...] = ()
