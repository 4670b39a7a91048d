"""A console in front of a store with two tenants in it: served over a real socket, asked with a real client."""

import asyncio
import contextlib
import json as jsons
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import argon2
import msgspec
from tests.store import store_values

from gatepost import clock as clocks
from gatepost import config, errors
from gatepost.app import explaining, serving
from gatepost.console import api, auth, changing, entrance, pages, passwords, pieces, rates, reports
from gatepost.console import events as console_events
from gatepost.console import settings as console_settings
from gatepost.console import webhooks as console_webhooks
from gatepost.console.dashboard import live, site, whole
from gatepost.feed import metrics, stream
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import webhook as webhook_values
from gatepost.net import http_server, listen
from gatepost.store import credentials, port, shapes, webhooks
from gatepost.store.sqlite import open_store

PEPPER = b"p" * 32
ADMIN, OPERATOR, READ = "gp_admin", "gp_operator", "gp_read"
MINE, THEIRS, REVOKED = "gp_mine", "gp_theirs", "gp_revoked"
MARK = "theirs"  # stands in everything that is the other tenant's

PASSWORD = "correct horse battery"
QUICK = argon2.Parameters(
    type=argon2.Type.ID,
    version=19,
    salt_len=16,
    hash_len=32,
    time_cost=1,
    memory_cost=8,
    parallelism=1,
)

Key = directories.ApiKey
Role = directories.Role


class Said(msgspec.Struct, frozen=True):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return jsons.loads(self.text)


