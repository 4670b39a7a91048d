"""What a draft would have changed for stored replies: verdicts, suppressions added and removed.

Guarantees: both sides are judged by rules as they are now, without history, so every difference is the draft's. An address
counts once; it is suppressed if any of its replies does it. Memory grows with what changes, not with what is read.
"""

import msgspec

from gatepost.app import judging
from gatepost.classify import classifier as classifiers
from gatepost.classify import template
from gatepost.model import event as events
from gatepost.model import reply as replies


class Change(msgspec.Struct):
    """Replies of one template that mean something else with the draft."""

    before: str
    after: str
    rule: str
    place: str
    template: str
    count: int = 0


class Sums(msgspec.Struct, frozen=True):
    """What it comes to. added, removed: addresses."""

    replies: int
    changed: int
    added: list[str]
    removed: list[str]


class Changes:
    """Takes one reply after the other."""

    def __init__(self, before: judging.Judge, after: judging.Judge) -> None:
        self._before = before
        self._after = after
        self._changes: dict[tuple[str, str, str, str], Change] = {}
        self.replies = 0
        self.dead_before: set[str] = set()
        self.dead_after: set[str] = set()

    def add(self, event: events.Event, *, smarthost: bool) -> None:
        """Judge one twice."""
        self.replies += 1
        reply = replies.Reply(event.code, event.reply, event.stage)
        known = _context(event, smarthost=smarthost)
        old = self._before.answer(reply, self._before.verdict(reply, known))
        new = self._after.answer(reply, self._after.verdict(reply, known))
        if old.suppress:
            self.dead_before.add(event.recipient)
        if new.suppress:
            self.dead_after.add(event.recipient)
        if (old.category, old.outcome, old.action) == (new.category, new.outcome, new.action):
            return
        key = (f"{old.category}, {old.action}", f"{new.category}, {new.action}", new.rule, template.of(reply))
        if key not in self._changes:
            place = self._after.classifier.explain(reply, known).place
            self._changes[key] = Change(*key[:3], place, key[3])
        self._changes[key].count += 1

    def sorted(self) -> list[Change]:
        """The most frequent first."""
        return sorted(self._changes.values(), key=lambda one: (-one.count, one.template, one.after))


def sums(changes: Changes) -> Sums:
    """What they come to."""
    return Sums(
        changes.replies,
        sum(one.count for one in changes.sorted()),
        sorted(changes.dead_after - changes.dead_before),
        sorted(changes.dead_before - changes.dead_after),
    )


def _context(event: events.Event, *, smarthost: bool) -> classifiers.Context:
    """What the gateway knew; of the envelope's sender the store keeps only the domain."""
    return classifiers.Context(
        provider=event.provider,
        peer=event.peer_host or event.peer_ip,
        our_ip=event.local_ip,
        our_host=event.ehlo,
        from_domain=event.sender_domain,
        recipient=event.recipient,
        smarthost=smarthost,
    )
