"""One receiver: makes its requests and asks it. Used by the one that follows the feed and by a test.

Guarantees: a request of the same events has the same id and, but for the time of signing, the same bytes.
"""

import base64
import ssl
from collections.abc import Callable, Mapping, Sequence

import msgspec

from gatepost import clock as clocks
from gatepost.feed.webhooks import dialect, payload, schedule, signature
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import webhook as webhook_values
from gatepost.net import addresses, posting, resolver
from gatepost.store import shapes, webhooks


class Means(msgspec.Struct, frozen=True):
    """What receivers are reached with."""

    finds: resolver.Resolver
    rules: addresses.AddressRules
    context: ssl.SSLContext
    dialects: Mapping[webhook_values.Dialect, dialect.Dialect]
    timeout_s: float
    clock: clocks.Clock

    def poster(self) -> posting.Poster:
        """For one receiver."""
        return posting.Poster(self.finds, self.rules, self.context, within_s=self.timeout_s)


class Receiver:
    """``tell`` it. ``close`` it."""

    def __init__(
        self, webhook: webhook_values.Webhook, names: Callable[[], shapes.Names], means: Means
    ) -> None:
        self.webhook = webhook
        self._names = names
        self._means = means
        self._poster = means.poster()

    async def tell(
        self,
        request: webhooks.Request,
        found: Sequence[events.Event],
        known: Mapping[int, messages.Message],
    ) -> tuple[schedule.Ended, webhooks.Try | None]:
        """Make one request of these events; None: its dialect has nothing to say of them. known: their messages."""
        now = self._means.clock.now_ms()
        means = payload.Known(self._names(), self._means.dialects, known, now // 1000)
        made = payload.body(self.webhook, found, means) if found else None
        if made is None:
            return schedule.Ended(request, None), None
        key = payload.key_of(found)
        headers = {
            "Content-Type": made.kind,
            **signature.headers(self._secrets(now), key, now // 1000, made.body),
            **dict(made.more),
            **_authorization(self.webhook.basic_auth),
        }
        answer = await self._poster.post(self.webhook.url, made.body, headers)
        ended = schedule.Ended(request, answer)
        return ended, webhooks.Try(
            webhook=self.webhook.id,
            at=now,
            key=key,
            seq=found[0].seq,
            events=len(found),
            tries=request.tries + 1,
            status=answer.status,
            took_ms=answer.took_ms,
            problem=ended.problem,
            answer=answer.body,
        )

    async def close(self) -> None:
        """Close its connections."""
        await self._poster.close()

    def _secrets(self, now_ms: int) -> list[str]:
        old = self.webhook.old_secret if now_ms < self.webhook.old_until else ""
        return [self.webhook.secret, old] if old else [self.webhook.secret]


def _authorization(basic_auth: str) -> dict[str, str]:
    """RFC 7617."""
    if not basic_auth:
        return {}
    return {"Authorization": f"Basic {base64.b64encode(basic_auth.encode()).decode()}"}


async def test(webhook: webhook_values.Webhook, names: shapes.Names, means: Means) -> webhooks.Try:
    """Tell a receiver of an event that never was."""
    receiver = Receiver(webhook, lambda: names, means)
    try:
        request = webhooks.Request(0, webhook.id, (), 0)
        _, attempt = await receiver.tell(request, [payload.sample(webhook, means.clock.now_ms())], {})
    finally:
        await receiver.close()
    if attempt is None:
        raise ValueError(f"{webhook.dialect} has no words for a delivery")
    return attempt
