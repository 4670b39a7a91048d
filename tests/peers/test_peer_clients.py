"""Submission by clients that are not ours: swaks, smtplib and Nodemailer log in, over TLS too; strangers relay nothing.

Nodemailer is found in the directory that ``PEERS_NODE`` names; ``.ci/peers`` gets it.
"""

import asyncio
import contextlib
import json
import os
import smtplib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.peers import outsiders, sending
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost import config
from gatepost.model import directory as directories
from gatepost.model import event as events

pytestmark = [pytest.mark.peers, pytest.mark.long]
State = events.State
MODES = pytest.mark.parametrize("mode", list(directories.OnSuppressed), ids=lambda mode: mode.name.lower())
_TLS = """
[[listener]]
name = "secure"
address = "127.0.0.1:{starttls}"
tls = "starttls"
[[listener]]
name = "wrapped"
address = "127.0.0.1:{implicit}"
tls = "implicit"
[tls]
cert = "{cert}"
key = "{key}"
"""


class Office(gateways.Gateway):
    """A gateway that listens with STARTTLS and with TLS from the first byte too."""

    def __init__(self, path: Path, sink: int) -> None:
        super().__init__(path, sink)
        self.starttls, self.implicit = gateways.free_ports(2)
        self.cert, key = outsiders.certificate(path / "tls", "localhost")
        more = _TLS.format(starttls=self.starttls, implicit=self.implicit, cert=self.cert, key=key)
        self.toml.write_text(self.toml.read_text() + more)
        self.settings = config.load(self.toml, {})


@contextlib.asynccontextmanager
async def office(
    path: Path, sink: int, mode: directories.OnSuppressed = directories.OnSuppressed.ACCEPT
) -> AsyncIterator[Office]:
    """A started one that is gone afterwards."""
    found = Office(path, sink)
    await found.init(mode)
    await found.start()
    try:
        yield found
    finally:
        found.kill_all()


async def swaks(port: int, *flags: str, to: str = "ann@rcpt.test") -> tuple[int, str]:
    """Its exit status and transcript."""
    found = outsiders.program("swaks", "swaks")
    fixed = ["--server", f"127.0.0.1:{port}", "--ehlo", "client.test", "--timeout", "10"]
    envelope = ["--from", "news@shop.test", "--to", to, "--body", "Good morning"]
    return await sending.run([found, *fixed, *envelope, *flags])


def _login(gateway: gateways.Gateway, mechanism: str) -> list[str]:
    return ["--auth", mechanism, "--auth-user", "shop", "--auth-password", gateway.password]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("way", ["clear", "starttls", "implicit"])
async def test_swaks_logs_in_and_its_message_is_delivered(tmp_path: Path, mechanism: str, way: str) -> None:
    async with receivers.Receiver() as sink, office(tmp_path, sink.port) as gateway:
        port, flags = {
            "clear": (gateway.login, []),
            "starttls": (gateway.starttls, ["--tls", "--tls-protocol", "tlsv1_3"]),
            "implicit": (gateway.implicit, ["--tls-on-connect", "--tls-ca-path", str(gateway.cert)]),
        }[way]
        status, said = await swaks(port, *_login(gateway, mechanism), *flags)
        assert status == 0, said
        assert ("TLS started" in said) == (way != "clear"), said
        await gateway.wait_open()
        assert [(to, b"\r\n\r\nGood morning\r\n" in body) for to, _, body in sink.taken] == [
            ("ann@rcpt.test", True)
        ]


async def test_swaks_may_not_log_in_with_a_wrong_password_nor_in_clear_where_tls_is_offered(
    tmp_path: Path,
) -> None:
    async with receivers.Receiver() as sink, office(tmp_path, sink.port) as gateway:
        wrong = ["--auth", "PLAIN", "--auth-user", "shop", "--auth-password", "guessed"]
        status, said = await swaks(gateway.starttls, "--tls", *wrong)
        assert status == 28, said  # swaks: AUTH failed
        assert "<~* 535 5.7.8" in said
        status, said = await swaks(gateway.starttls, *_login(gateway, "PLAIN"))
        assert status != 0, said
        assert "AUTH PLAIN" not in said
        await gateway.wait_open()
        assert sink.taken == []