class House:
    """The console, its store, and a client."""

    def __init__(self, store: port.Store, settings: console_settings.ConsoleSettings, path: Path) -> None:
        self.store = store
        self.path = path
        self.clock = clocks.SystemClock()
        self.keyring = auth.Keyring(directories.Directory())
        self.wrong: list[str] = []
        self.asked = rates.Rates(settings.per_min, self.clock)
        self.hub = stream.Hub(store)
        common = changing.Parts(store, PEPPER, self.clock, self.take)
        places = pieces.Places(settings.max_streams)
        self.metrics = metrics.Metrics(store, self.clock, lambda: self.hub.listeners)
        self.taken: list[tuple[bytes, str, str]] = []
        self.unready = False
        self.tested: list[webhook_values.Webhook] = []
        self.operations = serving.all_operations(
            console_events.Parts(common, self.hub.follow, places),
            console_webhooks.Parts(common, self._check_url, self._test),
            explaining.Explainer(config.Settings(), {}, self.clock).explain,
            self._take_report,
            self.metrics,
        )
        parts = entrance.Parts(store, PEPPER, self.clock, lambda: self.keyring.directory, self.wrong.append)
        self.door = entrance.Entrance(parts, passwords.Passwords(QUICK))
        self.site = site.Site(
            site.Parts(self.door, lambda: self.keyring, self.operations, settings, self.asked, "1"),
            whole.views(live.Live(store, self.clock, self.hub.follow, places)),
        )
        self.api = api.Api(
            api.Parts(
                keyring=lambda: self.keyring,
                pepper=PEPPER,
                settings=settings,
                asked=self.asked,
                wrong=rates.Rates(api.WRONG_PER_MIN, self.clock),
                failed=self.wrong.append,
            ),
            self.operations,
            [*pages.routes(self.operations, "1", lambda: True), *self.site.routes()],
        )
        self.base = ""
        self.messages: dict[str, int] = {}
        self._session: aiohttp.ClientSession | None = None

    async def _check_url(self, url: str) -> None:
        if "private" in url:
            raise errors.BadInput("url", "is an address that webhooks may not reach")

    async def _take_report(self, raw: bytes, recipient: str, peer_ip: str) -> reports.Taken:
        """Nothing is read here: that is ``importing``'s test."""
        self.taken.append((raw, recipient, peer_ip))
        if self.unready:
            raise reports.Unready("too many reports wait to be read", 5)
        return reports.Taken(
            "bounce", "verified", None, "bounce mail", ["bounced", "suppressed"], repeated=False
        )

    async def _test(self, webhook: webhook_values.Webhook, names: shapes.Names) -> webhooks.Try:
        """No receiver is asked: that is ``telling``'s test."""
        del names
        self.tested.append(webhook)
        return webhooks.Try(webhook.id, self.clock.now_ms(), "evt_1", 0, 1, 1, 200, 7, "", b"thanks")

    def take(self, known: directories.Directory) -> None:
        self.keyring = auth.Keyring(known)

    async def change(self, *changes: directories.Change) -> directories.Directory:
        """Change the Directory, as an operator does."""
        found = await self.store.change_directory(changes, "test")
        self.take(found)
        return found

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session

    async def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = ADMIN,
        headers: Mapping[str, str] | None = None,
    ) -> Said:
        given = {**({"Authorization": f"Bearer {key}"} if key else {}), **(headers or {})}
        data: bytes | None = None
        if isinstance(body, bytes):
            data = body
        elif body is not None:
            data = jsons.dumps(body).encode()
        if data is not None:
            given.setdefault("Content-Type", "application/json")
        async with self.session.request(method, self.base + path, data=data, headers=given) as answer:
            endless = answer.content_type == "text/event-stream"
            return Said(answer.status, answer.headers, "" if endless else await answer.text())

    async def get(self, path: str, *, key: str | None = ADMIN) -> Said:
        return await self.ask("GET", path, key=key)

    async def wait_listeners(self, count: int) -> None:
        """Until so many follow the stream."""
        async with asyncio.timeout(10):
            while self.hub.listeners != count:  # noqa: ASYNC110 - what is waited for is what the test is about
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def furnish(self) -> None:
        """Two tenants, four keys, and mail of both."""
        found = await self.change(
            directories.Account(0, "default"), directories.Account(0, f"{MARK}-account")
        )
        mine, theirs = (one.id for one in found.accounts)
        found = await self.change(
            directories.Pool(0, mine, "main"), directories.Pool(0, theirs, f"{MARK}-pool")
        )
        pools = [one.id for one in found.pools]
        await self.change(
            directories.Source(0, pools[0], "s1", ehlo="gw.test"),
            directories.SenderDomain(0, mine, "shop.test"),
            directories.SenderDomain(0, theirs, f"{MARK}.test"),
            directories.Bridge(0, mine, "mine", pools[0], key_mac=credentials.mac(PEPPER, MINE)),
            directories.Bridge(
                0, theirs, f"{MARK}-bridge", pools[1], key_mac=credentials.mac(PEPPER, THEIRS)
            ),
            webhook_values.Webhook(0, mine, 1, "mine", "https://mine.test/", "whsec_mine"),
            webhook_values.Webhook(0, theirs, 2, f"{MARK}-hook", f"https://{MARK}.test/", f"whsec_{MARK}"),
            Key(0, "admin", Role.ADMIN, credentials.mac(PEPPER, ADMIN)),
            Key(0, "operator", Role.OPERATOR, credentials.mac(PEPPER, OPERATOR)),
            Key(0, "read", Role.READ, credentials.mac(PEPPER, READ)),
            Key(0, "revoked", Role.ADMIN, credentials.mac(PEPPER, REVOKED), revoked_at=1),
        )
        assert await self.store.lane("mx.test", 1) == 1
        kept = await passwords.Passwords(QUICK).hash(PASSWORD)
        await self.change(
            *(directories.User(0, role.word, role, kept, created_at=1) for role in directories.Role)
        )
        maker = store_values.Maker(1)
        for number, (name, words) in enumerate((("mine", ("ann",)), (MARK, (f"{MARK}-ann",))), 1):
            made = maker.submission(*[f"{word}@rcpt.test" for word in words], bridge=number)
            message = msgspec.structs.replace(
                made.message, account=number, pool=number, list=f"{name}-list", subject=f"{name} subject"
            )
            made = msgspec.structs.replace(
                made,
                message=message,
                received=_of(made.received, number, name),
                queued=tuple(_of(one, number, name) for one in made.queued),
            )
            self.messages[name] = (await self.store.accept([made], store_values.refuse))[0].message


def _of(event: events.Event, account: int, name: str) -> events.Event:
    return msgspec.structs.replace(event, account=account, pool=account, list=f"{name}-list")


@contextlib.asynccontextmanager
async def opened(path: Path, *, header_s: float = 5.0, **settings: object) -> AsyncIterator[House]:
    """A furnished house in a new data directory; ``settings`` are of ``[console]``."""
    store = await open_store(path, 1)
    house = House(store, msgspec.convert(settings, console_settings.ConsoleSettings), path)
    await house.furnish()
    sockets = listen.bind("127.0.0.1", 0, "test")
    waits = http_server.Waits(header_s, 1, 1.0)
    server = http_server.HttpServer(house.api, None, waits=waits)
    house.base = f"http://{listen.shown(sockets[0])}"
    loop = asyncio.get_running_loop()
    running = asyncio.gather(loop.create_task(server.run(sockets)), loop.create_task(house.hub.run()))
    try:
        yield house
    finally:
        await house.close()
        house.hub.stop()
        server.stop()
        await running
        await store.close()
