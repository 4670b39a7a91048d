"""Reads the statements of ``store/sql``: each under a line ``-- name: what it does``.

Guarantees: a statement is used as it stands in its file; the only things ever put into one are a WHERE clause of
``filters`` (at ``{where}``) and, where its head says ``rows:``, more of its own VALUES groups.
"""

import importlib.resources
import re

import msgspec

_HEAD = re.compile(r"^-- (?:rows: )?([a-z0-9_]+)(?::.*)?$", re.MULTILINE)
_GROUP = re.compile(r"VALUES (\([^()]*\))")
_CHUNKS = (64, 32, 16, 8, 4, 2, 1)


class Rows(msgspec.Struct, frozen=True):
    """One statement for many rows: by number of rows at once, largest first, and how many values a row has."""

    by_count: tuple[tuple[int, str], ...]
    width: int


def text(name: str) -> str:
    """A file of ``store/sql``."""
    return (importlib.resources.files("gatepost.store") / "sql" / name).read_text("utf-8")


def statements(name: str) -> dict[str, str]:
    """Every statement of a file by its name."""
    parts = _HEAD.split(text(name))[1:]
    return {key: sql.strip() for key, sql in zip(parts[::2], parts[1::2], strict=True)}


def rows(statement: str) -> Rows:
    """A statement with one VALUES group, prepared for many."""
    found = _GROUP.search(statement)
    if found is None:
        raise ValueError(f"no VALUES group in {statement!r}")
    group = found[1]
    by_count = tuple(
        (n, f"{statement[: found.start(1)]}{', '.join([group] * n)}{statement[found.end(1) :]}")
        for n in _CHUNKS
    )
    return Rows(by_count, group.count("?"))
