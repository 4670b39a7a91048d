"""What one reply means and what would follow from it, for somebody who asks without any mail under way.

Guarantees: the classifier and the policy are the gateway's own; what depends on history is taken as absent. A stage or
provider is read without case and by the names that others use for it.
"""

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from gatepost import errors
from gatepost.classify import classifier as classifiers
from gatepost.delivery import route
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import verdict as verdicts
from gatepost.policy import settle
from gatepost.policy import terms as term_values

STAGES: Mapping[str, replies.Stage] = MappingProxyType(
    {
        **{stage.word: stage for stage in replies.Stage},
        "helo": replies.Stage.EHLO,
        "banner": replies.Stage.GREETING,
        "mail_from": replies.Stage.MAIL,
        "mail from": replies.Stage.MAIL,
        "rcpt_to": replies.Stage.RCPT,
        "rcpt to": replies.Stage.RCPT,
        "": replies.Stage.UNKNOWN,
    }
)
# Corpora that name no dot call the answer to the message DATA; so does RFC 5321 §4.3.2 ("DATA I: 354 … C: 250").
CORPUS_STAGES: Mapping[str, replies.Stage] = MappingProxyType({**STAGES, "data": replies.Stage.DOT})
_PROVIDERS: Mapping[str, str] = MappingProxyType(
    {
        "gmail": "google",
        "googlemail": "google",
        "outlook": "microsoft",
        "hotmail": "microsoft",
        "aol": "yahoo",
        "verizon": "yahoo",
        "tencent": "qq",
        "gmx/1&1": "gmx",
        "icloud": "apple",
    }
)
_BREAK = re.compile(r"\r\n|\r|\n")
_MIDDLE = 0.5  # of the jitter: a person asks for the typical delay
_DAY = 24 * 3600 * 1000


class Asked(msgspec.Struct, frozen=True):
    """A reply as somebody gives it; see design.md §7. Only ``reply`` is needed."""

    reply: str
    stage: str | None = None
    provider: str | None = None
    peer: str | None = None
    our_ip: str | None = None
    our_host: str | None = None
    mail_from: str | None = None
    from_domain: str | None = None
    recipient: str | None = None
    smarthost: bool | None = None


class Answered(msgspec.Struct, frozen=True):
    """What is added to it. expires: seconds from the verdict, or null. blocklist: the list that the reply names, or null."""

    category: str
    outcome: str
    fault: str
    action: str
    suppress: bool
    scope: str | None
    provisional: bool
    expires: int | None
    rule: str
    confidence: str
    blocklist: str | None


def stage_of(text: str | None, names: Mapping[str, replies.Stage] = STAGES) -> replies.Stage:
    """Read a stage. Raises BadInput."""
    found = names.get((text or "").strip().lower())
    if found is None:
        known = ", ".join(stage.word for stage in replies.Stage)
        raise errors.BadInput("stage", f"{text!r} is not one of {known}")
    return found


def provider_of(name: str | None, peer: str | None) -> str:
    """The Provider's own word; else what the peer's name tells; else empty."""
    if name and name.strip():
        lowered = name.strip().lower()
        return _PROVIDERS.get(lowered, lowered)
    return _provider_of_peer(peer.strip().lower().rstrip(".")) if peer and peer.strip() else ""


def reply_of(text: str, stage: replies.Stage) -> replies.Reply:
    """A reply as people write it down: its code in front, or none; lines however ended."""
    head = text.lstrip()
    code = int(head[:3]) if head[:3].isascii() and head[:3].isdigit() and not head[3:4].isdigit() else 0
    raw = "\r\n".join(_BREAK.split(head.rstrip("\r\n")))
    return replies.Reply(code if 200 <= code <= 599 else 0, _bytes(raw), stage)


