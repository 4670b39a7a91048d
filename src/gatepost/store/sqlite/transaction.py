"""One transaction: what all its jobs add is gathered and written in as few statements as possible before the commit.

Guarantees: events get consecutive ``seq`` numbers in the order they were added; counters and the ledger change in the
same commit as the events they count. Used by the writer's thread alone.
"""

import apsw

from gatepost.model import event as events
from gatepost.store import queries
from gatepost.store.sqlite import names, rows

_PROVIDERS = 2_000  # Providers that are counted by name; beyond it they count as ``other`` (design.md §4)
_MINUTE_MS = 60_000
_COMBINATIONS = 50_000  # of Provider, Source, sender domain, host and Bridge that are remembered as written
Taken = tuple[str, int, str, str, int]

ACCEPTED, DELIVERED, BOUNCED, REJECTED, CANCELLED = range(5)


class Transaction:
    """The writer's connection while a group is written. ``now_ms``: the time of the transaction."""

    def __init__(self, db: apsw.Connection, writer: int) -> None:
        self.db = db
        self.sql = {**queries.statements("read.sql"), **queries.statements("write.sql")}
        self._many = {
            name: queries.rows(self.sql[name])
            for name in (
                "insert_events",
                "insert_messages",
                "insert_bodies",
                "insert_parts",
                "insert_deliveries",
                "put_addresses",
                "insert_suppression",
                "put_taken",
                "put_streaks",
                "put_sent",
                "insert_report",
                "insert_transcript",
                "insert_transcript_event",
                "put_notice",
                "put_notice_recipient",
                "add_counters",
                "add_ledger",
                "assign_slots",
                "add_webhook_requests",
                "add_webhook_tries",
            )
        }
        self.names = names.Names(db, self.sql)
        self.texts = names.Texts(db, self.sql["names"])
        self.now_ms = 0
        self._writer = writer
        self._seq = 0
        self._events: list[events.Event] = []
        self._rows: dict[str, list[rows.Row]] = {}
        self._ledger: dict[int, list[int]] = {}
        self._providers: set[str] = set()
        self._taken: dict[Taken, int] = {}
        self._charged: dict[
            int, int
        ] = {}  # by place among the events, where another minute than their own counts

    def begin(self, now_ms: int) -> None:
        """Start; the caller holds the file lock."""
        self.now_ms = now_ms
        self._events = []
        self._rows = {}
        self._ledger = {}
        self._charged = {}
        self.db.execute("BEGIN IMMEDIATE")
        self._seq = self.value("last_seq") or 0

    def commit(self) -> None:
        """End well: everything is on disk when this returns."""
        self.db.execute("COMMIT")
        self.names.committed()

    def rollback(self) -> None:
        """End as if nothing had been."""
        self.names.rolled_back()
        self.texts.forget()
        self._taken.clear()
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")

    def add_event(self, event: events.Event, charged_at: int = 0) -> int:
        """The event's seq. charged_at: ms; the minute in which it is counted, its own without it."""
        if charged_at:
            self._charged[len(self._events)] = charged_at
        self._events.append(event)
        return self._seq + len(self._events)

    def add_row(self, statement: str, row: rows.Row) -> None:
        """One more row for a statement of many."""
        found = self._rows.get(statement)
        if found is None:
            self._rows[statement] = [row]
        else:
            found.append(row)

    def add_taken(self, taken: Taken) -> None:
        """A Provider took a mail; written once a minute for each combination."""
        if self.now_ms - self._taken.get(taken, 0) < _MINUTE_MS:
            return
        if len(self._taken) >= _COMBINATIONS:
            self._taken.clear()
        self._taken[taken] = self.now_ms
        self.add_row("put_taken", (*taken, self.now_ms))

    def add_ledger(self, bridge: int, column: int, count: int = 1) -> None:
        """Count recipients of a Bridge in one of the ledger's columns."""
        line = self._ledger.get(bridge)
        if line is None:
            line = self._ledger[bridge] = [0, 0, 0, 0, 0]
        line[column] += count

    def execute(self, statement: str, *bindings: object) -> apsw.Cursor:
        """Run a named statement."""
        return self.db.execute(self.sql[statement], bindings)

    def value(self, statement: str, *bindings: object) -> int | None:
        """The number in the first column of the first row; None for NULL or no row."""
        for found, *_ in self.execute(statement, *bindings):
            return found if isinstance(found, int) else None
        return None

    def flush(self) -> None:
        """Write what was gathered."""
        if self._events:
            self._write_events()
        for statement, found in self._rows.items():
            names.insert_rows(self.db, self._many[statement], found)
        self._rows = {}
        if self._ledger:
            lines: list[rows.Row] = [
                (bridge, self._writer, *self._ledger[bridge]) for bridge in sorted(self._ledger)
            ]
            names.insert_rows(self.db, self._many["add_ledger"], lines)
            self._ledger = {}

    def _write_events(self) -> None:
        found = self._events
        self._seq += len(found)
        self._events = []
        charged, self._charged = self._charged, {}
        number = self.names.known
        try:
            written = [rows.event_row(event, number) for event in found]
        except KeyError:
            self.names.learn({"other", *(text for event in found for text in rows.event_texts(event))})
            number = self.names.known
            written = [rows.event_row(event, number) for event in found]
        names.insert_rows(self.db, self._many["insert_events"], written)
        counted: dict[tuple[int, ...], int] = {}
        for place, event in enumerate(found):
            key = self._counter(event, number, charged.get(place, event.at) if charged else event.at)
            counted[key] = counted.get(key, 0) + 1
        names.insert_rows(
            self.db, self._many["add_counters"], [(*key, counted[key]) for key in sorted(counted)]
        )

    def _counter(self, event: events.Event, number: dict[str, int], at: int) -> tuple[int, ...]:
        provider = event.provider
        if provider not in self._providers:
            if len(self._providers) < _PROVIDERS:
                self._providers.add(provider)
            else:
                provider = "other"
                self.names.learn({provider})
        return (
            at // _MINUTE_MS,
            self._writer,
            event.account,
            event.bridge,
            event.source,
            number[provider],
            number[event.sender_domain],
            number[event.list],
            event.state,
            event.outcome or 0,
            number[event.category],
        )
