"""The JSON form of webhooks, of how far they are, and of what receivers said: names for numbers, and no secret."""

import msgspec

from gatepost.model import moment as moments
from gatepost.model import reply as replies
from gatepost.model import webhook as webhook_values
from gatepost.store import shapes, webhook_keys, webhooks

_SENDGRID = webhook_values.Dialect.SENDGRID


class ProgressShape(msgspec.Struct, frozen=True):
    """How far a webhook is. behind: events that it may still have to be told of. waiting: requests that are tried again.

    dead: requests that were given up. failures: rounds in a row in which nothing was taken, since failing_since; then nothing is tried
    before next_at.
    """

    cursor: int
    behind: int
    waiting: int
    dead: int
    failures: int
    failing_since: str | None
    next_at: str | None
    last_ok_at: str | None


class WebhookShape(msgspec.Struct, frozen=True):
    """A webhook: all but its secret. account, bridge: whose events; null: of all. kinds: states; empty: all. The other lists: only

    events with one of these; empty: with any. old_secret_until: until then the secret before signs, too. off_since: null while it
    is told of events. basic_auth: whether there is one. verification_key: what SendGrid's receivers verify with.
    """

    id: str
    name: str
    url: str
    account: str | None
    bridge: str | None
    kinds: tuple[str, ...]
    bridges: tuple[str, ...]
    sources: tuple[str, ...]
    sender_domains: tuple[str, ...]
    lists: tuple[str, ...]
    categories: tuple[str, ...]
    batch: int
    dialect: str
    basic_auth: bool
    verification_key: str | None
    created_at: str | None
    old_secret_until: str | None
    off_since: str | None
    off_reason: str | None
    progress: ProgressShape | None


class TryShape(msgspec.Struct, frozen=True):
    """One request as it was made. key: its ``webhook-id``. seq: of its first event; events: how many. tries: which one it was, from 1.

    status: of the answer; null: there was none. problem: why it counts as failed; null: it was taken. answer: its beginning.
    """

    id: int
    at: str
    key: str
    seq: int
    events: int
    tries: int
    status: int | None
    took_ms: int
    problem: str | None
    answer: str


class DeadShape(msgspec.Struct, frozen=True):
    """A request that was given up. seqs: its events. problem: why it was not taken at last."""

    id: int
    seqs: tuple[int, ...]
    first_at: str
    tries: int
    problem: str


def webhook(
    one: webhook_values.Webhook, names: shapes.Names, now_ms: int, progress: ProgressShape | None = None
) -> WebhookShape:
    """The shape of one."""
    return WebhookShape(
        id=str(one.id),
        name=one.name,
        url=one.url,
        account=names.account.get(one.account),
        bridge=names.bridge.get(one.bridge),
        kinds=one.kinds,
        bridges=one.bridges,
        sources=one.sources,
        sender_domains=one.sender_domains,
        lists=one.lists,
        categories=one.categories,
        batch=one.batch,
        dialect=one.dialect.value,
        basic_auth=bool(one.basic_auth),
        verification_key=webhook_keys.verification_key(one.secret) if one.dialect is _SENDGRID else None,
        created_at=moments.text_or_none(one.created_at),
        old_secret_until=moments.text_or_none(one.old_until if one.old_until > now_ms else 0),
        off_since=moments.text_or_none(one.off_since),
        off_reason=one.off_reason or None,
        progress=progress,
    )


def progress(
    one: webhooks.Progress, counts: webhooks.Counts | None, newest: int, now_ms: int
) -> ProgressShape:
    """The shape of how far one is. newest: the last seq."""
    found = counts or webhooks.Counts()
    return ProgressShape(
        cursor=one.cursor,
        behind=max(0, newest - one.cursor),
        waiting=found.waiting,
        dead=found.dead,
        failures=one.failures,
        failing_since=moments.text_or_none(one.failing_since),
        next_at=moments.text_or_none(one.next_at if one.next_at > now_ms else 0),
        last_ok_at=moments.text_or_none(one.last_ok_at),
    )


def attempt(one: webhooks.Try) -> TryShape:
    """The shape of one try."""
    return TryShape(
        id=one.id,
        at=moments.text(one.at),
        key=one.key,
        seq=one.seq,
        events=one.events,
        tries=one.tries,
        status=one.status or None,
        took_ms=one.took_ms,
        problem=one.problem or None,
        answer=replies.escaped(one.answer),
    )


def dead(one: webhooks.Request) -> DeadShape:
    """The shape of a request that was given up."""
    return DeadShape(one.id, one.seqs, moments.text(one.first_at), one.tries, one.problem)
