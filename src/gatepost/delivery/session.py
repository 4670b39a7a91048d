"""One connection to a receiving server: an asyncio protocol around the sans-IO client.

Guarantees: every transaction ends in exactly one ``Done``; every wait has a deadline (RFC 5321 §4.5.3.2); bytes
that nobody asked for end the connection and are charged to no recipient.
Not here: what an answer means, and which message goes next.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from gatepost.delivery import transcript
from gatepost.model import failure as failures
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import suppression as suppressions
from gatepost.net import connect, tls
from gatepost.smtp import client as smtp_client
from gatepost.smtp import extensions


class Done(msgspec.Struct, frozen=True, gc=False):
    """How one transaction ended: per recipient its reply, or None where the connection broke before one came.

    in_doubt: the final dot was written and no answer to it read. untouched: the host closed a reused connection before
    it answered anything: nothing was tried. problem: set where an answer is missing. ms: from the first byte written.
    sender: the return path. reports_until: ms; how long a late report can be tied to it, 0 for not at all. dsn: the host was asked
    to tell the sender itself what he asked for. transcript: what was said, where not all was taken.
    """

    jobs: tuple[messages.Due, ...]
    answers: tuple[replies.Reply | None, ...]
    started_at: int
    ms: int
    in_doubt: bool = False
    untouched: bool = False
    problem: failures.Problem | None = None
    detail: str = ""
    stage: replies.Stage = replies.Stage.UNKNOWN
    sender: bytes = b""
    reports_until: int = 0
    dsn: bool = False
    transcript: bytes = b""


class Failure(Exception):
    """The connection did not become ready: where, the reply if there was one, and the problem."""

    def __init__(
        self, stage: replies.Stage, problem: failures.Problem, detail: str, reply: replies.Reply | None = None
    ) -> None:
        self.stage = stage
        self.problem = problem
        self.detail = detail
        self.reply = reply
        self.host = ""  # named by the opener, which knows whom it asked
        self.ip = ""
        self.gone = False  # no such domain, by two resolvers
        self.tls = ""  # where TLS was demanded and did not come about: as ``Attempt.tls``
        self.transcript = b""  # what was said, if the socket was connected
        self.blocked: suppressions.Suppression | None = (
            None  # the network of a host that is not to be connected to
        )
        super().__init__(f"{stage.word}: {detail}")


class Peer(msgspec.Struct, frozen=True, gc=False):
    """Who is at both ends."""

    host: str
    ip: str
    local_ip: str
    ehlo: str


class Times(msgspec.Struct, frozen=True):
    """How long to wait, in seconds: for a reply, for the one after the final dot, and for a body to go on going out."""

    reply_s: float
    dot_s: float
    block_s: float = 180.0  # RFC 5321 §4.5.3.2.5


class Connection(asyncio.Protocol):
    """A connection that is being opened, idle, busy with one transaction, or closed."""

    def __init__(
        self,
        client: smtp_client.ClientSession,
        times: Times,
        now_ms: Callable[[], int],
        on_done: "Callable[[Connection, Done], None]",
        on_closed: "Callable[[Connection], None]",
    ) -> None:
        self._client = client
        self._times = times
        self._now_ms = now_ms
        self._on_done = on_done
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._ready: asyncio.Future[None] = self._loop.create_future()
        self._tls_wanted: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._jobs: tuple[messages.Due, ...] = ()
        self._sender = b""
        self._reports_until = 0
        self._dsn = False
        self._started_at = 0
        self._due_by = 0.0
        self._unwritten = 0  # bytes of a body that the server was slow to take, when last looked at
        self._watch: asyncio.TimerHandle | None = None
        self._transcript = transcript.Transcript(self._loop.time())
        self.peer = Peer("", "", "", "")
        self.tls = ""
        self.sent = 0
        self.rcpt_max = 0  # the most recipients of one transaction, 0 for no limit
        self.closed = False
        self.idle_since = 0.0

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected, or its TLS layer is up."""
        self._transport = cast("asyncio.Transport", transport)
        if self._watch is None:
            self._wait(self._times.reply_s)

    def data_received(self, data: bytes) -> None:
        """Bytes from the server: feed the client, act on its events, write what it wants written."""
        self._transcript.heard(data, self._loop.time())
        client = self._client
        client.receive(data)
        self._work()

    def eof_received(self) -> bool:
        """The server closed its side."""
        self._client.receive_eof()
        self._work()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone."""
        del exc
        if not self.closed:
            self._client.receive_eof()
            self._work()
        self._finish()

    # --- what the lane's owner does with it

    async def wait_ready(self, tls_context: ssl.SSLContext | None, tls_timeout_s: float) -> None:
        """Greeting, EHLO, STARTTLS and AUTH done. Raises Failure."""
        if tls_context is not None:
            await asyncio.wait((self._ready, self._tls_wanted), return_when=asyncio.FIRST_COMPLETED)
            if not self._ready.done():
                await self._upgrade(tls_context, tls_timeout_s)
        await self._ready

    def no_tls(self, reason: str) -> None:
        """TLS was wanted and did not come about: the events of this connection say so."""
        self.tls = f"none (STARTTLS: {reason})"

    def send(
        self, jobs: Sequence[messages.Due], transaction: smtp_client.Transaction, reports_until: int = 0
    ) -> None:
        """Begin a transaction for these deliveries; it ends in ``on_done``. reports_until: see ``Done``."""
        self._jobs = tuple(jobs)
        self._sender = transaction.sender
        self._reports_until = reports_until
        self._dsn = transaction.wanted is not None and self._client.dsn
        self._started_at = self._now_ms()
        self.sent += len(jobs)
        self._transcript.begin(self._loop.time())
        self._client.send(transaction)
        self._work()

    @property
    def can_send(self) -> bool:
        """Whether a transaction may begin now."""
        return not self.closed and not self._jobs and self._client.can_send

    @property
    def offered(self) -> extensions.Extensions:
        """What the server announced."""
        return self._client.offered

    @property
    def jobs(self) -> tuple[messages.Due, ...]:
        """The deliveries of the transaction under way."""
        return self._jobs

    def quit(self) -> None:
        """End it politely; a broken QUIT harms nothing."""
        if self.closed:
            return
        self._client.quit()
        self._flush()
        self._finish()

    def abort(self) -> None:
        """End it now; a transaction under way ends as broken."""
        if not self.closed:
            self._client.receive_eof()
            self._work()
        self._finish()

    # --- inside

    async def _upgrade(self, context: ssl.SSLContext, timeout_s: float) -> None:
        transport = self._transport
        assert transport is not None  # noqa: S101 - connected before STARTTLS can have been wanted
        try:
            upgraded = await connect.start_tls(
                transport, self, context, within_s=timeout_s, server_hostname=self.peer.host or None
            )
        except OSError as error:  # ssl.SSLError and TimeoutError among them
            self._finish()
            detail = f"handshake failed: {tls.problem(error)}"
            failure = Failure(replies.Stage.STARTTLS, failures.Problem.TLS_FAILED, detail)
            self._transcript.note(detail, self._loop.time())
            failure.transcript = self._transcript.written()
            raise failure from None
        self._transport = upgraded
        self.tls = tls.describe(upgraded)
        self._transcript.note(self.tls, self._loop.time())
        self._client.tls_started()
        self._work()

    def _work(self) -> None:
        client = self._client
        while True:
            event = client.next_event()
            if event is smtp_client.NEED_DATA:
                break
            match event:
                case smtp_client.Signal() | smtp_client.Ended():
                    break
                case smtp_client.TransactionDone():
                    self._flush()
                    self._complete(event)
                    return
                case smtp_client.Ready():
                    self.rcpt_max = client.rcpt_max
                    if client.tls_refused:
                        self.no_tls(f"refused with {client.tls_refused}")
                    if not self._ready.done():
                        self._ready.set_result(None)
                case smtp_client.StartTlsWanted():
                    self._pause()
                    self._tls_wanted.set_result(None)
                case smtp_client.SessionFailed():
                    self._fail(event)
                    return
        self._flush()

    def _flush(self) -> None:
        commands = self._client.commands_to_send
        data = self._client.data_to_send()
        if not data or self._transport is None or self._transport.is_closing():
            return
        octets = sum(map(len, data[len(commands) :]))
        self._transcript.spoke(commands, octets, self._loop.time())
        if len(data) == 1:
            self._transport.write(data[0])
        else:
            self._transport.writelines(data)
        self._wait(self._times.dot_s if self._client.stage is replies.Stage.DOT else self._times.reply_s)

    def _pause(self) -> None:
        """No byte of the handshake may reach the client session."""
        if self._transport is not None:
            self._flush()
            self._transport.pause_reading()

    def _complete(self, event: smtp_client.TransactionDone) -> None:
        jobs, self._jobs = self._jobs, ()
        self._due_by = 0.0
        took = self._now_ms() - self._started_at
        self._on_done(
            self,
            Done(
                jobs,
                event.answers,
                self._started_at,
                took,
                problem=event.problem,
                detail=event.detail,
                stage=replies.Stage.MAIL,
                sender=self._sender,
                reports_until=self._reports_until,
                dsn=self._dsn,
                transcript=b"" if _all_taken(event.answers) else self._transcript.written(),
            ),
        )

    def _fail(self, event: smtp_client.SessionFailed) -> None:
        self._flush()
        jobs, self._jobs = self._jobs, ()
        reused = self.sent > len(jobs)
        self._transcript.note(event.detail, self._loop.time())
        if not self._ready.done():
            failure = Failure(event.stage, event.problem, event.detail, event.reply)
            failure.transcript = self._transcript.written()
            self._ready.set_exception(failure)
            self._finish()
            return
        self._finish()
        if not jobs:
            return
        answers = tuple(answer or event.reply for answer in event.answers or (None,) * len(jobs))
        fresh_trouble = event.stage is replies.Stage.MAIL and (event.reply is None or event.reply.code == 421)
        self._on_done(
            self,
            Done(
                jobs,
                answers,
                self._started_at,
                self._now_ms() - self._started_at,
                in_doubt=event.in_doubt,
                untouched=reused and fresh_trouble,
                problem=event.problem,
                detail=event.detail,
                stage=event.stage,
                sender=self._sender,
                reports_until=self._reports_until,
                transcript=self._transcript.written(),
            ),
        )

    def _wait(self, seconds: float) -> None:
        """One timer per connection, re-armed only when it fires early: moving a deadline costs an assignment."""
        self._due_by = self._loop.time() + seconds
        if self._watch is not None and self._watch.when() > self._due_by:
            self._watch.cancel()  # the final dot's long wait is over
            self._watch = None
        if self._watch is None:
            self._watch = self._loop.call_at(self._due_by, self._late)

    def _late(self) -> None:
        self._watch = None
        if self.closed or not self._due_by:
            return
        if self._loop.time() < self._due_by:
            self._watch = self._loop.call_at(self._due_by, self._late)
            return
        if self._still_taking():
            return
        self._client.timed_out()
        self._work()
        self._finish()

    def _still_taking(self) -> bool:
        """Whether the server is slow to take a large body, but takes it: the wait for its reply begins behind the last byte."""
        if self._transport is None or self._client.stage is not replies.Stage.DOT:
            return False
        before, left = self._unwritten, self._transport.get_write_buffer_size()
        self._unwritten = left
        if left and (not before or left < before):
            self._wait(self._times.block_s)
        elif before and not left:
            self._wait(self._times.dot_s)
        else:
            return False
        return True

    def _finish(self) -> None:
        if self.closed:
            return
        self.closed = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._transport is not None:
            self._transport.close()
        if not self._ready.done():
            self._ready.set_exception(
                Failure(replies.Stage.GREETING, failures.Problem.RESET, "the connection was closed")
            )
        self._ready.exception()  # read here, so that an unawaited one is not reported as lost
        if not self._tls_wanted.done():
            self._tls_wanted.cancel()
        self._on_closed(self)


def _all_taken(answers: Sequence[replies.Reply | None]) -> bool:
    return all(reply is not None and reply.positive for reply in answers)
