"""When a webhook is tried again: each refused request, and the receiver as a whole. Pure.

A request that is refused while others are taken is tried again later and later, for 28 hours. A receiver that takes nothing
is asked with one request at a time, at most ten minutes apart, while the feed keeps what is to come; it is switched off when
it has taken nothing for 28 hours.
"""

import msgspec

from gatepost.net import posting
from gatepost.store import webhooks

_HOUR_MS = 3_600_000
GONE = 410
SLOW_DOWN = (429, 503)  # with a Retry-After, they speak for the receiver as a whole
_JITTER = 0.4  # of a delay: from four fifths to six fifths of it


class Terms(msgspec.Struct, frozen=True):
    """The delays, in ms. first: the first one; each is ``factor`` times the one before. most: of a request's, probe_most: of a

    receiver's. give_up: how long a request is tried, and how long a receiver may take nothing. ask_most: of a Retry-After.
    """

    first: int = 5_000
    factor: int = 3
    most: int = 6 * _HOUR_MS
    probe_most: int = 600_000
    give_up: int = 28 * _HOUR_MS
    ask_most: int = 6 * _HOUR_MS

    def scaled(self, scale: float) -> "Terms":
        """Every delay times that, for tests."""
        return Terms(
            max(1, round(self.first * scale)),
            self.factor,
            max(1, round(self.most * scale)),
            max(1, round(self.probe_most * scale)),
            max(1, round(self.give_up * scale)),
            max(1, round(self.ask_most * scale)),
        )


class Ended(msgspec.Struct, frozen=True):
    """What came of one request. answer: None: there was nothing to send, which is as good as taken."""

    request: webhooks.Request
    answer: posting.Answer | None

    @property
    def problem(self) -> str:
        """Why it was not taken, in one line; empty: it was."""
        if self.answer is None or 200 <= self.answer.status < 300:
            return ""
        if not self.answer.status:
            return self.answer.problem
        moved = 300 <= self.answer.status < 400
        return f"the receiver said {self.answer.status}{', and redirects are not followed' if moved else ''}"

    @property
    def gone(self) -> bool:
        """Whether the receiver wants to hear nothing any more."""
        return self.answer is not None and self.answer.status == GONE


def round_of(
    before: webhooks.Progress, ended: list[Ended], now_ms: int, jitter: float, terms: Terms
) -> webhooks.Round:
    """What a round of requests leaves behind. before: with the cursor as it is to be. jitter: 0…1."""
    bad = [one for one in ended if one.problem]
    asked = _asked(bad, now_ms, terms)
    progress, hasten = before, 0
    if len(bad) < len(ended):
        progress = msgspec.structs.replace(
            before, failures=0, failing_since=0, next_at=asked, last_ok_at=now_ms
        )
        # What waited while the receiver took nothing is spread over a moment.
        hasten = now_ms + round(terms.first * jitter) if before.failures and not asked else 0
    elif bad:
        failures = before.failures + 1
        delay = _grown(terms.first, 2, failures - 1, terms.probe_most)
        progress = msgspec.structs.replace(
            before,
            failures=failures,
            failing_since=before.failing_since or now_ms,
            next_at=max(asked, now_ms + _jittered(delay, jitter)),
        )
    return webhooks.Round(
        progress,
        refused=[_refused(one, max(now_ms, asked), now_ms, jitter, terms) for one in bad],
        ended=[one.request.id for one in ended if one.request.id and not one.problem],
        hasten=hasten,
    )


def over(progress: webhooks.Progress, now_ms: int, terms: Terms) -> bool:
    """Whether the receiver has taken nothing for too long."""
    return progress.failing_since > 0 and now_ms - progress.failing_since >= terms.give_up


def _refused(one: Ended, from_ms: int, now_ms: int, jitter: float, terms: Terms) -> webhooks.Request:
    """The request as it waits, or as it is given up."""
    tries = one.request.tries + 1
    next_at = from_ms + _jittered(_grown(terms.first, terms.factor, tries - 1, terms.most), jitter)
    first_at = one.request.first_at or now_ms
    return msgspec.structs.replace(
        one.request,
        first_at=first_at,
        tries=tries,
        next_at=next_at if next_at - first_at <= terms.give_up else 0,
        problem=one.problem,
    )


def _asked(bad: list[Ended], now_ms: int, terms: Terms) -> int:
    """Until when the receiver asked to be left alone, or 0."""
    found = 0
    for one in bad:
        if one.answer is not None and one.answer.status in SLOW_DOWN:
            seconds = posting.seconds(one.answer.retry_after, now_ms)
            if seconds:
                found = max(found, now_ms + min(seconds * 1000, terms.ask_most))
    return found


def _grown(first: int, factor: int, times: int, most: int) -> int:
    delay = first
    for _ in range(times):
        if delay >= most:
            break
        delay *= factor
    return min(delay, most)


def _jittered(delay: int, jitter: float) -> int:
    return round(delay * (1 + _JITTER * (jitter - 0.5)))
