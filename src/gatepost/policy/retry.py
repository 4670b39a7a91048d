"""When the next try is: schedule, window, lifetime, and what the server itself asked for.

Guarantees: a time given is later than now and not later than the end of the window or of the lifetime, whichever is
earlier; None means that this end has come. A try that would fall behind the end is made at the end, so that a window
is used to its last minute; whatever a server asks for, no first reply ends a message.
"""

import msgspec

from gatepost.model import facts as fact_values
from gatepost.policy import terms as term_values

_HINT_SHARE = 0.2  # a delay that the receiver named must not be undercut: 0…+20 %


class Turn(msgspec.Struct, frozen=True):
    """What a delay depends on: the replies of this category on this delivery, and this one. hint: ms, or 0."""

    count: int
    first_at: int
    code: int = 0
    hint: int = 0


def note(seen: tuple[fact_values.Seen, ...], word: str, now_ms: int) -> tuple[fact_values.Seen, ...]:
    """One more reply of a category; its own entry comes first."""
    for one in seen:
        if one.category == word:
            rest = tuple(other for other in seen if other is not one)
            return (fact_values.Seen(word, one.first_at, one.count + 1), *rest)
    return (fact_values.Seen(word, now_ms, 1), *seen)


def next_try(turn: Turn, rule: term_values.Rule, expires_at: int, now_ms: int, jitter: float) -> int | None:
    """The next try (ms), or None when there is none."""
    times = rule.times
    delay = _delay(turn, times)
    if delay is None or expires_at <= now_ms:
        return None
    delay += round(delay * (times.jitter_from + times.jitter_span * jitter))
    if turn.hint:
        asked = round(turn.hint * (1 + _HINT_SHARE * jitter))
        # Followed as it is at first; a server that says "in a minute" for ever is asked ever less often.
        delay = asked if turn.count <= 1 else max(asked, delay)
    delay = max(1, delay, rule.gap)
    left = turn.first_at + times.window - now_ms
    if left <= 0 or (turn.count > 1 and left < max(times.delays[0] // 2, rule.gap)):
        return None
    return min(now_ms + min(delay, left), expires_at)


def _delay(turn: Turn, times: term_values.Times) -> int | None:
    nth = turn.count - 1
    if times.on_5xx and turn.code >= 500:
        return times.on_5xx[nth] if nth < len(times.on_5xx) else None
    return times.delays[min(nth, len(times.delays) - 1)]
