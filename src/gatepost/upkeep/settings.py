"""``[retention]``: how long what is kept is kept."""

from collections.abc import Iterator

import msgspec

from gatepost import errors

_LONGEST_DAYS = 36_500


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[retention]``, in days; 0: for ever.

    events_days: events, and the rows of their messages. minutes_days, hours_days: until counters of minutes become those of hours, and
    those of days. counters_days: until they go. webhooks_days: what receivers said, and requests that were given up.
    reports_days: what came in to the inbound listener, verbatim. audit_days: who changed what.
    """

    events_days: int = 90
    minutes_days: int = 8
    hours_days: int = 90
    counters_days: int = 400
    webhooks_days: int = 30
    reports_days: int = 30
    audit_days: int = 0


# A webhook is tried for 28 hours, and a message lives for 72 by default: what is younger than this is still being told.
_LEAST_EVENTS = 7


def problems(found: RetentionSettings) -> Iterator[errors.BadInput]:
    """What makes no sense."""
    for name in found.__struct_fields__:
        value: int = getattr(found, name)
        yield from errors.out_of_range(value, 0, _LONGEST_DAYS, f"retention.{name}")
    if 0 < found.events_days < _LEAST_EVENTS:
        yield errors.BadInput(
            "retention.events_days",
            f"{found.events_days} is less than {_LEAST_EVENTS}: webhooks and notices may not have been told yet",
        )
