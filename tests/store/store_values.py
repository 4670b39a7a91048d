"""Values for the store's tests: submissions, results and a small decision that needs no policy."""

import itertools
from collections.abc import Iterator

import msgspec

from gatepost.model import address as addresses
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import ids
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.store import port

NOW = 1_800_000_000_000
BRIDGE = 7


class Maker:
    """Makes submissions for one worker number."""

    def __init__(self, worker: int = 0) -> None:
        self.ids = ids.IdMaker(worker)

    def submission(
        self, *recipients: str, lane: int = 1, bridge: int = BRIDGE, body: bytes = b"Subject: x\r\n\r\nhi\r\n"
    ) -> messages.Submission:
        first = self.ids.take(NOW, 1 + len(recipients))
        parsed = [addresses.parse(text, utf8=True) for text in recipients]
        message = messages.Message(
            id=first,
            account=1,
            bridge=bridge,
            pool=2,
            priority=messages.Priority.BULK,
            sender=b"news@shop.test",
            sender_domain="shop.test",
            size=len(body),
            received_at=NOW,
            expires_at=NOW + 1000,
            list="news",
            campaign="spring",
            subject="x",
            message_id="<1@shop.test>",
        )
        deliveries = tuple(
            messages.NewDelivery(first + 1 + n, a.wire, a.key, a.domain, 3, lane, "mx.test")
            for n, a in enumerate(parsed)
        )
        return messages.Submission(
            message=message,
            body=body,
            deliveries=deliveries,
            received=_event(message, events.State.RECEIVED),
            queued=tuple(_event(message, events.State.QUEUED, d) for d in deliveries),
        )


def _event(
    message: messages.Message, state: events.State, delivery: messages.NewDelivery | None = None
) -> events.Event:
    return events.Event(
        at=NOW,
        state=state,
        message=message.id,
        delivery=delivery.id if delivery else 0,
        account=message.account,
        bridge=message.bridge,
        pool=message.pool,
        source=3,
        sender_domain=message.sender_domain,
        list=message.list,
        campaign=message.campaign,
        provider=delivery.provider if delivery else "",
        domain=delivery.domain if delivery else "",
        recipient=delivery.recipient.decode() if delivery else "",
    )


def refuse(submission: messages.Submission, position: int, entry: suppressions.Suppression) -> events.Event:
    return msgspec.structs.replace(
        submission.queued[position],
        state=events.State.REJECTED,
        flags=events.Flag.AT_ACCEPT,
        category=verdicts.Category.LOCAL_SUPPRESSED.value,
        detail=entry.reason,
    )


ATTEMPT = results.Attempt(NOW + 5, 12, provider="mx.test", peer_ip="192.0.2.1", peer_host="mx.test")
HARD = verdicts.Verdict(
    verdicts.Category.RECIPIENT_UNKNOWN, verdicts.Outcome.HARD, verdicts.Fault.RECIPIENT, "general.unknown"
)
LATER = verdicts.Verdict(
    verdicts.Category.RATE_GREYLISTED, verdicts.Outcome.SOFT, verdicts.Fault.RATE, "general.greylisted"
)
ANSWERS = {
    verdicts.DELIVERED.category: replies.Reply(250, b"250 2.0.0 Ok \xff", replies.Stage.DOT),
    HARD.category: replies.Reply(550, b"550 5.1.1 no such user", replies.Stage.RCPT),
    LATER.category: replies.Reply(451, b"451 4.7.1 later", replies.Stage.RCPT),
}


def attempted(
    delivery: int, claim: results.Claim, verdict: verdicts.Verdict = verdicts.DELIVERED
) -> results.Attempted:
    return results.Attempted(delivery, claim, ATTEMPT, ANSWERS[verdict.category], verdict)


def decide(result: results.Result, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
    """A small policy: delivered ends, hard ends and suppresses, everything else comes back in a minute."""
    row = facts.delivery
    base = events.Event(
        at=NOW + 5,
        state=events.State.DELIVERED,
        message=row.message,
        delivery=row.id,
        account=row.account,
        bridge=row.bridge,
        recipient=row.recipient,
    )
    if not isinstance(result, results.Attempted):
        event = msgspec.structs.replace(base, state=events.State.REJECTED, flags=events.Flag.CANCELLED)
        return settlements.Settlement(settlements.Ending.CANCELLED, None, (event,))
    event = msgspec.structs.replace(
        base, reply=result.reply.raw, code=result.reply.code, outcome=result.verdict.outcome, attempt=1
    )
    if result.verdict.outcome is verdicts.Outcome.DELIVERED:
        record = msgspec.structs.replace(facts.address, delivered_at=now_ms)
        return settlements.Settlement(settlements.Ending.DELIVERED, None, (event,), address=record)
    if result.verdict.outcome is verdicts.Outcome.HARD:
        event = msgspec.structs.replace(event, state=events.State.BOUNCED)
        told = msgspec.structs.replace(base, state=events.State.SUPPRESSED)
        count = msgspec.structs.replace(facts.address, soft_count=facts.address.soft_count + 1)
        entry = suppressions.Suppression(
            suppressions.Kind.ADDRESS,
            row.key,
            reason="hard",
            reply=result.reply.raw,
            delivery=row.id,
            account=row.account,
        )
        return settlements.Settlement(
            settlements.Ending.BOUNCED, None, (event, told), address=count, suppress=(entry,)
        )
    event = msgspec.structs.replace(event, state=events.State.DEFERRED)
    seen = (fact_values.Seen(result.verdict.category.value, now_ms, 1),)
    again = settlements.Reschedule(
        NOW + 60_000, row.attempts + 1, seen=seen, last_category="rate", last_reply=result.reply.raw
    )
    return settlements.Settlement(None, again, (event,))


async def every_event(store: port.Store) -> list[events.Event]:
    found: list[events.Event] = []
    while page := await store.feed(found[-1].seq if found else 0, 100):
        found += page
    return found


def numbered(prefix: str, count: int) -> Iterator[str]:
    return (f"{prefix}{n}@rcpt.test" for n in itertools.islice(itertools.count(), count))


async def claim_of(store: port.Store, lane: int = 1) -> results.Claim:
    assignment = await store.assign(await store.lease_worker(), range(port.SLOTS))
    return results.Claim(lane % port.SLOTS, dict(assignment.slots)[lane % port.SLOTS])


async def accept(store: port.Store, submission: messages.Submission) -> messages.Accepted:
    [accepted] = await store.accept([submission], refuse)
    return accepted
