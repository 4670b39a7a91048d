"""``python -m bench.parts``: what each part of a message's budget costs (design.md §8), in CPU microseconds, beside the budget.

A message: 4 KiB, one recipient, MAIL, RCPT, DATA and the body each in a segment of its own, as smtp-source sends them.
Every figure is the thread's (for the store the process's) CPU time, the best of several rounds (neighbours only ever add). The first line is a yardstick, the same
pure Python work everywhere: on a machine where it takes twice as long, expect twice the figures.
"""

import asyncio
import collections
import gc
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from bench import kernel, pieces
from gatepost.app import compose
from gatepost.classify import classifier as classifiers
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.policy import admit
from gatepost.policy import settings as policy_settings
from gatepost.smtp import client as smtp_client
from gatepost.smtp import server as servers
from gatepost.smtp import states

ROUNDS = 15
COUNT = 1_000  # messages a round
SESSIONS = 50
BUDGET = {"wire in": 30, "wire out": 15, "loop and kernel": 35, "store": 35, "headers, values, policy": 25}


def per_message(work: Callable[[], None], count: int = COUNT) -> float:
    """Microseconds of this thread's CPU time per message."""
    found = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        found.append((time.thread_time() - began) / count * 1e6)
    return min(found)


async def per_message_of(work: Callable[[], Awaitable[None]], count: int = COUNT) -> float:
    """The same for what needs the event loop; other threads count too."""
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        await work()
        found.append((time.process_time() - began) / count * 1e6)
    return min(found)


def yardstick() -> None:
    """A fixed piece of pure Python: attribute, call, dict and bytes work as a message has it."""
    counted: collections.Counter[bytes] = collections.Counter()
    for number in range(COUNT):
        text = b"%d user@example.test" % number
        head, _, tail = text.partition(b" ")
        for word in (head, tail, text.upper(), text[2:9]):
            counted[word[:4]] += len(word)


def wire_in() -> Callable[[], None]:
    """The server's session alone: commands in, replies out, the body read."""
    session = servers.ServerSession(pieces.SERVER)
    session.greeting()
    session.receive(b"EHLO client.test\r\n")
    session.next_event()
    session.data_to_send()

    def work() -> None:
        for _ in range(COUNT):
            session.receive(pieces.MAIL)
            session.next_event()
            session.mail_accepted()
            session.next_event()
            session.data_to_send()
            session.receive(pieces.RCPT)
            session.next_event()
            session.rcpt_accepted()
            session.next_event()
            session.data_to_send()
            session.receive(b"DATA\r\n")
            session.next_event()
            session.next_event()
            session.data_to_send()
            session.receive(pieces.BODY)
            while session.next_event() is not states.PAUSED:
                pass
            session.data_to_send()
            session.message_accepted("Queued as 38gd6df3c0c00")
            session.next_event()
            session.data_to_send()

    return work


def wire_out() -> Callable[[], None]:
    """The client's session alone, with PIPELINING."""
    session = smtp_client.ClientSession(smtp_client.ClientSettings(b"mta.bench.test", smtp_client.Tls.NEVER))
    for said in (b"220 sink\r\n", b"250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 8BITMIME\r\n"):
        session.receive(said)
        while session.next_event() is not states.NEED_DATA:
            pass
        session.data_to_send()
    transaction = smtp_client.Transaction(
        b"bounces@sender.test", (b"user@rcpt.test",), (pieces.MESSAGE,), len(pieces.MESSAGE)
    )

    def work() -> None:
        for _ in range(COUNT):
            session.send(transaction)
            session.next_event()
            session.data_to_send()
            session.receive(b"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n354 go\r\n")
            session.next_event()
            session.data_to_send()
            session.receive(b"250 2.0.0 Ok: queued\r\n")
            session.next_event()
            session.next_event()

    return work


