"""However a server misbehaves, at whatever stage, a transaction ends once, in time, and charged as it should be."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from tests.delivery import delivery_values as values
from tests.delivery import scripted
from tests.net import peers

from gatepost.delivery import session
from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.net import connect
from gatepost.smtp import client as smtp_client

Stage, Problem = replies.Stage, failures.Problem
GARBAGE, BYE = b"!?\x00\r\n", b"421 4.3.2 closing\r\n"
BODY = b"Subject: x\r\n\r\nhi\r\n"


class Ends:
    """What a connection reported."""

    def __init__(self) -> None:
        self.done: asyncio.Queue[session.Done] = asyncio.Queue()
        self.closed = 0

    def on_done(self, _: session.Connection, done: session.Done) -> None:
        self.done.put_nowait(done)

    def on_closed(self, _: session.Connection) -> None:
        self.closed += 1

    async def next(self) -> session.Done:
        async with asyncio.timeout(5):
            return await self.done.get()


@asynccontextmanager
async def connected(
    server: scripted.Server, *, reply_s: float = 5.0, dot_s: float = 5.0, block_s: float = 5.0
) -> AsyncIterator[tuple[session.Connection, Ends]]:
    ends = Ends()

    def make() -> session.Connection:
        settings = smtp_client.ClientSettings(b"gate.test", smtp_client.Tls.NEVER)
        times = session.Times(reply_s, dot_s, block_s)
        client = smtp_client.ClientSession(settings)
        return session.Connection(client, times, lambda: 1000, ends.on_done, ends.on_closed)

    endpoint = connect.Endpoint("127.0.0.1", server.port)
    _, made = await connect.open_connection(make, endpoint, source_ip=None, rules=peers.LOOPBACK, within_s=3)
    try:
        yield made, ends
    finally:
        made.abort()
        assert ends.closed == 1
        assert ends.done.empty()


def send(connection: session.Connection, *numbers: int) -> None:
    jobs = [values.due(number, message=1) for number in numbers]
    recipients = tuple(job.recipient for job in jobs)
    connection.send(jobs, smtp_client.Transaction(b"n@us.test", recipients, (BODY,), len(BODY)))


async def test_a_whole_transaction_answers_each_recipient_and_leaves_the_connection_free() -> None:
    async with scripted.serving() as server, connected(server) as (connection, ends):
        await connection.wait_ready(None, 1)
        send(connection, 1, 2)
        busy = not connection.can_send
        done = await ends.next()
        assert [answer.raw if answer else None for answer in done.answers] == [b"250 2.0.0 kept"] * 2
        assert (values.ids(list(done.jobs)), done.problem, done.in_doubt) == ([1, 2], None, False)
        assert (busy, connection.can_send, connection.sent) == (True, True, 2)


BREAKS = {
    "closes": (scripted.CLOSE, Problem.RESET),
    "is silent": (scripted.SILENCE, Problem.TIMEOUT),
    "talks garbage": (GARBAGE, Problem.PROTOCOL),
    "says 421": (BYE, Problem.RESET),
}
BROKEN = pytest.mark.parametrize(("said", "problem"), BREAKS.values(), ids=BREAKS)


@BROKEN
@pytest.mark.parametrize("stage", [Stage.GREETING, Stage.EHLO])
async def test_before_it_is_ready_a_break_is_one_failure_of_that_stage(
    stage: replies.Stage, said: bytes, problem: failures.Problem
) -> None:
    reply_s = 0.1 if said == scripted.SILENCE else 5.0
    async with scripted.serving({stage.name: said}) as server, connected(server, reply_s=reply_s) as made:
        with pytest.raises(session.Failure) as caught:
            await made[0].wait_ready(None, 1)
        assert (caught.value.stage, caught.value.problem) == (stage, problem)
        assert (caught.value.reply is not None) == (said == BYE)
        assert made[0].closed


@BROKEN
@pytest.mark.parametrize("stage", [Stage.MAIL, Stage.RCPT, Stage.DATA])
async def test_a_break_before_the_dot_ends_the_transaction_and_leaves_no_doubt(
    stage: replies.Stage, said: bytes, problem: failures.Problem
) -> None:
    reply_s = 0.2 if said == scripted.SILENCE else 5.0
    async with (
        scripted.serving({stage.name: said}) as server,
        connected(server, reply_s=reply_s) as (connection, ends),
    ):
        await connection.wait_ready(None, 1)
        send(connection, 1, 2)
        done = await ends.next()
        assert (done.stage, done.problem, done.in_doubt, done.untouched) == (stage, problem, False, False)
        answer = replies.Reply(421, BYE[:-2], stage) if said == BYE else None
        assert done.answers == (answer, answer)
        assert connection.closed


@pytest.mark.parametrize("said", [scripted.CLOSE, scripted.SILENCE, GARBAGE])
async def test_a_break_after_the_dot_leaves_the_message_in_doubt(said: bytes) -> None:
    times = (0.2, 0.2) if said == scripted.SILENCE else (5.0, 5.0)
    async with (
        scripted.serving({"DOT": said}) as server,
        connected(server, reply_s=times[0], dot_s=times[1]) as (connection, ends),
    ):
        await connection.wait_ready(None, 1)
        send(connection, 1)
        done = await ends.next()
        assert (done.in_doubt, done.stage, done.answers) == (True, Stage.DOT, (None,))


async def test_a_421_after_the_dot_is_the_recipients_answer() -> None:
    async with scripted.serving({"DOT": BYE}) as server, connected(server) as (connection, ends):
        await connection.wait_ready(None, 1)
        send(connection, 1)
        done = await ends.next()
        assert [(a.code, a.stage) if a else None for a in done.answers] == [(421, Stage.DOT)]
        assert not connection.can_send


async def test_a_refused_recipient_keeps_its_own_reply_when_the_connection_breaks_later() -> None:
    script = {"RCPT": b"550 5.1.1 nobody\r\n"}
    async with scripted.serving(script) as server, connected(server) as (connection, ends):
        await connection.wait_ready(None, 1)
        send(connection, 1)
        done = await ends.next()
        assert [a.raw if a else None for a in done.answers] == [b"550 5.1.1 nobody"]
        assert connection.can_send


@pytest.mark.parametrize("said", [scripted.CLOSE, BYE])
async def test_a_reused_connection_that_ends_before_any_answer_left_the_next_message_untouched(
    said: bytes,
) -> None:
    script = {"MAIL": said}
    async with scripted.serving(script, after=3) as server, connected(server) as (connection, ends):
        await connection.wait_ready(None, 1)
        send(connection, 1)
        assert not (await ends.next()).untouched
        send(connection, 2)
        done = await ends.next()
        assert (done.untouched, done.in_doubt, values.ids(list(done.jobs))) == (True, False, [2])


async def test_an_abort_ends_the_transaction_under_way_once() -> None:
    async with scripted.serving({"MAIL": scripted.SILENCE}) as server, connected(server) as (one, ends):
        await one.wait_ready(None, 1)
        send(one, 1)
        one.abort()
        one.abort()
        assert (await ends.next()).problem is Problem.RESET


async def test_a_polite_end_reports_no_transaction() -> None:
    async with scripted.serving() as server, connected(server) as (connection, ends):
        await connection.wait_ready(None, 1)
        connection.quit()
        connection.quit()
        assert (connection.closed, connection.can_send, ends.closed) == (True, False, 1)


class Slow:
    """A server that takes a large body late, or never."""

    def __init__(self, *, stalls: bool) -> None:
        self.port = 0
        self._stalls = stalls
        self.left = asyncio.Event()
        self.over = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.test\r\n")
        with contextlib.suppress(ConnectionError, TimeoutError):
            for said in (b"250 mx.test\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n"):
                await reader.readline()
                writer.write(said)
            if self._stalls:
                await asyncio.wait_for(self.left.wait(), 10)
            await asyncio.sleep(0.4)  # until the wait for the dot's reply would have been over
            end = b""
            while not end.endswith(b"\r\n.\r\n"):
                end = end[-4:] + await reader.read(1 << 17)
            writer.write(b"250 kept\r\n")
            await reader.read()
        writer.transport.abort()
        await asyncio.sleep(0)
        self.over.set()


@pytest.mark.slow
@pytest.mark.parametrize("stalls", [False, True])
async def test_a_server_that_is_slow_to_take_a_large_body_is_waited_for_while_it_takes_any(
    stalls: bool,
) -> None:
    """RFC 5321 §4.5.3.2.5: a time-out for each block, and §4.5.3.2.6: another behind the last one."""
    slow = Slow(stalls=stalls)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    server = await asyncio.start_server(slow.serve, sock=listening, limit=1 << 16)
    slow.port = server.sockets[0].getsockname()[1]
    body = (b"x" * 998 + b"\r\n") * 20_000
    async with (
        server,
        connected(cast("scripted.Server", slow), dot_s=0.2, block_s=0.3 if stalls else 20) as (
            connection,
            ends,
        ),
    ):
        await connection.wait_ready(None, 1)
        job = values.due(1, message=1)
        connection.send([job], smtp_client.Transaction(b"n@us.test", (job.recipient,), (body,), len(body)))
        done = await ends.next()
        assert [answer.code if answer else 0 for answer in done.answers] == [0 if stalls else 250]
        assert (done.problem, done.in_doubt) == ((Problem.TIMEOUT, True) if stalls else (None, False))
    slow.left.set()
    await slow.over.wait()
