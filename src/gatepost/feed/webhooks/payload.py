"""What is told: the body of a request in a webhook's dialect, and ids that stay the same however often it is told. Pure."""

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from gatepost.feed.webhooks import dialect, signature, words
from gatepost.model import event as events
from gatepost.model import message as messages
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


class Known(msgspec.Struct, frozen=True):
    """What a request is made with. messages: those of its events, as far as they are kept; only dialects of others use them."""

    names: shapes.Names
    dialects: Mapping[webhooks.Dialect, dialect.Dialect]
    messages: Mapping[int, messages.Message]
    at_s: int


def body(webhook: webhooks.Webhook, found: Sequence[events.Event], known: Known) -> Body | None:
    """A request's; None: its dialect has no words for these events."""
    if webhook.dialect in known.dialects:
        return _in_dialect(webhook, found, known, known.dialects[webhook.dialect])
    told = [_told(one, known.names) for one in found]
    return Body(msgspec.json.encode(told if webhook.batch > 1 else told[0]))


def _told(one: events.Event, names: shapes.Names) -> Told:
    shape = shapes.event(one, names)
    return Told(words.id_of(one), one.state.word if one.seq else TEST, shape.at, shape)


def _in_dialect(
    webhook: webhooks.Webhook, found: Sequence[events.Event], known: Known, form: dialect.Dialect
) -> Body | None:
    def sign(said: Mapping[str, object]) -> Mapping[str, str]:
        if form.signed != "mailgun":
            return {}
        return signature.mailgun(webhook.secret, known.at_s, str(said["token"]))

    written = [form.write(one, known.messages.get(one.message), sign) for one in found]
    made = [one for one in written if one is not None]
    if not made:
        return None
    raw = msgspec.json.encode([value for value, _ in made] if form.several else made[0][0])
    more = made[0][1]
    if form.signed == "sendgrid":
        more = {**more, **signature.sendgrid(webhook.secret, known.at_s, raw)}
    return Body(raw, form.content_type, tuple(more.items()))


def key_of(found: Sequence[events.Event]) -> str:
    """A request's ``webhook-id``: that of its event, or one made of all of them."""
    if len(found) == 1:
        return words.id_of(found[0])
    made = hashlib.blake2b(" ".join(map(words.id_of, found)).encode(), digest_size=15)
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
