"""Conditions held against an event in memory: the same words with the same meaning as in the store's own query.

Guarantees: an event that the store would give for a condition matches it here, and no other; the tests hold both together.
"""

from collections.abc import Callable

from gatepost.model import event as events
from gatepost.store import filters, shapes

Check = Callable[[events.Event], bool]
Names = Callable[[], shapes.Names]

_WORDS: dict[str, Callable[[events.Event], int]] = {
    "state": lambda event: event.state,
    "outcome": lambda event: event.outcome or 0,
    "fault": lambda event: event.fault,
    "action": lambda event: event.action,
    "stage": lambda event: event.stage,
    "message": lambda event: event.message,
    "delivery": lambda event: event.delivery or event.message,
    "code": lambda event: event.code,
    "attempt": lambda event: event.attempt,
    filters.BRIDGE: lambda event: event.bridge,
    filters.ACCOUNT: lambda event: event.account,
}
_TEXTS: dict[str, Callable[[events.Event], str]] = {
    "recipient": lambda event: event.recipient,
    "local_ip": lambda event: event.local_ip,
    "ehlo": lambda event: event.ehlo,
    "provider": lambda event: event.provider,
    "domain": lambda event: event.domain,
    "peer_host": lambda event: event.peer_host,
    "peer_ip": lambda event: event.peer_ip,
    "sender_domain": lambda event: event.sender_domain,
    "list": lambda event: event.list,
    "campaign": lambda event: event.campaign,
    "tags": lambda event: event.tags,
    "category": lambda event: event.category,
    "enhanced": lambda event: event.enhanced,
    "rule": lambda event: event.rule,
    "tls": lambda event: event.tls,
    "scope": lambda event: event.scope,
}
_NAMED: dict[str, Callable[[events.Event, shapes.Names], str | None]] = {
    "account": lambda event, names: names.account.get(event.account),
    "bridge": lambda event, names: names.bridge.get(event.bridge),
    "pool": lambda event, names: names.pool.get(event.pool),
    "source": lambda event, names: names.source.get(event.source),
    "node": lambda event, names: names.node.get(event.node),
}
FIELDS = frozenset({*_WORDS, *_TEXTS, *_NAMED})


def matcher(where: filters.Where, names: Names) -> Check:
    """Whether all conditions hold for an event. names: of the Directory as it is when an event is looked at."""
    checks = [[_check(one.field, value, names) for value in one.values] for one in where]
    return lambda event: all(any(check(event) for check in some) for some in checks)


def _check(field: str, value: str, names: Names) -> Check:
    if field in _WORDS:
        number = int(filters.ALL_EVENTS[field].read(value))
        return lambda event: number != 0 and _WORDS[field](event) == number
    if field in _TEXTS:
        return lambda event: value != "" and _TEXTS[field](event) == value
    return lambda event: _NAMED[field](event, names()) == value
