"""Reads for one thread with its own connection: committed data only, no snapshot held longer than a call.

Guarantees: bounded by ``limit`` everywhere; lists are read by key, never by offset. Not here: writing.
"""

from collections.abc import Sequence
from pathlib import Path

import apsw
import msgspec

from gatepost.model import address as addresses
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import late, notify
from gatepost.model import message as messages
from gatepost.model import pace as paces
from gatepost.model import suppression as suppressions
from gatepost.store import filters, port, queries
from gatepost.store.sqlite import connections, directory, floor, late_rows, names, rows

_NEWEST = (1 << 63) - 1  # above every id
PACE = msgspec.json.Decoder(paces.Pace)
_MESSAGES_LOOKED_AT = 10_000  # in one search: some ten milliseconds


class Reader:
    """Every read of the port, synchronous."""

    def __init__(self, path: Path) -> None:
        self.db = connections.open_file(path, write=False)
        self._sql = queries.statements("read.sql")
        self._texts = names.Texts(self.db, self._sql["names"])

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    # --- hot reads

    def due(self, lane: int, now_ms: int, limit: int) -> list[messages.Due]:
        """See the port."""
        found: list[messages.Due] = []
        for priority in messages.Priority:
            bridges = [b for (b,) in self.rows("due_bridges", lane, priority.value, now_ms)]
            if not bridges or len(found) >= limit:
                continue
            share = -(-(limit - len(found)) // len(bridges))
            turns = [
                [self._due(row) for row in self.rows("due", lane, priority.value, bridge, now_ms, share)]
                for bridge in bridges
            ]
            for position in range(max(map(len, turns))):
                found += [turn[position] for turn in turns if position < len(turn)]
        return found[:limit]

    def _due(self, row: tuple[object, ...]) -> messages.Due:
        (ident, message, lane, account, bridge, source, priority, next_at, expires, attempts, *rest) = row
        (
            sender,
            recipient,
            key,
            domain,
            listed,
            size,
            parts,
            eight_bit,
            utf8,
            sender_domain,
            campaign,
            tags,
            hold,
            *asked,
        ) = rest
        return messages.Due(
            id=rows.integer(ident),
            message=rows.integer(message),
            lane=rows.integer(lane),
            account=rows.integer(account),
            bridge=rows.integer(bridge),
            source=rows.integer(source),
            priority=messages.Priority(rows.integer(priority)),
            next_at=rows.integer(next_at),
            expires_at=rows.integer(expires),
            attempts=rows.integer(attempts),
            sender=rows.octets(sender),
            recipient=str(recipient).encode(),
            key=str(key),
            domain=self._texts.of(domain),
            list=self._texts.of(listed),
            size=rows.integer(size),
            parts=rows.integer(parts),
            eight_bit=bool(eight_bit),
            utf8=bool(utf8),
            sender_domain=self._texts.of(sender_domain),
            campaign=self._texts.of(campaign),
            tags=self._texts.of(tags),
            asked=_asked(asked) if any(asked) else None,
            hold=rows.integer(hold or 0),
        )

    def bodies(self, wanted: Sequence[int]) -> dict[int, tuple[bytes, ...]]:
        """See the port."""
        bound = names.int64s(list(wanted))
        found = {rows.integer(ident): [rows.octets(data)] for ident, data in self.rows("bodies", bound)}
        for message, part, data in self.rows("body_parts", bound):
            parts = found.get(rows.integer(message))
            if parts is not None and len(parts) == part:
                parts.append(rows.octets(data))
        return {ident: tuple(parts) for ident, parts in found.items()}

    def standing(self, lookups: Sequence[port.Lookup], now_ms: int) -> list[port.Standing]:
        """See the port."""
        entries = floor.Floor(self.db, self._sql["suppressions_by_hash"])
        entries.load((one.key, one.domain) for one in lookups)
        hashes = [addresses.hash64(one.key) for one in lookups]
        found = names.json_rows(self.db, self._sql["addresses"], (names.int64s(hashes),), names.ANY_ROWS)
        records = {record.key: record for record in map(rows.address_of, found)}
        return [
            port.Standing(entries.blocking(one.key, one.domain, one.sender, now_ms), records.get(one.key))
            for one in lookups
        ]

    def sent(self, deliveries: Sequence[int]) -> dict[int, fact_values.Sent]:
        """See the port."""
        bound = names.int64s(list(deliveries))
        found = names.json_rows(self.db, self._sql["sent_of"], (bound,), late_rows.SENT_ROWS)
        return {row.delivery: late_rows.sent_of(row, self._texts.of) for row in found}

    def lane(self, provider: str, source: int) -> int:
        """The lane's number, or 0 while there is none."""
        return self._number("lane", provider, source)

    def provider_of(self, domain: str) -> str:
        """See the port."""
        for (text,) in self.rows("provider_of", domain):
            return str(text)
        return domain

    def directory_version(self) -> int:
        """See the port."""
        return self._number("directory_version")

    def directory(self) -> directories.Directory:
        """See the port."""
        version = self.directory_version()
        while True:  # both reads have to see one version; another writer may come between them
            found = directory.read(version, self.rows("directory_rows"))
            after = self.directory_version()
            if after == version:
                return found
            version = after

    # --- scans

    def heads(self, slots: Sequence[int]) -> list[port.LaneHead]:
        """See the port."""
        wanted = set(slots)
        return [
            port.LaneHead(rows.integer(lane), rows.integer(source), str(provider), rows.integer(next_at))
            for lane, source, provider, next_at in self.rows("heads")
            if rows.integer(lane) % port.SLOTS in wanted
        ]

    def networks(self, now_ms: int) -> list[suppressions.Suppression]:
        """See the port."""
        return [rows.suppression_of(row) for row in self.rows("networks", now_ms, port.NETWORKS)]

    def suppressions(
        self, where: filters.Where, after: int, limit: int
    ) -> list[tuple[int, suppressions.Suppression]]:
        """See the port."""
        found = self.filtered("list_suppressions", where, filters.ALL_SUPPRESSIONS, (after,), (limit,))
        return [(rows.integer(row[0]), rows.suppression_of(row)) for row in found]

    def feed(self, after: int, limit: int, where: filters.Where, until: int) -> list[events.Event]:
        """See the port."""
        found = self.filtered("feed", where, filters.ALL_EVENTS, (after, until or _NEWEST), (limit,))
        return [rows.event_of(row, self._texts.of) for row in found]

    def tail(self, after: int, limit: int) -> list[events.Event]:
        """See the port."""
        return [rows.event_of(row, self._texts.of) for row in self.rows("tail", after, limit)]

    def events_at(self, seqs: Sequence[int]) -> list[events.Event]:
        """These, in order."""
        return [
            rows.event_of(row, self._texts.of) for row in self.rows("events_by_seq", names.int64s(list(seqs)))
        ]

    def first_seq(self) -> int:
        """See the port."""
        return self._number("first_seq") or self.last_seq() + 1

    def done_once(self, owner: int, key: str) -> bytes | None:
        """See the port."""
        for digest, _ in self.rows("idempotent_answer", owner, key):
            return rows.octets(digest)
        return None

    def audit(self, where: filters.Where, before: int, limit: int) -> list[port.Audited]:
        """See the port."""
        found = self.filtered("audited", where, filters.AUDIT, (before or _NEWEST,), (limit,))
        return [
            port.Audited(
                rows.integer(ident), rows.integer(at), str(actor), str(what), str(was or ""), str(now or "")
            )
            for ident, at, actor, what, was, now in found
        ]

    def last_seq(self) -> int:
        """See the port."""
        return self._number("last_seq")

    def message(self, identity: int) -> messages.Message | None:
        """See the port."""
        for row in self.rows("message", identity):
            if identity <= rows.integer(row[0]) + rows.integer(row[20]):
                return self._message(row)
        return None

    def messages_at(self, wanted: Sequence[int]) -> list[messages.Message]:
        """These."""
        return [self._message(row) for row in self.rows("messages_by_id", names.int64s(list(wanted)))]

    def find_messages(self, where: filters.Where, before: int, limit: int) -> port.Messages:
        """See the port."""
        newest = before or _NEWEST
        oldest = self._number("message_behind", newest, _MESSAGES_LOOKED_AT)
        rows_ = self.filtered("list_messages", where, filters.ALL_MESSAGES, (newest, oldest), (limit,))
        found = [self._message(row) for row in rows_]
        return port.Messages(found, found[-1].id if len(found) == limit else oldest)

    def _message(self, row: tuple[object, ...]) -> messages.Message:
        text = self._texts.of
        return messages.Message(
            id=rows.integer(row[0]),
            account=rows.integer(row[1]),
            bridge=rows.integer(row[2]),
            pool=rows.integer(row[3]),
            priority=messages.Priority(rows.integer(row[4])),
            sender=rows.octets(row[5]),
            sender_domain=text(row[6]),
            size=rows.integer(row[7]),
            received_at=rows.integer(row[8]),
            expires_at=rows.integer(row[9]),
            message_id=str(row[10]),
            subject=str(row[11]),
            list=text(row[12]),
            campaign=text(row[13]),
            tags=text(row[14]),
            metadata=str(row[15]),
            eight_bit=bool(row[16]),
            utf8=bool(row[17]),
            parts=rows.integer(row[18]),
            peer_ip=text(row[19]),
            tell=bool(row[21]),
            ret=notify.Return(rows.integer(row[22])),
            envid=str(row[23]),
        )

    def trace(self, identity: int) -> list[events.Event]:
        """See the port."""
        for row in self.rows("message", identity):
            first, last = rows.integer(row[0]), rows.integer(row[0]) + rows.integer(row[20])
            if identity <= last:
                return [rows.event_of(r, self._texts.of) for r in self.rows("trace", first, last)]
        return []

    def transcripts(self, seqs: Sequence[int]) -> dict[int, bytes]:
        """See the port."""
        bound = names.int64s(list(seqs))
        return {rows.integer(seq): rows.octets(text) for seq, text in self.rows("transcripts", bound)}

    def messages_to(self, key: str, limit: int) -> list[int]:
        """See the port."""
        return [rows.integer(m) for (m,) in self.rows("messages_to", addresses.hash64(key), limit)]

    def open_delivery(self, identity: int) -> tuple[fact_values.OpenDelivery, str] | None:
        """See the port."""
        for row in names.json_rows(self.db, self._sql["open_delivery"], (identity,), rows.OPEN_ROWS):
            for (reason,) in self.rows("open_reason", identity):
                return rows.open_of(row, self._texts.of), str(reason or "")
        return None

    def open_ids(self, where: filters.Where, after: int, limit: int) -> list[int]:
        """See the port."""
        found = self.filtered("open_ids", where, filters.ALL_OPEN, (after,), (limit,))
        return [rows.integer(ident) for (ident,) in found]

    def holds(self) -> list[int]:
        """See the port."""
        return [rows.integer(hold) for (hold,) in self.rows("holds")]

    def open_matching(self, where: filters.Where) -> int:
        """See the port."""
        return sum(
            rows.integer(n) for (n,) in self.filtered("open_matching", where, filters.ALL_OPEN, (), ())
        )

    def held(self) -> dict[int, int]:
        """See the port."""
        return {rows.integer(hold): rows.integer(count) for hold, count in self.rows("held")}

    def held_by(self, directive: int, limit: int, after: int) -> list[int]:
        """See the port."""
        return [rows.integer(ident) for (ident,) in self.rows("held_by", directive, after, limit)]

    def held_to_end(self, now_ms: int, limit: int) -> list[int]:
        """See the port."""
        return [rows.integer(ident) for (ident,) in self.rows("held_to_end", now_ms, limit)]

    def paces(self) -> dict[int, paces.Pace]:
        """See the port."""
        return {rows.integer(lane): PACE.decode(str(text)) for lane, text in self.rows("paces")}

    def queues(self, where: filters.Where, limit: int) -> list[port.QueueLine]:
        """See the port."""
        found = self.filtered("queues", where, filters.OPEN, (), (limit,))
        return [
            port.QueueLine(
                domain=str(domain),
                source=rows.integer(source),
                provider=str(provider),
                queued=rows.integer(queued),
                held=rows.integer(held),
                oldest_at=rows.integer(oldest),
                next_at=rows.integer(next_at),
                pace=PACE.decode(str(pace)) if pace is not None else None,
            )
            for domain, source, provider, queued, held, oldest, next_at, pace in found
        ]

    def ledger(self) -> list[tuple[port.LedgerLine, port.LedgerLine]]:
        """See the port."""
        with self.db:
            kept = {
                rows.integer(row[0]): [rows.integer(v) for v in row[1:]] for row in self.rows("ledger_kept")
            }
            again = {
                rows.integer(row[0]): [rows.integer(v) for v in row[1:]]
                for row in self.rows("ledger_recounted")
            }
            still = {rows.integer(bridge): rows.integer(count) for bridge, count in self.rows("ledger_open")}
        nothing = [0, 0, 0, 0, 0]
        return [
            (
                _ledger_line(bridge, kept.get(bridge, nothing), still.get(bridge, 0)),
                _ledger_line(bridge, again.get(bridge, nothing), still.get(bridge, 0)),
            )
            for bridge in sorted({*kept, *again, *still})
        ]

    def counted(self, minute: int) -> list[port.Counted]:
        """See the port."""
        return [
            port.Counted(
                rows.integer(at),
                rows.integer(state),
                rows.integer(outcome),
                self._texts.of(category),
                self._texts.of(provider),
                rows.integer(count),
            )
            for at, state, outcome, category, provider, count in self.rows("counted", minute)
        ]

    def open_count(self) -> int:
        """See the port."""
        return self._number("open_count")

    def reports(self, before: int, limit: int) -> list[late.Filed]:
        """See the port."""
        return [late_rows.report_of(row) for row in self.rows("reports", before or _NEWEST, limit)]

    def report(self, identity: int) -> late.Filed | None:
        """See the port."""
        for row in self.rows("report", identity):
            return late_rows.report_of(row)
        return None

    def stuck(self, before_ms: int, limit: int) -> list[int]:
        """See the port."""
        return [rows.integer(ident) for (ident,) in self.rows("stuck", before_ms, limit)]

    def notices(self, now_ms: int, limit: int, most: int) -> list[port.Pending]:
        """See the port."""
        found: list[port.Pending] = []
        for message, made, original in self.rows("notices", now_ms, limit).fetchall():
            told = self._told(rows.integer(message), most)
            found += [
                port.Pending(self._message(row), rows.integer(made), rows.octets(original), told)
                for row in self.rows("exact_message", message)
            ]
        return found

    def _told(self, message: int, most: int) -> tuple[port.Told, ...]:
        asked = {rows.integer(row[0]): row[1:] for row in self.rows("notice_recipients", message, most)}
        told: list[port.Told] = []
        for row in self.rows("events_by_seq", names.int64s(list(asked))):
            event = rows.event_of(row, self._texts.of)
            action, orcpt, detail = asked[event.seq]
            told.append(port.Told(event, notify.Action(rows.integer(action)), str(orcpt), str(detail)))
        return tuple(told)

    # --- small things

    def rows(self, statement: str, *bindings: object) -> apsw.Cursor:
        """The rows of a named statement."""
        return self.db.execute(self._sql[statement], bindings)

    def _number(self, statement: str, *bindings: object) -> int:
        for (value,) in self.rows(statement, *bindings):
            return rows.integer(value)
        return 0

    def text(self, number: object) -> str:
        """A name by its number."""
        return self._texts.of(number)

    def filtered(
        self,
        statement: str,
        where: filters.Where,
        table: filters.Table,
        before: tuple[int, ...],
        behind: tuple[int, ...] = (),
    ) -> apsw.Cursor:
        """The rows of a statement that has a WHERE clause. before, behind: its other parameters."""
        clause, values = filters.compose(where, table)
        sql = self._sql[statement].replace("{where}", clause)
        return self.db.execute(sql, (*before, *values, *behind))


def _asked(values: Sequence[object]) -> notify.Asked:
    ret, envid, wanted, orcpt = values
    return notify.Asked(
        notify.Return(rows.integer(ret)),
        str(envid),
        notify.Notify(rows.integer(wanted)),
        str(orcpt or ""),
    )


def _ledger_line(bridge: int, totals: Sequence[int], still_open: int) -> port.LedgerLine:
    accepted, delivered, bounced, rejected, cancelled = totals
    return port.LedgerLine(bridge, accepted, delivered, bounced, rejected, cancelled, still_open)
