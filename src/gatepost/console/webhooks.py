"""Webhooks: ``/v1/webhooks``, and what became of their requests. A Bridge's own key sees and makes those of that Bridge alone.

Guarantees: a secret is shown when it is made and never again.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec

from gatepost import errors
from gatepost.console import changing, operation, webhook_plan
from gatepost.model import directory as directories
from gatepost.model import webhook as webhook_values
from gatepost.net import problem
from gatepost.store import shapes, webhook_keys, webhook_shapes, webhooks

Shape = webhook_shapes.WebhookShape
_ONE = "/v1/webhooks/{webhook}"


class Parts(msgspec.Struct, frozen=True):
    """check_url: whether a webhook may have it; raises BadInput. test: tells a receiver of an event that never was."""

    common: changing.Parts
    check_url: Callable[[str], Awaitable[None]]
    test: Callable[[webhook_values.Webhook, shapes.Names], Awaitable[webhooks.Try]]


class NewWebhook(msgspec.Struct, frozen=True):
    """A webhook with its secret, which is shown only now."""

    secret: str
    webhook: Shape


class NewSecret(msgspec.Struct, frozen=True):
    """The new secret, which is shown only now. Until old_secret_until the one before signs, too."""

    secret: str
    old_secret_until: str | None


class TryQuery(operation.Paging, frozen=True, forbid_unknown_fields=True):
    """Which tries. failed: only those."""

    failed: bool = False


class Wanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shall be told once more: the events behind ``after`` up to ``until`` (null: all there are now), or dead: what was given up."""

    after: Annotated[int, msgspec.Meta(ge=0, le=(1 << 62))] | None = None
    until: Annotated[int, msgspec.Meta(ge=0, le=(1 << 62))] | None = None
    dead: bool = False


def operations(parts: Parts) -> tuple[operation.Operation, ...]:
    """All of these."""
    made = _Webhooks(parts)
    return (*_entries(made), *_requests(made))


def _entries(made: "_Webhooks") -> tuple[operation.Operation, ...]:
    place, nothing = operation.Place, operation.Nothing
    return (
        operation.asking(
            place("GET", "/v1/webhooks", "listWebhooks", "List the webhooks and how far each is."),
            operation.OWN,
            nothing,
            operation.Page[Shape],
            made.listed,
        ),
        operation.telling(
            place("POST", "/v1/webhooks", "createWebhook", "Add a webhook and show its secret once."),
            operation.ADMINISTER_OWN,
            webhook_plan.WebhookPlan,
            NewWebhook,
            made.create,
            201,
        ),
        operation.asking(
            place("GET", _ONE, "getWebhook", "Show one webhook and how far it is."),
            operation.OWN,
            nothing,
            Shape,
            made.get,
        ),
        operation.telling(
            place("PUT", _ONE, "changeWebhook", "Make a webhook what the body says, or switch it on again."),
            operation.ADMINISTER_OWN,
            webhook_plan.WebhookPlan,
            Shape,
            made.change,
        ),
        operation.asking(
            place("DELETE", _ONE, "removeWebhook", "End a webhook and forget what it was to be told."),
            operation.ADMINISTER_OWN,
            nothing,
            Shape,
            made.remove,
        ),
        operation.telling(
            place("POST", f"{_ONE}/rotate", "rotateWebhook", "Give a webhook a new secret and show it once."),
            operation.ADMINISTER_OWN,
            nothing,
            NewSecret,
            made.rotate,
            201,
        ),
    )


def _requests(made: "_Webhooks") -> tuple[operation.Operation, ...]:
    place = operation.Place
    return (
        operation.telling(
            place(
                "POST", f"{_ONE}/test", "testWebhook", "Tell it of an event that never was, and what it said."
            ),
            operation.OPERATE_OWN,
            operation.Nothing,
            webhook_shapes.TryShape,
            made.test,
        ),
        operation.asking(
            place("GET", f"{_ONE}/tries", "listWebhookTries", "List its last requests, the newest first."),
            operation.OWN,
            TryQuery,
            operation.Page[webhook_shapes.TryShape],
            made.tries,
        ),
        operation.asking(
            place("GET", f"{_ONE}/dead", "listDeadRequests", "List what was given up, the newest first."),
            operation.OWN,
            operation.Paging,
            operation.Page[webhook_shapes.DeadShape],
            made.dead,
        ),
        operation.telling(
            place(
                "POST",
                f"{_ONE}/replay",
                "replayWebhook",
                "Tell a range of events, or what was given up, once more.",
            ),
            operation.OPERATE_OWN,
            Wanted,
            Shape,
            made.replay,
        ),
    )


