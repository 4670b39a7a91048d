"""A real gateway for scenario tests: its own processes, its own data directory, free ports on loopback."""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from gatepost import config
from gatepost.app import compose, control
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.store import credentials, port

_SERVE = """
import asyncio, sys, uvloop
from pathlib import Path
from gatepost import config, log
from gatepost.app import supervise
path = Path(sys.argv[1])
settings = config.load(path, {})
log.configure("info", json=False)
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    sys.exit(runner.run(supervise.Supervisor(settings, lambda: config.load(path, {})).run()))
"""

TOML = """
data_dir = "data"
hostname = "gw.test"
workers = {workers}
[[listener]]
name = "open"
address = "127.0.0.1:{open}"
tls = "none"
bridge = "shop"
per_ip_connections = 200
[[listener]]
name = "login"
address = "127.0.0.1:{login}"
tls = "none"
auth_without_tls = true
[http]
address = "127.0.0.1:{http}"
[log]
json = false
[ingest]
min_free = 0.0
max_memory = 1.0
[delivery]
allow_networks = ["127.0.0.0/8"]
sweep_s = 0.3
[[route]]
domain = "."
to = "127.0.0.1:{sink}"
[policy]
time_scale = {scale}
"""


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, from below those that the system gives to outgoing connections: it would take one later."""
    found: list[int] = []
    while len(found) < count:
        number = random.randrange(15_000, 32_000)
        try:
            socket.create_server(("127.0.0.1", number)).close()
        except OSError:
            continue
        if number not in found:
            found.append(number)
    return found


class Gateway:
    """One installation: started, killed and started again by the test."""

    def __init__(
        self, path: Path, sink: int, *, workers: int = 1, scale: float = 0.002, policy: str = ""
    ) -> None:
        self.path = path
        self.open, self.login, self.http = free_ports(3)
        self.toml = path / "gatepost.toml"
        self.toml.write_text(
            TOML.format(
                open=self.open, login=self.login, http=self.http, sink=sink, workers=workers, scale=scale
            )
            + policy
        )
        self.settings = config.load(self.toml, {})
        self.password = credentials.new_secret()
        self.key = credentials.new_key()
        self.process: subprocess.Popen[bytes] | None = None
        self.log = path / "gateway.log"

    async def init(
        self,
        on_suppressed: directories.OnSuppressed = directories.OnSuppressed.ACCEPT,
        notify_sender: directories.NotifySender = directories.NotifySender.OFF,
    ) -> None:
        """What ``gatepost init`` makes."""
        compose.make_data_dir(self.path / "data")
        pepper = compose.pepper(self.settings)
        store = await compose.open_store(self.settings, None)
        found = await store.change_directory(
            [directories.Node(0, "node1"), directories.Account(0, "default")], "test"
        )
        account = found.accounts[0].id
        found = await store.change_directory([directories.Pool(0, account, "default")], "test")
        await store.change_directory(
            [
                directories.Source(0, found.pools[0].id, "s1", ehlo="gw.test"),
                directories.SenderDomain(0, account, "shop.test"),
                directories.Bridge(
                    0,
                    account,
                    "shop",
                    found.pools[0].id,
                    on_suppressed=on_suppressed,
                    notify_sender=notify_sender,
                    password_mac=credentials.mac(pepper, self.password),
                    key_mac=credentials.mac(pepper, self.key),
                ),
            ],
            "test",
        )
        await store.close()

    async def start(self) -> None:
        """Start the process tree, and wait until it takes mail."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - some milliseconds
                [sys.executable, "-c", _SERVE, str(self.toml)], stdout=log, stderr=log, start_new_session=True
            )
        await self.wait_ready()

    async def wait_ready(self) -> None:
        """Until the listener greets."""
        for _ in range(600):
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.open)
                greeting = await asyncio.wait_for(reader.readline(), 5)
                writer.close()
                if greeting.startswith(b"220"):
                    return
            except (OSError, TimeoutError):
                pass
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text()
            await asyncio.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def pids(self) -> list[int]:
        """The parent, then its children."""
        assert self.process is not None
        parent = self.process.pid
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        except OSError:
            children = []
        return [parent, *map(int, children)]

    async def stop(self, sig: signal.Signals = signal.SIGTERM) -> int:
        """End it; its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            os.kill(self.process.pid, sig)
        return await asyncio.to_thread(self.process.wait, 40)

    def kill_all(self) -> None:
        """Whatever still runs."""
        if self.process is None:
            return
        for pid in reversed(self.pids()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait()

    @asynccontextmanager
    async def store(self) -> AsyncIterator[port.Store]:
        """The store, beside the running gateway."""
        store = await compose.open_store(self.settings, None)
        try:
            yield store
        finally:
            await store.close()

    async def wait_open(self, count: int = 0, seconds: float = 60) -> None:
        """Until no more than so many deliveries are open."""
        async with self.store() as store:
            for _ in range(int(seconds / 0.1)):
                lines = await store.ledger()
                if sum(kept.open for kept, _ in lines) <= count:
                    return
                await asyncio.sleep(0.1)
        raise AssertionError(f"still open: {lines}\n{self.log.read_text()[-3000:]}")

    async def wait_directory(self, seconds: float = 30) -> None:
        """Until every worker knows the Directory as it is in the store now."""
        async with self.store() as store:
            version = await store.directory_version()
        for _ in range(int(seconds / 0.05)):
            status = msgspec.convert(await self.call("status", None), dict[str, dict[str, int]])
            known = [
                figures.get("directory", 0) for name, figures in status.items() if name.startswith("worker")
            ]
            if len(known) == self.settings.workers and min(known) >= version:
                return
            await asyncio.sleep(0.05)
        raise AssertionError(f"version {version}, the workers know {known}\n{self.log.read_text()[-3000:]}")

    async def events(self) -> list[events.Event]:
        """The whole feed."""
        found: list[events.Event] = []
        async with self.store() as store:
            while page := await store.feed(found[-1].seq if found else 0, 1000):
                found += page
        return found

    async def call(self, verb: str, arguments: object) -> object:
        """Ask over the control socket."""
        raw = await control.call(self.path / "data", verb, msgspec.json.encode(arguments))
        return msgspec.json.decode(raw)


@asynccontextmanager
async def running(
    path: Path,
    sink: int,
    *,
    workers: int = 1,
    on_suppressed: directories.OnSuppressed = directories.OnSuppressed.ACCEPT,
    scale: float = 0.002,
    policy: str = "",
    notify_sender: directories.NotifySender = directories.NotifySender.OFF,
) -> AsyncIterator[Gateway]:
    """A started gateway that is gone afterwards. policy: lines of its ``[policy]``. notify_sender: most tests look at the mail alone."""
    gateway = Gateway(path, sink, workers=workers, scale=scale, policy=policy)
    await gateway.init(on_suppressed, notify_sender)
    await gateway.start()
    try:
        yield gateway
    finally:
        gateway.kill_all()


async def submit(
    port_number: int, message: bytes, recipients: Sequence[str], sender: str = "news@shop.test"
) -> list[bytes]:
    """One message over a connection of its own: the replies to RCPT… and to the dot. Raises ConnectionError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_number)
    try:
        await _reply(reader)
        writer.write(b"EHLO client.test\r\n")
        await _reply(reader)
        envelope = f"MAIL FROM:<{sender}>\r\n" + "".join(f"RCPT TO:<{to}>\r\n" for to in recipients)
        writer.write(envelope.encode() + b"DATA\r\n")
        said = [await _reply(reader) for _ in range(len(recipients) + 2)]
        if said[-1].startswith(b"354"):
            writer.write(message + b".\r\n")
            said[-1] = await _reply(reader)
        return said
    finally:
        writer.close()


async def _reply(reader: asyncio.StreamReader) -> bytes:
    lines = b""
    while True:
        line = await asyncio.wait_for(reader.readline(), 20)
        if not line:
            raise ConnectionError("closed")
        lines += line
        if line[3:4] != b"-":
            return lines
