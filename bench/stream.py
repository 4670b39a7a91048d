"""From an event's commit to an open stream: ``python -m bench.stream [--rate 1000] [--seconds 10] [--listeners 20]``.

One process writes, another is the console, both with their own handles on one store, as in a gateway. Each event holds the time at
which it was handed to the store, just before its commit; the client compares it with its own clock. Prints one JSON line.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import tempfile
import time
from pathlib import Path

from gatepost.feed import stream
from gatepost.model import event as events
from gatepost.store.sqlite import open_store


def _write(path: str, rate: int, seconds: float) -> None:
    async def work() -> None:
        store = await open_store(Path(path), 2)
        began = time.monotonic()
        told = 0
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * rate) - told
            if due > 0:
                now = time.time_ns() // 1000
                await store.note(
                    [events.Event(at=1, state=events.State.REPORTED, detail=str(now)) for _ in range(due)]
                )
                told += due
            await asyncio.sleep(0.002)
        await store.close()

    asyncio.run(work())


async def _listen(hub: stream.Hub, waits: list[float]) -> None:
    async for batch in hub.follow(0, ()):
        now = time.time_ns() // 1000
        waits += [(now - int(json.loads(line.text)["detail"])) / 1000 for line in batch.lines]


async def _measure(path: str, given: argparse.Namespace) -> None:
    store = await open_store(Path(path), 1)
    hub = stream.Hub(store)
    waits: list[float] = []
    others: list[list[float]] = [[] for _ in range(given.listeners - 1)]
    loop = asyncio.get_running_loop()
    running = [loop.create_task(hub.run()), loop.create_task(_listen(hub, waits))]
    running += [loop.create_task(_drain(hub)) for _ in others]
    writer = multiprocessing.get_context("spawn").Process(
        target=_write, args=(path, given.rate, given.seconds)
    )
    began = time.process_time()
    writer.start()
    await asyncio.to_thread(writer.join)
    await asyncio.sleep(0.5)
    hub.stop()
    await asyncio.gather(*running)
    cut = statistics.quantiles(waits, n=1000)
    found = {
        "events": len(waits),
        "p50_ms": round(cut[499], 1),
        "p99_ms": round(cut[989], 1),
        "max_ms": round(max(waits), 1),
        "cpu_s": round(time.process_time() - began, 2),
    }
    print(json.dumps(found))
    await store.close()


async def _drain(hub: stream.Hub) -> None:
    async for _ in hub.follow(0, ()):
        pass


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--listeners", type=int, default=20)
    with tempfile.TemporaryDirectory() as path:
        asyncio.run(_measure(path, parser.parse_args()))


if __name__ == "__main__":
    main()
