"""The lanes at work in one worker: each with its desk, its limits and its Source as they are now.

Guarantees: a Source that was changed in the Directory, and new limits, hold from the next hand-out on; a desk without work
is forgotten. Not here: which lanes are this worker's, and what is handed out.
"""

from collections.abc import Callable, Iterator

from gatepost.delivery import desk, limits
from gatepost.delivery import lane as lanes
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories

Find = Callable[[int], directories.Source | None]


class Desks:
    """By lane number. ``welcome`` is told of each desk that is made."""

    def __init__(
        self,
        settings: delivery_settings.DeliverySettings,
        welcome: Callable[[desk.Desk], None],
    ) -> None:
        self._settings = settings
        self._welcome = welcome
        self._all: dict[int, desk.Desk] = {}
        self._total = limits.Total(settings.max_connections)

    def __iter__(self) -> Iterator[desk.Desk]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def get(self, number: int) -> desk.Desk | None:
        """The desk, if the lane is at work."""
        return self._all.get(number)

    def known(self, number: int) -> desk.Desk:
        """The desk of a lane that is at work."""
        return self._all[number]

    def of(self, number: int, provider: str, source: directories.Source) -> desk.Desk:
        """The desk of a lane, made if there is none."""
        found = self._all.get(number)
        if found is None:
            effective = limits.effective(provider, source, self._settings)
            allowance = limits.Allowance(effective, self._total)
            lane = lanes.Lane(number, provider, source.id, self._settings.window)
            found = self._all[number] = desk.Desk(lane, source, allowance)
            self._welcome(found)
        return found

    def take(self, settings: delivery_settings.DeliverySettings, find: Find) -> list[desk.Desk]:
        """New settings; every desk, each with its limits anew."""
        self._settings = settings
        self._total.limit = settings.max_connections
        self.renew(find)
        for at in self:
            at.allowance.limits = limits.effective(at.lane.provider, at.source, settings)
        return list(self)

    def renew(self, find: Find) -> list[desk.Desk]:
        """The desks whose Source has changed: they have the new one, and their free connections are ended."""
        changed = []
        for at in self:
            source = find(at.source.id)
            if source is None or source is at.source or source == at.source:
                continue
            at.source = source
            at.allowance.limits = limits.effective(at.lane.provider, source, self._settings)
            changed.append(at)
        for at in changed:
            for connection in [one for free in at.idle.values() for one in free]:
                connection.quit()
        return changed

    def make_room(self, wanting: desk.Desk) -> None:
        """Where all connections that this worker may have are open, end a free one that another lane does not need now."""
        if not self._total.full or not wanting.parked:
            return
        for at in self:
            for targets, free in at.idle.items():
                if at is not wanting and free and not at.parked.get(targets):
                    free[0].quit()
                    return

    def tidy(self, now: float) -> None:
        """End connections that have been free too long; forget desks without work. now: monotonic seconds."""
        for number, at in list(self._all.items()):
            for connection in at.stale(now):
                connection.quit()
            if at.empty:
                del self._all[number]
