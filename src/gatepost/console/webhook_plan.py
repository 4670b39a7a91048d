"""Webhooks as somebody wants them, and the entries that make them so.

Guarantees: a Bridge's own key can make only what tells of that Bridge; how many there are is bounded.
"""

from typing import Annotated, Literal

import msgspec

from gatepost import errors
from gatepost.console import operation, planning
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import verdict as verdicts
from gatepost.model import webhook as webhooks

MOST = 200  # of an installation
PER_BRIDGE = 10  # that tell of one Bridge alone
OVERLAP_MS = 24 * 3600 * 1000  # in which the secret before a new one signs, too

_Some = Annotated[
    tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=255)], ...], msgspec.Meta(max_length=100)
]
KINDS = tuple(one.word for one in webhooks.KINDS)


class WebhookPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook that is wanted. account, bridge: whose events; null: of all accounts, of all Bridges. kinds: states; empty: all.

    bridges, sources, sender_domains, lists, categories: only events with one of these; empty: with any. batch: events in one
    request, at most; above 1 the body is a list. basic_auth: ``user:password`` for HTTP Basic authentication; null: as it is; empty: none. off: it is told nothing; what is to come waits for it.
    """

    name: operation.Name
    url: Annotated[str, msgspec.Meta(max_length=2000)]
    account: str | None = None
    bridge: str | None = None
    kinds: _Some = KINDS
    bridges: _Some = ()
    sources: _Some = ()
    sender_domains: _Some = ()
    lists: _Some = ()
    categories: _Some = ()
    batch: Annotated[int, msgspec.Meta(ge=1, le=webhooks.BATCH)] = 1
    dialect: Literal["events", "ses", "sendgrid", "mailgun", "postmark"] = "events"
    off: bool = False
    basic_auth: Annotated[str, msgspec.Meta(max_length=200)] | None = None


def owner_of(
    wanted: WebhookPlan, known: directories.Directory, own: directories.Bridge | None
) -> tuple[int, int]:
    """The account and Bridge whose events it tells; 0: of all. own: whose key asks. Raises BadInput."""
    if own is not None:
        account = next((one.name for one in known.accounts if one.id == own.account), "")
        if wanted.account not in {None, account} or wanted.bridge not in {None, own.name}:
            raise errors.BadInput("bridge", "a Bridge's own key makes webhooks of that Bridge alone")
        return own.account, own.id
    if wanted.bridge is not None:
        name = f"{wanted.account}/{wanted.bridge}" if wanted.account else wanted.bridge
        bridge = planning.bridge_of(name, known)
        return bridge.account, bridge.id
    return (planning.account_of(wanted.account, known).id if wanted.account else 0), 0


def entry(wanted: WebhookPlan, old: webhooks.Webhook, now_ms: int) -> webhooks.Webhook:
    """The entry: as it is but for what is wanted otherwise. Raises BadInput."""
    for kind in wanted.kinds:
        if kind not in {one.word for one in events.State}:
            raise errors.BadInput(
                "kinds", f"{kind!r} is not one of {', '.join(one.word for one in events.State)}"
            )
    for category in wanted.categories:
        if category not in {one.value for one in verdicts.Category}:
            raise errors.BadInput("categories", f"{category!r} is no category (docs/categories.md)")
    dialect = webhooks.Dialect(wanted.dialect)
    if wanted.batch > 1 and not dialect.several:
        raise errors.BadInput("batch", f"the dialect {dialect} tells one event in a request")
    if wanted.basic_auth and (":" not in wanted.basic_auth or not wanted.basic_auth.isprintable()):
        raise errors.BadInput("basic_auth", "is not user:password")
    off_since = (old.off_since or now_ms) if wanted.off else 0
    return msgspec.structs.replace(
        old,
        name=wanted.name,
        url=wanted.url,
        kinds=wanted.kinds,
        bridges=wanted.bridges,
        sources=wanted.sources,
        sender_domains=wanted.sender_domains,
        lists=wanted.lists,
        categories=wanted.categories,
        batch=wanted.batch,
        dialect=dialect,
        basic_auth=old.basic_auth if wanted.basic_auth is None else wanted.basic_auth,
        off_since=off_since,
        off_reason=(old.off_reason or "by hand") if wanted.off else "",
    )


def check_room(known: directories.Directory, bridge: int) -> None:
    """Whether there may be one more. Raises BadInput."""
    if len(known.webhooks) >= MOST:
        raise errors.BadInput("webhook", f"there are {MOST} already")
    if bridge and sum(one.bridge == bridge for one in known.webhooks) >= PER_BRIDGE:
        raise errors.BadInput("webhook", f"the Bridge has {PER_BRIDGE} already")


def rotated(old: webhooks.Webhook, secret: str, now_ms: int) -> webhooks.Webhook:
    """With a new secret; the one before signs beside it for a day."""
    return msgspec.structs.replace(old, secret=secret, old_secret=old.secret, old_until=now_ms + OVERLAP_MS)
