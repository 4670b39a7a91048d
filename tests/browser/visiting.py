"""Somebody in front of the dashboard, who notices everything that a page must not do; and a store full of hostile texts."""

import msgspec
from playwright import async_api
from tests.browser import payloads
from tests.console import house as houses
from tests.store import store_values

from gatepost.console import entrance
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import message as messages
from gatepost.model import pace as paces
from gatepost.model import reply as replies
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.model import webhook as webhook_values
from gatepost.store import webhooks

# Elements and attributes that stand in none of our templates.
_FOREIGN = """() => [...document.querySelectorAll('*')].filter((one) =>
  ['IMG', 'IFRAME', 'OBJECT', 'EMBED', 'MATH', 'STYLE', 'BASE', 'VIDEO', 'AUDIO', 'SOURCE', 'DETAILS', 'TEMPLATE', 'MARQUEE', 'ANIMATE',
   'FRAMESET', 'META'].includes(one.tagName.toUpperCase()) && !(one.tagName === 'META' && ['viewport', 'color-scheme', null].includes(one.name || null)
     && !one.httpEquiv)
  && !(one.tagName === 'DETAILS' && one.className === 'talk')
  || one.tagName === 'SCRIPT' && !one.src.startsWith(location.origin + '/dashboard/static/')
  || one.tagName === 'LINK' && !one.href.startsWith(location.origin + '/dashboard/static/')
  || one.tagName === 'FORM' && one.action && !one.action.startsWith(location.origin + '/dashboard')
  || [...one.attributes].some((had) => had.name.startsWith('on') || ['href', 'src', 'action', 'formaction', 'data'].includes(had.name) && /^\\s*javascript:/i.test(had.value))
).map((one) => one.outerHTML.slice(0, 200))"""

_AXE = "async () => (await axe.run()).violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.html.slice(0, 150)).join(' | '))"


