"""Facts of the feed: what happened to a message or an address, with everything that is known about where.

Guarantees: an event is complete when it is made; the store only adds ``seq``. Texts of the provenance are kept as
small integers by the store and come back as the same texts.
"""

import enum

import msgspec

from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts


class State(enum.IntEnum):
    """What an event says: six message states, then what happens to addresses, to the Directory, to its credentials,
    to many addresses at once, and to lanes."""

    RECEIVED = 1
    QUEUED = 2
    DELIVERED = 3
    DEFERRED = 4
    BOUNCED = 5
    REJECTED = 6
    COMPLAINT = 7
    UNSUBSCRIBED = 8
    SUPPRESSED = 9
    UNSUPPRESSED = 10
    CHANGED = 11
    LOGIN_FAILED = 12
    INCIDENT = 13
    REPORTED = 14  # a report came in that changes nothing
    NOTIFIED = 15  # a message's sender was told what became of it
    PACED = 16  # a lane was slowed, paused, tried, or let go again

    @property
    def word(self) -> str:
        """As written outside the code: ``delivered``."""
        return self.name.lower()


class Flag(enum.IntFlag):
    """What a reader must know beside the state."""

    NONE = 0
    LATE = 1  # came after the delivery had left the queue; outside the ledger's sum
    POSSIBLE_DUPLICATE = 2  # the dot was sent and no reply read (faults.md P7)
    AT_ACCEPT = 4  # rejected in the transaction that accepted the message: there never was a row
    CANCELLED = 8  # an operator's; the ledger counts it as cancelled
    CONFIRMED = 16  # a suppression without expiry
    EXPIRED = 32  # a window or lifetime ended
    OUTSIDE = 64  # a recipient refused in the conversation: outside the ledger's sum


class Action(enum.IntEnum):
    """What policy did about a reply."""

    NONE = 0
    SUPPRESS = 1
    RETRY = 2
    HOLD = 3
    FAIL = 4
    RESPLIT = 5

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Event(msgspec.Struct, frozen=True, gc=False):
    """One fact. Numbers are 0 and texts empty where nothing is known.

    at: milliseconds since 1970. message, delivery, account, bridge, pool, source, node: ids; on a ``received`` event
    delivery is 0. attempt: which try, from 1. domain: the destination domain (with the Source it names the queue).
    next_at: when the next try is due. reply: the raw reply, bounded by the reader. scope: of a suppression event,
    ``instance``, ``account:…``. detail: one line for people. rule, rule_version: what gave the category.
    """

    at: int
    state: State
    message: int = 0
    delivery: int = 0
    attempt: int = 0
    account: int = 0
    bridge: int = 0
    pool: int = 0
    source: int = 0
    node: int = 0
    local_ip: str = ""
    ehlo: str = ""
    provider: str = ""
    domain: str = ""
    peer_host: str = ""
    peer_ip: str = ""
    sender_domain: str = ""
    list: str = ""
    campaign: str = ""
    tags: str = ""
    recipient: str = ""
    outcome: verdicts.Outcome | None = None
    category: str = ""
    fault: verdicts.Fault = verdicts.Fault.NONE
    action: Action = Action.NONE
    stage: replies.Stage = replies.Stage.UNKNOWN
    code: int = 0
    enhanced: str = ""
    rule: str = ""
    rule_version: int = 0
    confidence: verdicts.Confidence | None = None
    tls: str = ""
    duration_ms: int = 0
    next_at: int = 0
    flags: Flag = Flag.NONE
    scope: str = ""
    detail: str = ""
    reply: bytes = b""
    seq: int = 0
