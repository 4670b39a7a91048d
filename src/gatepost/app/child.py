"""Where a child process begins: reads its orders from the parent, becomes a worker or the console."""

import asyncio
import gc
import socket
import sys

import uvloop

from gatepost import log as logs
from gatepost.app import console, link, worker

SWITCH_INTERVAL_S = (
    0.0005  # the store's writer thread waits for the interpreter this long at most (design.md §4)
)


async def become(end: socket.socket) -> int:
    """Take orders and follow them until the end. The exit status."""
    line = await link.Link.over(end)
    orders = await line.receive_order()
    if not isinstance(orders, link.Orders):
        return 1
    logs.configure(orders.settings.log.level, json=orders.settings.log.json)
    if orders.role == "console":
        return await console.run(line, orders)
    return await worker.run(line, orders)


def main() -> None:
    """``python -m gatepost.app.child FD``: the parent's way to start one."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    gc.collect()
    gc.freeze()  # what was imported is never garbage
    gc.set_threshold(50_000, 20, 20)  # values that live for one message are freed by their counts
    end = socket.socket(fileno=int(sys.argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(become(end)))


if __name__ == "__main__":
    main()
