"""Reports that came in elsewhere, filed as if they had come to the listener: for the command line and for the API.

Guarantees: they are read in a process of their own, tied to a delivery by token alone, and settled before they are answered; the same
one has no second effect. Mail to postmaster@ and abuse@ is filed and not forwarded.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from gatepost import clock as clocks
from gatepost import config
from gatepost.app import inbound, parsing, signing
from gatepost.classify import classifier as classifiers
from gatepost.console import reports
from gatepost.delivery import route
from gatepost.ingest import importing, intake, ours, reading
from gatepost.model import directory as directories
from gatepost.model import ids


class Means(msgspec.Struct, frozen=True):
    """known: the Directory as it is now. classifier: made when it is first needed."""

    sent: intake.Sent
    settle: intake.Settle
    known: Callable[[], Awaitable[directories.Directory]]
    classifier: Callable[[], Awaitable[classifiers.Classifier]]
    clock: clocks.Clock


class Importer:
    """``take`` reports; ``close`` at the end."""

    def __init__(self, settings: config.Settings, means: Means, tasks: asyncio.TaskGroup) -> None:
        self._settings = settings
        self._means = means
        self._tasks = tasks
        self._reader = parsing.Reader(settings.inbound.parse_timeout_s)

    async def take(self, raw: bytes, recipient: str, peer_ip: str) -> reports.Taken:
        """File one. recipient: the address of ours that it came to, or empty. Raises BadInput, Unready."""
        known, classifier = await self._means.known(), await self._means.classifier()
        own = inbound.known(self._settings.inbound, self._settings.hostname, known, signing.keys(known))
        exempt = frozenset(one.id for one in known.bridges if one.note_complaints)
        now = self._means.clock.now_ms()
        received = reading.Received(
            sender="",
            places=(importing.place_of(raw, recipient, own, now),),
            peer_ip=peer_ip,
            raw=raw,
            at=now,
        )
        filing = intake.Intake(
            intake.Parts(
                sent=self._means.sent,
                settle=self._means.settle,
                parse=self._reader.read,
                classifier=lambda: classifier,
                ours=lambda: own,
                provider=route.provider_of,
                exempt=lambda bridge: bridge in exempt,
                forward=_nowhere,
                hostname=self._settings.hostname,
                tasks=self._tasks,
            )
        )
        try:
            [taken] = await filing.file(received)
        except intake.Overloaded:
            raise reports.Unready("too many reports wait to be read", 5) from None
        except intake.Early:
            raise reports.Unready("the mail that this is about is not settled yet", 60) from None
        return _shape(taken)

    def close(self) -> None:
        """End the reader."""
        self._reader.close()


async def _nowhere(received: reading.Received, place: ours.Place) -> None:
    """Who imports a mail has it already."""
    del received, place


def _shape(one: intake.Taken) -> reports.Taken:
    return reports.Taken(
        kind=one.kind.word,
        standing=one.standing.word,
        delivery=ids.to_text(one.delivery) if one.delivery else None,
        detail=one.detail or None,
        events=[state.word for state in one.followed],
        repeated=one.repeated,
    )
