"""How a lane is slowed and paused by what it is answered, and how it comes back (taxonomy.md, "Blast radius").

Guarantees: one reply slows its own lane at most; a pause needs three such replies to different recipients in ten minutes and 30 %
of the lane's last 20 attempts, except where a smarthost refuses us, as both ends are ours; every pause ends by itself: after its
time one message probes, then a ramp; recovery is slower than reaction; a lane never goes faster than its own limits, and what it
was answered before a pause does not cause another. Pure: the time is an argument, everything in ms.
Not here: limits (``gatepost.delivery.limits``), single deliveries' retries (``retry``).
"""

from collections.abc import Mapping, Sequence

import msgspec

from gatepost.model import pace as paces
from gatepost.model import verdict as verdicts

Category = verdicts.Category
Mode = paces.Mode
Pace = paces.Pace
# An attempt of a lane: when, and its recipient where the answer was one that ``REACTIONS`` names, else empty.
Tried = tuple[int, str]

LAST = 20  # attempts that a lane's share of such answers is taken from
_REPLIES = 3
_WITHIN = 600_000
_SHARE = 0.3
_SETTLE = 30_000  # what was under way when the lane was slowed is answered meanwhile: it says nothing new
_STEP = 60_000  # of the ramp
_GROWTH = 1.5
_LEAST_RATE = 1 / 60
_LONGEST = 4 * 3_600_000  # that a hint is followed
_PROBE_AGAIN = 60_000  # a probe that brought no answer is followed by another


class Reaction(msgspec.Struct, frozen=True):
    """What a category does to its lane. slow, pause: ms (pause 0: never). single: one connection at once. at_once: the first reply pauses."""

    slow: int
    pause: int
    single: bool = False
    at_once: bool = False


_MIN = 60_000
_H = 60 * _MIN
REACTIONS: Mapping[Category, Reaction] = {
    Category.RATE_LIMITED: Reaction(10 * _MIN, 10 * _MIN),
    Category.SENDER_DAILY_LIMIT: Reaction(_H, _H),
    Category.SENDER_IP_REPUTATION: Reaction(30 * _MIN, 2 * _H, single=True),
    Category.SENDER_IP_BLOCKLISTED: Reaction(30 * _MIN, 2 * _H),
    Category.SENDER_IP_CONFIG: Reaction(30 * _MIN, 0),
    Category.SOURCE_REFUSED: Reaction(10 * _MIN, 10 * _MIN, at_once=True),
}
# What differs by Provider (taxonomy.md, "Providers"): Google is left alone for ten minutes and asked on one connection, Microsoft's
# "too many connections" means one for an hour.
PROVIDERS: Mapping[tuple[str, Category], Reaction] = {
    ("google", Category.RATE_LIMITED): Reaction(10 * _MIN, 10 * _MIN, single=True),
    ("microsoft", Category.RATE_LIMITED): Reaction(_H, _H, single=True),
}


class Answer(msgspec.Struct, frozen=True):
    """A reply that a lane reacts to. hint: ms that it asks to wait, or 0."""

    category: Category
    reaction: Reaction
    hint: int = 0
    reply: bytes = b""


class Seen(msgspec.Struct, frozen=True):
    """What a lane knows of itself: its last attempts, oldest first, and how many connections it may have and has."""

    tried: Sequence[Tried]
    connections: int
    open: int


def answer(
    verdict: verdicts.Verdict, provider: str, reply: bytes, *, smarthost: bool, scale: float
) -> Answer | None:
    """What a verdict means for its lane; None for nothing. scale: what every duration is multiplied by.

    A nested reply speaks of somebody else's lane; what only a smarthost's refusal may do, no MX can.
    """
    category = verdict.category
    reaction = PROVIDERS.get((provider, category)) or REACTIONS.get(category)
    if reaction is None or verdict.nested or (reaction.at_once and not smarthost):
        return None
    scaled = msgspec.structs.replace(
        reaction, slow=round(reaction.slow * scale), pause=round(reaction.pause * scale)
    )
    return Answer(category, scaled, min(round(verdict.hint * 1000 * scale), round(_LONGEST * scale)), reply)


