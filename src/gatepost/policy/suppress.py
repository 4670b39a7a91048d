"""Who is not written to any more, and for how long: entries from verdicts, and what a delivery deletes.

Guarantees: an entry in force is never weakened by a new verdict; only automatic, provisional entries about this very
address, in the scope that took the mail, are deleted by a delivery.
Not here: which verdicts suppress (``attempted``), several messages together (``escalate``).
"""

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import streaks
from gatepost.policy import terms as term_values

Scope = suppressions.Scope
Standing = suppressions.Standing

HARD = "hard"
ESCALATED = "escalated"
REFUSED = "refused"
COMPLAINT = "complaint"
UNSUBSCRIBED = "unsubscribed"
_WISHES = frozenset({COMPLAINT, UNSUBSCRIBED})
AUTOMATIC = frozenset({HARD, ESCALATED, REFUSED})  # reasons that a verdict gave, not a person


def of_hard(
    result: results.Attempted,
    facts: fact_values.Facts,
    now_ms: int,
    rule: term_values.Rule,
    terms: term_values.Terms,
    streak: fact_values.Streak | None,
) -> suppressions.Suppression | None:
    """The entry of a hard verdict; None when what stands already says as much, or more. streak: with this verdict in it."""
    delivery, verdict = facts.delivery, result.verdict
    scope = Scope.INSTANCE if rule.scope is None else rule.scope
    expires = rule.expires
    if verdict.category is verdicts.Category.RECIPIENT_PRESUMED_DEAD:
        scope, expires = _presumed(facts, now_ms, scope, expires, terms)
    entry = _about(delivery, rule.kind, scope)
    old = _same(facts, entry)
    first_at = _first_at(facts, entry, old, now_ms)
    incident = streak.incident if streak is not None else 0
    if expires is None and verdict.category is verdicts.Category.RECIPIENT_REFUSED:
        expires = terms.refused_guess if verdict.confidence is verdicts.Confidence.GUESS else None
    if expires is None:
        twice = first_at < now_ms and now_ms - first_at >= terms.confirm_after
        guarded = streak is not None and streaks.guarded(streak, terms)
        sure = not guarded and not _lived(facts.address, now_ms, terms)
        expires = 0 if twice or sure else terms.provisional
        incident = 0 if twice else incident
    entry = msgspec.structs.replace(
        entry,
        standing=Standing.PROVISIONAL if expires else Standing.CONFIRMED,
        reason=HARD,
        category=rule.word,
        rule=verdict.rule,
        rule_version=verdict.rule_version,
        reply=result.reply.raw,
        created_at=first_at,
        last_at=now_ms,
        expires_at=now_ms + expires if expires else 0,
        incident=incident,
    )
    return None if old is not None and outlasts(old, entry, now_ms) else entry


def escalated(
    delivery: fact_values.OpenDelivery, scope: Scope, reason: str, now_ms: int, expires: int
) -> suppressions.Suppression:
    """The entry of several messages that told the same; its cause is filled in by the caller."""
    return msgspec.structs.replace(
        _about(delivery, suppressions.Kind.ADDRESS, scope),
        standing=Standing.PROVISIONAL,
        reason=reason,
        created_at=now_ms,
        last_at=now_ms,
        expires_at=now_ms + expires,
    )


def of_feedback(
    delivery: fact_values.OpenDelivery, rule: term_values.Rule, reason: str, reply: bytes, now_ms: int
) -> suppressions.Suppression:
    """The entry of what the recipient himself said. reply: the evidence."""
    scope = Scope.ACCOUNT if rule.scope is None else rule.scope
    expires = rule.expires or 0
    return msgspec.structs.replace(
        _about(delivery, suppressions.Kind.ADDRESS, scope),
        standing=Standing.PROVISIONAL if expires else Standing.CONFIRMED,
        reason=reason,
        category=rule.word,
        reply=reply,
        created_at=now_ms,
        last_at=now_ms,
        expires_at=now_ms + expires if expires else 0,
    )


def stands(facts: fact_values.Facts, entry: suppressions.Suppression, now_ms: int) -> bool:
    """Whether an entry of the same identity is in force and lasts as long."""
    old = _same(facts, entry)
    return old is not None and outlasts(old, entry, now_ms)


