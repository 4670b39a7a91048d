"""What comes back after the 250, on real sockets: a bounce mail, a complaint, forgeries, relaying, a flood, a kill."""

import asyncio
import contextlib
import re
import signal
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.net import dns_server
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost import config
from gatepost.app import signing
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import late
from gatepost.reports import token as tokens

State = events.State
MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\nX-Token: t1\r\n\r\nhi\r\n"
BOUNCE = "bounce.shop.test"
ZONE: dict[tuple[str, str], list[str] | str] = {
    (BOUNCE, "MX"): ["10 gw.test."],
    (BOUNCE, "TXT"): ['"v=spf1 ip4:127.0.0.1 -all"'],
    ("gw.test", "A"): ["127.0.0.1"],
}
INBOUND = """
[inbound]
address = "127.0.0.1:{inbound}"
unverified_per_min = 20
operator = "ops@operator.test"
bridge = "shop"
[dns]
server = "127.0.0.1:{dns}"
"""
_MARK = re.compile(rb"^X-Gatepost-Token: (\S+)\r$", re.MULTILINE)


@contextlib.asynccontextmanager
async def running(
    path: Path,
    sink: receivers.Receiver,
    *,
    verp: bool = True,
    workers: int = 1,
    notify_sender: directories.NotifySender = directories.NotifySender.OFF,
) -> AsyncIterator[tuple[gateways.Gateway, int]]:
    """A started gateway with an inbound listener, and its port; under verp it is proved."""
    async with dns_server.serving(ZONE) as dns:
        gateway = gateways.Gateway(path, sink.port, workers=workers)
        [inbound] = gateways.free_ports(1)
        with gateway.toml.open("a") as file:
            file.write(INBOUND.format(inbound=inbound, dns=dns.port))
        gateway.settings = config.load(gateway.toml, {})
        await gateway.init(notify_sender=notify_sender)
        if verp:
            await set_verp(gateway)
        await gateway.start()
        try:
            if verp:
                await proved(gateway)
            yield gateway, inbound
        finally:
            gateway.kill_all()


async def set_verp(gateway: gateways.Gateway) -> None:
    async with gateway.store() as store:
        [domain] = (await store.directory()).sender_domains
        verp = msgspec.structs.replace(domain, return_path=directories.ReturnPath.VERP, bounce_domain=BOUNCE)
        await store.change_directory([verp], "test")


async def proved(gateway: gateways.Gateway, *, wanted: bool = True) -> None:
    """Until the check of the bounce domain says so, and the workers know it."""
    async with gateway.store() as store:
        for _ in range(200):
            if (await store.directory()).sender_domains[0].verp is wanted:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError(gateway.log.read_text())
    await gateway.wait_directory()


async def bring(port: int, to: str, mail: bytes) -> bytes:
    """One mail to the inbound listener; the reply that decided."""
    said = await gateways.submit(port, mail, [to], sender="")
    return said[1] if not said[1].startswith(b"250") else said[-1]


def dsn(named: str, diagnostic: str = "550 5.1.1 <x>: no such user", action: str = "failed") -> bytes:
    """As a server of another maker writes it."""
    return (
        "From: MAILER-DAEMON@mx.rcpt.test\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="=b"\r\n\r\n'
        "--=b\r\nContent-Type: text/plain\r\n\r\nsorry\r\n--=b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.rcpt.test\r\n\r\nFinal-Recipient: rfc822; {named}\r\nAction: {action}\r\n"
        f"Status: 5.1.1\r\nDiagnostic-Code: smtp; {diagnostic}\r\n\r\n--=b--\r\n"
    ).encode()


def arf(mark: bytes, kind: str = "abuse") -> bytes:
    return (
        b"From: fbl@provider.test\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="=b"\r\n\r\n'
        b"--=b\r\nContent-Type: text/plain\r\n\r\nspam\r\n--=b\r\nContent-Type: message/feedback-report\r\n\r\n"
        b"Feedback-Type: " + kind.encode() + b"\r\nUser-Agent: fbl/1\r\nVersion: 1\r\n"
        b"Original-Rcpt-To: victim@else.test\r\n\r\n--=b\r\nContent-Type: message/rfc822\r\n\r\n"
        b"X-Gatepost-Token: " + mark + b"\r\nFrom: news@shop.test\r\n\r\nhi\r\n--=b--\r\n"
    )


