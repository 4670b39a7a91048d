"""What senders are to be told of their messages: gathered when it happens, taken once by the mail that tells it.

Guarantees: what is to be told is written with the settlement, or the acceptance, that it follows from, and deleted with the acceptance
of the mail that tells it: neither a crash nor a second process loses or doubles it. What is returned of a message is kept
beside it, so its body goes when it always goes. Nothing is read or written where nobody is to be told.
Runs in the writer's thread. Not here: the mail (``gatepost.ingest.notices``).
"""

from collections.abc import Sequence

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import notify
from gatepost.policy import notices
from gatepost.store.sqlite import names, rows
from gatepost.store.sqlite import transaction as transactions

RETURNED_BYTES = 50_000  # of a message that is returned whole (as Postfix's bounce_size_limit); of a longer one its header is
_HEADER_BYTES = 64 * 1024


class Refused(msgspec.Struct, frozen=True):
    """A recipient that was refused in the transaction that accepted its message. reason: as far as the submitter may know it."""

    seq: int
    reason: str
    wish: notify.Wish | None


class _Wanted(msgspec.Struct, frozen=True):
    delivery: fact_values.OpenDelivery
    notice: notify.Notice
    seq: int


class Noticing:
    """Of one batch of settlements. ended: messages whose last delivery it ended."""

    def __init__(self, tx: transactions.Transaction) -> None:
        self._tx = tx
        self._wanted: dict[int, list[_Wanted]] = {}
        self._orcpts: dict[int, str] = {}
        self._known: dict[int, tuple[int | None, int]] = {}
        self._originals: dict[int, bytes] = {}
        self.ended: set[int] = set()

    def add(
        self, delivery: fact_values.OpenDelivery, notice: notify.Notice, seq: int
    ) -> fact_values.OpenDelivery:
        """The sender is to be told of it by that event. The delivery as it is then."""
        self._wanted.setdefault(delivery.message, []).append(_Wanted(delivery, notice, seq))
        if notice.action is not notify.Action.DELAYED:
            return delivery
        return msgspec.structs.replace(delivery, notify=delivery.notify | notify.Notify.DELAY_TOLD)

    def read(self) -> None:
        """What the rows know, before the batch deletes them."""
        if not self._wanted:
            return
        tx = self._tx
        asked = [one.delivery.id for found in self._wanted.values() for one in found]
        for delivery, orcpt in tx.execute("original_recipients", names.int64s(asked)):
            self._orcpts[delivery] = str(orcpt)
        for message, due_at, made in tx.execute("notices_of", names.int64s(list(self._wanted))):
            self._known[message] = (due_at, rows.integer(made))
        new = [message for message in self._wanted if message not in self._known]
        for message, ret, size, data in tx.execute("notice_originals", names.int64s(new)):
            self._originals[message] = _returned(rows.octets(data), rows.integer(ret), rows.integer(size))

    def write(self) -> None:
        """All that was added."""
        delayed: list[int] = []
        for message, found in self._wanted.items():
            if message not in self._known and message not in self._originals:
                continue  # retention took the message: nobody knows any more who sent it
            due_at, made = self._known.get(message, (None, 0))
            within = found[0].notice.within
            due = self._tx.now_ms + (0 if message in self.ended else within[min(made, len(within) - 1)])
            if due_at is not None:
                due = min(due, due_at)
            self._tx.add_row("put_notice", (message, due, made, self._originals.get(message, b"")))
            for one in found:
                orcpt = self._orcpts.get(one.delivery.id, "")
                _add(self._tx, message, one.seq, one.notice, orcpt)
                if one.notice.action is notify.Action.DELAYED:
                    delayed.append(one.delivery.id)
        if delayed:
            self._tx.execute("delay_told", names.int64s(delayed))


def refused(
    tx: transactions.Transaction,
    submission: messages.Submission,
    found: Sequence[Refused],
    *,
    ended: bool,
) -> None:
    """The sender is to be told of recipients that were refused after the answer could say so. ended: nobody is left."""
    message = submission.message
    told = [one for one in found if one.wish is None or one.wish.notify.of_failure]
    if not told:
        return
    original = _returned(submission.body, message.ret, message.size)
    due = tx.now_ms + (0 if ended else notices.WITHIN_MS[0])
    tx.add_row("put_notice", (message.id, due, 0, original))
    for one in told:
        notice = notify.Notice(notify.Action.FAILED, notices.WITHIN_MS, notices.suppressed(one.reason))
        _add(tx, message.id, one.seq, notice, one.wish.orcpt if one.wish is not None else "")


def take(tx: transactions.Transaction, telling: messages.Telling) -> bool:
    """Whether what a notice tells of is still to be told; then it is no longer."""
    tx.flush()
    left = {seq for (seq,) in tx.execute("events_to_tell", telling.message)}
    if not telling.seqs or not left.issuperset(telling.seqs):
        return False
    tx.execute("delete_told", telling.message, names.int64s(list(telling.seqs)))
    more = len(left) > len(telling.seqs)
    tx.execute("notice_made", tx.now_ms if more else None, telling.message)
    return True


def tell(tx: transactions.Transaction, telling: messages.Telling, *, sent: bool) -> None:
    """The event of it, in the life of the message told of."""
    noted = telling.noted
    if not sent:
        noted = msgspec.structs.replace(noted, detail="not told: the sender's own address is suppressed")
    tx.add_event(noted)


def put_off(tx: transactions.Transaction, wanted: Sequence[int], until: int) -> None:
    """They are due again then."""
    tx.execute("put_off_notices", until, names.int64s(list(wanted)))


def drop(tx: transactions.Transaction, wanted: Sequence[int]) -> None:
    """Nothing is told of them now."""
    bound = names.int64s(list(wanted))
    tx.execute("delete_untold", bound)
    tx.execute("delete_notices", bound)


def _add(tx: transactions.Transaction, message: int, seq: int, notice: notify.Notice, orcpt: str) -> None:
    tx.add_row("put_notice_recipient", (message, seq, notice.action, orcpt, notice.detail))


def _returned(body: bytes, ret: int, size: int) -> bytes:
    """What may be returned of a message: its header, or all of it where that was asked for and it is short."""
    if ret == notify.Return.FULL and size <= RETURNED_BYTES:
        return body
    if body.startswith(b"\r\n"):
        return b""
    end = body.find(b"\r\n\r\n")
    header = body if end < 0 else body[: end + 2]
    return header if len(header) <= _HEADER_BYTES else header[: header.rfind(b"\n", 0, _HEADER_BYTES) + 1]
