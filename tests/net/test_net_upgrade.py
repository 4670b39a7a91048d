"""An upgrade to TLS lets nothing through that was said in clear, loses nothing, and ends in one way or the other."""

import asyncio
import gc
import ssl

import pytest
from tests.net import loops, peers

from gatepost.net import connect, tls

ANY = tls.client_context(verify=False)


async def both_pause(port: int, servers: peers.Peers) -> tuple[asyncio.Transport, peers.Noting, peers.Noting]:
    """A connection whose two ends have agreed on TLS and read no more."""
    transport, client = await peers.connected(port)
    server, back = await servers.wait_first()
    transport.write(b"please go")
    await server.may_go.wait()
    back.write(b"220 go")
    await client.may_go.wait()
    return transport, client, server


@loops.BOTH
def test_both_sides_shake_hands_and_talk(loop: str) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, client, server = await both_pause(port, servers)
            assert server.transport is not None
            ours, theirs = await asyncio.gather(
                connect.start_tls(transport, client, ANY, within_s=3, server_hostname="mx.test"),
                connect.start_server_tls(server.transport, server, peers.server_context(), within_s=3),
            )
            ours.write(b"EHLO x")
            theirs.write(b"250 y")
            await server.wait_said(b"EHLO x")
            await client.wait_said(b"250 y")
            assert tls.describe(ours).startswith("TLSv1.3 TLS_")
            assert tls.describe(transport) == ""
            theirs.close()
            await client.wait_lost()
            await server.wait_lost()
            assert client.said == [b"220 go", b"250 y", "lost"]

    loops.run(loop, main())


class Bio:
    """A TLS end in memory, so that a test decides what goes into one segment."""

    def __init__(self, *, server_side: bool) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = peers.server_context() if server_side else ANY
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server_side)

    def shake(self, data: bytes = b"") -> bool:
        """Take these bytes; whether the handshake is done on this side."""
        self.incoming.write(data)
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True


async def shake_by_hand(transport: asyncio.Transport, client: peers.Noting, then: bytes) -> None:
    """A client's handshake, with these bytes under TLS in the segment that ends it."""
    bio = Bio(server_side=False)
    bio.shake()
    heard = len(client.said)
    transport.resume_reading()
    transport.write(bio.outgoing.read())
    while not bio.shake(b"".join(one for one in client.said[heard:] if isinstance(one, bytes))):
        heard = len(client.said)
        client.more.clear()
        await client.more.wait()
    bio.tls.write(then)
    transport.write(bio.outgoing.read())


@loops.BOTH
def test_plaintext_in_one_segment_with_the_consent_is_never_delivered_after_the_handshake(loop: str) -> None:
    """C02: the protocol hears the segment once, in clear, where its session can refuse it; afterwards only TLS."""

    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, client = await peers.connected(port)
            server, back = await servers.wait_first()
            back.write(b"220 go\r\n250-INJECTED\r\n250 AUTH PLAIN\r\n")
            back.pause_reading()
            await client.may_go.wait()
            before = list(client.said)
            _, theirs = await asyncio.gather(
                connect.start_tls(transport, client, ANY, within_s=3),
                connect.start_server_tls(back, server, peers.server_context(), within_s=3),
            )
            theirs.write(b"250 real")
            await client.wait_said(b"250 real")
            assert client.said[len(before) :] == [b"250 real"]

    loops.run(loop, main())


@loops.BOTH
def test_plaintext_behind_the_consent_breaks_the_handshake(loop: str) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, client = await peers.connected(port)
            _, back = await servers.wait_first()
            back.write(b"220 go\r\n")
            await client.may_go.wait()
            back.write(b"250-INJECTED\r\n250 AUTH PLAIN\r\n")
            with pytest.raises(ssl.SSLError):
                await connect.start_tls(transport, client, ANY, within_s=3)
            await client.wait_lost()
            assert client.said == [b"220 go\r\n", "lost"]

    loops.run(loop, main())


@loops.BOTH
def test_what_comes_in_one_segment_with_the_end_of_the_handshake_follows_the_return(loop: str) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, client, server = await both_pause(port, servers)
            assert server.transport is not None
            plain = server.transport

            async def upgrade() -> list[bytes | str]:
                await connect.start_server_tls(plain, server, peers.server_context(), within_s=3)
                return list(server.said)  # what the session has heard when it is told of TLS

            upgrading = asyncio.ensure_future(upgrade())
            await shake_by_hand(transport, client, b"EHLO at once")
            assert await upgrading == [b"please go"]
            await server.wait_said(b"EHLO at once")

    loops.run(loop, main())


@loops.BOTH
@pytest.mark.parametrize("answer", ["silence", "rubbish", "close", "reset"])
def test_a_handshake_that_fails_closes_the_connection_and_tells_the_protocol_once(
    loop: str, answer: str
) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, client, server = await both_pause(port, servers)
            assert server.transport is not None
            match answer:
                case "rubbish":
                    server.transport.write(b"554 no TLS today\r\n" * 3)
                case "close":
                    server.transport.close()
                case "reset":
                    server.transport.abort()
                case _:
                    pass
            with pytest.raises(TimeoutError if answer == "silence" else OSError):
                await connect.start_tls(transport, client, ANY, within_s=0.15)
            await client.wait_lost()
            await asyncio.sleep(0.01)
            assert client.said == [b"220 go", "lost"]
            server.transport.resume_reading()
            await server.wait_lost()

    loops.run(loop, main())
    gc.collect()


@loops.BOTH
@pytest.mark.parametrize("how", ["cancel", "close", "abort"])
def test_ending_it_in_the_middle_of_the_handshake_is_told_once(loop: str, how: str) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, client, _ = await both_pause(port, servers)
            task = asyncio.ensure_future(connect.start_tls(transport, client, ANY, within_s=3))
            await asyncio.sleep(0.01)
            match how:
                case "cancel":
                    task.cancel()
                case "close":
                    transport.close()
                case _:
                    transport.abort()
            with pytest.raises(asyncio.CancelledError if how == "cancel" else ConnectionError):
                await task
            await client.wait_lost()
            await asyncio.sleep(0.01)
            assert client.said == [b"220 go", "lost"]

    loops.run(loop, main())
    gc.collect()


@loops.BOTH
@pytest.mark.parametrize("name", ["mx.test", None, ".", "a" * 70 + ".test"])
def test_a_verifying_client_never_accepts_an_unverified_host(loop: str, name: str | None) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, client, server = await both_pause(port, servers)
            assert server.transport is not None
            ours, theirs = await asyncio.gather(
                connect.start_tls(
                    transport, client, tls.client_context(verify=True), within_s=3, server_hostname=name
                ),
                connect.start_server_tls(server.transport, server, peers.server_context(), within_s=3),
                return_exceptions=True,
            )
            assert isinstance(ours, ssl.SSLError)
            if isinstance(theirs, asyncio.Transport):
                theirs.abort()
            await client.wait_lost()
            await server.wait_lost()

    loops.run(loop, main())
    gc.collect()


@loops.BOTH
def test_a_connection_closed_before_the_upgrade_is_a_connection_error(loop: str) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, client, _ = await both_pause(port, servers)
            transport.abort()
            with pytest.raises(ConnectionResetError):
                await connect.start_tls(transport, client, ANY, within_s=3)
            await client.wait_lost()

    loops.run(loop, main())
