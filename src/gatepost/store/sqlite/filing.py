"""Reports of one batch: what their deliveries left behind, which of them are filed already, and how both are written.

Guarantees: a report of one digest is filed once (faults.md F07). Runs in the writer's thread, inside a transaction.
"""

from collections.abc import Sequence

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import late
from gatepost.model import result as results
from gatepost.store.sqlite import late_rows, names, rows
from gatepost.store.sqlite import transaction as transactions

RAW_BYTES = 256 * 1024  # of a report that are kept
UNTIED_BYTES = 32 * 1024  # of one that no token ties to a delivery: anybody may send those


class Filing:
    """Of the reports among ``wanted``; without any it reads nothing."""

    def __init__(self, tx: transactions.Transaction, wanted: Sequence[results.Result]) -> None:
        self._tx = tx
        reports = [one for one in wanted if isinstance(one, results.Reported)]
        self._sent = self._read([one.delivery for one in reports if one.delivery]) if reports else {}
        self._filed: set[bytes] = set()

    @property
    def keys(self) -> set[str]:
        """Of the addresses that the reports are about."""
        return {sent.delivery.key for sent in self._sent.values()}

    def sent(self, delivery: int) -> fact_values.Sent | None:
        """What the delivery left behind, as earlier reports of the batch have changed it."""
        return self._sent.get(delivery)

    def neighbours(self, sent: fact_values.Sent) -> fact_values.Neighbours:
        """Of the deliveries that were accepted just before and after it, those to the same Provider."""
        tx, delivery = self._tx, sent.delivery
        tx.flush()
        [(taken, bounced)] = tx.execute("neighbours", delivery.id, tx.names.number(delivery.provider))
        return fact_values.Neighbours(rows.integer(taken), rows.integer(bounced))

    def is_filed(self, report: late.Filed) -> bool:
        """Whether this very report came before."""
        if report.digest in self._filed:
            return True
        return self._tx.value("report_of_digest", report.digest) is not None

    def write(self, settlement_sent: fact_values.Sent | None, filed: late.Filed | None, event: int) -> None:
        """What a report changed, and itself. event: the first one it led to, or 0."""
        tx = self._tx
        if settlement_sent is not None:
            self._sent[settlement_sent.delivery.id] = settlement_sent
            tx.add_row("put_sent", late_rows.sent_row(settlement_sent, tx.names.number))
        if filed is not None:
            self._filed.add(filed.digest)
            most = RAW_BYTES if filed.standing is late.Standing.VERIFIED else UNTIED_BYTES
            kept = msgspec.structs.replace(filed, event=event, raw=filed.raw[:most])
            tx.add_row("insert_report", late_rows.report_row(kept))

    def leave(self, sent: fact_values.Sent, recipients: int) -> None:
        """A delivery was taken with a token, or may have been."""
        whole = msgspec.structs.replace(sent, recipients=recipients)
        self._sent[sent.delivery.id] = whole
        self._tx.add_row("put_sent", late_rows.sent_row(whole, self._tx.names.number))

    def _read(self, deliveries: list[int]) -> dict[int, fact_values.Sent]:
        tx = self._tx
        found = names.json_rows(tx.db, tx.sql["sent_of"], (names.int64s(deliveries),), late_rows.SENT_ROWS)
        return {row.delivery: late_rows.sent_of(row, tx.texts.of) for row in found}
