"""What a bounce that comes after the 250 may suppress (taxonomy "Late bounces").

Guarantees: only a hard verdict about the recipient suppresses, never that time ran out (4.4.7 is soft); with the stage
unknown, codes alone suppress only where they name the mailbox beyond doubt. Not here: whether the report is believed
(a token ties it to a delivery, or nothing follows), and what is written.
"""

from gatepost.model import verdict as verdicts

# RFC 3463 §3.2, §3.3: bad mailbox address, bad address syntax, mailbox disabled.
_CODES = frozenset({"codes.5.1.1", "codes.5.1.3", "codes.5.2.1"})


def may_suppress(verdict: verdicts.Verdict) -> bool:
    """Whether the verdict about a failed recipient of a report is one that suppresses."""
    if verdict.outcome is not verdicts.Outcome.HARD or verdict.fault is not verdicts.Fault.RECIPIENT:
        return False
    return verdict.rule in _CODES or not verdict.rule.startswith("codes.")
