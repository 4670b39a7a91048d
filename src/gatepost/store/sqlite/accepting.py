"""What ``store.accept`` writes: messages, bodies, open rows, events, counters, ledger, in one go.

Guarantees: every recipient is looked up among the suppressions inside the transaction; one that is blocked gets its
event instead of a row. Runs in the writer's thread.
"""

from collections.abc import Sequence

import msgspec

from gatepost import errors
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import suppression as suppressions
from gatepost.policy import admit
from gatepost.store import port
from gatepost.store.sqlite import floor, names, noticing
from gatepost.store.sqlite import transaction as transactions

_ANSWERS = msgspec.json.Decoder(list[messages.Accepted])


def accept(
    tx: transactions.Transaction,
    submissions: Sequence[messages.Submission],
    refuse: port.Refuse,
    idempotency: messages.Idempotency | None,
) -> list[messages.Accepted]:
    """Take all of these. Raises BadInput for an Idempotency-Key that came with something else before."""
    if idempotency is not None:
        kept = _kept(tx, submissions, idempotency)
        if kept is not None:
            return kept
    known = _known(tx, submissions)
    entries = floor.Floor(tx.db, tx.sql["suppressions_by_hash"])
    entries.load((d.key, d.domain) for s in submissions for d in s.deliveries)
    missing = {text for s in submissions for text in _texts(s) if text not in tx.names.known}
    if missing:
        tx.names.learn(missing)
    answers = [_one(tx, s, refuse, entries) if s.message.id not in known else _again(s) for s in submissions]
    if idempotency is not None:
        bridge = submissions[0].message.bridge
        text = msgspec.json.encode(answers).decode()
        tx.execute("keep_answer", bridge, idempotency.key, idempotency.digest, text, tx.now_ms)
    return answers


def _texts(submission: messages.Submission) -> list[str]:
    m = submission.message
    found = [m.sender_domain, m.list, m.campaign, m.tags, m.peer_ip]
    found += [delivery.domain for delivery in submission.deliveries]
    return found


def _kept(
    tx: transactions.Transaction,
    submissions: Sequence[messages.Submission],
    idempotency: messages.Idempotency,
) -> list[messages.Accepted] | None:
    bridge = submissions[0].message.bridge
    for digest, answer in tx.execute("idempotent_answer", bridge, idempotency.key):
        if digest != idempotency.digest:
            raise errors.BadInput("Idempotency-Key", "was used with another request")
        return [msgspec.structs.replace(a, duplicate=True) for a in _ANSWERS.decode(answer)]
    return None


def _known(tx: transactions.Transaction, submissions: Sequence[messages.Submission]) -> set[int]:
    """Messages that are here already: an acceptance that is repeated writes nothing."""
    wanted = names.int64s([s.message.id for s in submissions])
    return {found for (found,) in tx.execute("known_messages", wanted)}


def _again(submission: messages.Submission) -> messages.Accepted:
    count = len(submission.deliveries)
    return messages.Accepted(
        submission.message.id, (events.State.QUEUED,) * count, ("",) * count, duplicate=True
    )


def _one(
    tx: transactions.Transaction,
    submission: messages.Submission,
    refuse: port.Refuse,
    entries: floor.Floor,
) -> messages.Accepted:
    message, telling = submission.message, submission.telling
    if telling is not None and not noticing.take(tx, telling):
        return _again(submission)
    tx.add_event(submission.received)
    for event in submission.rejected:
        tx.add_event(event)
    bridge = message.bridge if telling is None else telling.bridge
    sender = suppressions.Sender(message.account, bridge, message.list)
    refused: list[noticing.Refused] = []
    states: list[events.State] = []
    reasons: list[str] = []
    number = tx.names.known
    for position, delivery in enumerate(submission.deliveries):
        entry = entries.blocking(delivery.key, delivery.domain, sender, tx.now_ms) if entries.any else None
        if entry is not None:
            seq = tx.add_event(refuse(submission, position, entry))
            states.append(events.State.REJECTED)
            reasons.append(admit.public_reason(entry, message.account, message.bridge))
            if message.tell and not submission.answered:
                refused.append(noticing.Refused(seq, reasons[-1], delivery.wish))
            continue
        tx.add_event(submission.queued[position])
        states.append(events.State.QUEUED)
        reasons.append("")
        recipient, wish = delivery.recipient.decode(), delivery.wish
        tx.add_row(
            "insert_deliveries",
            (
                delivery.id,
                message.id,
                delivery.lane,
                message.priority,
                message.bridge,
                message.received_at,
                delivery.source,
                recipient,
                delivery.key if delivery.key != recipient else None,
                number[delivery.domain],
                wish.notify or None if wish is not None else None,
                wish.orcpt or None if wish is not None else None,
            ),
        )
    queued = states.count(events.State.QUEUED)
    _write_message(tx, submission, with_body=bool(queued))
    if refused:
        noticing.refused(tx, submission, refused, ended=not queued)
    if telling is not None:
        noticing.tell(tx, telling, sent=bool(queued))
    rejected = len(states) - queued + len(submission.rejected)
    tx.add_ledger(message.bridge, transactions.ACCEPTED, queued + rejected)
    if rejected:
        tx.add_ledger(message.bridge, transactions.REJECTED, rejected)
    return messages.Accepted(message.id, tuple(states), tuple(reasons))


def _write_message(tx: transactions.Transaction, submission: messages.Submission, *, with_body: bool) -> None:
    m = submission.message
    number = tx.names.known
    tx.add_row(
        "insert_messages",
        (
            m.id,
            m.account,
            m.bridge,
            m.pool,
            m.priority,
            m.sender,
            number[m.sender_domain],
            m.size,
            m.received_at,
            m.expires_at,
            m.message_id,
            m.subject,
            number[m.list],
            number[m.campaign],
            number[m.tags],
            m.metadata,
            int(m.eight_bit),
            int(m.utf8),
            m.parts,
            number[m.peer_ip],
            len(submission.deliveries),
            int(m.tell),
            m.ret,
            m.envid,
        ),
    )
    if with_body:
        tx.add_row("insert_bodies", (m.id, submission.body))
    elif m.parts:
        tx.execute("delete_parts", names.int64s([m.id]))