def _bytes(text: str) -> bytes:
    """Back to bytes: lone surrogates stand for bytes that were no UTF-8 (PEP 383)."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def context_of(asked: Asked) -> classifiers.Context:
    """What the gateway would know."""
    sender = asked.mail_from or ""
    return classifiers.Context(
        provider=provider_of(asked.provider, asked.peer),
        peer=asked.peer or "",
        our_ip=asked.our_ip or "",
        our_host=asked.our_host or "",
        mail_from=sender,
        from_domain=asked.from_domain or sender.rpartition("@")[2],
        recipient=asked.recipient or "",
        smarthost=bool(asked.smarthost),
    )


class Judge:
    """Answers for one classifier and one set of terms."""

    def __init__(self, classifier: classifiers.Classifier, terms: term_values.Terms, now_ms: int) -> None:
        self.classifier = classifier
        self._terms = terms
        self.now_ms = now_ms
        self._facts = _facts(now_ms)
        self._known: dict[tuple[verdicts.Verdict, int, replies.Stage], Answered] = {}

    def verdict(self, reply: replies.Reply, context: classifiers.Context) -> verdicts.Verdict:
        """What the reply means; taken mail needs no rules."""
        if taken(reply):
            return verdicts.DELIVERED
        return self.classifier.classify(reply, context)

    def answer(self, reply: replies.Reply, verdict: verdicts.Verdict) -> Answered:
        """The verdict with what follows from it."""
        key = (verdict, reply.code, reply.stage)
        known = self._known.get(key)
        if known is None:
            known = self._answer(verdict, self.settlement(reply, verdict))
            if len(self._known) < classifiers.CACHE_ENTRIES:
                self._known[key] = known
        return known

    def settlement(self, reply: replies.Reply, verdict: verdicts.Verdict) -> settlements.Settlement:
        """What the policy would write for a first attempt to an address of which nothing is known."""
        attempt = results.Attempt(started_at=self.now_ms, duration_ms=0)
        result = results.Attempted(1, results.Claim(0, 0), attempt, reply, verdict)
        return settle.settle(result, self._facts, self.now_ms, _MIDDLE, self._terms)

    def _answer(self, verdict: verdicts.Verdict, settlement: settlements.Settlement) -> Answered:
        told = settlement.events[0] if settlement.events else events.Event(0, events.State.DEFERRED)
        entry = settlement.suppress[0] if settlement.suppress else None
        outcome = told.outcome if told.outcome is not None else verdict.outcome
        return Answered(
            category=verdict.category.value,
            outcome=outcome.word,
            fault=verdict.fault.word,
            action=told.action.word,
            suppress=entry is not None,
            scope=entry.scope.word if entry is not None else None,
            provisional=entry is not None and bool(entry.expires_at),
            expires=(entry.expires_at - self.now_ms) // 1000
            if entry is not None and entry.expires_at
            else None,
            rule=verdict.rule,
            confidence=verdict.confidence.word,
            blocklist=verdict.blocklist or None,
        )


def taken(reply: replies.Reply) -> bool:
    """Whether the reply takes the message."""
    return reply.positive and reply.stage in {replies.Stage.DOT, replies.Stage.UNKNOWN}


@functools.lru_cache(maxsize=1024)
def _provider_of_peer(peer: str) -> str:
    return "" if route.is_literal(peer) or "." not in peer else route.provider_of(peer)


def _facts(now_ms: int) -> fact_values.Facts:
    """An address and a delivery without any history."""
    delivery = fact_values.OpenDelivery(
        id=1,
        message=0,
        account=1,
        bridge=1,
        pool=1,
        source=1,
        lane=1,
        provider="",
        priority=messages.Priority.BULK,
        status=messages.Status.ACTIVE,
        recipient="",
        key="",
        domain="",
        sender_domain="",
        list="",
        campaign="",
        tags="",
        received_at=now_ms,
        expires_at=now_ms + 3 * _DAY,
        next_at=now_ms,
    )
    return fact_values.Facts(delivery, fact_values.AddressRecord(""))