def policy() -> Callable[[], None]:
    """Classification of a 250 and the settlement of a delivered mail, with its event."""
    decide = compose.build_decide(policy_settings.PolicySettings(), random.Random(1).random)
    facts = pieces.facts()
    result = pieces.delivered(facts.delivery.id)

    def work() -> None:
        for _ in range(COUNT):
            decide(result, facts, pieces.NOW)

    return work


def classify(text: bytes) -> Callable[[], None]:
    """A reply of a template that the classifier has met."""
    classifier = compose.build_classifier()
    context = classifiers.Context(provider="google", our_ip="192.0.2.7", recipient="user@rcpt.test")

    def work() -> None:
        for number in range(COUNT):
            reply = replies.Reply(550, text % number, replies.Stage.RCPT)
            classifier.classify(reply, context)

    return work


async def store(path: Path) -> tuple[float, float]:
    """Accept and settle in groups of 50, durable, through the real store: (accept, settle)."""
    opened = await pieces.open_store(path)
    decide = compose.build_decide(policy_settings.PolicySettings(), random.Random(1).random)
    lane = await opened.lane("sink", 1)
    accept: list[float] = []
    settle: list[float] = []
    for number in range(ROUNDS):
        batches = [
            [pieces.submission(number * COUNT + at + n, lane) for n in range(50)]
            for at in range(0, COUNT, 50)
        ]
        claim = results.Claim(0, 1)
        done = [[pieces.delivered(s.deliveries[0].id, claim) for s in batch] for batch in batches]
        began = time.process_time()
        for batch in batches:
            await opened.accept(batch, admit.refused_event)
        middle = time.process_time()
        for some in done:
            await opened.settle(some, decide)
        accept.append((middle - began) / COUNT * 1e6)
        settle.append((time.process_time() - middle) / COUNT * 1e6)
    await opened.close()
    return min(accept), min(settle)


async def submission() -> float:
    """Everything of the listener's side but the socket and the store: wire, headers, values, events."""
    async with asyncio.TaskGroup() as tasks:
        clients = pieces.clients(tasks, SESSIONS)

        async def work() -> None:
            for _ in range(COUNT // SESSIONS):
                for client in clients:
                    client.send_message()
                for client in clients:
                    await client.answered()

        found = await per_message_of(work)
        for client in clients:
            client.close()
    return found


async def delivery() -> float:
    """Everything of the delivery side but the socket and the store: lanes, wire, results."""
    async with asyncio.TaskGroup() as tasks:
        office = await pieces.delivering(tasks)
        found = await per_message_of(lambda: office.deliver(COUNT))
        office.stop()
    return found


def show(name: str, figure: float, budget: str = "") -> None:
    """One line of the table."""
    print(f"| {name} | {figure:.1f} | {budget} |", flush=True)


async def _main() -> None:
    sys.setswitchinterval(0.0005)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    print("| part | CPU µs a message | budget |\n|---|---|---|")
    show("yardstick", per_message(yardstick))
    server, client = per_message(wire_in()), per_message(wire_out())
    show("wire in", server, "30")
    show("wire out", client, "15")
    show("loop and kernel (canned bytes over loopback)", await kernel.measure(SESSIONS, COUNT, ROUNDS), "35")
    with tempfile.TemporaryDirectory() as path:
        accept, settle = await store(Path(path))
    decided = per_message(policy())
    show("store: accept in groups of 50", accept)
    show("store: settle in groups of 50, without policy", settle - decided)
    show("store", accept + settle - decided, "35")
    show("policy: a delivered mail", decided)
    show("classification, known template", per_message(classify(b"550 5.1.1 <u%d@x.test>: unknown user")))
    into = await submission()
    out = await delivery()
    show("submission without wire, socket and store", into - server)
    show("delivery without wire, socket and store", out - client)
    show("headers, values, policy", into - server + out - client + decided, "25")


def main() -> None:
    """Measure everything once."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main())


if __name__ == "__main__":
    main()
