"""One gateway per data directory (faults.md A13): a second one is refused at once, what a crash left behind is taken over."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.peers import sending
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

pytestmark = pytest.mark.slow
MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\n\r\nGood morning\r\n"


async def test_a_second_gateway_is_refused_in_one_line_and_the_first_goes_on(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        program = str(Path(sys.executable).with_name("gatepost"))
        status, said = await sending.run([program, "serve", "-c", str(gateway.toml)])
        assert gateway.process is not None
        assert status == 1
        assert said == f"gatepost: another gateway runs on {tmp_path}/data: process {gateway.process.pid}\n"
        assert (await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"]))[-1].startswith(b"250")
        await gateway.wait_open()


@pytest.mark.parametrize("everything", [True, False], ids=["every process", "the parent alone"])
async def test_what_a_crash_left_behind_is_taken_over(tmp_path: Path, everything: bool) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        assert gateway.process is not None
        for pid in gateway.pids() if everything else gateway.pids()[:1]:
            os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(gateway.process.wait)
        left = {path.name for path in (tmp_path / "data").iterdir()}
        assert {"gatepost.lock", "control.sock"} <= left
        await gateway.start()
        assert (await gateways.submit(gateway.open, MESSAGE, ["ann@rcpt.test"]))[-1].startswith(b"250")
        await gateway.wait_open()


async def test_a_gateway_that_is_stopping_is_waited_for(tmp_path: Path) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        first = gateway.process
        assert first is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.open)
        await reader.readuntil(b"\r\n")
        writer.write(b"EHLO c.test\r\n")
        await reader.readuntil(b"250 ")
        writer.write(b"MAIL FROM:<news@shop.test>\r\nRCPT TO:<ann@rcpt.test>\r\nDATA\r\n")
        await reader.readuntil(b"354 ")  # in the middle of a message: the stop waits for it
        first.send_signal(signal.SIGTERM)
        starting = asyncio.get_running_loop().create_task(gateway.start())
        for _ in range(200):
            if "another gateway is ending" in gateway.log.read_text():
                break
            await asyncio.sleep(0.05)
        writer.write(MESSAGE + b".\r\n")
        await reader.readuntil(b"250 2.0.0 Queued as ")
        writer.close()
        await starting
        assert await asyncio.to_thread(first.wait, 20) == 0
