"""What is said at the door: who may send as whom, and the events of acceptance and of refusal.

Guarantees: a submitter learns why a recipient is suppressed only if its own Bridge or Account caused that.
Not here: which recipients are suppressed (the store looks them up), limits and syntax (``gatepost.ingest``).
"""

from collections.abc import Collection

import msgspec

from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import provenance

_SUPPRESSED = verdicts.Category.LOCAL_SUPPRESSED.value
_REFUSED = verdicts.Category.LOCAL_REFUSED.value


def sender_allowed(domain: str, allowed: Collection[str]) -> bool:
    """Whether mail may come from a domain (normal form): one of ``allowed``, or a subdomain of one.

    Who holds a domain holds what is under it, and bounce and newsletter subdomains are the rule; the reverse does not
    follow. allowed: the Bridge's sender domains, or all of its Account's where it names none; empty allows nothing.
    """
    if domain in allowed:
        return True
    at = domain.find(".")
    while at != -1:
        if domain[at + 1 :] in allowed:
            return True
        at = domain.find(".", at + 1)
    return False


def public_reason(entry: suppressions.Suppression, account: int, bridge: int) -> str:
    """Why a recipient is suppressed, as far as this submitter may know: empty if somebody else caused it."""
    mine = (entry.account and entry.account == account) or (entry.bridge and entry.bridge == bridge)
    return entry.reason if mine else ""


def received_event(message: messages.Message, source: directories.Source, node: int = 0) -> events.Event:
    """A message was accepted; peer_ip: the submitter's."""
    return events.Event(
        at=message.received_at,
        state=events.State.RECEIVED,
        message=message.id,
        account=message.account,
        bridge=message.bridge,
        pool=message.pool,
        source=source.id,
        node=node,
        peer_ip=message.peer_ip,
        sender_domain=message.sender_domain,
        list=message.list,
        campaign=message.campaign,
        tags=message.tags,
    )


def queued_event(
    message: messages.Message, delivery: messages.NewDelivery, source: directories.Source, node: int = 0
) -> events.Event:
    """A recipient was queued, due at once."""
    return events.Event(
        at=message.received_at,
        state=events.State.QUEUED,
        message=message.id,
        delivery=delivery.id,
        account=message.account,
        bridge=message.bridge,
        pool=message.pool,
        source=delivery.source,
        node=node,
        local_ip=source.host or source.ip,
        ehlo=source.ehlo,
        provider=delivery.provider,
        domain=delivery.domain,
        sender_domain=message.sender_domain,
        list=message.list,
        campaign=message.campaign,
        tags=message.tags,
        recipient=delivery.recipient.decode("utf-8", "replace"),
        next_at=message.received_at,
    )


def refused_event(
    submission: messages.Submission, position: int, entry: suppressions.Suppression
) -> events.Event:
    """What stands in place of the ``queued`` event of a recipient that is suppressed."""
    return msgspec.structs.replace(
        submission.queued[position],
        state=events.State.REJECTED,
        category=_SUPPRESSED,
        fault=verdicts.Fault.GATEWAY,
        next_at=0,
        flags=events.Flag.AT_ACCEPT,
        scope=provenance.scope_word(entry),
        detail=provenance.entry_words(entry),
    )


def refused_at_admission_event(queued: events.Event, detail: str) -> events.Event:
    """A recipient that admission refused for another cause than a suppression; ``queued``: what it would have got."""
    return msgspec.structs.replace(
        queued,
        state=events.State.REJECTED,
        category=_REFUSED,
        fault=verdicts.Fault.GATEWAY,
        next_at=0,
        flags=events.Flag.AT_ACCEPT,
        detail=detail,
    )
