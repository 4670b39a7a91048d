"""Signs what is about to be sent, in batches in threads: what gathered while the last batches ran goes into the next.

Guarantees: no timer; one hop to a thread and back a batch, however many messages; the event loop hashes nothing and signs
nothing. What cannot be signed comes back with the cause, never unsigned (RFC 6376 §5.2 leaves the choice: a broken key must
not look like mail from somebody else). Signatures are made before the suppressions are read, so their wait ages no look-up.
Not here: which keys there are (``ring``), what the bytes are (``compose``), the arithmetic (``gatepost.dkim``).
"""

import asyncio
import functools
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures

import msgspec

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.delivery import compose, desk, ring, session
from gatepost.delivery import settings as delivery_settings
from gatepost.dkim import keys, signature
from gatepost.model import message as messages

_BATCH = 32  # messages: 10 ms of RSA-2048, so that no connection waits long for the last of its batch


class Wish(msgspec.Struct, frozen=True, gc=False):
    """A message that waits for its signatures, with the connection and the deliveries that it is for."""

    at: desk.Desk
    connection: session.Connection
    jobs: Sequence[messages.Due]
    out: compose.Outgoing
    keys: Sequence[ring.Held]


class Signed(msgspec.Struct, frozen=True, gc=False):
    """What became of a wish. problem: why there are no signatures, or empty."""

    wish: Wish
    signatures: bytes
    problem: str = ""


class Signing:
    """``ask`` for signatures; ``done`` is told of each batch, later, in the event loop."""

    def __init__(
        self,
        clock: clocks.Clock,
        settings: delivery_settings.SigningSettings,
        done: Callable[[Sequence[Signed]], None],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._done = done
        self._count = settings.threads
        self._threads = futures.ThreadPoolExecutor(self._count, "sign")
        self._waiting: list[Wish] = []
        self._under_way: dict[int, list[Wish]] = {}
        self._number = 0
        self._called = False
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether something waits for its signatures."""
        return bool(self._waiting or self._under_way)

    def take(self, settings: delivery_settings.SigningSettings) -> None:
        """Another manner for signatures from now on. The number of threads stays."""
        self._settings = settings

    def ask(self, wish: Wish) -> None:
        """Sign it with the next batch."""
        self._waiting.append(wish)
        if not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._begin)

    def waiting(self, at: desk.Desk) -> Iterator[messages.Due]:
        """A lane's deliveries that are not signed yet."""
        batches = (self._waiting, *self._under_way.values())
        return (due for batch in batches for wish in batch if wish.at is at for due in wish.jobs)

    def close(self) -> None:
        """What is not signed yet stays unsigned and untold."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self) -> None:
        self._called = False
        loop = asyncio.get_running_loop()
        while self._waiting and not self._closed and (free := self._count - len(self._under_way)) > 0:
            share = min(_BATCH, -(-len(self._waiting) // free))
            batch, self._waiting = self._waiting[:share], self._waiting[share:]
            self._number += 1
            number = self._number
            self._under_way[number] = batch
            now_s = self._clock.now_ms() // 1000
            made = loop.run_in_executor(self._threads, _sign_all, batch, self._settings.manner, now_s)
            made.add_done_callback(functools.partial(self._finish, number))

    def _finish(self, number: int, made: "asyncio.Future[list[Signed]]") -> None:
        del self._under_way[number]
        if self._closed or made.cancelled():
            return
        self._begin()
        self._done(made.result())


def _sign_all(batch: Sequence[Wish], manner: signature.Manner, now_s: int) -> list[Signed]:
    """In a thread."""
    return [_sign(wish, manner, now_s) for wish in batch]


def _sign(wish: Wish, manner: signature.Manner, now_s: int) -> Signed:
    signers: list[signature.Signer] = []
    try:
        signers += [held.signer() for held in wish.keys]
        message = signature.Message(wish.out.header, wish.out.body.hash(manner.body))
        return Signed(wish, signature.sign(message, signers, manner, now_s))
    except keys.BadKey as error:
        return Signed(wish, b"", str(error))
    except Exception as error:  # noqa: BLE001 - the top of a thread's work: every wish gets its answer, and this one is a bug
        names = ", ".join(held.name for held in wish.keys)
        logs.get("delivery").error("a signature failed", keys=names, problem=repr(error))
        return Signed(wish, b"", f"{names}: {error!r}")
