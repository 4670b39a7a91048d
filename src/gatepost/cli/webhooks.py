"""``gatepost webhook …``: who is told of events over HTTP, and what became of it."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
import msgspec

from gatepost import errors
from gatepost.cli import context, show
from gatepost.store import webhook_shapes

if TYPE_CHECKING:
    from gatepost import config as config_values
    from gatepost.console import webhook_plan
    from gatepost.model import directory as directories
    from gatepost.model import webhook as webhook_values
    from gatepost.store import webhooks as port_webhooks

Some = Annotated[tuple[str, ...], cyclopts.Parameter(consume_multiple=True, negative="")]


def add_(  # noqa: PLR0913 - one for each option
    name: str,
    url: str,
    /,
    *,
    account: str | None = None,
    bridge: str | None = None,
    kind: Some | None = None,
    from_bridge: Some = (),
    source: Some = (),
    sender_domain: Some = (),
    list: Some = (),  # noqa: A002 - the option's name
    category: Some = (),
    batch: int = 1,
    dialect: Literal["events", "ses", "sendgrid", "mailgun", "postmark"] = "events",
    basic_auth: str = "",
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Add a webhook and show its secret once. It is told what happens from now on.

    Parameters
    ----------
    name
        What people call it.
    url
        Where events are posted: https://…
    account
        Only of this account's mail; of all without it.
    bridge
        Only of this Bridge's mail (name, or account/name). It belongs to the Bridge: its own key sees it.
    kind
        Which events: delivered, bounced, deferred …; "all" for every one. Without it: what became of mail, and suppressions.
    from_bridge
        Only of mail of these Bridges.
    source
        Only by these Sources.
    sender_domain
        Only from these domains.
    list
        Only of these lists.
    category
        Only replies of these categories.
    batch
        Events in one request, at most; above 1 the body is a list.
    dialect
        The form of what is told: Gatepost's own, or that of another provider.
    basic_auth
        user:password, where the receiver wants HTTP Basic authentication.
    """
    from gatepost.console import webhook_plan

    given = () if kind == ("all",) else webhook_plan.KINDS if kind is None else kind
    raw = webhook_plan.WebhookPlan(
        name,
        url,
        account,
        bridge,
        given,
        from_bridge,
        source,
        sender_domain,
        list,
        category,
        batch,
        dialect,
        basic_auth=basic_auth or None,
    )
    try:
        wanted = msgspec.convert(msgspec.to_builtins(raw), webhook_plan.WebhookPlan)
    except msgspec.ValidationError as error:
        raise errors.BadInput("webhook", str(error)) from None
    made, secret = context.run(_add(wanted, context.load(config)))
    if json:
        show.json_line({"secret": secret, "webhook": made})
    else:
        show.line(f"webhook {name!r} added; its secret is shown only now:")
        show.line(f"  secret   {secret}")
        if made.verification_key:
            show.line(f"  SendGrid's verification key   {made.verification_key}")
    return 0


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the webhooks and how far each is."""
    found = context.run(_shapes(context.load(config)))
    if json:
        for one in found:
            show.json_line(one)
        return 0
    rows = [
        (one.name, one.bridge or one.account or "all", one.url, _state(one), *_figures(one.progress))
        for one in found
    ]
    show.table(("webhook", "of", "url", "state", "behind", "waiting", "dead"), rows)
    return 0


def show_(name: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Show one webhook and how far it is.

    Parameters
    ----------
    name
        Its name, or its number.
    """
    found = context.run(_shapes(context.load(config), name))
    if json:
        show.json_line(found[0])
        return 0
    fields = msgspec.to_builtins(found[0])
    progress = fields.pop("progress") or {}
    for word, value in {**fields, **progress}.items():
        text = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
        show.line(f"{word:<16}  {'' if text is None else text}")
    return 0


def remove_(name: str, /, *, config: context.Config = context.DEFAULT) -> int:
    """End a webhook and forget what it was to be told.

    Parameters
    ----------
    name
        Its name, or its number.
    """
    context.run(_change(name, config, lambda old: msgspec.structs.replace(old, removed=True)))
    show.line(f"webhook {name} removed")
    return 0


def on_(name: str, /, *, config: context.Config = context.DEFAULT) -> int:
    """Tell a webhook again, and try at once what waits; what happened while it was off comes first.

    Parameters
    ----------
    name
        Its name, or its number.
    """
    context.run(_change(name, config, lambda old: msgspec.structs.replace(old, off_since=0, off_reason="")))
    show.line(f"webhook {name} is on")
    return 0


def off_(name: str, /, *, config: context.Config = context.DEFAULT) -> int:
    """Tell a webhook nothing until it is switched on again; what happens meanwhile waits for it.

    Parameters
    ----------
    name
        Its name, or its number.
    """
    now = context.now_ms()
    context.run(
        _change(
            name,
            config,
            lambda old: msgspec.structs.replace(old, off_since=old.off_since or now, off_reason="by hand"),
        )
    )
    show.line(f"webhook {name} is off")
    return 0


