"""One row of the table of categories: what each column means, and the few shapes that most rows have.

Guarantees: values only; a row says nothing about one reply.
Not here: the rows themselves (``categories``), an operator's changes to them (``settings``).
"""

import enum

import msgspec

from gatepost.model import event as events
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts

Category = verdicts.Category
Fault = verdicts.Fault
Action = events.Action
Scope = suppressions.Scope


class Schedule(enum.StrEnum):
    """When the next try is; the numbers of each are settings (``[policy.schedules.S]``)."""

    GREYLIST = "G"
    STANDARD = "S"
    QUOTA = "Q"
    RATE = "R"
    LANE = "L"
    DOMAIN = "D"
    NONE = "0"


class Escalates(enum.IntEnum):
    """What a delivery that ended in this category adds to its address's record."""

    NOTHING = 0
    SOFT = 1  # one of three messages that bounced soft
    SOFT_AT_RCPT = 2  # the same, but only when said at RCPT, and five are needed
    REFUSED = 3  # one of three campaigns that ended in a final no


class Row(msgspec.Struct, frozen=True):
    """One category's defaults.

    outcome, fault: what the classifier says of it, for people (a decision reads the verdict). scope, kind: of the
    suppression that ``Action.SUPPRESS`` writes. expires_days: None: as the address's record says (confirmed, or
    provisional for a few days), 0: never, else provisional that long. holds_address: bulk mail of the account to that
    address waits. gap_s: the least time to the next try. patience_replies, patience_s, then: after so many such
    replies over so long, ``then`` is the action. counts: which rate it belongs to. held: with ``Action.HOLD`` it is not tried again
    before what is wrong is mended.
    """

    category: Category
    outcome: verdicts.Outcome | None
    fault: Fault
    action: Action
    schedule: Schedule
    text: str
    counts: str = ""
    scope: Scope | None = None
    kind: suppressions.Kind = suppressions.Kind.ADDRESS
    expires_days: int | None = None
    holds_address: bool = False
    gap_s: int = 0
    patience_replies: int = 0
    patience_s: int = 0
    then: Action = Action.NONE
    escalates: Escalates = Escalates.NOTHING
    held: bool = False


def hard(category: Category, text: str, *, scope: Scope = Scope.INSTANCE, days: int | None = None) -> Row:
    """The recipient, or its domain, is dead: nobody writes to it any more."""
    return Row(
        category,
        verdicts.Outcome.HARD,
        Fault.RECIPIENT,
        Action.SUPPRESS,
        Schedule.NONE,
        text,
        counts="hard rate",
        scope=scope,
        expires_days=days,
        holds_address=True,  # this and the next: when it was said with a 4xx, which is retried
        escalates=Escalates.SOFT,
    )


def soft(category: Category, fault: Fault, schedule: Schedule, text: str, *, counts: str = "") -> Row:
    """A condition that may pass: tried again."""
    return Row(category, verdicts.Outcome.SOFT, fault, Action.RETRY, schedule, text, counts=counts)


def waits(category: Category, fault: Fault, schedule: Schedule, text: str, *, counts: str) -> Row:
    """A no to us that we can mend: the delivery waits."""
    return Row(category, verdicts.Outcome.REJECTION, fault, Action.HOLD, schedule, text, counts=counts)


def fails(category: Category, text: str, *, counts: str = "", fault: Fault = Fault.CONTENT) -> Row:
    """A final no to this message; the address is kept."""
    return Row(category, verdicts.Outcome.REJECTION, fault, Action.FAIL, Schedule.NONE, text, counts=counts)


def ours(category: Category, text: str) -> Row:
    """A word of the gateway's own."""
    return Row(category, None, Fault.GATEWAY, Action.NONE, Schedule.NONE, text)
