"""What the store knows that a decision depends on, read inside the transaction that will write the decision."""

import msgspec

from gatepost.model import message as messages
from gatepost.model import notify as notify_values
from gatepost.model import suppression as suppression_values


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One category's replies on one delivery: when the first came (ms), and how many."""

    category: str
    first_at: int
    count: int


class Hold(msgspec.Struct, frozen=True, gc=False):
    """One account's bulk mail to an address waits until ``until`` (ms); ``probe_at``: the last transactional probe."""

    account: int
    until: int
    category: str
    probe_at: int = 0


class Refusals(msgspec.Struct, frozen=True, gc=False):
    """One Bridge's messages to an address that ended in a final no: campaigns, and the first and last time (ms)."""

    bridge: int
    campaigns: tuple[str, ...]
    first_at: int
    last_at: int


class AddressRecord(msgspec.Struct, frozen=True, gc=False):
    """What is remembered of one address (normal form), over all accounts. Times in ms, 0 for never.

    delivered_at: the last acceptance. presumed_at: when it was first presumed dead since then. soft_*: messages that bounced soft since then (unknown_count: of those, the ones
    by ``unknown.temporary``). Records that say nothing are not kept.
    """

    key: str
    delivered_at: int = 0
    soft_count: int = 0
    unknown_count: int = 0
    soft_first_at: int = 0
    soft_last_at: int = 0
    hard_at: int = 0
    presumed_at: int = 0
    holds: tuple[Hold, ...] = ()
    refusals: tuple[Refusals, ...] = ()


class Streak(msgspec.Struct, frozen=True, gc=False):
    """What went on being answered, no mail taken between: many addresses, one cause, perhaps not theirs.

    place: a Provider, or ``@`` and a domain. about: a rule's id, a category, or the template of replies that no rule knew
    (``policy.streaks``). incident: its number, which the entries that it wrote carry. counted: hashes of the addresses (``domain.not_found``: the times) that
    count, no more than are asked for. Times in ms.
    """

    place: str
    about: str
    incident: int
    counted: tuple[int, ...]
    first_at: int
    last_at: int


class OpenDelivery(msgspec.Struct, frozen=True, gc=False):
    """An open delivery's row joined with its message: what settlement reads. tell, notify: whether and of what the sender is told."""

    id: int
    message: int
    account: int
    bridge: int
    pool: int
    source: int
    lane: int
    provider: str
    priority: messages.Priority
    status: messages.Status
    recipient: str
    key: str
    domain: str
    sender_domain: str
    list: str
    campaign: str
    tags: str
    received_at: int
    expires_at: int
    next_at: int
    attempts: int = 0
    seen: tuple[Seen, ...] = ()
    last_category: str = ""
    last_reply: bytes = b""
    tell: bool = False
    notify: notify_values.Notify = notify_values.Notify.NOTHING


class Sent(msgspec.Struct, frozen=True, gc=False):
    """What a delivery leaves behind that was taken with a token, for as long as reports about it may come (until, ms).

    at: when it was taken. recipients: of the whole message. before: the address's record that the delivery reset, or None
    where it said nothing. bounced_at, complained_at, unsubscribed_at: when the first such report came, 0 for never.
    """

    delivery: OpenDelivery
    at: int
    until: int
    recipients: int = 0
    before: AddressRecord | None = None
    bounced_at: int = 0
    complained_at: int = 0
    unsubscribed_at: int = 0


class Neighbours(msgspec.Struct, frozen=True, gc=False):
    """Of the mail that the same Provider took just before and after a delivery: how many, and how many bounced afterwards."""

    taken: int = 0
    bounced: int = 0


class Facts(msgspec.Struct, frozen=True, gc=False):
    """All of it for one Result.

    suppressions: the entries about this very address, expired or not, of any scope. taken_at: when the Provider last took
    mail of this Bridge (ms, to the minute); read only where the address's record has refusals, else 0. streaks: of the
    Provider that answered and of the domain. host_took_at: when this very host last took mail of this Source and sender domain (ms, to the
    minute), and presumed: the entries that its template's streak has written; both read only for a verdict that is
    ``presumable``. sent: what the delivery left behind, for a report about it; None where it left nothing. still_open: for a report,
    the number of recipients of the delivery's message where it is still to be delivered, else 0. neighbours: read only for a late
    bounce with a hard verdict; streaks are then those of the Provider's late bounces.
    """

    delivery: OpenDelivery
    address: AddressRecord
    suppressions: tuple[suppression_values.Suppression, ...] = ()
    taken_at: int = 0
    streaks: tuple[Streak, ...] = ()
    host_took_at: int = 0
    presumed: tuple[suppression_values.Suppression, ...] = ()
    sent: Sent | None = None
    still_open: int = 0
    neighbours: Neighbours = Neighbours()


NOBODY = OpenDelivery(
    id=0,
    message=0,
    account=0,
    bridge=0,
    pool=0,
    source=0,
    lane=0,
    provider="",
    priority=messages.Priority.BULK,
    status=messages.Status.QUEUED,
    recipient="",
    key="",
    domain="",
    sender_domain="",
    list="",
    campaign="",
    tags="",
    received_at=0,
    expires_at=0,
    next_at=0,
)