def rotate_(name: str, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Give a webhook a new secret and show it once; the one before signs beside it for a day.

    Parameters
    ----------
    name
        Its name, or its number.
    """
    from gatepost.console import webhook_plan
    from gatepost.store import credentials, webhook_keys

    secret = webhook_keys.secret_of(credentials.new_secret())
    now = context.now_ms()
    context.run(_change(name, config, lambda old: webhook_plan.rotated(old, secret, now)))
    if json:
        show.json_line({"secret": secret})
    else:
        show.line(f"webhook {name!r}; its new secret is shown only now:")
        show.line(f"  secret   {secret}")
    return 0


def test_(  # the command's name is no test's
    name: str,
    /,
    *,
    json: context.Json = False,  # noqa: PT028
    config: context.Config = context.DEFAULT,  # noqa: PT028
) -> int:
    """Tell a webhook of an event that never was, and show what it said. Exit status 1: it was not taken.

    Parameters
    ----------
    name
        Its name, or its number.
    """
    found = webhook_shapes.attempt(context.run(_test(name, context.load(config))))
    if json:
        show.json_line(found)
    else:
        _line(found)
    return 1 if found.problem else 0


def tries_(
    name: str,
    /,
    *,
    failed: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    limit: int = 50,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """List a webhook's last requests with what it said, the newest first.

    Parameters
    ----------
    name
        Its name, or its number.
    failed
        Only those that were not taken.
    limit
        How many.
    """
    for one in context.run(_tries(name, limit, context.load(config), failed=failed)):
        if json:
            show.json_line(one)
        else:
            _line(one)
    return 0


def replay_(
    name: str,
    /,
    *,
    after: int | None = None,
    until: int | None = None,
    dead: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Tell a webhook a range of events once more, or what was given up.

    Parameters
    ----------
    name
        Its name, or its number.
    after
        The events behind this seq …
    until
        … up to this one; up to the newest without it.
    dead
        Instead: the requests that were given up.
    """
    context.run(_replay(name, after, until, context.load(config), dead=dead))
    show.line(f"webhook {name} is told once more")
    return 0


async def _add(
    wanted: "webhook_plan.WebhookPlan", settings: "config_values.Settings"
) -> tuple[webhook_shapes.WebhookShape, str]:
    from gatepost.app import webhooks
    from gatepost.console import webhook_plan
    from gatepost.model import webhook as webhook_values
    from gatepost.store import credentials, shapes, webhook_keys

    await webhooks.check_url(wanted.url, settings, webhooks.means(settings))
    secret, now = webhook_keys.secret_of(credentials.new_secret()), context.now_ms()
    async with context.operated(settings) as (store, operator):
        known = await store.directory()
        account, bridge = webhook_plan.owner_of(wanted, known, None)
        webhook_plan.check_room(known, bridge)
        fresh = webhook_values.Webhook(0, account, bridge, wanted.name, wanted.url, secret, created_at=now)
        known = await operator.change_directory([webhook_plan.entry(wanted, fresh, now)], context.actor())
    made = next(one for one in known.webhooks if one.owner == fresh.owner and one.name == wanted.name)
    return webhook_shapes.webhook(made, shapes.Names(known), now), secret


async def _shapes(
    settings: "config_values.Settings", name: str | None = None
) -> "list[webhook_shapes.WebhookShape]":
    from gatepost.store import shapes

    async with context.opened(settings) as store:
        known = await store.directory()
        wanted = known.webhooks if name is None else (_named(name, known),)
        progress, counts = await store.webhooks.progress(), await store.webhooks.counts()
        newest, now, names = await store.last_seq(), context.now_ms(), shapes.Names(known)
    return [
        webhook_shapes.webhook(
            one,
            names,
            now,
            webhook_shapes.progress(progress[one.id], counts.get(one.id), newest, now),
        )
        for one in wanted
    ]


async def _test(name: str, settings: "config_values.Settings") -> "port_webhooks.Try":
    from gatepost.app import webhooks
    from gatepost.feed.webhooks import telling
    from gatepost.store import shapes

    async with context.opened(settings) as store:
        known = await store.directory()
    return await telling.test(_named(name, known), shapes.Names(known), webhooks.means(settings))


async def _tries(
    name: str, limit: int, settings: "config_values.Settings", *, failed: bool
) -> "list[webhook_shapes.TryShape]":
    async with context.opened(settings) as store:
        one = _named(name, await store.directory())
        return [
            webhook_shapes.attempt(each)
            for each in await store.webhooks.tries(one.id, 0, limit, failed=failed)
        ]


async def _replay(
    name: str, after: int | None, until: int | None, settings: "config_values.Settings", *, dead: bool
) -> None:
    from gatepost.console import webhooks

    async with context.opened(settings) as store:
        one = _named(name, await store.directory())
        wanted = webhooks.Wanted(after, until, dead)
        await webhooks.replay(store.webhooks, one.id, wanted, await store.last_seq())


async def _change(
    name: str,
    config: Path,
    new: Callable[["webhook_values.Webhook"], "webhook_values.Webhook"],
) -> None:
    async with context.operated(context.load(config)) as (store, operator):
        old = _named(name, await store.directory())
        await operator.change_directory([new(old)], context.actor())


def _named(name: str, known: "directories.Directory") -> "webhook_values.Webhook":
    """By name or number. Raises BadInput."""
    found = [one for one in known.webhooks if name in {one.name, str(one.id)}]
    if len(found) != 1:
        problem = "is the name of several webhooks: give a number" if found else "is no webhook"
        raise errors.BadInput("webhook", f"{name!r} {problem}")
    return found[0]


def _state(one: webhook_shapes.WebhookShape) -> str:
    if one.off_since:
        return f"off: {one.off_reason}"
    return "refuses" if one.progress is not None and one.progress.failures else "on"


def _figures(progress: webhook_shapes.ProgressShape | None) -> tuple[int, int, int]:
    return (progress.behind, progress.waiting, progress.dead) if progress is not None else (0, 0, 0)


def _line(one: webhook_shapes.TryShape) -> None:
    status = one.status or "no answer"
    show.line(
        f"{one.at} {one.key} seq {one.seq} ({one.events}), try {one.tries}: {status} in {one.took_ms} ms"
        + (f": {one.problem}" if one.problem else "")
    )
    if one.answer:
        show.line(f"    {one.answer}")
