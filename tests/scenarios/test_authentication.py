"""A provider refuses a sender domain's authentication: its mail is held, and goes by itself when that is mended."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.net import dns_server
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost.dkim import keys as dkim_keys
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.store import port

MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\n\r\nbye\r\n"
KEY = dkim_keys.Key(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ZONE: dns_server.Zone = {
    ("shop.test", "TXT"): ['"v=spf1 ip4:127.0.0.1 -all"'],
    ("shop.test", "MX"): ["10 mx.shop.test."],
    ("mx.shop.test", "A"): ["127.0.0.1"],
    ("gw.test", "A"): ["127.0.0.1"],
    ("s1._domainkey.shop.test", "TXT"): [f'"{KEY.record}"'],
    ("_dmarc.shop.test", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:d@shop.test"'],
}


async def standing(store: port.Store) -> list[directives.Directive]:
    return [one for one in (await store.directory()).directives if not one.ended_at]


@pytest.mark.slow
async def test_a_broken_key_holds_a_domains_mail_until_it_is_mended(tmp_path: Path) -> None:
    async with dns_server.serving(ZONE) as names, receivers.Receiver() as sink:
        policy = f'[dns]\nserver = "127.0.0.1:{names.port}"\n'
        sink.says = {f"a{n}@rcpt.test": b"550 5.7.26 DKIM did not verify" for n in range(3)}
        async with (
            gateways.running(tmp_path, sink.port, scale=0.01, policy=policy) as gateway,
            gateway.store() as store,
        ):
            key = directories.DkimKey(0, 1, "s1", directories.KeyAlgorithm.ED25519, KEY.pem)
            known = await store.change_directory([key], "test")
            for n in range(3):
                await gateways.submit(gateway.open, MESSAGE, [f"a{n}@rcpt.test"])
            async with asyncio.timeout(30):
                while not await standing(store):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.1)
            [hold] = await standing(store)
            assert (hold.kind, hold.actor) == (directives.DirectiveKind.HOLD, "gatepost")
            assert "no key signs this domain's mail" in hold.reason
            await gateway.wait_directory()
            await gateways.submit(gateway.open, MESSAGE, ["new@rcpt.test"])
            async with asyncio.timeout(30):
                while (await store.held()).get(hold.id, 0) != 4:  # noqa: ASYNC110 - as above
                    await asyncio.sleep(0.1)
            assert sink.asked["new@rcpt.test"] == 0
            sink.says = {}
            active = msgspec.structs.replace(known.dkim_keys[0], state=directories.KeyState.ACTIVE)
            await store.change_directory([active], "test")
            await gateway.wait_open()
            async with asyncio.timeout(30):
                while await standing(store):  # noqa: ASYNC110 - other processes
                    await asyncio.sleep(0.1)
            assert sink.taken[0][0] == "a0@rcpt.test"
            assert sorted(to for to, _, _ in sink.taken) == [f"a{n}@rcpt.test" for n in range(3)] + [
                "new@rcpt.test"
            ]
        told = await gateway.events()
        assert not [one for one in told if one.state in {events.State.BOUNCED, events.State.SUPPRESSED}]
