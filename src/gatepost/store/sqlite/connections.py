"""Opens the database file: the right pragmas for each use, the schema when it is new, a refusal when it is not ours.

Guarantees: every commit is synced (WAL, ``synchronous=FULL``); automatic checkpoints are off. Fails with BadInput.
"""

from pathlib import Path

import apsw

from gatepost import errors
from gatepost.store import queries

SCHEMA = 14
_OLDEST_SQLITE = (
    3,
    51,
    3,
)  # before it, two connections could reset the WAL under each other (sqlite.org/wal.html)
_CACHE_KIB = 64 * 1024
_STATEMENTS = 300  # prepared ones kept: each statement of many rows stands there in every size


def open_file(path: Path, *, write: bool) -> apsw.Connection:
    """Open the store's file. Raises BadInput."""
    if tuple(map(int, apsw.sqlite_lib_version().split("."))) < _OLDEST_SQLITE:
        raise errors.BadInput(
            "SQLite", f"{apsw.sqlite_lib_version()} is older than 3.51.3, which loses writes"
        )
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if write else 0)
    try:
        db = apsw.Connection(str(path), flags=flags, statementcachesize=_STATEMENTS)
        db.set_busy_timeout(10_000)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB if write else _CACHE_KIB // 4}")
        db.execute("PRAGMA temp_store = MEMORY")
        if not write:
            db.execute("PRAGMA query_only = ON")
    except apsw.Error as error:
        raise errors.BadInput(str(path), f"cannot be opened: {error}") from None
    return db


def make_ready(db: apsw.Connection, path: Path) -> None:
    """Create the schema in a new file; refuse one of another version. The caller holds the file lock. Raises BadInput."""
    version = db.pragma("user_version")
    if version == SCHEMA:
        return
    if version or next(iter(db.execute("SELECT count(*) FROM sqlite_schema")))[0]:
        raise errors.BadInput(str(path), f"has schema {version}; this Gatepost reads schema {SCHEMA}")
    path.chmod(0o600)
    with db:
        db.execute(queries.text("schema.sql"))
        db.execute("INSERT INTO meta VALUES ('directory', 0)")
        db.execute("INSERT INTO sqlite_sequence VALUES ('event', 0)")
        db.execute(f"PRAGMA user_version = {SCHEMA}")