class _Webhooks:
    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self._store = parts.common.store
        self._clock = parts.common.clock

    async def listed(
        self, call: operation.Call, _: operation.Nothing
    ) -> operation.Answer[operation.Page[Shape]]:
        own = call.caller.bridge
        found = [one for one in call.known.webhooks if own is None or one.bridge == own.id]
        return operation.Answer(operation.Page(await self._shapes(found, call.known), None))

    async def get(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[Shape]:
        return await self._answer(call, call.known)

    async def create(
        self, call: operation.Call, wanted: webhook_plan.WebhookPlan
    ) -> operation.Answer[NewWebhook]:
        operation.checked_name(wanted.name)
        await self._p.check_url(wanted.url)
        secret = webhook_keys.secret_of(changing.drawer(self._p.common, call)("webhook"))

        def decide(known: directories.Directory) -> list[directories.Change]:
            account, bridge = webhook_plan.owner_of(wanted, known, call.caller.bridge)
            now = self._clock.now_ms()
            fresh = webhook_values.Webhook(
                0, account, bridge, wanted.name, wanted.url, secret, created_at=now
            )
            if _of_name(known, fresh.owner, wanted.name) is not None:
                raise problem.problem(409, "a webhook of this name is there already")
            webhook_plan.check_room(known, bridge)
            return [webhook_plan.entry(wanted, fresh, now)]

        changed = await changing.change(self._p.common, call, decide)
        account, bridge = webhook_plan.owner_of(wanted, changed.known, call.caller.bridge)
        made = _of_name(changed.known, -bridge if bridge else account, wanted.name)
        if made is None:
            raise problem.problem(409, "it was made by this request before, and removed since")
        [shape] = await self._shapes([made], changed.known)
        etag = _etag(shape)
        return operation.Answer(NewWebhook(secret, shape), 201, etag, f"/v1/webhooks/{made.id}")

    async def change(self, call: operation.Call, wanted: webhook_plan.WebhookPlan) -> operation.Answer[Shape]:
        operation.checked_name(wanted.name)
        if wanted.url != _named(call, call.known).url:
            await self._p.check_url(wanted.url)

        def decide(known: directories.Directory) -> list[directories.Change]:
            old = self._matched(call, known)
            if webhook_plan.owner_of(wanted, known, call.caller.bridge) != (old.account, old.bridge):
                raise errors.BadInput(
                    "bridge", "whose events a webhook tells is never changed: make another one"
                )
            same = _of_name(known, old.owner, wanted.name)
            if same is not None and same.id != old.id:
                raise problem.problem(409, "a webhook of this name is there already")
            new = webhook_plan.entry(wanted, old, self._clock.now_ms())
            return [] if new == old else [new]

        return await self._answer(call, (await changing.change(self._p.common, call, decide)).known)

    async def remove(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[Shape]:
        [shape] = await self._shapes([_named(call, call.known)], call.known)

        def decide(known: directories.Directory) -> list[directories.Change]:
            return [msgspec.structs.replace(self._matched(call, known), removed=True)]

        await changing.change(self._p.common, call, decide)
        return operation.Answer(shape)

    async def rotate(self, call: operation.Call, _: operation.Nothing) -> operation.Answer[NewSecret]:
        secret = webhook_keys.secret_of(changing.drawer(self._p.common, call)("webhook"))

        def decide(known: directories.Directory) -> list[directories.Change]:
            return [webhook_plan.rotated(_named(call, known), secret, self._clock.now_ms())]

        known = (await changing.change(self._p.common, call, decide)).known
        shape = webhook_shapes.webhook(_named(call, known), shapes.Names(known), self._clock.now_ms())
        return operation.Answer(NewSecret(secret, shape.old_secret_until), 201)

    async def test(
        self, call: operation.Call, _: operation.Nothing
    ) -> operation.Answer[webhook_shapes.TryShape]:
        attempt = await self._p.test(_named(call, call.known), shapes.Names(call.known))
        return operation.Answer(webhook_shapes.attempt(attempt))

    async def tries(
        self, call: operation.Call, asked: TryQuery
    ) -> operation.Answer[operation.Page[webhook_shapes.TryShape]]:
        one = _named(call, call.known)
        found = await self._store.webhooks.tries(one.id, asked.cursor, asked.limit, failed=asked.failed)
        more = str(found[-1].id) if len(found) == asked.limit else None
        return operation.Answer(operation.Page([webhook_shapes.attempt(each) for each in found], more))

    async def dead(
        self, call: operation.Call, asked: operation.Paging
    ) -> operation.Answer[operation.Page[webhook_shapes.DeadShape]]:
        found = await self._store.webhooks.dead(_named(call, call.known).id, asked.cursor, asked.limit)
        more = str(found[-1].id) if len(found) == asked.limit else None
        return operation.Answer(operation.Page([webhook_shapes.dead(each) for each in found], more))

    async def replay(self, call: operation.Call, wanted: Wanted) -> operation.Answer[Shape]:
        one = _named(call, call.known)
        await replay(self._store.webhooks, one.id, wanted, await self._store.last_seq())
        return await self._answer(call, call.known)

    def _matched(self, call: operation.Call, known: directories.Directory) -> webhook_values.Webhook:
        """The one of the path, if it is still what If-Match says. Raises Problem."""
        one = _named(call, known)
        call.match(_etag(webhook_shapes.webhook(one, shapes.Names(known), self._clock.now_ms())))
        return one

    async def _answer(self, call: operation.Call, known: directories.Directory) -> operation.Answer[Shape]:
        [shape] = await self._shapes([_named(call, known)], known)
        return operation.Answer(shape, etag=_etag(shape))

    async def _shapes(self, found: list[webhook_values.Webhook], known: directories.Directory) -> list[Shape]:
        names, now = shapes.Names(known), self._clock.now_ms()
        progress, counts = await self._store.webhooks.progress(), await self._store.webhooks.counts()
        newest = await self._store.last_seq()
        return [
            webhook_shapes.webhook(
                one,
                names,
                now,
                webhook_shapes.progress(progress[one.id], counts.get(one.id), newest, now)
                if one.id in progress
                else None,
            )
            for one in found
        ]


async def replay(store: webhooks.Webhooks, webhook: int, wanted: Wanted, newest: int) -> None:
    """Tell it once more. newest: the last seq. Raises BadInput."""
    if wanted.dead == (wanted.after is not None):
        raise errors.BadInput("after", "give either a range (after, until) or dead")
    if wanted.after is None:
        await store.revive(webhook)
        return
    until = min(newest, newest if wanted.until is None else wanted.until)
    if until <= wanted.after:
        raise errors.BadInput("until", f"there is nothing behind {wanted.after} up to {until}")
    if not await store.replay(webhook, wanted.after, until):
        raise errors.BadInput("after", f"{webhooks.REPLAYS} ranges are being told once more already")


def _of_name(known: directories.Directory, owner: int, name: str) -> webhook_values.Webhook | None:
    return next((one for one in known.webhooks if one.owner == owner and one.name == name), None)


def _named(call: operation.Call, known: directories.Directory) -> webhook_values.Webhook:
    """The one of the path; another's is as if it were not there. Raises Problem."""
    own = call.caller.bridge
    for one in known.webhooks:
        if str(one.id) == call.path["webhook"] and (own is None or one.bridge == own.id):
            return one
    raise problem.problem(404, "there is no such webhook")


def _etag(shape: Shape) -> str:
    """Of what can be changed."""
    return operation.etag_of(msgspec.structs.replace(shape, progress=None, old_secret_until=None))
