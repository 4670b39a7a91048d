"""Of what a message's sender is told by mail: final failures, and what he asked to hear beside them (RFC 3461 §4.1).

Guarantees: nothing about mail from ``<>``; a delay is told once for a delivery; where the next host tells of a success itself, we
don't. What an operator cancels is told to nobody: he knows, and it may be a hundred thousand mails that somebody sent by mistake.
Not here: when a notice is made (the store gathers them, ``gatepost.ingest.notices`` makes them), its text (``reports.notice``).
"""

import msgspec

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import notify
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.policy import admit
from gatepost.policy import terms as term_values

# A message's recipients fail at different times. What has an end is told with the message's last recipient, or after these times
# if that takes longer: somebody who waits hears of the first failure soon, and of a thousand in a few mails.
WITHIN_MS = (60_000, 3_600_000, 24 * 3_600_000)
DELAYED_MS = (
    4 * 3_600_000
)  # after which a delay is told (Postfix and Sendmail warn at four hours where they do)
_FAILED = frozenset({settlements.Ending.BOUNCED, settlements.Ending.REJECTED})


def added(
    settled: settlements.Settlement,
    delivery: fact_values.OpenDelivery,
    now_ms: int,
    terms: term_values.Terms,
    detail: str = "",
) -> settlements.Settlement:
    """The settlement of what was not delivered, with what its sender is told of it. detail: see ``notify.Notice``."""
    if not delivery.tell:
        return settled
    if settled.ending in _FAILED and delivery.notify.of_failure:
        action = notify.Action.FAILED
    elif settled.reschedule is not None and _delayed(settled, delivery, now_ms, terms):
        action = notify.Action.DELAYED
    else:
        return settled
    return msgspec.structs.replace(settled, notice=notify.Notice(action, within(terms), detail))


def of_late_bounce(
    result: results.Reported, delivery: fact_values.OpenDelivery, terms: term_values.Terms
) -> notify.Notice | None:
    """It came back to a return path of ours; one that bears the token of its message went to the sender himself."""
    if not delivery.tell or result.of_message or not delivery.notify.of_failure:
        return None
    return notify.Notice(notify.Action.FAILED, within(terms))


def of_relay(
    result: results.Attempted, delivery: fact_values.OpenDelivery, terms: term_values.Terms
) -> notify.Notice | None:
    """A host took it (RFC 3461 §5.2.2): what the sender is told, who asked to hear of success."""
    if not delivery.tell or notify.Notify.SUCCESS not in delivery.notify or result.attempt.dsn:
        return None
    return notify.Notice(notify.Action.RELAYED, within(terms))


def blocked(result: results.Blocked, facts: fact_values.Facts) -> str:
    """What a sender may know of a suppression (faults.md P26)."""
    return suppressed(admit.public_reason(result.entry, facts.delivery.account, facts.delivery.bridge))


def suppressed(reason: str) -> str:
    """In words. reason: empty where it is not this submitter's to know."""
    return f"not sent: the address is suppressed{f' ({reason})' if reason else ''}"


def within(terms: term_values.Terms) -> tuple[int, ...]:
    """How long each notice of a message may wait for more (ms)."""
    return tuple(round(one * terms.scale) for one in WITHIN_MS)


def _delayed(
    settled: settlements.Settlement,
    delivery: fact_values.OpenDelivery,
    now_ms: int,
    terms: term_values.Terms,
) -> bool:
    if notify.Notify.DELAY not in delivery.notify or not settled.events:
        return False
    late = now_ms - delivery.received_at >= DELAYED_MS * terms.scale
    return (
        late
        and notify.Notify.DELAY_TOLD not in delivery.notify
        and settled.events[0].state is events.State.DEFERRED
    )
