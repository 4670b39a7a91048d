"""Everything that one Result changes. The store writes it whole or not at all, and adds nothing of its own."""

import enum

import msgspec

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import late, notify
from gatepost.model import message as messages
from gatepost.model import suppression as suppressions


class Ending(enum.IntEnum):
    """How a delivery left the queue: the ledger's columns."""

    DELIVERED = 1
    BOUNCED = 2
    REJECTED = 3
    CANCELLED = 4


class Reschedule(msgspec.Struct, frozen=True, gc=False):
    """The open row's new values. ``hold`` names the directive that holds it, when status is HELD. lane, source: where it goes from now on, 0: as before."""

    next_at: int
    attempts: int
    status: messages.Status = messages.Status.QUEUED
    seen: tuple[fact_values.Seen, ...] = ()
    last_category: str = ""
    last_reply: bytes = b""
    reason: str = ""
    hold: int = 0
    lane: int = 0
    source: int = 0


class Softening(msgspec.Struct, frozen=True, gc=False):
    """The confirmed entries of an incident become provisional, until ``expires_at`` (ms)."""

    incident: int
    expires_at: int


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """Exactly one of ``ending`` and ``reschedule`` is set, or neither where a report came in.

    address: the record's new value, or None when unchanged. suppress: entries written (replacing the same identity).
    release: entries deleted. streaks: their new values. soften: what is done to entries of earlier settlements. (A mail that
    is taken ends all streaks of its Provider and domain: that is the store's, as it is the store that knows them.) sent:
    what the delivery leaves behind. filed: the report that is kept. early: the report came before the delivery it is about was
    over: nothing of it is kept, and it is to be asked about again. charged_at: ms; the minute in which late events are
    counted. notice: what the sender is told of the first event.
    """

    ending: Ending | None
    reschedule: Reschedule | None
    events: tuple[events.Event, ...]
    address: fact_values.AddressRecord | None = None
    suppress: tuple[suppressions.Suppression, ...] = ()
    release: tuple[suppressions.Suppression, ...] = ()
    streaks: tuple[fact_values.Streak, ...] = ()
    soften: Softening | None = None
    sent: fact_values.Sent | None = None
    filed: late.Filed | None = None
    charged_at: int = 0
    notice: notify.Notice | None = None
    early: bool = False
