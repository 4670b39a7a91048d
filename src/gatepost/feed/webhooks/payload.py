"""What is told: the body of a request in a webhook's dialect, and ids that stay the same however often it is told. Pure."""

import hashlib
from collections.abc import Callable, Sequence

import msgspec

from gatepost.model import event as events
from gatepost.model import webhook as webhooks
from gatepost.store import filters, shapes

JSON = "application/json"
TEST = "test"


class Body(msgspec.Struct, frozen=True):
    """One request's. kind: its media type. more: headers of the dialect."""

    body: bytes
    kind: str = JSON
    more: tuple[tuple[str, str], ...] = ()


class Told(msgspec.Struct, frozen=True):
    """One event in Gatepost's own form. type: its state, or ``test``. timestamp: when it happened. data: as in ``GET /v1/events``."""

    id: str
    type: str
    timestamp: str
    data: shapes.EventShape


Render = Callable[[webhooks.Webhook, Sequence[events.Event], shapes.Names], Body | None]


def own(webhook: webhooks.Webhook, found: Sequence[events.Event], names: shapes.Names) -> Body | None:
    """Gatepost's own form: one event, or a list where the webhook takes several at once."""
    told = [_told(one, names) for one in found]
    return Body(msgspec.json.encode(told if webhook.batch > 1 else told[0]))


def _told(one: events.Event, names: shapes.Names) -> Told:
    shape = shapes.event(one, names)
    return Told(id_of(one), one.state.word if one.seq else TEST, shape.at, shape)


RENDERS: dict[webhooks.Dialect, Render] = {webhooks.Dialect.EVENTS: own}


def id_of(event: events.Event) -> str:
    """The same for one event for ever, and no other's; also another installation's are others."""
    return f"evt_{event.at:x}_{event.seq:x}"


def key_of(found: Sequence[events.Event]) -> str:
    """A request's ``webhook-id``: that of its event, or one made of all of them."""
    if len(found) == 1:
        return id_of(found[0])
    made = hashlib.blake2b(" ".join(map(id_of, found)).encode(), digest_size=15)
    return f"evts_{made.hexdigest()}"


def conditions(webhook: webhooks.Webhook) -> filters.Where:
    """Which events are its."""
    owner: filters.Where = ()
    if webhook.bridge:
        owner = filters.any_of(filters.BRIDGE, [str(webhook.bridge)])
    elif webhook.account:
        owner = filters.any_of(filters.ACCOUNT, [str(webhook.account)])
    return (
        *owner,
        *filters.any_of("state", webhook.kinds),
        *filters.any_of("bridge", webhook.bridges),
        *filters.any_of("source", webhook.sources),
        *filters.any_of("sender_domain", webhook.sender_domains),
        *filters.any_of("list", webhook.lists),
        *filters.any_of("category", webhook.categories),
    )


def sample(webhook: webhooks.Webhook, now_ms: int) -> events.Event:
    """What a test tells: an event that never was (seq 0)."""
    return events.Event(
        at=now_ms,
        state=events.State.DELIVERED,
        account=webhook.account,
        bridge=webhook.bridge,
        recipient="someone@example.org",
        domain="example.org",
        detail=f"a test of the webhook {webhook.name}",
    )