def _smtplib(port: int, gateway: Office, to: str, *, implicit: bool) -> dict[str, tuple[int, bytes]]:
    trust = ssl.create_default_context(cafile=str(gateway.cert))
    with (
        smtplib.SMTP_SSL("localhost", port, timeout=10, context=trust)
        if implicit
        else smtplib.SMTP("localhost", port, timeout=10) as client
    ):
        if not implicit:
            client.starttls(context=trust)
        client.login("shop", gateway.password)
        return client.sendmail("news@shop.test", [to], sending.MESSAGE)


@pytest.mark.parametrize("implicit", [False, True], ids=["starttls", "implicit"])
async def test_smtplib_verifies_the_certificate_and_sends(tmp_path: Path, *, implicit: bool) -> None:
    async with receivers.Receiver() as sink, office(tmp_path, sink.port) as gateway:
        port = gateway.implicit if implicit else gateway.starttls
        assert await asyncio.to_thread(_smtplib, port, gateway, "ann@rcpt.test", implicit=implicit) == {}
        await gateway.wait_open()
        assert [to for to, _, _ in sink.taken] == ["ann@rcpt.test"]


async def _dead(gateway: Office) -> None:
    found = (await sending.send(gateway, ["dead@rcpt.test"]))["dead@rcpt.test"]
    assert (found.state, found.action) == (State.BOUNCED, events.Action.SUPPRESS)


async def _rejected(gateway: Office, sink: receivers.Receiver) -> None:
    for _ in range(50):  # a refusal in the conversation is written down behind the answer
        last = (await gateway.events())[-1]
        if last.state is State.REJECTED:
            break
        await asyncio.sleep(0.05)
    assert (last.state, last.category) == (State.REJECTED, "local.suppressed"), last
    assert last.recipient.casefold() == "dead@rcpt.test"
    assert sink.asked.total() == 1


@MODES
async def test_what_swaks_sends_to_a_dead_address_is_rejected(
    tmp_path: Path, mode: directories.OnSuppressed
) -> None:
    async with receivers.Receiver() as sink, office(tmp_path, sink.port, mode) as gateway:
        await _dead(gateway)
        status, said = await swaks(gateway.login, *_login(gateway, "LOGIN"), to="Dead@rcpt.test")
        if mode is directories.OnSuppressed.ACCEPT:
            assert status == 0, said
            assert "1 of 1 recipients suppressed" in said
        else:
            assert status == 24, said  # swaks: no recipient was accepted
            assert "<** 550 5.7.1 Recipient is suppressed: " in said
        await _rejected(gateway, sink)


@MODES
async def test_what_smtplib_sends_to_a_dead_address_is_rejected(
    tmp_path: Path, mode: directories.OnSuppressed
) -> None:
    async with receivers.Receiver() as sink, office(tmp_path, sink.port, mode) as gateway:
        await _dead(gateway)
        sent = asyncio.to_thread(_smtplib, gateway.starttls, gateway, "dead@rcpt.test", implicit=False)
        if mode is directories.OnSuppressed.ACCEPT:
            assert await sent == {}
        else:
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                await sent
            code, text = refused.value.recipients["dead@rcpt.test"]
            assert (code, text.startswith(b"5.7.1 Recipient is suppressed: ")) == (550, True)
        await _rejected(gateway, sink)


_NODEMAILER = """
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
require("nodemailer").createTransport(asked.transport).sendMail(asked.mail).then(
  (done) => console.log(JSON.stringify({accepted: done.accepted, response: done.response})),
  (error) => console.log(JSON.stringify({code: error.code, responseCode: error.responseCode, response: error.response})),
);
"""


