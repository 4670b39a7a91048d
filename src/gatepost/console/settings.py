"""``[console]``: where the API is answered, and its limits. What is wrong with them is told by ``gatepost.config``."""

import msgspec


class ConsoleSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[console]``: where the API is answered; empty address: nowhere.

    tls: with the certificate of ``[tls]``; without it, only a loopback address is allowed, or ``behind_proxy`` says that
    something else in front brings the TLS and the client's address. per_min: requests of one key in a minute; above it 429.
    max_streams: open event streams and long polls of all keys together; above it 503. max_body: bytes of one request.
    body_timeout_s: for a request's whole body.
    """

    address: str = ""
    tls: bool = False
    behind_proxy: bool = False
    per_min: int = 1200
    max_streams: int = 1000
    max_body: int = 1024 * 1024
    body_timeout_s: float = 30.0