class Visitor:
    """A page, and what went wrong on it."""

    def __init__(self, house: houses.House, context: async_api.BrowserContext, page: async_api.Page) -> None:
        self.house = house
        self.context = context
        self.page = page
        self.wrong: list[str] = []

    @classmethod
    async def come(
        cls, browser: async_api.Browser, house: houses.House, role: directories.Role = directories.Role.ADMIN
    ) -> "Visitor":
        """With a session of its own."""
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        user = next(one for one in house.keyring.directory.users if one.role is role)
        secret, link = entrance.new_link(houses.PEPPER, user, house.clock.now_ms())
        await house.store.sessions.offer(link)
        opened = await house.door.enter_by_link(secret, "127.0.0.1")
        await context.add_cookies([{"name": "gatepost", "value": opened, "url": house.base}])
        await context.add_init_script(
            "document.addEventListener('securitypolicyviolation', (e) => console.error('CSP ' + e.violatedDirective + ' ' + e.blockedURI))"
        )
        one = cls(house, context, await context.new_page())
        one.page.on("dialog", lambda dialog: one.wrong.append(f"dialog: {dialog.message}"))
        one.page.on("pageerror", lambda error: one.wrong.append(f"error: {error}"))
        one.page.on("console", one._console)
        return one

    def _console(self, message: async_api.ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.wrong.append(f"{message.type}: {message.text}")

    async def go(self, path: str) -> async_api.Page:
        """Open a page."""
        answer = await self.page.goto(self.house.base + path)
        assert answer is not None
        assert answer.status == 200, path
        return self.page

    async def settled(self) -> None:
        """Nothing foreign stands on the page, and nothing went wrong."""
        found = [*await self.page.evaluate(_FOREIGN), *self.wrong]
        assert not found, found

    async def accessible(self, axe: str) -> None:
        """axe finds nothing. axe: its source, which runs beside the page's own policy."""
        await self.page.evaluate(axe)
        found = await self.page.evaluate(_AXE)
        assert not found, found

    async def leave(self) -> None:
        """Close it."""
        await self.context.close()


async def furnish(house: houses.House) -> None:
    """For each payload a message whose every text it is, its life, and what else pages show."""
    account = house.keyring.directory.accounts[0].id
    names = payloads.HOSTILE
    await house.change(
        *(directories.Bridge(0, account, name, 1) for name in names),
        *(directories.Source(0, 1, name, ehlo=name) for name in names),
        *(directories.Pool(0, account, name) for name in names),
        *(directories.SenderDomain(0, account, name, problem=name) for name in names),
        *(directories.User(0, name, directories.Role.READ, "") for name in names),
        *(directories.ApiKey(0, name, directories.Role.READ, name.encode()) for name in names),
        *(webhook_values.Webhook(0, account, 0, name, name, name, off_reason=name) for name in names),
    )
    await _hooked(house)
    known = house.keyring.directory
    maker = store_values.Maker(9)
    told: list[events.Event] = []
    for number, text in enumerate(names):
        bridge = next(one.id for one in known.bridges if one.name == text)
        source = next(one.id for one in known.sources if one.name == text)
        made = maker.submission(f"bad{number}@rcpt.test", bridge=bridge)
        message = msgspec.structs.replace(
            made.message,
            sender=text.encode(),
            subject=text,
            list=text,
            campaign=text,
            tags=text,
            message_id=text,
            metadata=text,
            peer_ip=text,
            received_at=house.clock.now_ms(),
        )
        await house.store.accept([_hostile(made, message, text, source)], store_values.refuse)
        told += _life(house, message, text, source)
        await _stand(house, text, number, source)
    await house.store.note(told)


async def _hooked(house: houses.House) -> None:
    """Every webhook's receiver answers with its payload."""
    known = {one.name: one.id for one in house.keyring.directory.webhooks}
    for text in payloads.HOSTILE:
        number = known[text]
        tried = webhooks.Try(number, 1, text, 1, 1, 1, 500, 7, text, text.encode())
        dead = webhooks.Request(0, number, (1,), 1, 1, 0, text)
        await house.store.webhooks.keep(webhooks.Round(webhooks.Progress(number, 1), [dead], tries=[tried]))


def _hostile(
    made: messages.Submission, message: messages.Message, text: str, source: int
) -> messages.Submission:
    def of(one: events.Event) -> events.Event:
        return msgspec.structs.replace(
            one, at=message.received_at, provider=text, list=text, peer_host=text, ehlo=text, source=source
        )

    return msgspec.structs.replace(
        made, message=message, received=of(made.received), queued=tuple(of(one) for one in made.queued)
    )


def _life(house: houses.House, message: messages.Message, text: str, source: int) -> list[events.Event]:
    one = events.Event(
        at=house.clock.now_ms(),
        state=events.State.BOUNCED,
        message=message.id,
        delivery=message.id + 1,
        attempt=1,
        account=message.account,
        bridge=message.bridge,
        source=source,
        provider=text,
        domain="rcpt.test",
        peer_host=text,
        peer_ip=text,
        ehlo=text,
        list=text,
        recipient=text,
        outcome=verdicts.Outcome.HARD,
        category=text,
        stage=replies.Stage.RCPT,
        code=550,
        enhanced=text,
        rule=text,
        tls=text,
        scope=text,
        detail=text,
        flags=events.Flag.OUTSIDE,
        reply=b"550 5.1.1 " + text.encode(),
    )
    replaced = msgspec.structs.replace
    return [
        one,
        replaced(one, state=events.State.INCIDENT),
        replaced(one, state=events.State.PACED),
        replaced(one, state=events.State.DEFERRED, next_at=one.at + 60_000),
    ]


async def _stand(house: houses.House, text: str, number: int, source: int) -> None:
    lane = await house.store.lane(text, source)
    now = house.clock.now_ms()
    pace = paces.Pace(paces.Mode.SLOWED, text, now, now + 60_000, 1, reply=text.encode())
    await house.store.keep_pace(lane, pace, events.Event(at=now, state=events.State.PACED, detail=text))
    entry = suppressions.Suppression(
        kind=suppressions.Kind.ADDRESS,
        target=f"bad{number}@rcpt.test",
        scope=suppressions.Scope.INSTANCE,
        reason=text,
        note=text,
        category=text,
        rule=text,
        reply=text.encode(),
        created_at=now,
        last_at=now,
    )
    await house.store.suppress([entry], text)