def answered(pace: Pace | None, said: Answer | None, seen: Seen, now: int, scale: float = 1.0) -> Pace | None:
    """The pace after an answer of a server (None: one that means nothing to the lane)."""
    mode = pace.mode if pace is not None else None
    if said is None:
        if pace is not None and mode is Mode.PROBING:
            return _slowed(pace, now, round(_STEP * scale), 1, pace.rate)
        return pace
    if mode is Mode.PAUSED:
        return pace  # it was under way
    reaction = said.reaction
    widespread = reaction.at_once or _widespread(seen.tried, now, scale)
    if mode is Mode.PROBING or (reaction.pause and widespread):
        return _paused(pace, said, now)
    if pace is not None and now < pace.since + _SETTLE * scale:
        return pace
    return _slower(pace, said, seen, now)


def passed(pace: Pace, limit: int, now: int, scale: float = 1.0) -> Pace | None:
    """The pace once its time has come: a pause becomes a probe, a slow lane goes a step faster; None: as fast as it may.

    limit: of the lane's connections, 0 for none.
    """
    if now < pace.until:
        return pace
    match pace.mode:
        case Mode.PAUSED:
            return msgspec.structs.replace(pace, mode=Mode.PROBING, since=now, until=0, connections=1)
        case Mode.PROBING:
            return pace
        case Mode.SLOWED:
            connections = int(pace.connections * _GROWTH + 0.5) if pace.connections else 0
            rate = pace.rate * _GROWTH
            if (limit and connections >= limit) or connections > 100:
                connections = 0
            if not pace.goal or rate >= pace.goal:
                rate = 0.0
            if not connections and not rate:
                return None
            return _slowed(pace, now, round(_STEP * scale), connections, rate)


def probe_gap(scale: float) -> float:
    """Seconds from one probe to the next, where none was answered."""
    return _PROBE_AGAIN * scale / 1000


def _widespread(tried: Sequence[Tried], now: int, scale: float) -> bool:
    last = tried[-LAST:]
    bad = [(at, who) for at, who in last if who]
    recent = {who for at, who in bad if at > now - _WITHIN * scale}
    return len(recent) >= _REPLIES and len(bad) >= _SHARE * len(last)


def _paused(pace: Pace | None, said: Answer, now: int) -> Pace:
    wait = max(said.reaction.pause, said.hint)
    return Pace(
        mode=Mode.PAUSED,
        category=said.category.value,
        since=now,
        until=now + wait,
        connections=1,
        rate=pace.rate if pace is not None else 0.0,
        goal=pace.goal if pace is not None else 0.0,
        reply=said.reply,
    )


def _slower(pace: Pace | None, said: Answer, seen: Seen, now: int) -> Pace:
    """Half as many connections, half the rate at which it went; one connection where the category says so."""
    now_open = min(seen.open, seen.connections) if seen.connections else seen.open
    connections = pace.connections if pace is not None and pace.connections else max(1, now_open)
    rate = pace.rate if pace is not None and pace.rate else _observed(seen.tried)
    return Pace(
        mode=Mode.SLOWED,
        category=said.category.value,
        since=now,
        until=now + max(said.reaction.slow, said.hint),
        connections=1 if said.reaction.single else max(1, connections // 2),
        rate=max(rate / 2, _LEAST_RATE) if rate else 0.0,
        goal=pace.goal if pace is not None and pace.goal else rate,
        reply=said.reply,
    )


def _slowed(pace: Pace, now: int, step: int, connections: int, rate: float) -> Pace:
    return msgspec.structs.replace(
        pace, mode=Mode.SLOWED, since=now, until=now + step, connections=connections, rate=rate
    )


def _observed(tried: Sequence[Tried]) -> float:
    """Messages a second over the last attempts; 0.0 where they tell nothing."""
    if len(tried) < LAST:
        return 0.0
    took = tried[-1][0] - tried[0][0]
    return (len(tried) - 1) * 1000 / took if took > 0 else 0.0
