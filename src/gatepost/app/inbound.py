"""The inbound half of a worker: the door for reports, the process that reads them, and what they lead to."""

import asyncio
import secrets
import ssl
from collections.abc import Callable, Sequence

import msgspec

from gatepost import clock as clocks
from gatepost.app import parsing
from gatepost.classify import classifier as classifiers
from gatepost.delivery import route
from gatepost.ingest import accept, conversation, forwarding, intake, ours, reception
from gatepost.ingest import settings as ingest_settings
from gatepost.model import directory as directories
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.net import listen
from gatepost.reports import token as tokens
from gatepost.store import port

PLACE = "inbound.address"


def hosts(settings: ingest_settings.InboundSettings, hostname: str) -> frozenset[str]:
    """The names under which MX records lead here; none without a listener."""
    if not settings.address:
        return frozenset()
    return frozenset(name.lower().rstrip(".") for name in settings.hosts or (hostname,))


def known(
    settings: ingest_settings.InboundSettings,
    hostname: str,
    directory: directories.Directory,
    keys: tokens.Keys,
) -> ours.Ours:
    """Which addresses are ours, by this Directory."""
    return ours.Ours(directory, keys, hosts(settings, hostname))


class Judging(msgspec.Struct, frozen=True):
    """What changes while the worker runs: each gives what is in force now. exempt: see ``intake.Parts``."""

    decide: port.Decide
    classifier: Callable[[], classifiers.Classifier]
    ours: Callable[[], ours.Ours]
    exempt: Callable[[int], bool]


class Inbound:
    """``start`` it, ``drain`` it at the end. ``figures`` count since the start."""

    def __init__(
        self,
        settings: ingest_settings.InboundSettings,
        parts: conversation.Parts,
        acceptor: accept.Acceptor,
        judging: Judging,
        hostname: str,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._parts = parts
        self._hostname = hostname
        self._tasks = tasks
        self._reader = parsing.Reader(settings.parse_timeout_s)
        self._clock: clocks.Clock = parts.clock

        async def settle(batch: Sequence[results.Reported]) -> Sequence[settlements.Settlement | None]:
            return await parts.store.settle(batch, judging.decide)

        forward = forwarding.Forwarder(settings, parts.shelf, acceptor, lambda: secrets.token_hex(16))
        self._intake = intake.Intake(
            intake.Parts(
                sent=parts.store.sent,
                settle=settle,
                parse=self._reader.read,
                classifier=judging.classifier,
                ours=judging.ours,
                provider=route.provider_of,
                exempt=judging.exempt,
                forward=forward,
                hostname=hostname,
                tasks=tasks,
            )
        )
        self._ours = judging.ours
        self._door: reception.Inbound | None = None

    async def start(self, context: ssl.SSLContext | None) -> str:
        """Listen; the address as it is. Raises BadInput for one that cannot be listened on."""
        host, number = ingest_settings.host_port(self._settings.address, PLACE)
        sockets = listen.bind(host, number, PLACE)
        parts = reception.Parts(
            ours=self._ours,
            intake=self._intake,
            clock=self._clock,
            shortage=self._parts.shortage,
            quota=reception.Quota(self._settings.unverified_per_min, self._clock),
            budget=reception.Budget(self._settings.budget),
        )
        self._door = reception.Inbound(
            self._settings, parts, self._parts.settings, self._hostname, context, self._tasks
        )
        await self._door.start(sockets)
        return listen.shown(sockets[0])

    async def drain(self, timeout_s: float) -> None:
        """Take no more; what is on its way in is finished, within the time."""
        if self._door is not None:
            await self._door.drain(timeout_s)
        self._reader.close()

    @property
    def figures(self) -> dict[str, int]:
        """What came in, by kind, and what was refused."""
        counts = {f"reports_{name}": count for name, count in self._intake.figures.items()}
        return {**counts, "reports_readers_ended": self._reader.ended}
