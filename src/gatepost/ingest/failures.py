"""Failed logins: the more of them from an address, the later the answer (faults.md C05); and the feed is told of them.

Guarantees: bounded memory; a right password is never delayed and no name is ever locked, so nobody can lock another
out; guessing 192 random bits is hopeless anyway, the delay only keeps it cheap for us. The feed names a Bridge only if
there is one of that name: what else was typed into that field may be a password. One address and Bridge is told at most
once a minute, then with a count, and no more than ``MAX_TOLD`` of them are: guesses from everywhere are counted together.
"""

import ipaddress
from collections.abc import Callable

import msgspec

from gatepost import clock as clocks
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import reply as replies

FREE = 2  # wrong passwords that are answered at once
CAP_S = 8.0
FORGET_S = 600.0
MAX_KEPT = 10_000
TOLD_EVERY_S = 60.0
MAX_TOLD = 20  # each leaves an address in the store for good

Note = Callable[[events.Event], None]


class Failures:
    """Counts for one worker. ``tick`` now and then tells what is not told yet."""

    def __init__(self, clock: clocks.Clock, first_delay_s: float, note: Note) -> None:
        self._clock = clock
        self._first_delay_s = first_delay_s
        self._kept: dict[str, tuple[int, float]] = {}
        self._feed = _Feed(clock, note)

    def add(self, ip: str, bridge: directories.Bridge | None) -> float:
        """One more wrong password from there, for that Bridge if there is one. How many seconds its answer should wait."""
        self._feed.add(_Failed(_address(ip), bridge))
        now = self._clock.monotonic()
        count, at = self._kept.pop(ip, (0, now))
        count = 1 if now - at > FORGET_S else count + 1
        if len(self._kept) >= MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[ip] = (count, now)
        if count <= FREE:
            return 0.0
        return min(self._first_delay_s * 2.0 ** min(count - FREE - 1, 16), CAP_S)

    def add_key(self, ip: str) -> None:
        """A wrong API key over HTTP. It says nothing about whose it should have been."""
        self._feed.add(_Failed(_address(ip), None, "with a wrong API key"))

    def add_user(self, ip: str) -> None:
        """A wrong password to the dashboard. What was typed as a name may be a password, so it is not told."""
        self._feed.add(_Failed(_address(ip), None, "at the dashboard"))

    def tick(self) -> None:
        """Tell what was counted since the last minute's events, if that minute is over."""
        self._feed.tick()


class _Failed(msgspec.Struct, frozen=True):
    """What is told as one."""

    ip: str
    bridge: directories.Bridge | None
    how: str = ""  # empty: over SMTP


class _Feed:
    """Tells the first of a kind at once, and its like with a count at the end of the minute."""

    def __init__(self, clock: clocks.Clock, note: Note) -> None:
        self._clock = clock
        self._note = note
        self._until = clock.monotonic()
        self._untold: dict[_Failed, int] = {}
        self._others = 0

    def add(self, one: _Failed) -> None:
        self.tick()
        if one in self._untold:
            self._untold[one] += 1
        elif len(self._untold) < MAX_TOLD:
            self._untold[one] = 0
            self._note(_event(self._clock.now_ms(), one, 1))
        else:
            self._others += 1

    def tick(self) -> None:
        now = self._clock.monotonic()
        if now < self._until:
            return
        untold = {one: count for one, count in self._untold.items() if count}
        others, self._others = self._others, 0
        self._until = now + TOLD_EVERY_S
        self._untold = dict.fromkeys(untold, 0)  # told now, so not again within this minute
        for one, count in untold.items():
            self._note(_event(self._clock.now_ms(), one, count))
        if others:
            self._note(_event(self._clock.now_ms(), None, others))


def _event(now_ms: int, one: _Failed | None, count: int) -> events.Event:
    """None: many of no single kind."""
    many = f"{count} times " if count > 1 else ""
    if one is None:
        state = events.State.LOGIN_FAILED
        return events.Event(at=now_ms, state=state, detail=f"{many}from still more addresses")
    if one.how:
        what, stage, code, enhanced = one.how, replies.Stage.UNKNOWN, 0, ""
    else:
        name = f"Bridge {one.bridge.name}" if one.bridge else "nobody that is known"
        what, stage, code, enhanced = f"as {name}", replies.Stage.AUTH, 535, "5.7.8"
    return events.Event(
        at=now_ms,
        state=events.State.LOGIN_FAILED,
        account=one.bridge.account if one.bridge else 0,
        bridge=one.bridge.id if one.bridge else 0,
        pool=one.bridge.pool if one.bridge else 0,
        peer_ip=one.ip,
        stage=stage,
        code=code,
        enhanced=enhanced,
        detail=f"{many}{what} from {one.ip or 'an unknown address'}",
    )


def _address(ip: str) -> str:
    """Empty where it is none: behind a proxy it is what a header said."""
    try:
        return str(ipaddress.ip_address(ip))
    except ValueError:
        return ""
