"""One SMTP client's connection: an asyncio protocol around the session and its conversation.

Guarantees: one write per group of replies; one deadline for a whole command (it moves with our replies, never with the
client's bytes) and a minimum rate for a body, whatever trickles in (faults.md B09); plaintext sent behind STARTTLS is never
read (C01); no task per message; a refusal that ends the session reaches a client that sends on (``linger``).
Not here: what is answered (``conversation``), who may connect (``listener``).
"""

import asyncio
import enum
import ssl
from collections.abc import Callable
from typing import Final, Protocol, cast

import msgspec

from gatepost import errors
from gatepost.ingest import book as books
from gatepost.ingest import conversation, linger
from gatepost.ingest import settings as ingest_settings
from gatepost.net import connect, deadlines
from gatepost.smtp import events, states
from gatepost.smtp import server as servers

HANDSHAKE_S = 30.0
_HIGH_WATER = 64 * 1024
_NEED_DATA: Final = states.NEED_DATA
_PAUSED: Final = states.PAUSED
_SENDS_ON = frozenset(  # the client broke a rule, and has not heard of it yet
    {
        events.Reason.ERRORS,
        events.Reason.JUNK,
        events.Reason.EARLY_TALK,
        events.Reason.PIPELINING,
        events.Reason.BARE_NEWLINE,
        events.Reason.NOT_SMTP,
        events.Reason.OVERFLOW,
        events.Reason.REFUSED,
    }
)


class Phase(enum.Enum):
    """What the client is waited for, or that it waits for us: decides the deadline."""

    COMMAND = enum.auto()
    BODY = enum.auto()
    OWED = enum.auto()


# By name, because a member looked up through its class costs 0.1 µs, dozens of times a message.
_COMMAND = Phase.COMMAND
_BODY = Phase.BODY
_OWED = Phase.OWED


class Talk(Protocol):
    """Who answers the events of one session."""

    def on(self, event: conversation.Answerable) -> None:
        """One event."""
        ...

    def lost(self) -> None:
        """The client is gone."""
        ...


Begin = Callable[[servers.ServerSession, conversation.Line, books.Grant | None], Talk]


class Terms(msgspec.Struct, frozen=True):
    """What every connection of a listener shares. begin: a conversation. context: for STARTTLS. implicit: TLS from the first byte."""

    begin: Begin
    settings: ingest_settings.IngestSettings
    session: servers.ServerSettings
    context: ssl.SSLContext | None
    implicit: bool
    tasks: asyncio.TaskGroup