async def targets(gateway: gateways.Gateway) -> list[str]:
    async with gateway.store() as store:
        return [entry.target for _, entry in await store.suppressions((), 0, 100)]


async def test_a_bounce_mail_to_the_return_path_suppresses_and_the_next_submission_is_rejected(
    tmp_path: Path,
) -> None:
    async with receivers.Receiver() as sink, running(tmp_path, sink) as (gateway, inbound):
        await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test", "bob@rcpt.test"])
        await gateway.wait_open()
        assert len(set(sink.senders)) == len(sink.senders) == 2  # one transaction and one return path each
        path = dict(zip([to for to, _, _ in sink.taken], sink.senders, strict=True))["ann@rcpt.test"]
        assert path.endswith(f"@{BOUNCE}")
        said = await bring(inbound, path.upper(), dsn("forwarded@elsewhere.test"))
        assert said.startswith(b"250 2.0.0 "), said
        assert await targets(gateway) == ["ann@rcpt.test"]
        told = [e for e in await gateway.events() if e.recipient == "ann@rcpt.test"]
        assert [e.state for e in told][-3:] == [State.DELIVERED, State.BOUNCED, State.SUPPRESSED]
        assert told[-2].flags is events.Flag.LATE
        assert told[-2].reply == b"550 5.1.1 <x>: no such user"
        said_next = await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"])
        assert b"1 of 1 recipients suppressed" in said_next[-1]
        async with gateway.store() as store:
            assert all(kept == again and kept.holds for kept, again in await store.ledger())


