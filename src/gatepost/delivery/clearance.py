"""Whether a delivery may be attempted now that a connection is ready for it, and the Result where it may not.

Pure. Guarantees: a suppression, the end of a lifetime and an address's hold are settled without an attempt; what was never
attempted gets its one attempt after its lifetime (taxonomy.md, "Address hold"). Not here: reading what stands (the store).
"""

from gatepost.model import message as messages
from gatepost.model import result as results
from gatepost.policy import hold
from gatepost.store import port

LOST_MS = 15 * 60 * 1000  # until a message whose body could not be read is looked at again


def against(
    due: messages.Due, standing: port.Standing, claim: results.Claim, now_ms: int
) -> results.Result | None:
    """What stands against an attempt, or None."""
    if standing.entry is not None:
        return results.Blocked(due.id, claim, standing.entry)
    if is_over(due, now_ms):
        return results.Expired(due.id, claim)
    until = hold.may_go(standing.record, due, now_ms) if standing.record else None
    return None if until is None else results.Postponed(due.id, claim, until, "address held")


def is_over(due: messages.Due, now_ms: int) -> bool:
    """Whether it has come to its end; what was never attempted gets its one attempt first."""
    return due.expires_at <= now_ms and bool(due.attempts)


def lost(due: messages.Due, claim: results.Claim, now_ms: int) -> results.Postponed:
    """The body cannot be read: kept and tried later, with an alarm by the watchdog; never bounced (faults.md A08)."""
    return results.Postponed(due.id, claim, now_ms + LOST_MS, "body cannot be read")
