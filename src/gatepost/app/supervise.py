"""The parent: holds the data directory, hands out slots, starts and watches the processes, answers the control socket.

Guarantees: one gateway per data directory (a lock that every process holds); a process that ends by itself is started
again under new epochs; SIGTERM drains, a second one stops now; SIGHUP validates everything before anything changes.
"""

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from gatepost import clock as clocks
from gatepost import config, errors
from gatepost import log as logs
from gatepost.app import compose, control, link, operate, processes, signing, starting
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.store import port

LOCK_WAIT_S = 15.0
RESTART_S = 0.2  # and doubled while a process keeps ending, up to RESTART_CAP_S
RESTART_CAP_S = 10.0
STEADY_S = 30.0

Load = Callable[[], config.Settings]


class Supervisor:
    """Runs one gateway. ``load`` reads the configuration again for SIGHUP."""

    def __init__(self, settings: config.Settings, load: Load | None = None) -> None:
        self.settings = settings
        self.children: list[processes.Child] = []
        self._load = load
        self._newest_decide = compose.build_decide(settings.policy)
        self._rules: dict[str, bytes] = {}
        self._clock = clocks.SystemClock()
        self._log = logs.get("parent")
        self._generation = 1
        self._stopping = asyncio.Event()
        self._was_ready = False
        self._failed = ""

    async def run(self, ready: Callable[["Supervisor"], None] | None = None) -> int:
        """From start to stop; ``ready`` is called once everything answers. The exit status."""
        _refuse(starting.data_dir_problems(self.settings))
        lock_fd = await _hold(Path(self.settings.data_dir))
        try:
            _refuse(starting.problems(self.settings))
            self._rules = compose.own_rules(self.settings)
            _refuse(starting.rule_problems(self._rules))
            store = await compose.open_store(self.settings, None)
            try:
                await compose.ensure_node(store, self.settings.node)
                await signing.ensure(store)
                await self._run(store, lock_fd, ready)
            finally:
                await store.close()
        finally:
            os.close(lock_fd)
        return 0

    def stop(self) -> None:
        """Drain; the second time: now."""
        if self._stopping.is_set():
            for child in self.children:
                child.kill()
        else:
            self._log.info("stopping: no new mail, finishing what is under way")
            for child in self.children:
                child.send(link.Drain())
        self._stopping.set()

    def reload(self) -> None:
        """Take new settings if they are good and need no restart; else say why and keep the old ones."""
        if self._load is None:
            return
        try:
            new = self._load()
            _refuse(starting.certificate_problems(new))
            rules = compose.own_rules(new)
            _refuse(starting.rule_problems(rules))
        except errors.GatepostError as error:
            for line in str(error).splitlines():
                self._log.error("configuration refused, the old one stays", problem=line)
            return
        if keys := config.needs_restart(self.settings, new):
            self._log.warning("these keys take effect after a restart", keys=", ".join(keys))
        self._generation += 1
        self.settings = config.taken(self.settings, new)
        self._newest_decide = compose.build_decide(new.policy)
        self._rules = rules
        for child in self.children:
            child.send(link.Reload(self._generation, self.settings, rules))
        logs.configure(new.log.level, json=new.log.json)
        self._log.info("configuration taken", generation=self._generation)

    def figures(self) -> dict[str, dict[str, int]]:
        """What each process last said of itself, and the parent."""
        parent = {"pid": os.getpid(), "stopping": int(self._stopping.is_set())}
        return {"parent": parent, **{child.name: child.figures for child in self.children}}

    def _decide(
        self, result: results.Result, facts: fact_values.Facts, now_ms: int
    ) -> settlements.Settlement:
        return self._newest_decide(result, facts, now_ms)

    async def _run(
        self, store: port.Store, lock_fd: int, ready: Callable[["Supervisor"], None] | None
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stop)
        loop.add_signal_handler(signal.SIGINT, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        workers = self.settings.workers
        socket_path = Path(self.settings.data_dir) / control.FILE
        handlers = operate.handlers(store, self._decide, self.figures)
        server = control.ControlServer(socket_path, handlers)
        async with server, asyncio.TaskGroup() as tasks:
            kept = [tasks.create_task(self._keep("console", 0, store, lock_fd))]
            kept += [tasks.create_task(self._keep("worker", i, store, lock_fd)) for i in range(workers)]
            telling = tasks.create_task(self._tell_ready(ready, workers + 1))
            await asyncio.wait(kept)
            telling.cancel()
        if self._failed:
            raise errors.GatepostError(self._failed)

    async def _tell_ready(self, ready: Callable[["Supervisor"], None] | None, count: int) -> None:
        while len(self.children) < count:  # noqa: ASYNC110 - some milliseconds, once
            await asyncio.sleep(0.01)
        for child in list(self.children):
            await child.ready.wait()
        self._was_ready = True
        if ready is not None:
            ready(self)

    async def _keep(self, role: str, index: int, store: port.Store, lock_fd: int) -> None:
        """Run one process again and again until the gateway stops."""
        pause = RESTART_S
        while not self._stopping.is_set():
            child = processes.Child(
                f"{role} {index}", await self._orders(role, index, store), lock_fd, self._clock
            )
            self.children.append(child)
            began = self._clock.monotonic()
            try:
                status = await child.run()
            finally:
                self.children.remove(child)
            if self._stopping.is_set():
                return
            if not self._was_ready and status > 0 and not child.ready.is_set():
                self._failed = f"{child.name} cannot start: its log says why"
                self.stop()
                return
            self._log.error("a process ended, starting it again", process=child.name, status=status)
            pause = RESTART_S if self._clock.monotonic() - began > STEADY_S else min(pause * 2, RESTART_CAP_S)
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
            except TimeoutError:
                continue

    async def _orders(self, role: str, index: int, store: port.Store) -> link.Orders:
        workers = self.settings.workers
        number = await store.lease_worker()
        slots = [s for s in range(port.SLOTS) if s % workers == index] if role == "worker" else []
        assignment = await store.assign(number, slots)
        rules = self._rules if role == "worker" else {}
        return link.Orders(role, index, workers, self._generation, self.settings, assignment, rules)


def _refuse(problems: Iterable[errors.BadInput]) -> None:
    if found := tuple(problems):
        raise config.Unusable(found)


async def _hold(data_dir: Path) -> int:
    """Take the data directory's lock; children inherit it, so it is free only when all of them are gone.

    A gateway that runs is told from one that is ending, or from the processes that a killed parent left for a moment.
    """
    fd = os.open(data_dir / "gatepost.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for attempt in range(int(LOCK_WAIT_S / 0.1)):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if (pid := await _running(data_dir)) is not None:
                os.close(fd)
                raise errors.GatepostError(f"another gateway runs on {data_dir}: process {pid}") from None
            if attempt == 0:
                logs.get("parent").warning("another gateway is ending, waiting", seconds=LOCK_WAIT_S)
            await asyncio.sleep(0.1)
        else:
            return fd
    os.close(fd)
    raise errors.GatepostError(f"another gateway holds {data_dir} and does not end")


async def _running(data_dir: Path) -> int | None:
    """The process of the gateway that answers and is not stopping."""
    try:
        answer = await control.call(data_dir, "status", b"null")
        parent = msgspec.json.decode(answer, type=dict[str, dict[str, int]])["parent"]
    except (errors.GatepostError, msgspec.MsgspecError, KeyError):
        return None
    return None if parent["stopping"] else parent["pid"]
