"""Texts that repeat, as small numbers: each is written once and referred to for ever.

Guarantees: the same text has the same number; "" is 0; what a rolled-back transaction had made is forgotten again.
Memory is bounded: a cache that has grown over its limit begins anew.
"""

import array
import json
from typing import TypeVar

import apsw
import msgspec

from gatepost.store import queries

_LIMIT = 200_000


class Names:
    """Numbers by text, for the writer's thread alone. ``known``: what ``learn`` has found, to be read only."""

    def __init__(self, db: apsw.Connection, statements: dict[str, str]) -> None:
        self._db = db
        self._insert = queries.rows(statements["insert_names"])
        self._select = statements["names_by_text"]
        self.known: dict[str, int] = {"": 0}
        self._fresh: list[str] = []

    def number(self, text: str) -> int:
        """The number of a text; written when new."""
        found = self.known.get(text)
        if found is not None:
            return found
        self.learn({text})
        return self.known[text]

    def learn(self, texts: set[str]) -> None:
        """Make sure that all of these are known: one look-up and at most one insert for all."""
        missing = [text for text in texts if text not in self.known]
        if not missing:
            return
        absent = set(missing) - self._read(missing)
        if absent:
            insert_rows(self._db, self._insert, [(text,) for text in absent])
            self._read(list(absent))
            self._fresh += absent

    def committed(self) -> None:
        """What was made is there to stay. A cache that has grown too large begins anew, never within a transaction."""
        self._fresh.clear()
        if len(self.known) > _LIMIT:
            self.known = {"": 0}

    def rolled_back(self) -> None:
        """What was made since the last commit is not there."""
        for text in self._fresh:
            self.known.pop(text, None)
        self._fresh.clear()

    def _read(self, texts: list[str]) -> set[str]:
        found: set[str] = set()
        for number, text in self._db.execute(self._select, (json.dumps(texts),)):
            self.known[text] = number
            found.add(text)
        return found


class Texts:
    """Texts by number, for one reader's thread."""

    def __init__(self, db: apsw.Connection, select: str) -> None:
        self._db = db
        self._select = select
        self._known: dict[int, str] = {0: ""}

    def of(self, number: object) -> str:
        """The text of a number, or of NULL; it was committed before whatever refers to it."""
        wanted = number if isinstance(number, int) else 0
        found = self._known.get(wanted)
        if found is not None:
            return found
        if len(self._known) > _LIMIT:
            self._known = {0: ""}
        self._known.update(self._db.execute(self._select, (int64s([wanted]),)))
        return self._known[wanted]

    def forget(self) -> None:
        """Begin anew: what was read may have been rolled back since."""
        self._known = {0: ""}


def insert_rows(db: apsw.Connection, statement: queries.Rows, rows: list[tuple[object, ...]]) -> None:
    """Execute a statement for many rows with as few steps as possible: each step may have to wait for the interpreter."""
    at = 0
    left = len(rows)
    for count, sql in statement.by_count:
        while left >= count:
            chunk = (
                rows[at] if count == 1 else tuple([value for row in rows[at : at + count] for value in row])
            )
            db.execute(sql, chunk)
            at += count
            left -= count


def int64s(values: list[int]) -> object:
    """Numbers bound as one parameter, for ``carray``."""
    return apsw.carray(
        array.array("q", values or [-1])
    )  # an empty array has no address; -1 is the id of nothing


_Row = TypeVar("_Row")
ANY_ROWS = msgspec.json.Decoder(list[list[object]])


def json_rows(
    db: apsw.Connection, sql: str, bindings: tuple[object, ...], decoder: "msgspec.json.Decoder[list[_Row]]"
) -> list[_Row]:
    """The rows of a query that gives one JSON text: one step however many there are."""
    for (text,) in db.execute(sql, bindings):
        return decoder.decode(text)
    return []
