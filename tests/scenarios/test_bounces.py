"""The main job on real sockets: submitted, delivered, classified, suppressed, retried."""

import asyncio
import http.client
import json
import signal
import smtplib
from pathlib import Path

import pytest
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost.model import directory as directories
from gatepost.model import event as events

State = events.State
MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\nX-Token: t1\r\n\r\n.dot\r\n..two\r\nbye\r\n"


async def test_a_message_goes_out_as_it_came_in_with_what_was_missing_added(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        wire = MESSAGE.replace(b"\r\n.", b"\r\n..")
        assert (await gateways.submit(gateway.open, wire, ["ann@rcpt.test"]))[-1].startswith(
            b"250 2.0.0 Queued as "
        )
        await gateway.wait_open()
        [(_, _, body)] = sink.taken
        assert body.endswith(wire[wire.index(b"From:") :])
        assert body.startswith(b"Received: from ")
        assert b"\r\nMessage-ID: <" in body
        assert b"\r\nDate: " in body


@pytest.mark.parametrize("mode", list(directories.OnSuppressed), ids=lambda mode: mode.name.lower())
async def test_a_hard_bounce_suppresses_and_the_next_submission_is_rejected(
    tmp_path: Path, mode: directories.OnSuppressed
) -> None:
    async with (
        receivers.Receiver() as sink,
        gateways.running(tmp_path, sink.port, on_suppressed=mode) as gateway,
    ):
        await gateways.submit(gateway.open, MESSAGE, ["dead1@rcpt.test"])
        await gateway.wait_open()
        bounce = next(e for e in await gateway.events() if e.state is State.BOUNCED)
        assert bounce.reply == b"550 5.1.1 <dead1@rcpt.test>: no such user here \xe9"
        assert (bounce.category, bounce.action) == ("recipient.unknown", events.Action.SUPPRESS)
        said = await gateways.submit(gateway.open, MESSAGE, ["Dead1@rcpt.test"])
        if mode is directories.OnSuppressed.ACCEPT:
            assert b"1 of 1 recipients suppressed" in said[-1]
        else:
            assert said[1].startswith(b"550 5.7.1 Recipient is suppressed: ")
            assert said[2].startswith(b"554 5.5.1")
        assert sink.asked["dead1@rcpt.test"] + sink.asked["Dead1@rcpt.test"] == 1
        await asyncio.sleep(0.1)
        assert (await gateway.events())[-1].state is State.REJECTED


async def test_a_soft_bounce_is_retried_and_delivered(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        await gateways.submit(gateway.open, MESSAGE, ["later@rcpt.test", "ann@rcpt.test"])
        await gateway.wait_open()
        states = [e.state for e in await gateway.events() if e.recipient == "later@rcpt.test"]
        assert states == [State.QUEUED, State.DEFERRED, State.DELIVERED]
        assert sink.tokens("later@rcpt.test") == sink.tokens("ann@rcpt.test") == [b"t1"]


async def test_every_recipient_is_charged_with_its_own_reply(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test", "dead@rcpt.test", "later@rcpt.test"])
        await gateway.wait_open()
        async with gateway.store() as store:
            entries = await store.suppressions((), 0, 10)
        assert [entry.target for _, entry in entries] == ["dead@rcpt.test"]


def _log_in(port: int, password: str) -> dict[str, tuple[int, bytes]]:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.login("shop", password)
        return client.sendmail("news@shop.test", ["ann@rcpt.test"], MESSAGE.decode())


async def test_smtplib_logs_in_and_a_wrong_password_or_sender_is_refused(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        assert await asyncio.to_thread(_log_in, gateway.login, gateway.password) == {}
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await asyncio.to_thread(_log_in, gateway.login, "wrong")
        said = await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"], sender="x@evil.test")
        assert said[0].startswith(b"550 5.7.1")
        said = await gateways.submit(gateway.open, MESSAGE.replace(b"shop", b"evil", 1), ["ann@rcpt.test"])
        assert said[-1].startswith(b"550 5.7.1 From")
        said = await gateways.submit(gateway.login, MESSAGE, ["ann@rcpt.test"])
        assert said[0].startswith(b"530")


def _post(port: int, key: str, body: object) -> tuple[int, object]:
    client = http.client.HTTPConnection("127.0.0.1", port)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    client.request("POST", "/v1/send", json.dumps(body), headers)
    response = client.getresponse()
    found = response.status, json.loads(response.read())
    client.close()
    return found


async def test_a_message_over_http_is_delivered(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        body = {"from": "news@shop.test", "to": ["ann@rcpt.test"], "subject": "Grüße", "text": "hällo"}
        status, answer = await asyncio.to_thread(_post, gateway.http, gateway.key, body)
        assert status == 202, answer
        await gateway.wait_open()
        assert [to for to, _, _ in sink.taken] == ["ann@rcpt.test"]
        status, _ = await asyncio.to_thread(_post, gateway.http, "gp_wrong", body)
        assert status == 401
        status, answer = await asyncio.to_thread(
            _post, gateway.http, gateway.key, {**body, "subject": "x\r\nBcc: e@x"}
        )
        assert status == 422


async def test_two_workers_share_the_ports_and_the_lanes(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port, workers=2) as gateway:
        jobs = [gateways.submit(gateway.open, MESSAGE, [f"u{n}@d{n % 7}.test"]) for n in range(60)]
        assert all(said[-1].startswith(b"250") for said in await asyncio.gather(*jobs))
        await gateway.wait_open()
        assert len(sink.taken) == 60
        async with gateway.store() as store:
            assert all(kept == again and kept.holds for kept, again in await store.ledger())


async def test_sigterm_finishes_what_is_under_way_and_leaves_the_rest(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        await asyncio.gather(
            *(gateways.submit(gateway.open, MESSAGE, [f"u{n}@rcpt.test"]) for n in range(30))
        )
        assert await gateway.stop(signal.SIGTERM) == 0
        await gateway.start()
        await gateway.wait_open()
        assert len({to for to, _, _ in sink.taken}) == len(sink.taken) == 30
