"""Reports that come after the 250: what they tell, and how they are kept."""

import enum

import msgspec

from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts


class Kind(enum.IntEnum):
    """What a report is about."""

    NOTICE = 0  # nothing follows from it: automatic answers, good news, "not spam", what nobody could read
    BOUNCE = 1
    COMPLAINT = 2
    UNSUBSCRIBE = 3

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Standing(enum.IntEnum):
    """Whether a report may change anything."""

    UNVERIFIED = 0  # no token of ours, or one that names nobody in particular
    EXPIRED = 1
    VERIFIED = 2

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Filed(msgspec.Struct, frozen=True, gc=False):
    """A report as it is kept. digest: of its bytes and its recipient; the same one is filed once. at: ms.

    sender, recipient: of its envelope. size: of all of it; raw: its beginning, bounded. delivery, event: what it was
    about, and the first event that it led to, 0 for none.
    """

    digest: bytes
    at: int
    kind: Kind
    standing: Standing
    sender: str
    recipient: str
    peer_ip: str
    size: int
    raw: bytes
    delivery: int = 0
    event: int = 0
    id: int = 0


class Told(msgspec.Struct, frozen=True, gc=False):
    """What a bounce tells of one recipient. addresses: every form in which it names them. failed: for good."""

    addresses: tuple[str, ...]
    failed: bool
    reply: replies.Reply
    verdict: verdicts.Verdict