async def test_a_complaint_is_tied_by_the_header_also_where_the_return_path_is_kept(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, running(tmp_path, sink, verp=False) as (gateway, inbound):
        await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"])
        await gateways.submit(gateway.open, MESSAGE, ["bob@rcpt.test", "eve@rcpt.test"])
        await gateway.wait_open()
        assert set(sink.senders) == {"news@shop.test"}
        for to, _, body in sink.taken:
            found = _MARK.search(body)
            assert found is not None
            assert (
                await bring(inbound, "feedback@gw.test", arf(found[1]) + to.encode() + b"\r\n")
            ).startswith(b"250")
        assert await targets(gateway) == ["ann@rcpt.test"]  # of bob and eve nobody can tell who complained
        states = [e.state for e in await gateway.events()]
        assert (states.count(State.COMPLAINT), states.count(State.REPORTED)) == (1, 2)


async def test_a_forged_an_expired_and_a_repeated_report_change_nothing(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, running(tmp_path, sink) as (gateway, inbound):
        await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"])
        await gateway.wait_open()
        [path] = sink.senders
        local = path.partition("@")[0]
        forged = local[:-1] + ("0" if local[-1] != "0" else "1")
        assert (await bring(inbound, f"{forged}@{BOUNCE}", dsn("ann@rcpt.test"))).startswith(b"550 5.1.1")
        async with gateway.store() as store:
            key = signing.keys(await store.directory()).by_id(1)
        assert key is not None
        old = tokens.make(tokens.Purpose.RETURN_PATH, tokens_about(local), 1_700_000_000_000, key)
        assert (await bring(inbound, f"{old}@{BOUNCE}", dsn("ann@rcpt.test"))).startswith(b"250")
        assert (await bring(inbound, f"feedback@{BOUNCE}", dsn("ann@rcpt.test"))).startswith(b"250")
        assert (await bring(inbound, path, dsn("ann@rcpt.test", action="delayed"))).startswith(b"250")
        assert await targets(gateway) == []
        both = await asyncio.gather(*(bring(inbound, path, dsn("ann@rcpt.test")) for _ in range(5)))
        assert all(one.startswith(b"250") for one in both)
        states = [e.state for e in await gateway.events()]
        assert (states.count(State.BOUNCED), states.count(State.SUPPRESSED)) == (1, 1)
        async with gateway.store() as store:
            standings = [one.standing for one in await store.reports(0, 10)]
        assert standings == [
            late.Standing.VERIFIED,
            late.Standing.VERIFIED,
            late.Standing.UNVERIFIED,
            late.Standing.EXPIRED,
        ]


def tokens_about(local: str) -> int:
    from gatepost.model import ids

    return ids.from_text(local.split(".")[1])


async def test_nothing_is_relayed_and_the_operators_mail_is_forwarded(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, running(tmp_path, sink) as (gateway, inbound):
        for address in ("x@external.test", "x%external.test@shop.test", "ann@rcpt.test", f"x@{BOUNCE}"):
            assert (await bring(inbound, address, MESSAGE)).startswith(b"550 5.7.1"), address
        assert (await bring(inbound, "abuse@shop.test", MESSAGE)).startswith(b"250")
        await gateway.wait_open()
        [(to, _, body)] = sink.taken
        assert to == "ops@operator.test"
        assert sink.senders == [""]
        assert MESSAGE in body
        assert b"\r\nSubject: Mail to abuse@shop.test\r\n" in body


async def test_a_flood_is_answered_with_421_and_451_and_the_reports_get_through(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, running(tmp_path, sink) as (gateway, inbound):
        await asyncio.gather(
            *(gateways.submit(gateway.open, MESSAGE, [f"u{n}@rcpt.test"]) for n in range(60))
        )
        await gateway.wait_open()

        async def heard_of(to: str, mail: bytes, until: tuple[bytes, ...]) -> list[bytes]:
            heard: list[bytes] = []
            while not (heard and heard[-1].startswith(until)):
                try:
                    heard.append(await bring(inbound, to, mail))
                except ConnectionError:  # after a 421 in the greeting
                    heard.append(b"421")
                await asyncio.sleep(0.02)
            return heard

        reports = [heard_of(path, dsn("x@y.test"), (b"250",)) for path in sink.senders]
        noise = [
            heard_of(f"feedback@{BOUNCE}", arf(b"x") + b"%d\r\n" % n, (b"250", b"451")) for n in range(150)
        ]
        found = await asyncio.gather(*reports, *noise)
        heard = [one for several in found for one in several]
        assert {one[:1] for one in heard} <= {b"2", b"4"}
        assert any(one.startswith(b"451 4.7.1") for one in heard)
        assert sorted(await targets(gateway)) == sorted(f"u{n}@rcpt.test" for n in range(60))


@pytest.mark.slow
async def test_what_was_answered_250_survives_a_kill(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, running(tmp_path, sink, workers=2) as (gateway, inbound):
        await asyncio.gather(
            *(gateways.submit(gateway.open, MESSAGE, [f"u{n}@rcpt.test"]) for n in range(40))
        )
        await gateway.wait_open()
        of = dict(zip(sink.senders, [to for to, _, _ in sink.taken], strict=True))
        acknowledged: list[str] = []
        enough = asyncio.Event()

        async def report(path: str) -> None:
            with contextlib.suppress(OSError, TimeoutError):
                if (await bring(inbound, path, dsn("x@y.test"))).startswith(b"250"):
                    acknowledged.append(of[path])
                    if len(acknowledged) >= 10:
                        enough.set()

        reporting = [asyncio.get_running_loop().create_task(report(path)) for path in of]
        await asyncio.wait_for(enough.wait(), 30)
        gateway.kill_all()
        await asyncio.gather(*reporting)
        await gateway.start()
        assert set(acknowledged) <= set(await targets(gateway))
        for path in of:
            assert (await bring(inbound, path, dsn("x@y.test"))).startswith(b"250")
        assert sorted(await targets(gateway)) == sorted(of.values())
        states = [e.state for e in await gateway.events()]
        assert states.count(State.BOUNCED) == states.count(State.SUPPRESSED) == 40  # each once
        assert await gateway.stop(signal.SIGTERM) == 0


async def test_where_the_bounce_domain_is_wrong_the_submitters_return_path_is_kept(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, running(tmp_path, sink) as (gateway, _):
        async with gateway.store() as store:
            [domain] = (await store.directory()).sender_domains
            wrong = msgspec.structs.replace(domain, bounce_domain="other.shop.test", proved_since=0)
            await store.change_directory([wrong], "test")
            for _ in range(100):
                [domain] = (await store.directory()).sender_domains
                if domain.problem:
                    break
                await asyncio.sleep(0.05)
        assert "other.shop.test" in domain.problem
        await gateway.wait_directory()
        await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"])
        await gateway.wait_open()
        assert sink.senders == ["news@shop.test"]


async def set_leaving(gateway: gateways.Gateway) -> None:
    """A key that signs, and where recipients leave."""
    private = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    async with gateway.store() as store:
        [domain] = (await store.directory()).sender_domains
        key = directories.DkimKey(
            0,
            domain.id,
            "e1",
            directories.KeyAlgorithm.ED25519,
            private.decode(),
            directories.KeyState.ACTIVE,
        )
        url = f"http://127.0.0.1:{gateway.http}/u/"
        await store.change_directory([key, msgspec.structs.replace(domain, unsubscribe_url=url)], "test")
    await gateway.wait_directory()


def _ask(method: str, url: str) -> int:
    request = urllib.request.Request(
        url, b"List-Unsubscribe=One-Click" if method == "POST" else None, method=method
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return int(answer.status)


@pytest.mark.parametrize("way", ["web", "mail"])
async def test_a_recipient_leaves_a_list_and_gets_other_mail_on(tmp_path: Path, way: str) -> None:
    listed = MESSAGE.replace(b"X-Token", b"X-Gatepost-List: news\r\nX-Token")
    async with receivers.Receiver() as sink, running(tmp_path, sink) as (gateway, inbound):
        await set_leaving(gateway)
        await gateways.submit(gateway.open, listed, ["ann@rcpt.test"])
        await gateway.wait_open()
        [(_, _, body)] = sink.taken
        found = re.search(
            rb"\r\nList-Unsubscribe: <(http://\S+)>,\r\n <mailto:(\S+)\?subject=unsubscribe>\r\n", body
        )
        assert found is not None
        assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in body
        assert re.search(rb"\r\nFeedback-ID: news-[0-9a-f]{8}:news:shop:shop\.test\r\n", body)
        signed = body[body.index(b"h=") : body.index(b"bh=")].replace(b"\r\n\t", b"").lower()
        for name in (b"list-unsubscribe", b"list-unsubscribe-post", b"x-gatepost-token", b"feedback-id"):
            assert signed.split(b";")[0].replace(b" ", b"").split(b":").count(name) == 2
        if way == "web":
            assert await asyncio.to_thread(_ask, "GET", found[1].decode()) == 200
            assert await targets(gateway) == []
            assert await asyncio.to_thread(_ask, "POST", found[1].decode()) == 200
        else:
            assert (await bring(inbound, found[2].decode(), b"Subject: unsubscribe\r\n\r\n")).startswith(
                b"250"
            )
        assert await targets(gateway) == ["ann@rcpt.test"]
        assert (
            b"1 of 1 recipients suppressed"
            in (await gateways.submit(gateway.open, listed, ["ann@rcpt.test"]))[-1]
        )
        assert b"suppressed" not in (await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"]))[-1]


async def test_the_sender_is_told_of_a_bounce_that_came_to_our_return_path(tmp_path: Path) -> None:
    on = directories.NotifySender.ON
    async with receivers.Receiver() as sink, running(tmp_path, sink, notify_sender=on) as (gateway, inbound):
        await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"])
        await gateway.wait_open()
        for _ in range(2):
            assert (await bring(inbound, sink.senders[0], dsn("ann@rcpt.test"))).startswith(b"250")
        while len(sink.taken) < 2:  # noqa: ASYNC110 - the receiver has no bell; the test has its time-out
            await asyncio.sleep(0.05)
        to, _, body = sink.taken[1]
        assert (to, sink.senders[1]) == ("news@shop.test", "")
        assert b"\r\nDiagnostic-Code: smtp; 550 5.1.1 <x>: no such user\r\n" in body
        assert b"\r\nSubject: hello\r\nMessage-ID: <" in body
        await gateway.wait_open()
        noted = [e for e in await gateway.events() if e.state is State.NOTIFIED]
        assert len(noted) == 1
