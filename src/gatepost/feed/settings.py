"""``[webhooks]``: where webhooks may reach."""

from collections.abc import Iterator

import msgspec

from gatepost import errors
from gatepost.net import addresses


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[webhooks]``. allow_networks: private networks that webhooks may reach, like ``10.1.2.0/24``; else none.

    allow_http: URLs without TLS may be given, too. timeout_s: how long a receiver may take for its answer.
    """

    allow_networks: tuple[str, ...] = ()
    allow_http: bool = False
    timeout_s: float = 15.0


def problems(found: WebhookSettings) -> Iterator[errors.BadInput]:
    """What makes no sense."""
    yield from addresses.wrong_networks(found.allow_networks, "webhooks.allow_networks")
    yield from errors.out_of_range(found.timeout_s, 1, 120, "webhooks.timeout_s")