def told_already(facts: fact_values.Facts, entry: suppressions.Suppression, now_ms: int) -> bool:
    """Whether what stands says as much as the recipient's own wish.

    Somebody else's reason (an import, a verdict) gives way to a wish that lasts as long: undone, it would take the wish with it.
    """
    old = _same(facts, entry)
    if old is None or not outlasts(old, entry, now_ms):
        return False
    return old.reason in _WISHES or not outlasts(entry, old, now_ms)


def outlasts(old: suppressions.Suppression, new: suppressions.Suppression, now_ms: int) -> bool:
    """Whether ``old`` is in force and blocks at least as long as ``new``."""
    if not old.expires_at:
        return True
    return old.expires_at > now_ms and bool(new.expires_at) and old.expires_at >= new.expires_at


def lifted(facts: fact_values.Facts) -> tuple[suppressions.Suppression, ...]:
    """What a delivery deletes: the address lives, for those scopes that this mail belongs to."""
    delivery = facts.delivery
    sender = suppressions.Sender(delivery.account, delivery.bridge, delivery.list)
    return tuple(
        entry
        for entry in facts.suppressions
        if entry.standing is Standing.PROVISIONAL
        and entry.reason in AUTOMATIC
        and entry.kind is suppressions.Kind.ADDRESS
        and entry.target == delivery.key
        and suppressions.blocks(entry, sender, 0)  # expired ones too: they would count as a first verdict
    )


def _about(
    delivery: fact_values.OpenDelivery, kind: suppressions.Kind, scope: Scope
) -> suppressions.Suppression:
    """An entry with its identity and who caused it."""
    if scope is Scope.LIST and not delivery.list:
        scope = Scope.BRIDGE
    owner = {
        Scope.INSTANCE: 0,
        Scope.ACCOUNT: delivery.account,
        Scope.BRIDGE: delivery.bridge,
        Scope.LIST: delivery.account,
    }[scope]
    return suppressions.Suppression(
        kind=kind,
        target=delivery.key if kind is suppressions.Kind.ADDRESS else delivery.domain,
        scope=scope,
        owner=owner,
        list=delivery.list if scope is Scope.LIST else "",
        delivery=delivery.id,
        account=delivery.account,
        bridge=delivery.bridge,
    )


def _same(facts: fact_values.Facts, entry: suppressions.Suppression) -> suppressions.Suppression | None:
    for old in facts.suppressions:
        if old.identity == entry.identity:
            return old
    return None


def _first_at(
    facts: fact_values.Facts,
    entry: suppressions.Suppression,
    old: suppressions.Suppression | None,
    now_ms: int,
) -> int:
    """When the first hard verdict of this scope came, if no delivery came after it; else now."""
    first = now_ms
    if entry.scope is Scope.INSTANCE and entry.kind is suppressions.Kind.ADDRESS:
        first = facts.address.hard_at or now_ms
    if old is not None and old.reason == HARD and old.created_at > facts.address.delivered_at:
        first = min(first, old.created_at)
    return first


def _lived(record: fact_values.AddressRecord, now_ms: int, terms: term_values.Terms) -> bool:
    """Whether it took mail so lately that one no is not enough."""
    return bool(record.delivered_at) and now_ms - record.delivered_at <= terms.delivered_within


def _presumed(
    facts: fact_values.Facts,
    now_ms: int,
    scope: Scope,
    expires: int | None,
    terms: term_values.Terms,
) -> tuple[Scope, int | None]:
    """The second presumption, a day after the first, is for everyone and longer."""
    first = facts.address.presumed_at
    if first and now_ms - first >= terms.confirm_after:
        return Scope.INSTANCE, terms.presumed_again
    word = verdicts.Category.RECIPIENT_PRESUMED_DEAD.value
    for old in facts.suppressions:
        mine = old.scope is Scope.BRIDGE and old.owner == facts.delivery.bridge
        if mine and old.category == word and now_ms - old.created_at >= terms.confirm_after:
            return Scope.INSTANCE, terms.presumed_again
    return scope, expires
