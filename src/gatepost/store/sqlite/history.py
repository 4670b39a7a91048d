"""What Providers took and what they went on answering with, as one batch of settlements sees and changes it.

Guarantees: later Results of a batch see what earlier ones added; a mail that is taken ends every streak of its Provider
and domain, whoever sent it; a place has no more than ``MOST`` streaks, so a server that never says the same twice costs no more than
another; what is asked for each mail that is taken costs no statement. Runs in the writer's thread.
Not here: what follows from it (``gatepost.policy.streaks``, ``presume``, ``escalate``).
"""

import json

from gatepost.model import facts as fact_values
from gatepost.model import suppression as suppressions
from gatepost.policy import streaks
from gatepost.store.sqlite import rows
from gatepost.store.sqlite import transaction as transactions

_MOST_PRESUMED = 100  # no streak of a template makes more presumptions than it counts addresses


MOST = 100  # streaks of one place; the oldest go


class History:
    """Streaks are read once for all Providers and domains of the batch, everything else when it is asked for."""

    def __init__(self, tx: transactions.Transaction, places: set[str]) -> None:
        self._tx = tx
        self._streaks: dict[str, dict[str, fact_values.Streak]] = {}
        self._kept: set[str] = set()  # places with rows in the table
        self._changed: dict[tuple[str, str], fact_values.Streak] = {}
        for row in tx.execute("streaks", json.dumps(list(places))) if places else ():
            streak = rows.streak_of(row)
            self._streaks.setdefault(streak.place, {})[streak.about] = streak
        self._kept.update(self._streaks)
        self._ended: set[str] = set()

    def took(self, taken: transactions.Taken, domain: str) -> None:
        """A mail was taken."""
        self._tx.add_taken(taken)
        if self._streaks:
            for place in (taken[0], streaks.place_of_domain(domain)):
                self._end(place)

    def _end(self, place: str) -> None:
        if self._streaks.pop(place, None) is not None:
            self._ended.add(place)
            self._changed = {key: one for key, one in self._changed.items() if key[0] != place}

    def went_on(self, streak: fact_values.Streak) -> None:
        """A streak's new value."""
        self._streaks.setdefault(streak.place, {})[streak.about] = streak
        self._changed[streak.place, streak.about] = streak

    def streaks(self, provider: str, domain: str) -> tuple[fact_values.Streak, ...]:
        """Those of a Provider and of a domain."""
        of_domain = self._streaks.get(streaks.place_of_domain(domain), {})
        return (*self._streaks.get(provider, {}).values(), *of_domain.values())

    def late_streaks(self, provider: str) -> tuple[fact_values.Streak, ...]:
        """Those of a Provider's late bounces."""
        return tuple(self._streaks.get(streaks.place_of_late(provider), {}).values())

    def taken_at(self, provider: str, bridge: int) -> int:
        """When a Provider last took a Bridge's mail (ms), or 0."""
        self._tx.flush()
        return self._tx.value("taken_at", provider, bridge) or 0

    def host_took_at(self, provider: str, source: int, sender_domain: str, host: str) -> int:
        """When a host last took a mail of this Source and sender domain (ms), or 0."""
        self._tx.flush()
        return self._tx.value("host_took_at", provider, source, sender_domain, host) or 0

    def entries(self, incident: int) -> list[suppressions.Suppression]:
        """The entries of an incident that are in the table."""
        return [
            rows.suppression_of(row)
            for row in self._tx.execute("entries_of_incident", incident, _MOST_PRESUMED)
        ]

    def write(self) -> None:
        """Write what has changed."""
        if gone := self._ended & self._kept:
            self._tx.execute("end_streaks", json.dumps(list(gone)))
        for streak in self._changed.values():
            self._tx.add_row("put_streaks", rows.streak_row(streak))
        for place in {place for place, _ in self._changed}:
            self._bound(place)

    def _bound(self, place: str) -> None:
        found = self._streaks[place]
        if len(found) > MOST:
            self._tx.flush()
            for streak in sorted(found.values(), key=lambda one: one.last_at)[:-MOST]:
                self._tx.execute("delete_streak", place, streak.about)
                del found[streak.about]
