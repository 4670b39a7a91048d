"""Rates, causes and the sentence that sums up an hour. Pure: no store, no clock."""

import collections
from collections.abc import Sequence

import msgspec

from gatepost.model import event as events
from gatepost.model import verdict as verdicts
from gatepost.store import figures, shapes

ENOUGH = 100  # outcomes below which a rate says nothing
_HARD, _COMPLAINT = (
    0.05,
    0.001,
)  # Amazon SES reviews at 5 % bounces; Google asks for less than 0.1 % complaints
_UP = 2.0  # times before which a rise is told
_MOST_CAUSES = 5
_OF_MOST = 0.5  # of the failures, for a cause to be named in the sentence
_FAILURES = frozenset({events.State.BOUNCED, events.State.DEFERRED})

Counts = collections.Counter[tuple[int, int]]  # by state and outcome


class Rate(msgspec.Struct, frozen=True):
    """A share in the last hour, and in the 24 whole hours before it; null where nothing was counted. limit: from where on it is too much.

    over: it is, or it is twice what it was, and enough was counted.
    """

    name: str
    now: float | None
    before: float | None
    limit: float | None
    over: bool


class Cause(msgspec.Struct, frozen=True):
    """Where failures of the last hour come from. share: of all of that state."""

    state: str
    bridge: str | None
    source: str | None
    provider: str | None
    category: str | None
    count: int
    share: float


def counts(found: Sequence[figures.Share]) -> Counts:
    """By state and outcome."""
    total: Counts = collections.Counter()
    for one in found:
        total[one.state, one.outcome] += one.count
    return total


def of_state(total: Counts, state: events.State) -> int:
    """How many there are of a state."""
    return sum(count for (one, _), count in total.items() if one == state)


def rates(now: Counts, before: Counts) -> list[Rate]:
    """Delivered, bounced hard, deferred and complained."""
    return [
        _rate("delivered", now, before, None),
        _rate("hard bounces", now, before, _HARD),
        _rate("bounces", now, before, None),
        _rate("deferrals", now, before, None),
        _rate("complaints", now, before, _COMPLAINT),
    ]


def _rate(name: str, now: Counts, before: Counts, limit: float | None) -> Rate:
    part, whole = _parts(name, now)
    old_part, old_whole = _parts(name, before)
    share = part / whole if whole else None
    old = old_part / old_whole if old_whole else None
    bad = share is not None and whole >= ENOUGH and name != "delivered"
    risen = old is not None and old_whole >= ENOUGH and share is not None and share >= _UP * old > 0
    over = bad and share is not None and ((limit is not None and share >= limit) or risen)
    return Rate(name, share, old, limit, over)


def _parts(name: str, total: Counts) -> tuple[int, int]:
    """How many, of how many."""
    delivered, bounced = of_state(total, events.State.DELIVERED), of_state(total, events.State.BOUNCED)
    deferred = of_state(total, events.State.DEFERRED)
    match name:
        case "delivered":
            return delivered, delivered + bounced
        case "hard bounces":
            return total[events.State.BOUNCED, verdicts.Outcome.HARD], delivered + bounced
        case "bounces":
            return bounced, delivered + bounced
        case "deferrals":
            return deferred, delivered + bounced + deferred
        case _:
            return of_state(total, events.State.COMPLAINT), delivered


def causes(hour: Sequence[figures.Share], names: shapes.Names) -> list[Cause]:
    """The largest ones, by Bridge, Source, Provider and category: the dimensions of ``hour``."""
    found: collections.Counter[tuple[int, tuple[int | str, ...]]] = collections.Counter()
    for one in hour:
        if one.state in _FAILURES:
            found[one.state, one.of] += one.count
    total: collections.Counter[int] = collections.Counter()
    for (state, _), count in found.items():
        total[state] += count
    return [
        Cause(
            state=events.State(state).word,
            bridge=_entry(names.bridge, of[0]),
            source=_entry(names.source, of[1]),
            provider=str(of[2]) or None,
            category=str(of[3]) or None,
            count=count,
            share=count / total[state],
        )
        for (state, of), count in found.most_common(_MOST_CAUSES)
    ]


def _entry(known: dict[int, str], number: int | str) -> str | None:
    return known.get(int(number), f"#{number}") if number else None


def sentence(now: Counts, found: Sequence[Rate], known: Sequence[Cause], lanes: int, incidents: int) -> str:
    """What an operator would say in passing."""
    delivered, bounced = of_state(now, events.State.DELIVERED), of_state(now, events.State.BOUNCED)
    if not delivered + bounced + of_state(now, events.State.DEFERRED):
        said = ["Nothing was sent in the last hour."]
    else:
        share = delivered / (delivered + bounced) if delivered + bounced else 0.0
        said = [f"{delivered:,} delivered in the last hour, {100 * share:.1f} % of what came to an end."]
    said += [_risen(one) for one in found if one.over]
    worst = next((one for one in known if one.share >= _OF_MOST and one.count >= ENOUGH // 10), None)
    if worst is not None:
        way = " → ".join(word for word in (worst.bridge, worst.source, worst.provider) if word)
        said.append(
            f"{100 * worst.share:.0f} % of what was {worst.state} comes from {way or 'one place'}: {worst.category}."
        )
    if incidents:
        said.append(f"{incidents} incident{'s' if incidents > 1 else ''} within a day.")
    if lanes:
        said.append(f"{lanes} lane{'s go' if lanes > 1 else ' goes'} slower than usual.")
    return " ".join(said)


def _risen(one: Rate) -> str:
    now = one.now or 0.0
    if one.before and now >= _UP * one.before:
        return f"{one.name.capitalize()} are up {now / one.before:.1f}× to {100 * now:.1f} %."
    return f"{one.name.capitalize()} are at {100 * now:.1f} %, above {100 * (one.limit or 0.0):g} %."
