"""The entries that a file lists: one address a line, CSV with a heading, or JSON lines.

Guarantees: whatever the bytes are, each record is a Line or an error that names where it begins; text inside a quoted cell, and
the rest of a line that is too long, is never taken for a line of its own; memory does not grow with the file.
How it fails: BadInput for a file that is no such text at all. Not here: what an entry means (``wishes``).
"""

import csv
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from gatepost import errors

LONGEST_LINE = 64 * 1024
_HEADS = ("target", "address", "email", "e-mail", "mail", "recipient")  # of the column with the address
_OTHER_FORMATS = (
    (b"\xff\xfe", "is UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "is UTF-16: save it as UTF-8"),
    (b"\x1f\x8b", "is compressed: unpack it first"),
    (b"PK\x03\x04", "is a ZIP file or a spreadsheet: save it as CSV"),
)


class Line(msgspec.Struct):
    """One entry as a file gives it; what a file may say beside is not read."""

    target: str
    scope: str | None = None
    reason: str | None = None
    note: str | None = None
    expires_at: str | None = None


class Unreadable(msgspec.Struct, frozen=True):
    """A record that is none, and why."""

    problem: str


class _Texts:
    """The lines of a file as text; ``number`` is that of the last one. BadInput for one that is none; the next one follows it."""

    def __init__(self, source: BinaryIO, first: bytes) -> None:
        self._source = source
        self._first = first
        self.number = 0

    def __iter__(self) -> "_Texts":
        return self

    def __next__(self) -> str:
        raw = self._first if not self.number else self._source.readline(LONGEST_LINE)
        if not raw:
            raise StopIteration
        self.number += 1
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            while (rest := self._source.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                pass
            raise errors.BadInput("line", f"has {LONGEST_LINE} bytes or more")
        try:
            return raw.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise errors.BadInput("line", f"is not UTF-8 at byte {error.start + 1}") from None


def read(source: BinaryIO, name: str) -> Iterator[tuple[int, Line | Unreadable]]:
    """Each record with the number of its first line. Raises BadInput. name: of the file, for people."""
    texts = _Texts(source, _first_line(source, name))
    rows = csv.reader(texts, strict=True)
    columns: list[str] | None = None
    while True:
        before = texts.number
        try:
            if columns is not None:
                line = _of_cells(columns, next(rows))
            else:
                text = next(texts).strip()
                columns = _columns(text) if not before else None
                line = _of_text(text) if text and columns is None else None
        except StopIteration:
            return
        except (errors.BadInput, msgspec.MsgspecError, csv.Error) as error:
            upto = f" (up to line {texts.number})" if texts.number > before + 1 else ""
            yield before + 1, Unreadable(f"{error}{upto}")
        else:
            if line is not None:
                yield before + 1, line


def _first_line(source: BinaryIO, name: str) -> bytes:
    first = source.readline(LONGEST_LINE)
    for mark, problem in _OTHER_FORMATS:
        if first.startswith(mark):
            raise errors.BadInput(name, problem)
    if b"\r" in first.rstrip(b"\r\n"):
        raise errors.BadInput(name, "ends its lines with CR alone: save it with LF or CRLF")
    return first


def _columns(text: str) -> list[str] | None:
    """The names of a CSV file's columns, if this is its first line."""
    names = [name.strip().lower() for name in next(csv.reader([text]), [])]
    return names if any(name in _HEADS for name in names) else None


def _of_cells(columns: list[str], row: list[str]) -> Line | None:
    cells = dict(zip(columns, row, strict=False))
    target = next((cells[name].strip() for name in _HEADS if name in cells), "")
    return (
        Line(target, reason=_word(cells.get("reason")), note=cells.get("note"))
        if "".join(row).strip()
        else None
    )


def _of_text(text: str) -> Line:
    return msgspec.json.decode(text.encode(), type=Line) if text.startswith("{") else Line(text)


def _word(text: str | None) -> str | None:
    """One word of what other systems write at length."""
    return "-".join(text.lower().split()) if text else None
