"""An accepted mail and its recipients, as they go into the store and come out of it to be delivered."""

import enum

import msgspec

from gatepost.model import event as events
from gatepost.model import notify


class Status(enum.IntEnum):
    """Of an open delivery. ACTIVE is known to the owner alone: no row is written to claim a delivery."""

    QUEUED = 0
    ACTIVE = 1
    HELD = 2

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Priority(enum.IntEnum):
    """Order within a lane: transactional mail goes first."""

    TRANSACTIONAL = 0
    BULK = 1


class Message(msgspec.Struct, frozen=True, gc=False):
    """One accepted mail.

    sender: MAIL FROM as given, empty for ``<>``. sender_domain: of From. size: bytes of the whole mail as it will be sent, before stuffing.
    eight_bit: has bytes over 127 in its body or headers. utf8: needs SMTPUTF8. received_at, expires_at: ms.
    tags: joined by commas. metadata: JSON or empty. subject: for people, decoded, at most 200 characters.
    parts: how many body rows there are beyond the first. tell: whether its sender is told of what fails; ret, envid: as he asked.
    """

    id: int
    account: int
    bridge: int
    pool: int
    priority: Priority
    sender: bytes
    sender_domain: str
    size: int
    received_at: int
    expires_at: int
    message_id: str = ""
    subject: str = ""
    list: str = ""
    campaign: str = ""
    tags: str = ""
    metadata: str = ""
    eight_bit: bool = False
    utf8: bool = False
    parts: int = 0
    peer_ip: str = ""
    tell: bool = False
    ret: notify.Return = notify.Return.NOTHING
    envid: str = ""


class NewDelivery(msgspec.Struct, frozen=True, gc=False):
    """One recipient of a message that is being accepted; ``id`` is one of those right behind the message's."""

    id: int
    recipient: bytes
    key: str
    domain: str
    source: int
    lane: int
    provider: str
    wish: notify.Wish | None = None


class Idempotency(msgspec.Struct, frozen=True, gc=False):
    """A submitter's ``Idempotency-Key`` and the digest of what came with it; covers a whole request."""

    key: str
    digest: bytes


class Telling(msgspec.Struct, frozen=True, gc=False):
    """That a submission is a notice: about which message of which Bridge, and which events it tells of, by their seq.

    noted: the event of the message told about.
    """

    message: int
    bridge: int
    seqs: tuple[int, ...]
    noted: events.Event


class Submission(msgspec.Struct, frozen=True, gc=False):
    """Everything that one ``store.accept`` writes for one message.

    body: the first part (≤ 256 KiB). deliveries and queued stand side by side: the ``queued`` event of each
    recipient. rejected: events of recipients that admission already refused, with their numbers in the ledger.
    answered: the submitter reads of each recipient in the answer, and is not told of those in a mail.
    """

    message: Message
    body: bytes
    deliveries: tuple[NewDelivery, ...]
    received: events.Event
    queued: tuple[events.Event, ...]
    rejected: tuple[events.Event, ...] = ()
    answered: bool = False
    telling: Telling | None = None


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """What the commit said of one submission: the ids as kept (an idempotent repeat gives the first ones).

    states: one per delivery of the submission in order, QUEUED or REJECTED; reasons: the suppression's reason that may
    be shown to this submitter, or empty. duplicate: nothing was written, the answer is the kept one.
    """

    message: int
    states: tuple[events.State, ...]
    reasons: tuple[str, ...]
    duplicate: bool = False


class Due(msgspec.Struct, frozen=True, gc=False):
    """An open delivery as its lane's owner sees it: enough to attempt it without another read but the body's.

    provider: the lane's, when acceptance hands the delivery over; a read by lane may leave it empty. asked: None where nothing was.
    hold: the directive that held it and let it go although it stands, or 0.
    """

    id: int
    message: int
    lane: int
    account: int
    bridge: int
    source: int
    priority: Priority
    next_at: int
    expires_at: int
    attempts: int
    sender: bytes
    recipient: bytes
    key: str
    domain: str
    list: str
    size: int
    parts: int = 0
    eight_bit: bool = False
    utf8: bool = False
    provider: str = ""
    sender_domain: str = ""
    campaign: str = ""
    tags: str = ""
    asked: notify.Asked | None = None
    hold: int = 0
