"""What a submitter asks to be told of its recipients (RFC 3461 §4), and what is told.

Guarantees: values only; what is kept of ENVID and ORCPT is as it was given, in xtext, and goes on to the next host so.
Not here: the syntax of the parameters (``smtp.commands``), when something is told (``policy.notices``).
"""

import enum
import re

import msgspec


class Notify(enum.IntFlag):
    """NOTIFY of RCPT. NOTHING: not given, which means FAILURE (RFC 3461 §4.1). DELAY_TOLD: ours, that a delay was."""

    NOTHING = 0
    FAILURE = 1
    DELAY = 2
    SUCCESS = 4
    NEVER = 8
    DELAY_TOLD = 16

    @property
    def of_failure(self) -> bool:
        """Whether a failure is told."""
        return not self or Notify.FAILURE in self


class Return(enum.IntEnum):
    """RET of MAIL: how much of the message comes back with a failure."""

    NOTHING = 0
    HDRS = 1
    FULL = 2


class Wish(msgspec.Struct, frozen=True, gc=False):
    """NOTIFY and ORCPT of one recipient; orcpt: as given, with its type, or empty."""

    notify: Notify = Notify.NOTHING
    orcpt: str = ""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """All that was asked for one delivery, as its next host is asked in turn. envid, orcpt: as given, or empty."""

    ret: Return = Return.NOTHING
    envid: str = ""
    notify: Notify = Notify.NOTHING
    orcpt: str = ""


class Action(enum.IntEnum):
    """What is told of a recipient (RFC 3464 §2.3.3). RELAYED: to a host that tells nothing itself."""

    FAILED = 1
    DELAYED = 2
    RELAYED = 3

    @property
    def word(self) -> str:
        """As the report has it."""
        return self.name.lower()


class Notice(msgspec.Struct, frozen=True, gc=False):
    """The sender is to be told of one recipient. detail: instead of the event's own, for who submitted it; or empty.

    within: ms; how long the message's first, second … notice may wait for what else there is to tell.
    """

    action: Action
    within: tuple[int, ...]
    detail: str = ""


_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX = re.compile(r"\+([0-9A-F]{2})")


def is_xtext(text: str) -> bool:
    """Whether it is xtext (RFC 3461 §4) of printable US-ASCII, as ENVID and ORCPT have to be."""
    return _XTEXT.fullmatch(text) is not None and all(" " <= one <= "~" for one in plain(text))


def plain(xtext: str) -> str:
    """What the xtext stands for."""
    return _HEX.sub(lambda found: chr(int(found[1], 16)), xtext) if "+" in xtext else xtext
