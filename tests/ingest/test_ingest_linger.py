"""Clients that send on after they were refused: they can read why, and they do not hold us for long."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.ingest import office as offices
from tests.net import loops

from gatepost.ingest import linger
from gatepost.ingest import settings as ingest_settings

OPEN = ingest_settings.ListenerSettings(tls=ingest_settings.ListenerTls.NONE, bridge="shop")
ENVELOPE = (b"EHLO app\r\n", b"MAIL FROM:<a@shop.example>\r\n", b"RCPT TO:<ann@x.example>\r\n", b"DATA\r\n")
MORE = (b"y" * 998 + b"\r\n") * 4000
BARE = b"From: a@shop.example\r\n\r\nbare\nnewline\r\n"


def talk(number: int, commands: tuple[bytes, ...], rest: bytes) -> bytes:
    """Send the commands one by one, then the rest whatever is answered, and only then read on, to the end."""
    with socket.create_connection(("127.0.0.1", number), timeout=10) as sock:
        sock.recv(4096)
        for command in commands:
            sock.sendall(command)
            sock.recv(4096)
        sock.sendall(rest)
        return b"".join(iter(lambda: sock.recv(4096), b""))


@loops.BOTH
@pytest.mark.parametrize(
    ("commands", "rest", "reply"),
    [
        pytest.param(ENVELOPE, BARE + MORE + b".\r\n", b"550 5.5.2 ", id="bare-newline"),
        pytest.param((), b"POST / HTTP/1.1\r\n\r\n" + MORE, b"521 5.5.1 ", id="http"),
        pytest.param(ENVELOPE[:3], ENVELOPE[3] + MORE, b"554 5.5.0 ", id="no-waiting"),
    ],
)
def test_a_refusal_reaches_a_client_that_sends_on(
    tmp_path: Path, loop: str, commands: tuple[bytes, ...], rest: bytes, reply: bytes
) -> None:
    async def scenario() -> None:
        async with offices.opened(tmp_path) as office:
            made, number = await office.listen(OPEN)
            assert (await asyncio.to_thread(talk, number, commands, rest)).startswith(reply)
            assert not office.offered
            await made.drain(5.0)
            assert made.connections == 0

    loops.run(loop, scenario())


@loops.BOTH
def test_over_tls_it_reaches_it_too(
    tmp_path: Path, loop: str, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    settings = ingest_settings.ListenerSettings(tls=ingest_settings.ListenerTls.IMPLICIT, bridge="shop")

    def talk_tls(number: int) -> bytes:
        plain = socket.create_connection(("127.0.0.1", number), timeout=10)
        with certificate[1].wrap_socket(plain) as sock:
            sock.recv(4096)
            for command in ENVELOPE:
                sock.sendall(command)
                sock.recv(4096)
            sock.sendall(BARE + MORE)
            return sock.recv(4096)

    async def scenario() -> None:
        async with offices.opened(tmp_path) as office:
            _, number = await office.listen(settings, certificate[0])
            assert (await asyncio.to_thread(talk_tls, number)).startswith(b"550 5.5.2 ")

    loops.run(loop, scenario())


@loops.BOTH
def test_more_than_a_message_is_not_waited_for(tmp_path: Path, loop: str) -> None:
    async def scenario() -> None:
        async with offices.opened(tmp_path, max_size=100_000) as office:
            _, number = await office.listen(OPEN)
            with pytest.raises(ConnectionError):
                await asyncio.to_thread(talk, number, ENVELOPE, BARE + 20 * MORE)

    loops.run(loop, scenario())


async def test_a_drain_does_not_wait_for_who_was_refused(tmp_path: Path) -> None:
    async with offices.opened(tmp_path) as office:
        made, number = await office.listen(OPEN)
        async with offices.dial(number) as client:
            await client.reply()
            assert (await client.say(b"GET / HTTP/1.1")).startswith(b"521 ")
            assert await client.ended()
            assert made.connections == 1
            await asyncio.wait_for(made.drain(60.0), 5.0)
            assert made.connections == 0


@loops.BOTH
def test_a_drain_does_not_wait_for_a_handshake(
    tmp_path: Path, loop: str, certificate: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    settings = ingest_settings.ListenerSettings(tls=ingest_settings.ListenerTls.STARTTLS, bridge="shop")

    async def scenario() -> None:
        async with offices.opened(tmp_path) as office:
            made, number = await office.listen(settings, context=certificate[0])
            async with offices.dial(number) as client:
                await client.reply()
                await client.say(b"EHLO app")
                assert (await client.say(b"STARTTLS")).startswith(b"220 ")
                await asyncio.wait_for(made.drain(60.0), 5.0)
                assert made.connections == 0

    loops.run(loop, scenario())


async def test_what_comes_behind_a_message_waits_for_its_answer(tmp_path: Path) -> None:
    async with offices.opened(tmp_path) as office:
        _, number = await office.listen(OPEN)
        office.valve.open.clear()
        async with offices.dial(number) as client:
            await client.reply()
            for command in ENVELOPE:
                client.writer.write(command)
                await client.reply()
            client.writer.write(b"From: a@shop.example\r\n\r\n.\r\n")
            await office.valve.called.wait()
            client.writer.write(b"NOOP\r\n" * 30_000)
            office.valve.open.set()
            assert (await client.reply()).startswith(b"250 2.0.0 Queued")
            said = [await client.reply() for _ in range(102)]
            assert said[-1].startswith(b"421 4.7.0 Too many commands without a message")
            assert await client.ended()


class Wire(asyncio.Transport):
    """A transport that notes what is done to it."""

    def __init__(self, on_abort: Callable[[], None]) -> None:
        super().__init__()
        self.done: list[str] = []
        self._on_abort = on_abort

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        del protocol

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.done.append("eof")

    def resume_reading(self) -> None:
        self.done.append("resume")

    def abort(self) -> None:
        self.done.append("abort")
        self._on_abort()


async def test_a_quiet_client_is_left_soon_and_a_dribbling_one_after_all() -> None:
    for dribbles, at_least in ((False, 1), (True, 4)):
        ended = asyncio.Event()
        wire = Wire(ended.set)
        began = asyncio.get_running_loop().time()
        one = linger.Linger(wire, linger.Patience(1_000_000, 0.01, 4), lambda _: None)
        while not ended.is_set():
            if dribbles:
                one.data_received(b"x")
            await asyncio.sleep(0)
        assert wire.done == ["eof", "resume", "abort"]
        assert asyncio.get_running_loop().time() - began >= at_least * 0.01 - 0.001
