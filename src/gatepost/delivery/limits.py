"""A lane's allowance: how many connections and messages it may start now. Pure: the time is an argument.

Guarantees: never above the limits in any 60 seconds (connections); messages keep their rate, and after an idle time at
most a tenth of a second's share goes at once.
A host's own limit on recipients is learnt where it is not announced.
"""

import collections
import sys
from typing import TypeVar

from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories
from gatepost.model import pace as paces


def effective(
    provider: str, source: directories.Source, settings: delivery_settings.DeliverySettings
) -> delivery_settings.LaneLimits:
    """The limits of one lane: the base, then the Provider's, the Source's own, and the operator's overrides."""
    base = PROVIDERS.get(provider, BASE)
    found = {name: getattr(base, name) for name in _NAMES}
    for layer in (source.limits, *_overrides(provider, source.name, settings)):
        for name in _NAMES:
            value = getattr(layer, name)
            if value is not None:
                found[name] = value
    return delivery_settings.LaneLimits(**found)


def _overrides(
    provider: str, source: str, settings: delivery_settings.DeliverySettings
) -> list[delivery_settings.LaneOverride]:
    fitting = [o for o in settings.lane if o.provider in ("", provider) and o.source in ("", source)]
    return fitting[:1]


BASE = delivery_settings.LaneLimits()
# Starting points from the community's published shaping rules (docs/categories.md tells what slows them further).
PROVIDERS = {
    "google": delivery_settings.LaneLimits(connections=5, per_connection=50),
    "yahoo": delivery_settings.LaneLimits(per_connection=20),
    "microsoft": delivery_settings.LaneLimits(connections=5, per_connection=50),
    "apple": delivery_settings.LaneLimits(connections=10, per_connection=5),
    "comcast": delivery_settings.LaneLimits(connections=25, per_connection=1000),
    "mimecast": delivery_settings.LaneLimits(per_connection=100),
    "orange": delivery_settings.LaneLimits(connections=2),
    "gmx": delivery_settings.LaneLimits(connections=4, per_connection=20),
    "qq": delivery_settings.LaneLimits(connections=4, per_connection=8),
}
_Number = TypeVar("_Number", int, float)
_LEARNT_S = 3600.0
_HOSTS = 10_000  # that are remembered
_NAMES = ("connections", "connections_per_min", "per_connection", "per_second", "idle_s")


class Batches:
    """How many recipients a host takes in one transaction, learnt from its refusals (``session.too_many_recipients``).

    Kept for an hour by host name: a receiver that had a bad moment gets whole groups again.
    """

    def __init__(self) -> None:
        self._learnt: dict[str, tuple[int, float]] = {}

    def learn(self, host: str, refused: int, of: int, now: float) -> int:
        """So many of a transaction's recipients were too many: the most that the host is given from now on.

        Where it took none, half of them are tried next.
        """
        most = max(1, of - refused or of // 2)
        if len(self._learnt) >= _HOSTS:
            self._learnt.clear()
        self._learnt[host] = (most, now + _LEARNT_S)
        return most

    def most(self, host: str, announced: int, now: float) -> int:
        """The most recipients of a transaction with a host; announced: its own word. 0 for no limit."""
        known, until = self._learnt.get(host, (0, 0.0))
        if not known or until <= now:
            return announced
        return min(known, announced) if announced else known


class Total:
    """Connections open in all lanes of a worker, and how many may be."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.open = 0

    @property
    def full(self) -> bool:
        """Whether no lane may open another one."""
        return self.open >= self.limit


def _lower(one: _Number, other: _Number) -> _Number:
    """The lower of two limits, of which 0 is none."""
    return min(one, other) if one and other else one or other


class Allowance:
    """Counts what one lane has started. Times are monotonic seconds. total: shared by all lanes.

    ``go_at`` slows it below its limits, and back. probe_gap: seconds between two messages of a lane that only probes.
    """

    def __init__(self, limits: delivery_settings.LaneLimits, total: Total | None = None) -> None:
        self.limits = limits
        self.total = total or Total(sys.maxsize)
        self.open = 0
        self._opened: collections.deque[float] = collections.deque()
        self._next_message = 0.0
        self._pace: paces.Pace | None = None
        self._probe_gap = 0.0
        self._probed = -sys.float_info.max

    def go_at(self, pace: paces.Pace | None, probe_gap: float) -> None:
        """From now on at this pace; None: as the limits say."""
        self._pace = pace
        self._probe_gap = probe_gap
        self._probed = -sys.float_info.max

    @property
    def paused(self) -> bool:
        """Whether nothing may go."""
        return self._pace is not None and self._pace.mode is paces.Mode.PAUSED

    @property
    def connections(self) -> int:
        """How many may be open; 0 for no limit."""
        limit = self.limits.connections
        return limit if self._pace is None else _lower(limit, self._pace.connections)

    @property
    def rate(self) -> float:
        """Messages a second; 0 for no limit."""
        limit = self.limits.per_second
        return limit if self._pace is None else _lower(limit, self._pace.rate)

    @property
    def crowded(self) -> bool:
        """Whether more connections are open than may be."""
        return self._pace is not None and (self.paused or 0 < self.connections < self.open)

    def may_open(self, now: float) -> bool:
        """Whether one more connection may be opened now."""
        if self.paused or self.total.full or (self.connections and self.open >= self.connections):
            return False
        per_min = self.limits.connections_per_min
        if not per_min:
            return True
        while self._opened and self._opened[0] <= now - 60.0:
            self._opened.popleft()
        return len(self._opened) < per_min

    def opened(self, now: float) -> None:
        """A connection is being opened."""
        self.open += 1
        self.total.open += 1
        if self.limits.connections_per_min:
            self._opened.append(now)

    def closed(self) -> None:
        """One is gone."""
        self.open -= 1
        self.total.open -= 1

    def take_messages(self, now: float, wanted: int) -> int:
        """How many of ``wanted`` deliveries may be handed out now; they count as handed out."""
        if self._pace is not None and self._pace.mode is not paces.Mode.SLOWED:
            if self.paused or now < self._probed + self._probe_gap:
                return 0
            self._probed = now
            return 1
        rate = self.rate
        if not rate:
            return wanted
        # A burst of a tenth of a second keeps timers few without ever exceeding the rate over a second.
        earliest = max(self._next_message, now - 0.1)
        granted = 0
        while granted < wanted and earliest <= now:
            earliest += 1.0 / rate
            granted += 1
        self._next_message = earliest
        return granted

    def give_back(self, count: int) -> None:
        """Deliveries that were granted but not handed out."""
        if self.rate:
            self._next_message -= count / self.rate

    def wait_s(self, now: float) -> float:
        """Seconds until something may start that may not now; 0 when nothing but a free connection is missing."""
        waits = []
        if self._pace is not None and self._pace.mode is paces.Mode.PROBING and self._probed > 0:
            waits.append(self._probed + self._probe_gap - now)
        elif self.rate and self._next_message > now:
            waits.append(self._next_message - now)
        per_min = self.limits.connections_per_min
        if per_min and len(self._opened) >= per_min and self._opened[0] + 60.0 > now:
            waits.append(self._opened[0] + 60.0 - now)
        return min(waits, default=0.0)
