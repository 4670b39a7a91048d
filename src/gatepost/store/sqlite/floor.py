"""The do-not-send floor as read for a batch: entries by hash, and which one blocks whom.

Guarantees: the most specific entry that holds now explains; hashes only find candidates, the text decides.
"""

from collections.abc import Iterable

import apsw
import msgspec

from gatepost.model import address as addresses
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.store.sqlite import names, rows


class Floor:
    """Suppressions that may concern a batch of addresses."""

    def __init__(self, db: apsw.Connection, select: str) -> None:
        self._db = db
        self._select = select
        self._found: dict[tuple[suppressions.Kind, str], list[suppressions.Suppression]] = {}

    @property
    def any(self) -> bool:
        """Whether anything was found at all."""
        return bool(self._found)

    def load(self, looked_up: Iterable[tuple[str, str]]) -> None:
        """Read every entry about these (key, domain) pairs: the address, its domain, and the domains above."""
        hashes: dict[int, None] = {}
        seen: set[str] = set()
        for key, domain in looked_up:
            if domain in seen:
                hashes[addresses.hash64(key)] = None
                continue
            seen.add(domain)
            for kind, target in suppressions.targets(key, domain):
                hashes[suppressions.hash_of(kind, target)] = None
        for row in self._db.execute(self._select, (names.int64s(list(hashes)),)):
            self.add(rows.suppression_of(row))

    def load_addresses(self, hashes: list[int]) -> None:
        """Read the entries about these very addresses only."""
        for row in self._db.execute(self._select, (names.int64s(hashes),)):
            self.add(rows.suppression_of(row))

    def add(self, entry: suppressions.Suppression) -> None:
        """An entry, read or about to be written; it replaces one of the same identity."""
        found = self._found.setdefault((entry.kind, entry.target), [])
        found[:] = [e for e in found if e.identity != entry.identity]
        found.append(entry)

    def remove(self, entry: suppressions.Suppression) -> bool:
        """Forget an entry by its identity; whether it was there."""
        found = self._found.get((entry.kind, entry.target), [])
        left = [e for e in found if e.identity != entry.identity]
        gone = len(left) < len(found)
        found[:] = left
        return gone

    def soften(self, softening: settlements.Softening) -> None:
        """Make the entries of an incident provisional, as the table has them now."""
        for found in self._found.values():
            found[:] = [softened(entry, softening) for entry in found]

    def of_address(self, key: str) -> tuple[suppressions.Suppression, ...]:
        """The entries about this very address, of any scope, expired or not."""
        return tuple(self._found.get((suppressions.Kind.ADDRESS, key), ()))

    def blocking(
        self, key: str, domain: str, sender: suppressions.Sender, now_ms: int
    ) -> suppressions.Suppression | None:
        """The most specific entry that blocks this address for this sender now."""
        if not self._found:
            return None
        best: suppressions.Suppression | None = None
        for target in suppressions.targets(key, domain):
            for entry in self._found.get(target, ()):
                if suppressions.blocks(entry, sender, now_ms) and (best is None or entry.scope > best.scope):
                    best = entry
        return best


def softened(entry: suppressions.Suppression, softening: settlements.Softening) -> suppressions.Suppression:
    """The entry after it."""
    if entry.incident != softening.incident or entry.standing is not suppressions.Standing.CONFIRMED:
        return entry
    return msgspec.structs.replace(
        entry, standing=suppressions.Standing.PROVISIONAL, expires_at=softening.expires_at
    )