async def _nodemailer(gateway: Office, to: str, *, secure: bool = False) -> dict[str, object]:
    where = Path(os.environ.get("PEERS_NODE", "/nowhere")) / "node_modules"
    if not (where / "nodemailer").is_dir():
        pytest.skip("no Nodemailer: PEERS_NODE names no directory that has it: .ci/peers gets it")
    transport = {
        "host": "localhost",
        "port": gateway.implicit if secure else gateway.starttls,
        "secure": secure,
        "requireTLS": not secure,
        "auth": {"user": "shop", "pass": gateway.password},
        "tls": {"ca": gateway.cert.read_text()},
    }
    mail = {
        "from": "Grüße <news@shop.test>",
        "to": to,
        "subject": "Grüße",
        "text": "hällo\n.dot",
        "html": "<p>hällo",
    }
    status, said = await sending.run(
        [outsiders.program("node", "nodejs"), "-e", _NODEMAILER],
        json.dumps({"transport": transport, "mail": mail}),
        {"NODE_PATH": str(where)},
    )
    assert status == 0, said
    found: dict[str, object] = json.loads(said)
    return found


@pytest.mark.parametrize("secure", [False, True], ids=["starttls", "implicit"])
async def test_nodemailer_sends(tmp_path: Path, *, secure: bool) -> None:
    async with receivers.Receiver() as sink, office(tmp_path, sink.port) as gateway:
        said = await _nodemailer(gateway, "ann@rcpt.test", secure=secure)
        assert said["accepted"] == ["ann@rcpt.test"], said
        await gateway.wait_open()
        assert [to for to, _, _ in sink.taken] == ["ann@rcpt.test"]


@MODES
async def test_what_nodemailer_sends_to_a_dead_address_is_rejected(
    tmp_path: Path, mode: directories.OnSuppressed
) -> None:
    async with receivers.Receiver() as sink, office(tmp_path, sink.port, mode) as gateway:
        await _dead(gateway)
        said = await _nodemailer(gateway, "dead@rcpt.test")
        if mode is directories.OnSuppressed.ACCEPT:
            assert "1 of 1 recipients suppressed" in str(said["response"])
        else:
            assert (said["code"], said["responseCode"]) == ("EENVELOPE", 550)
            assert str(said["response"]).startswith("550 5.7.1 Recipient is suppressed: ")
        await _rejected(gateway, sink)


# What open-relay testers try: sender and recipient of each form.
RELAY = [
    ("plain", "<x@evil.test>", "<victim@else.test>"),
    ("own-domain", "<news@shop.test>", "<victim@else.test>"),
    ("null-sender", "<>", "<victim@else.test>"),
    ("own-name", "<news@gw.test>", "<victim@else.test>"),
    ("localhost", "<root@localhost>", "<victim@else.test>"),
    ("address-literal", "<x@[127.0.0.1]>", "<victim@else.test>"),
    ("no-domain", "<root>", "<victim@else.test>"),
    ("percent", "<x@evil.test>", "<victim%else.test@gw.test>"),
    ("percent-literal", "<x@evil.test>", "<victim%else.test@[127.0.0.1]>"),
    ("quoted", "<x@evil.test>", '<"victim@else.test">'),
    ("quoted-percent", "<x@evil.test>", '<"victim%else.test">'),
    ("twice", "<x@evil.test>", "<victim@else.test@gw.test>"),
    ("quoted-twice", "<x@evil.test>", '<"victim@else.test"@gw.test>'),
    ("source-route", "<x@evil.test>", "<@gw.test:victim@else.test>"),
    ("bang", "<x@evil.test>", "<else.test!victim>"),
    ("bang-at", "<x@evil.test>", "<else.test!victim@gw.test>"),
    ("postmaster", "<x@evil.test>", "<postmaster>"),
]


@pytest.mark.parametrize("way", ["login", "starttls", "tls-without-auth"])
async def test_without_a_login_nothing_is_relayed_in_any_form(tmp_path: Path, way: str) -> None:
    async with receivers.Receiver() as sink, office(tmp_path, sink.port) as gateway:
        port = gateway.login if way == "login" else gateway.starttls
        flags = ["--tls"] if way == "tls-without-auth" else []
        for name, sender, to in RELAY:
            status, said = await swaks(port, "--from", sender, *flags, to=to)
            assert status == 23, (name, said)  # swaks: MAIL was refused
            assert "<** 530 5.7.0" in said or "<~* 530 5.7.0" in said, (name, said)
        await gateway.wait_open()
        assert sink.asked.total() == 0
        assert [one for one in await gateway.events() if one.message] == []
