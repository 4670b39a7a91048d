"""``gatepost demo``: the real gateway between a campaign and simulated receivers, all on loopback.

Guarantees: needs no network, no root and no configuration; connections can go to 127/8 only, which the connector enforces;
what it measures comes from the gateway's own feed. Not here: the receivers (``gatepost.sandbox``).
"""

import asyncio
import shutil
import smtplib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop
from rich import console as consoles
from rich import live

from gatepost import log as logs
from gatepost.app import compose, demo_report, demo_setup, supervise
from gatepost.sandbox import world as worlds
from gatepost.store import port

POLL_S = 0.15
PATIENCE_S = 90.0
_SWITCH_S = 0.0005


def run(*, once: bool, seed: int, recipients: int, out: consoles.Console) -> int:
    """Show it. The exit status."""
    sys.setswitchinterval(_SWITCH_S)
    logs.configure("error", json=False)
    home = Path(tempfile.mkdtemp(prefix="gatepost-demo-"))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_Demo(home, seed, recipients, out, stay=out.is_terminal and not once).show())
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.rmtree(home, ignore_errors=True)


class _Demo:
    def __init__(self, home: Path, seed: int, count: int, out: consoles.Console, *, stay: bool) -> None:
        self._home = home
        self._count = count
        self._out = out
        self._stay = stay
        self._world = worlds.World(seed, demo_setup.certificate(home))
        self._ready = asyncio.Event()
        self._report = demo_report.Report()

    async def show(self) -> int:
        """From an empty directory to the summary."""
        self._out.print(
            "[bold]Gatepost demo[/]: a real gateway; [bold]the receivers are simulated[/], all on 127.0.0.1."
        )
        await self._world.start()
        try:
            installed = await demo_setup.install(self._home, self._world)
            supervisor = supervise.Supervisor(installed.settings)
            serving = asyncio.get_running_loop().create_task(supervisor.run(lambda _: self._ready.set()))
            try:
                await self._use(installed, serving)
            finally:
                supervisor.stop()
                await serving
        finally:
            self._world.stop()
        return 0

    async def _use(self, installed: demo_setup.Installed, serving: asyncio.Task[int]) -> None:
        ready = asyncio.get_running_loop().create_task(self._ready.wait())
        await asyncio.wait((ready, serving), return_when=asyncio.FIRST_COMPLETED)
        store = await compose.open_store(installed.settings, None)
        try:
            self._report.directory = await store.directory()
            people = self._world.recipients(self._count)
            bulk = people[: len(people) * 4 // 5]
            self._world.refuse_dkim("gmx", demo_setup.BOUNCE, after=round(0.055 * len(people)))
            if self._stay:
                self._out.print(
                    f"Its dashboard (the link works once): {installed.link}",
                    soft_wrap=True,
                    markup=False,
                    highlight=False,
                )
            await self._campaign(installed, store, bulk, people[len(bulk) :])
            self._report.print(self._out)
            await self._again(installed, store)
            self._out.print(
                demo_report.next_steps(
                    installed.path, installed.console, installed.console_key, stay=self._stay
                )
            )
            if self._stay:
                await serving
        finally:
            await store.close()

    async def _campaign(
        self, installed: demo_setup.Installed, store: port.Store, bulk: Sequence[str], own: Sequence[str]
    ) -> None:
        """Both Bridges send; the display follows the feed until only mail that waits for a mended DKIM is open."""
        sending = asyncio.gather(
            asyncio.to_thread(_send_by_smtp, installed, bulk, "Spring news"),
            asyncio.to_thread(demo_setup.send_by_http, installed, own, "Your order"),
        )
        with live.Live(console=self._out, refresh_per_second=8, transient=True) as display:
            for tick in range(int(PATIENCE_S / POLL_S)):
                await self._report.follow(store)
                if self._out.is_terminal:
                    display.update(self._report.progress(self._count))
                elif tick % 20 == 19:
                    self._out.print(self._report.line())
                if sending.done() and self._report.settled(self._count) and not self._world.answering.busy:
                    await self._report.follow(store)
                    break
                await asyncio.sleep(POLL_S)
        await sending

    async def _again(self, installed: demo_setup.Installed, store: port.Store) -> None:
        """The second, small campaign: whoever was suppressed is refused at once, and nobody is asked."""
        dead = sorted(self._report.suppressed)
        people = [*dead, *(one for one in self._world.recipients(20) if one not in self._report.suppressed)]
        before = self._report.seq
        await asyncio.to_thread(_send_by_smtp, installed, people, "Summer news")
        for _ in range(100):
            await self._report.follow(store)
            if self._report.rejected_since(before) >= len(dead):
                break
            await asyncio.sleep(POLL_S)
        self._report.print_second(self._out, before, len(people))


def _send_by_smtp(installed: demo_setup.Installed, people: Sequence[str], subject: str) -> None:
    """As an application does: log in, one message for each."""
    host, _, number = installed.smtp.rpartition(":")
    with smtplib.SMTP(host, int(number)) as client:
        client.login("news", installed.password)
        for person in people:
            client.sendmail(f"letter@{demo_setup.NEWS}", [person], demo_setup.message(person, subject))
