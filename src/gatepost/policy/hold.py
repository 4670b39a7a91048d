"""Address holds: bulk mail waits while a mailbox is in trouble, transactional mail asks now and then.

Guarantees: nothing waits for ever: a hold has an end, and a delivery never attempted whose lifetime ended a day ago
goes in spite of it. Not here: writing holds (``remember``).
"""

from gatepost.model import facts as fact_values
from gatepost.model import message as messages

PROBE_GAP_MS = 15 * 60 * 1000
LAST_ATTEMPT_MS = 24 * 3600 * 1000


def may_go(
    record: fact_values.AddressRecord,
    due: messages.Due,
    now_ms: int,
    probe_gap_ms: int = PROBE_GAP_MS,
) -> int | None:
    """None: it may go; else until when (ms) it waits. Bulk waits; transactional mail probes once in ``probe_gap_ms``."""
    for held in record.holds:
        if held.account != due.account or held.until <= now_ms:
            continue
        if not due.attempts and due.expires_at + LAST_ATTEMPT_MS <= now_ms:
            return None
        if due.priority is messages.Priority.BULK:
            return held.until
        probe_at = min(held.probe_at + probe_gap_ms, held.until)
        return probe_at if held.probe_at and probe_at > now_ms else None
    return None
