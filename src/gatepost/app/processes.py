"""One child process of the gateway: started, spoken to, watched, ended.

Guarantees: a child that is silent for ``SILENCE_S`` is killed; a child's end is always noticed and told.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.app import link

SILENCE_S = 10.0


class Child:
    """A worker or the console. ``run`` from start to end; ``ready`` once it has said so."""

    def __init__(self, name: str, orders: link.Orders, lock_fd: int, clock: clocks.Clock) -> None:
        self.name = name
        self.orders = orders
        self.pid = 0
        self.ready = asyncio.Event()
        self.addresses: link.Addresses | None = None
        self.figures: dict[str, int] = {}
        self._lock_fd = lock_fd
        self._clock = clock
        self._log = logs.get("parent")
        self._link: link.Link | None = None
        self._heard = 0.0

    async def run(self) -> int:
        """Start it, listen to it, wait for its end. Its exit status (negative: a signal)."""
        ours, theirs = socket.socketpair()
        try:
            process = subprocess.Popen(  # noqa: S603, ASYNC220 - our own interpreter, and starting takes milliseconds
                [sys.executable, "-m", "gatepost.app.child", str(theirs.fileno())],
                pass_fds=(theirs.fileno(), self._lock_fd),
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # a terminal's ^C goes to the parent alone, who drains
            )
        finally:
            theirs.close()
        self.pid = process.pid
        self._link = await link.Link.over(ours)
        self._link.send(self.orders)
        self._heard = self._clock.monotonic()
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen())
                watching = tasks.create_task(self._watch())
                await listening
                watching.cancel()
            return await asyncio.to_thread(process.wait)
        except asyncio.CancelledError:
            process.kill()
            process.wait()
            raise
        finally:
            self._link.close()
            self._link = None

    def send(self, message: link.ToChild) -> None:
        """Tell it something; nothing happens when it is gone."""
        if self._link is not None:
            self._link.send(message)

    def kill(self) -> None:
        """End it now."""
        if self._link is not None and self.pid:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    async def _listen(self) -> None:
        assert self._link is not None  # noqa: S101 - set before this task starts
        while (news := await self._link.receive_news()) is not None:
            self._heard = self._clock.monotonic()
            match news:
                case link.Beat():
                    self.figures = news.figures
                    if news.ready:
                        self.ready.set()
                case link.Addresses():
                    self.addresses = news

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            if self._clock.monotonic() - self._heard > SILENCE_S:
                self._log.error("a process is silent, ending it", process=self.name, pid=self.pid)
                self.kill()
                return