class Connection(asyncio.Protocol):
    """See the module. ``on_lost`` is told once when the connection is gone."""

    def __init__(
        self,
        terms: Terms,
        grant: Callable[[str], books.Grant | None],
        admit: Callable[["Connection"], bytes],
        on_lost: Callable[["Connection"], None],
    ) -> None:
        self._terms = terms
        self._grant = grant
        self._admit = admit
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._session = servers.ServerSession(terms.session)
        self._talk: Talk | None = None
        self._deadline = deadlines.Deadline()
        self._watch: asyncio.TimerHandle | None = None
        self._phase = _COMMAND
        self._upgrading = False
        self._ending = False
        self._half_closed = False
        self._held = False  # no more is read until the store has taken what came
        self._crowded = False  # no more is read until what waits is answered
        self.ip = ""
        self.secured = terms.implicit

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there (or its TLS layer is up)."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        if self._talk is not None:
            return
        peer = transport.get_extra_info("peername")
        self.ip = str(peer[0]).removeprefix("::ffff:") if peer else ""
        refused = self._admit(self)
        if refused:
            self._write(refused)
            self._close()
            return
        grant = self._grant(self.ip)
        if grant is not None:
            settings = msgspec.structs.replace(self._terms.session, auth_required=False)
            self._session = servers.ServerSession(settings)
        self._talk = self._terms.begin(self._session, self, grant)
        self._session.greeting()
        self._work()

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        session = self._session
        if self._phase is _BODY:
            self._deadline.seen(self._loop.time(), len(data))
        session.receive(data)
        if self._phase is _OWED and session.crowded and self._transport is not None:
            self._crowded = True
            self._transport.pause_reading()
        self._work()

    def pause_writing(self) -> None:
        """It asks and asks, and reads no answer: more than the high-water mark waits to be read."""
        self.abort()

    def eof_received(self) -> bool:
        """The client closed its side: what it did not finish does not count, what it finished is still answered."""
        if self._phase is _OWED and not self.secured:
            self._half_closed = True
            return True
        self._session.receive_eof()
        self._work()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone; being told twice does no harm."""
        del exc
        self._session.receive_eof()
        self._unwatch()
        if self._talk is not None:
            self._talk.lost()
        self._on_lost(self)

    # --- the conversation's line

    def answered(self) -> None:
        """An answer was given outside of ``on``: send it, and go on."""
        self._work()

    def end(self, reply: bytes) -> None:
        """Say this, and close."""
        self._session.shutdown(reply)

    def hold(self) -> None:
        """Read no more for now."""
        self._held = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        self._held = False
        self._read_on()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call that later, unless the connection is gone by then."""
        self._loop.call_later(seconds, self._if_open, call)

    # --- the listener's side

    @property
    def busy(self) -> bool:
        """Whether a message is on its way in, or its answer awaited."""
        return self._phase is not _COMMAND

    def drain(self) -> None:
        """End it as soon as no message is on its way in (faults.md P20)."""
        self._ending = True
        if self._talk is None or self._upgrading:
            self.abort()  # it lingers, or its handshake is not done: it has half a minute for that, and nothing to lose
        elif not self.busy:
            self._session.shutdown()
            self._work()

    def abort(self) -> None:
        """End it now."""
        if self._transport is not None:
            self._transport.abort()

    # --- inside

    def _read_on(self) -> None:
        """Read again, unless there is another reason not to."""
        if self._held or self._crowded or self._upgrading:
            return
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _if_open(self, call: Callable[[], None]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            call()

    def _work(self) -> None:
        """Take events until the session waits for the client or for an answer, then write once."""
        session, talk = self._session, self._talk
        if talk is None or self._upgrading:
            return
        take = session.next_event
        event = take()
        while event is not _NEED_DATA and event is not _PAUSED:
            if isinstance(event, events.Closing):
                self._write(session.data_to_send())
                if event.reason in _SENDS_ON:
                    self._linger(talk)
                else:
                    self._close()
                return
            if isinstance(event, events.StartTlsWanted):
                self._upgrade()
                return
            talk.on(event)
            event = take()
        said = session.data_to_send()
        if said:
            self._write(said)
        if event is _PAUSED:
            self._owe()
            return
        if self._crowded:
            self._crowded = False
            self._read_on()
        self._enter(_BODY if session.in_body else _COMMAND, said=bool(said))
        if self._phase is _COMMAND and (self._ending or self._half_closed):
            self._finish()

    def _owe(self) -> None:
        """An answer of ours is waited for: the client has no deadline."""
        if self._phase is not _OWED:
            self._phase = _OWED
            self._deadline.stop()

    def _finish(self) -> None:
        """Nothing is under way any more: say good-bye, unless the client has left."""
        if self._half_closed:
            self._session.receive_eof()
        else:
            self._session.shutdown()
        self._write(self._session.data_to_send())
        self._close()

    def _write(self, data: bytes) -> None:
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _close(self) -> None:
        self._unwatch()
        if self._transport is not None:
            self._transport.close()

    def _linger(self, talk: Talk) -> None:
        """Our side is closed; the bytes that are on their way go nowhere, and nor does an answer that comes late."""
        transport = self._transport
        if transport is None or transport.is_closing() or self._half_closed:
            self._close()
            return
        self._unwatch()
        talk.lost()
        self._talk = None
        linger.Linger(transport, linger.Patience(self._terms.session.max_size), self.connection_lost)

    # --- TLS

    def _upgrade(self) -> None:
        context, transport = self._terms.context, self._transport
        if context is None or transport is None:
            return
        self._upgrading = True
        # Paused before 220 goes out: nothing of the handshake can come yet, and nothing in clear will be read.
        transport.pause_reading()
        self._write(self._session.data_to_send())
        self._terms.tasks.create_task(self._handshake(transport, context))

    async def _handshake(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        try:
            self._transport = await connect.start_server_tls(transport, self, context, within_s=HANDSHAKE_S)
        except (OSError, ssl.SSLError, TimeoutError, errors.GatepostError):
            transport.abort()
            self.connection_lost(None)  # the loop tells nobody when a handshake fails
            return
        self._upgrading = False
        self.secured = True
        self._session.tls_started()
        self._enter(_COMMAND, said=True)
        self._work()

    # --- deadlines

    def _enter(self, phase: Phase, *, said: bool) -> None:
        """A deadline begins with every phase and with every reply."""
        if phase is self._phase and (phase is _BODY or not said):
            return
        self._phase = phase
        settings = self._terms.settings
        deadline = self._deadline
        if phase is _COMMAND:
            deadline.start(self._loop.time(), settings.command_timeout_s)
        else:
            deadline.start(self._loop.time(), settings.data_timeout_s, settings.min_data_rate)
        if self._watch is None or deadline.at < self._watch.when():
            self._unwatch()
            self._watch = self._loop.call_at(deadline.at, self._late)

    def _late(self) -> None:
        """The one timer of a connection: set again when it fires early, so that moving the deadline costs nothing."""
        self._watch = None
        if self._upgrading or self._phase is _OWED:
            return  # the handshake has its own limit, and so has the store; the timer is set when they are done
        if self._loop.time() < self._deadline.at:
            self._watch = self._loop.call_at(self._deadline.at, self._late)
            return
        self._session.timed_out()
        self._work()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
