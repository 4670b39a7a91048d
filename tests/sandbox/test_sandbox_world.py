"""The sandbox over real sockets: a plain SMTP client meets its providers."""

import asyncio
import contextlib
import datetime as dt
import smtplib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gatepost.net import tls
from gatepost.sandbox import mx, world

LETTER = "From: <letter@news.test>\r\nSubject: hello\r\n\r\n.one\r\ntwo\r\n"


@contextlib.asynccontextmanager
async def _running(context: ssl.SSLContext | None = None) -> AsyncIterator[world.World]:
    found = world.World(1, context)
    await found.start()
    try:
        yield found
    finally:
        found.stop()


def _server(found: world.World, name: str) -> mx.MxServer:
    return next(server for server in found.servers if server.provider.name == name)


def _send(ip: str, port: int, recipients: list[str], *, encrypt: bool = False) -> tuple[int, bytes]:
    """The reply that counts: the first refusal, or the one after the final dot."""
    with contextlib.suppress(smtplib.SMTPServerDisconnected), smtplib.SMTP(ip, port, timeout=10) as client:
        client.ehlo("client.test")
        if encrypt:
            client.starttls(context=tls.client_context(verify=False))
            client.ehlo("client.test")
        client.mail("letter@news.test")
        said = [client.rcpt(recipient) for recipient in recipients]
        if any(code >= 400 for code, _ in said):
            return next(reply for reply in said if reply[0] >= 400)
        return client.data(LETTER)
    return 0, b"dropped"


async def _sent(found: world.World, name: str, *recipients: str) -> tuple[int, bytes]:
    ip = _server(found, name).provider.ip
    return await asyncio.to_thread(_send, ip, found.port, list(recipients))


async def test_a_message_is_taken_and_counted_once_for_each_recipient() -> None:
    async with _running() as found:
        code, _ = await _sent(found, "hosting", "accept.1@firm1.test", "accept.2@firm1.test")
        assert code == 250
        assert _server(found, "hosting").taken == {"accept.1@firm1.test": 1, "accept.2@firm1.test": 1}


async def test_an_unknown_user_is_refused_with_the_providers_words() -> None:
    async with _running() as found:
        code, text = await _sent(found, "google", "unknown@gmail-like.test")
        assert (code, text.splitlines()[0]) == (
            550,
            b"5.1.1 The email account that you tried to reach does not exist. Please try",
        )
        assert not _server(found, "google").taken


@pytest.mark.parametrize(("word", "first"), [("greylist", 450), ("drop", 0)], ids=["greylist", "drop"])
async def test_what_passes_is_taken_at_the_second_try(word: str, first: int) -> None:
    async with _running() as found:
        person = f"{word}@firm1.test"
        tries = [(await _sent(found, "hosting", person))[0] for _ in range(2)]
        assert tries == [first, 250]
        assert _server(found, "hosting").taken == {person: 1}


async def test_a_refusal_of_the_content_comes_after_the_dot_and_nothing_is_taken() -> None:
    async with _running() as found:
        assert (await _sent(found, "apple", "spam@icloud-like.test"))[0] == 554
        assert not _server(found, "apple").taken


async def test_from_a_message_on_one_provider_refuses_one_domains_signature() -> None:
    async with _running() as found:
        found.refuse_dkim("gmx", "news.test", after=1)
        codes = [(await _sent(found, "gmx", f"accept.{n}@gmx-like.test"))[0] for n in range(3)]
        assert codes == [250, 550, 550]
        assert (await _sent(found, "apple", "accept@icloud-like.test"))[0] == 250


async def test_a_provider_that_hangs_is_left_without_a_trace() -> None:
    async with _running() as found:
        reader, writer = await asyncio.open_connection(_server(found, "hosting").provider.ip, found.port)
        writer.write(b"EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<hang@firm1.test>\r\nNOOP\r\n")
        said = await reader.readuntil(b"2.1.0 Ok\r\n")
        assert said.startswith(b"220 ")
        found.stop()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


@pytest.fixture
def context(tmp_path: Path) -> ssl.SSLContext:
    paths = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = tls.self_signed("sandbox.test", now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), days=9000)
    for path, data in zip(paths, made, strict=True):
        path.write_bytes(data)
    return tls.server_context(*map(str, paths))


async def test_tls_is_offered_where_the_provider_has_it(context: ssl.SSLContext) -> None:
    async with _running(context) as found:
        secure, plain = (_server(found, name).provider.ip for name in ("google", "hosting"))
        said = await asyncio.to_thread(_send, secure, found.port, ["accept@gmail-like.test"], encrypt=True)
        assert said[0] == 250
        assert _server(found, "google").taken == {"accept@gmail-like.test": 1}
        with pytest.raises(smtplib.SMTPNotSupportedError):
            await asyncio.to_thread(_send, plain, found.port, ["accept@firm1.test"], encrypt=True)


def test_recipients_are_the_same_for_a_seed_and_spread_over_all_providers() -> None:
    people = world.World(1).recipients(2000)
    assert people == world.World(1).recipients(2000) != world.World(2).recipients(2000)
    assert len(set(people)) == 2000
    assert len({person.rpartition("@")[2] for person in people}) == 48
