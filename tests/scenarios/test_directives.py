"""An operator's hand on the queue of a running gateway, whose processes are killed meanwhile."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.store import port

Kind = directives.DirectiveKind
Filter = directives.Filter
MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\n\r\nbye\r\n"


async def until(wanted: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not wanted():  # noqa: ASYNC110 - what is waited for is in other processes
            await asyncio.sleep(0.05)


async def until_held(store: port.Store, count: int) -> None:
    async with asyncio.timeout(30):
        while sum((await store.held()).values()) != count:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)


async def give(
    gateway: gateways.Gateway, store: port.Store, one: directives.Directive
) -> directives.Directive:
    """Say it, and wait until every worker knows."""
    known = await store.change_directory([one], "test")
    await gateway.wait_directory()
    return known.directives[-1]


def ended(one: directives.Directive) -> directives.Directive:
    return directives.Directive(
        one.id, one.kind, one.which, one.actor, one.created_at, ended_at=1, outcome="revoked"
    )


def now() -> int:
    return int(time.time() * 1000)


@pytest.mark.slow
async def test_paused_mail_waits_through_kills_and_goes_when_it_is_resumed(tmp_path: Path) -> None:
    async with (
        receivers.Receiver() as sink,
        gateways.running(tmp_path, sink.port, workers=2) as gateway,
        gateway.store() as store,
    ):
        pause = directives.Directive(0, Kind.PAUSE, Filter(domain="slow.test"), "test", now())
        pause = await give(gateway, store, pause)
        for n in range(20):
            await gateways.submit(gateway.open, MESSAGE, [f"a{n}@slow.test", f"b{n}@quick.test"])
        await until(lambda: len(sink.taken) == 20)
        await until_held(store, 20)
        for pid in gateway.pids()[1:]:
            os.kill(pid, signal.SIGKILL)
        await gateway.wait_ready()
        await give(gateway, store, ended(pause))
        await gateway.wait_open()
        found = [to for to, _, _ in sink.taken]
        assert sorted(found) == sorted(
            f"{w}{n}@{d}.test" for n in range(20) for w, d in (("a", "slow"), ("b", "quick"))
        )
        assert all(kept == again for kept, again in await store.ledger())


@pytest.mark.slow
async def test_a_cancel_is_undone_or_ends_the_mail(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        sink.says = {"undone@rcpt.test": b"451 4.2.0 later", "gone@rcpt.test": b"451 4.2.0 later"}
        async with gateway.store() as store:
            for one in ("undone", "gone"):
                await gateways.submit(gateway.open, MESSAGE, [f"{one}@rcpt.test"])
            await until(lambda: len(sink.asked) == 2)
            far = now() + directives.UNDO_MS
            first = directives.Directive(
                0, Kind.CANCEL, Filter(recipient="undone@rcpt.test"), "test", now(), due_at=far
            )
            first = await give(gateway, store, first)
            await until_held(store, 1)
            sink.says = {"gone@rcpt.test": b"451 4.2.0 later"}
            await give(gateway, store, ended(first))
            second = directives.Directive(
                0, Kind.CANCEL, Filter(recipient="gone@rcpt.test"), "test", now(), due_at=now()
            )
            await give(gateway, store, second)
            await gateway.wait_open()
            assert [to for to, _, _ in sink.taken] == ["undone@rcpt.test"]


@pytest.mark.slow
async def test_mail_is_rerouted_by_another_source_and_flushed(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port, scale=1.0) as gateway:
        sink.says = {"ann@rcpt.test": b"451 4.2.0 later"}
        async with gateway.store() as store:
            await store.change_directory([directories.Source(0, 1, "s2", ehlo="two.test")], "test")
            await gateway.wait_directory()
            reroute = directives.Directive(
                0, Kind.REROUTE, Filter(domain="rcpt.test"), "test", now(), to_source=2
            )
            await give(gateway, store, reroute)
            await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test", "bob@rcpt.test"])
            await until(lambda: bool(sink.taken) and "ann@rcpt.test" in sink.asked)
            sink.says = {}
            async with asyncio.timeout(30):
                while len(sink.taken) < 2:  # a flush before the answer is settled changes nothing
                    await give(
                        gateway,
                        store,
                        directives.Directive(0, Kind.FLUSH, Filter(domain="rcpt.test"), "test", now()),
                    )
                    await asyncio.sleep(0.5)
            await gateway.wait_open()
        told = [one for one in await gateway.events() if one.state.word in {"delivered", "deferred"}]
        assert {one.source for one in told} == {2}
