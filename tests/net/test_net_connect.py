"""Connections are opened only to where they may go, and leave nothing behind when they fail."""

import asyncio
import gc
import socket
import warnings
from pathlib import Path

import pytest
from tests.net import loops, peers

from gatepost.net import addresses, connect


def sockets_open() -> int:
    return sum("socket:" in link for link in map(_target, Path("/proc/self/fd").iterdir()))


def _target(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return ""


async def opened(
    port: int,
    rules: addresses.AddressRules = peers.LOOPBACK,
    *,
    source_ip: str | None = None,
    within_s: float = 3,
) -> tuple[asyncio.Transport, peers.Noting]:
    endpoint = connect.Endpoint("127.0.0.1", port)
    return await connect.open_connection(
        peers.Noting, endpoint, source_ip=source_ip, rules=rules, within_s=within_s
    )


@loops.BOTH
def test_it_connects_from_the_wished_source_and_carries_bytes(loop: str) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            transport, protocol = await opened(port, source_ip="127.0.0.2")
            assert transport.get_extra_info("sockname")[0] == "127.0.0.2"
            server, back = await servers.wait_first()
            back.write(b"220 hello\r\n")
            transport.write(b"EHLO\r\n")
            await protocol.wait_said(b"220 hello\r\n")
            await server.wait_said(b"EHLO\r\n")
            transport.close()
            await protocol.wait_lost()

    loops.run(loop, main())


@loops.BOTH
def test_a_forbidden_address_is_refused_before_any_packet(loop: str) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            with pytest.raises(connect.AddressRefused, match=r"127\.0\.0\.1 is a loopback address"):
                await opened(port, addresses.AddressRules())
            await asyncio.sleep(0.02)
            assert servers.made == []

    loops.run(loop, main())


class ChangesItsMind(addresses.AddressRules, frozen=True):
    """Lets 0.0.0.0 pass, which the kernel then takes for 127.0.0.1."""

    def refusal(self, text: str) -> str | None:
        return None if text == "0.0.0.0" else f"{text} is refused"


@loops.BOTH
def test_the_connected_sockets_own_address_is_checked_again(loop: str) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            endpoint = connect.Endpoint("0.0.0.0", port)
            with pytest.raises(connect.AddressRefused, match=r"127\.0\.0\.1 is refused"):
                await connect.open_connection(
                    peers.Noting, endpoint, source_ip=None, rules=ChangesItsMind(), within_s=3
                )
            server, _ = await servers.wait_first()
            await server.wait_lost()
            assert server.said == ["lost"]

    loops.run(loop, main())


@loops.BOTH
def test_a_closed_port_is_connection_refused_and_leaks_nothing(loop: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def main() -> None:
        before = sockets_open()
        with pytest.raises(ConnectionRefusedError):
            await opened(port)
        assert sockets_open() == before

    loops.run(loop, main())


@loops.BOTH
@pytest.mark.parametrize("source", ["192.0.2.77", "::1"])
def test_a_source_that_is_not_ours_is_an_oserror(loop: str, source: str) -> None:
    async def main() -> None:
        before = sockets_open()
        with pytest.raises(OSError):  # noqa: PT011 - which one is the kernel's choice
            await opened(9, source_ip=source)
        assert sockets_open() == before

    loops.run(loop, main())


class FullServer:
    """A listening socket that takes no more connections: its backlog is full and nobody accepts."""

    def __enter__(self) -> int:
        self._server = socket.socket()
        self._server.bind(("127.0.0.1", 0))
        self._server.listen(0)
        self._fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self._server.getsockname())
            self._fillers.append(filler)
        return int(self._server.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        for one in (*self._fillers, self._server):
            one.close()


@loops.BOTH
def test_a_host_that_does_not_answer_is_a_timeout_and_leaks_nothing(loop: str) -> None:
    async def main(port: int) -> None:
        before = sockets_open()
        with pytest.raises(TimeoutError):
            await opened(port, within_s=0.1)
        assert sockets_open() == before

    with FullServer() as port:
        loops.run(loop, main(port))


@loops.BOTH
@pytest.mark.parametrize("turns", range(6))
def test_a_cancelled_connect_leaks_nothing_at_whatever_turn(loop: str, turns: int) -> None:
    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            before = sockets_open()
            task = asyncio.ensure_future(opened(port))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            found = (await asyncio.gather(task, return_exceptions=True))[0]
            if isinstance(found, tuple):
                found[0].abort()
            for _ in range(10):
                await asyncio.sleep(0.002)
            for server in servers.made:
                assert server.transport is not None
                server.transport.abort()
            await asyncio.sleep(0.002)
            assert sockets_open() <= before

    with warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("always")
        loops.run(loop, main())
        gc.collect()
    assert [str(one.message) for one in noticed if one.category is ResourceWarning] == []


@loops.BOTH
def test_a_factory_that_fails_closes_the_socket(loop: str) -> None:
    def fail() -> peers.Noting:
        raise LookupError("no protocol")

    async def main() -> None:
        async with peers.raw_peer() as (port, servers):
            endpoint = connect.Endpoint("127.0.0.1", port)
            with pytest.raises(LookupError):
                await connect.open_connection(
                    fail, endpoint, source_ip=None, rules=peers.LOOPBACK, within_s=3
                )
            server, _ = await servers.wait_first()
            await server.wait_lost()

    loops.run(loop, main())
