"""What the demo installs and sends: a temporary installation with two Bridges, three Sources and signed mail, and its messages."""

import datetime as dt
import http.client
import json
import ssl
from collections.abc import Sequence
from pathlib import Path

import msgspec

from gatepost import clock as clocks
from gatepost import config, errors
from gatepost.app import compose, keymaking, signing
from gatepost.console import entrance
from gatepost.dkim import keys
from gatepost.model import directory as directories
from gatepost.net import listen, tls
from gatepost.sandbox import world as worlds
from gatepost.store import credentials

NEWS, SHOP = "acme-news.test", "acme-shop.test"
BOUNCE, HOST = f"bounce.{NEWS}", "mta.acme.test"
SCALE = 0.001  # a schedule's ten minutes take 0.6 seconds
BATCH = 50

_TOML = """# A demo's installation: it goes with the demo.
data_dir = "data"
hostname = "{hostname}"
[[listener]]
name = "demo"
address = "{smtp}"
tls = "none"
auth_without_tls = true
[http]
address = "{http}"
[console]
address = "{console}"
[inbound]
address = "{inbound}"
[dns]
server = "{dns}"
[delivery]
port = {port}
allow_networks = ["127.0.0.0/8"]
only_networks = ["127.0.0.0/8"]  # nothing leaves this machine
sweep_s = 0.3
reply_timeout_s = 5.0
[ingest]
min_free = 0.0
max_memory = 1.0
[policy]
time_scale = {scale}
[log]
level = "error"
json = false
"""


class Installed(msgspec.Struct, frozen=True):
    """A demo's gateway: its configuration, the two Bridges' secrets, a key to its API, and a link to its dashboard."""

    path: Path
    settings: config.Settings
    smtp: str
    http: str
    password: str
    key: str
    console: str
    console_key: str
    link: str


def certificate(home: Path) -> ssl.SSLContext:
    """For the receivers that offer TLS."""
    now = dt.datetime.fromtimestamp(clocks.SystemClock().now_ms() / 1000, dt.UTC)
    for name, data in zip(
        ("cert.pem", "key.pem"), tls.self_signed("sandbox.test", now=now, days=2), strict=True
    ):
        (home / name).write_bytes(data)
    return tls.server_context(str(home / "cert.pem"), str(home / "key.pem"))


async def install(home: Path, world: worlds.World) -> Installed:
    """Write the configuration, and what lives in the store."""
    smtp, web, console, inbound = _free_address(), _free_address(), _free_address(), _free_address()
    path = home / "gatepost.toml"
    path.write_text(
        _TOML.format(
            hostname=HOST,
            smtp=smtp,
            http=web,
            console=console,
            inbound=inbound,
            dns=world.dns.address,
            port=world.port,
            scale=SCALE,
        )
    )
    _publish(world)
    world.answering.to = inbound
    settings = config.load(path, {})
    compose.make_data_dir(Path(settings.data_dir))
    password, key, console_key = credentials.new_secret(), credentials.new_key(), credentials.new_key()
    pepper = compose.pepper(settings)
    store = await compose.open_store(settings, None)
    try:
        found = await store.change_directory(
            [directories.Node(0, settings.node), directories.Account(0, "acme")], "demo"
        )
        account = found.accounts[0].id
        found = await store.change_directory(
            [directories.Pool(0, account, name) for name in ("promo", "orders")], "demo"
        )
        promo, orders = (pool.id for pool in found.pools)
        found = await store.change_directory(
            [
                directories.Source(0, promo, "acme-promo-1-1", ip="127.0.20.1", ehlo="out1.acme.test"),
                directories.Source(0, promo, "acme-promo-1-2", ip="127.0.20.2", ehlo="out2.acme.test"),
                directories.Source(0, orders, "acme-orders-1-1", ip="127.0.20.3", ehlo="out3.acme.test"),
                directories.ApiKey(0, "demo", directories.Role.ADMIN, credentials.mac(pepper, console_key)),
                directories.User(0, "demo", directories.Role.ADMIN, ""),
                directories.SenderDomain(
                    0,
                    account,
                    NEWS,
                    directories.ReturnPath.VERP,
                    BOUNCE,
                    proved_since=clocks.SystemClock().now_ms(),
                    unsubscribe_url=f"https://leave.{NEWS}/u/",
                ),
                signing.new_key(0),
                directories.SenderDomain(0, account, SHOP),
                directories.Bridge(
                    0,
                    account,
                    "news",
                    promo,
                    password_mac=credentials.mac(pepper, password),
                    notify_sender=directories.NotifySender.OFF,
                ),
                directories.Bridge(
                    0,
                    account,
                    "shop",
                    orders,
                    kind=directories.BridgeKind.TRANSACTIONAL,
                    key_mac=credentials.mac(pepper, key),
                    notify_sender=directories.NotifySender.OFF,  # its domains take no mail in the sandbox
                ),
            ],
            "demo",
        )
        await store.change_directory([_signing(domain, world) for domain in found.sender_domains], "demo")
        secret, link = entrance.new_link(pepper, found.users[0], clocks.SystemClock().now_ms())
        await store.sessions.offer(link)
    finally:
        await store.close()
    address = entrance.link_address(settings.console, secret)
    return Installed(path, settings, smtp, web, password, key, console, console_key, address)


def _publish(world: worlds.World) -> None:
    """What the sandbox's DNS says of the demo's own names: the bounce domain's mail comes to us, and its SPF lets our Sources send."""
    world.dns.publish_host(HOST, "127.0.0.1")
    world.dns.publish_mx(BOUNCE, HOST)
    world.dns.publish(BOUNCE, ("v=spf1 ip4:127.0.20.0/24 -all",))
    for number in (1, 2, 3):
        world.dns.publish_host(f"out{number}.acme.test", f"127.0.20.{number}")


def _signing(domain: directories.SenderDomain, world: worlds.World) -> directories.DkimKey:
    """A key that signs the domain's mail, its record in the sandbox's DNS."""
    key = keymaking.make(keys.Algorithm.RSA)
    world.dns.publish(f"demo._domainkey.{domain.domain}", keys.strings(key.record))
    now = clocks.SystemClock().now_ms()
    staged = keymaking.entry(domain.id, "demo", key, now)
    return keymaking.in_state(staged, directories.KeyState.ACTIVE, now)


def message(person: str, subject: str) -> str:
    """One letter."""
    return (
        f"From: Acme <letter@{NEWS}>\r\nTo: <{person}>\r\nSubject: {subject}\r\n"
        f"X-Gatepost-List: readers\r\n\r\nHello {person.partition('@')[0]}, here is what is new.\r\n"
    )


def send_by_http(installed: Installed, people: Sequence[str], subject: str) -> None:
    """As an application does: batches over the API. Raises GatepostError."""
    client = http.client.HTTPConnection(installed.http)
    headers = {"Authorization": f"Bearer {installed.key}", "Content-Type": "application/json"}
    try:
        for at in range(0, len(people), BATCH):
            batch = [
                {"from": f"Acme Shop <orders@{SHOP}>", "to": [to], "subject": subject, "text": "On its way."}
                for to in people[at : at + BATCH]
            ]
            client.request("POST", "/v1/send", json.dumps({"messages": batch}), headers)
            answer = client.getresponse()
            text = answer.read()
            if answer.status != http.HTTPStatus.ACCEPTED:
                raise errors.GatepostError(f"the demo's own submission was refused: {text[:300]!r}")
    finally:
        client.close()


def _free_address() -> str:
    [sock] = listen.bind("127.0.0.1", 0, "demo")
    with sock:
        return f"127.0.0.1:{sock.getsockname()[1]}"
