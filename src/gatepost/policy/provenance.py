"""Events about one delivery, each with everything that is known about where it happened.

Guarantees: no event of an attempt lacks a field that the delivery's row or the attempt could fill; the reply is
carried byte for byte.
Not here: what happened (``Told`` says it), events of submission (``admit``).
"""

import msgspec

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import ids
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts

Flag = events.Flag


class Told(msgspec.Struct, frozen=True):
    """What an event says beside where: state, meaning, action, and what comes next."""

    state: events.State
    outcome: verdicts.Outcome | None
    category: str
    action: events.Action
    next_at: int = 0
    flags: Flag = Flag.NONE
    scope: str = ""
    detail: str = ""


def attempted(
    told: Told, result: results.Attempted, delivery: fact_values.OpenDelivery, now_ms: int
) -> events.Event:
    """The event of an attempt."""
    attempt, reply, verdict = result.attempt, result.reply, result.verdict
    return events.Event(
        at=now_ms,
        state=told.state,
        message=delivery.message,
        delivery=delivery.id,
        attempt=delivery.attempts + 1,
        account=delivery.account,
        bridge=delivery.bridge,
        pool=delivery.pool,
        source=delivery.source,
        node=attempt.node,
        local_ip=attempt.local_ip,
        ehlo=attempt.ehlo,
        provider=attempt.provider or delivery.provider,
        domain=delivery.domain,
        peer_host=attempt.peer_host,
        peer_ip=attempt.peer_ip,
        sender_domain=delivery.sender_domain,
        list=delivery.list,
        campaign=delivery.campaign,
        tags=delivery.tags,
        recipient=delivery.recipient,
        outcome=told.outcome,
        category=told.category,
        fault=verdict.fault,
        action=told.action,
        stage=reply.stage,
        code=reply.code,
        enhanced=reply.enhanced.decode("ascii"),
        rule=verdict.rule,
        rule_version=verdict.rule_version,
        confidence=verdict.confidence,
        tls=attempt.tls,
        duration_ms=attempt.duration_ms,
        next_at=told.next_at,
        flags=told.flags,
        scope=told.scope,
        detail=told.detail or _detail(reply, verdict),
        reply=reply.raw if reply.code else b"",
    )


def _detail(reply: replies.Reply, verdict: verdicts.Verdict) -> str:
    """The blocklist that an answer names; without a code nobody has answered, and the reply holds our own words."""
    if not reply.code:
        return reply.raw.decode("utf-8", "replace")
    return f"listed by {verdict.blocklist}" if verdict.blocklist else ""


def unattempted(
    told: Told,
    delivery: fact_values.OpenDelivery,
    now_ms: int,
    fault: verdicts.Fault = verdicts.Fault.GATEWAY,
    reply: bytes = b"",
) -> events.Event:
    """The event of what happened without asking anyone; ``reply``: the last one, if it ended with that."""
    return events.Event(
        at=now_ms,
        state=told.state,
        message=delivery.message,
        delivery=delivery.id,
        attempt=delivery.attempts,
        account=delivery.account,
        bridge=delivery.bridge,
        pool=delivery.pool,
        source=delivery.source,
        provider=delivery.provider,
        domain=delivery.domain,
        sender_domain=delivery.sender_domain,
        list=delivery.list,
        campaign=delivery.campaign,
        tags=delivery.tags,
        recipient=delivery.recipient,
        outcome=told.outcome,
        category=told.category,
        fault=fault,
        action=told.action,
        next_at=told.next_at,
        flags=told.flags,
        scope=told.scope,
        detail=told.detail,
        reply=reply,
    )


def suppressed(cause: events.Event, entry: suppressions.Suppression) -> events.Event:
    """The event of an entry, with the provenance of the bounce that caused it."""
    days = (entry.expires_at - cause.at) // (24 * 3600 * 1000)
    return msgspec.structs.replace(
        cause,
        state=events.State.SUPPRESSED,
        category=entry.category,
        action=events.Action.SUPPRESS,
        next_at=0,
        flags=Flag.NONE if entry.expires_at else Flag.CONFIRMED,
        scope=scope_word(entry),
        detail=f"{entry.reason}: {target_words(entry)} for {days} days"
        if entry.expires_at
        else f"{entry.reason}: {target_words(entry)}",
    )


def unsuppressed(cause: events.Event, entry: suppressions.Suppression, why: str) -> events.Event:
    """The event of an entry that is deleted, for what the cause told."""
    return msgspec.structs.replace(
        cause,
        state=events.State.UNSUPPRESSED,
        category=entry.category,
        scope=scope_word(entry),
        detail=f"{entry.reason}: {target_words(entry)} {why}",
    )


def withdrawn(cause: events.Event, entry: suppressions.Suppression, why: str) -> events.Event:
    """The event of an entry about another address, deleted for what was learned with this one."""
    return events.Event(
        at=cause.at,
        state=events.State.UNSUPPRESSED,
        delivery=entry.delivery,
        account=entry.account,
        bridge=entry.bridge,
        provider=cause.provider,
        domain=entry.target.rpartition("@")[2],
        recipient=entry.target,
        category=entry.category,
        rule=entry.rule,
        rule_version=entry.rule_version,
        scope=scope_word(entry),
        detail=f"{entry.reason}: {target_words(entry)} {why}",
    )


def incident(cause: events.Event, streak: fact_values.Streak) -> events.Event:
    """The event of a streak that says more about the Provider than about the addresses."""
    late = Flag.LATE in cause.flags
    where = f"at {cause.provider}, in bounce mails," if late else f"at {streak.place}"
    so = "and most mail taken around theirs bounced" if late else "and none taken between"
    return msgspec.structs.replace(
        cause,
        state=events.State.INCIDENT,
        next_at=0,
        flags=Flag.NONE,
        scope="",
        detail=f"{streak.about}: {len(streak.counted)} addresses {where} that took mail before, {so}:"
        f" what it says there is provisional, as incident {ids.to_text(streak.incident)}",
    )


def scope_word(entry: suppressions.Suppression) -> str:
    """``instance``, ``account:1``, ``bridge:2``, ``list:news``."""
    match entry.scope:
        case suppressions.Scope.INSTANCE:
            return entry.scope.word
        case suppressions.Scope.ACCOUNT | suppressions.Scope.BRIDGE:
            return f"{entry.scope.word}:{entry.owner}"
        case suppressions.Scope.LIST:
            return f"{entry.scope.word}:{entry.list}"


def target_words(entry: suppressions.Suppression) -> str:
    """What an entry names, for people."""
    match entry.kind:
        case suppressions.Kind.ADDRESS:
            return entry.target
        case suppressions.Kind.DOMAIN:
            return f"domain {entry.target}"
        case suppressions.Kind.SUBDOMAINS:
            return f"domain {entry.target} and below"
        case suppressions.Kind.NETWORK:
            return f"hosts in {entry.target}"


def entry_words(entry: suppressions.Suppression) -> str:
    """Which entry stood against a recipient, for people."""
    return f"suppressed ({entry.reason}): {target_words(entry)}"
