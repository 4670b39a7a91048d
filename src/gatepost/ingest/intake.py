"""What becomes of a mail to the inbound listener: read elsewhere, tied to a delivery, settled, and only then answered.

Guarantees: an answer of 250 comes after the commit that holds the report and all that follows from it (faults.md P1); what
nobody can read is kept and answered 250 all the same (F06); too much at once is 451, and so is a report about a mail whose own 250
we have not committed yet: after a moment's waiting, and nothing of it is kept, so that it acts when it is brought again. What
gathers in one turn of the loop, or while a report is read, is settled in one transaction.
Not here: who may send what (``reception``), reading (another process, behind ``parse``), what follows (policy).
"""

import asyncio
import collections
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from gatepost import errors
from gatepost import log as logs
from gatepost.classify import classifier as classifiers
from gatepost.ingest import gather, ours, reading
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import late
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import verdict as verdicts
from gatepost.smtp import replies as smtp_replies

BUSY = smtp_replies.build(451, "4.3.2", "Too many reports at once, try again later")
EARLY = smtp_replies.build(451, "4.3.0", "The mail that this is about is not settled yet, try again later")
NO_STORE = smtp_replies.build(451, "4.3.0", "The store is not available, try again later")

# A server that bounces at once is faster than our commit of its 250, which takes some milliseconds, on a bad day a second.
_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8)

Parse = Callable[[bytes], Awaitable[reading.Gist | None]]
Sent = Callable[[Sequence[int]], Awaitable[Mapping[int, fact_values.Sent]]]
Settle = Callable[[Sequence[results.Reported]], Awaitable[Sequence[settlements.Settlement | None]]]
Make = Callable[[Mapping[int, fact_values.Sent]], results.Reported]
Forward = Callable[[reading.Received, ours.Place], Awaitable[None]]


class Overloaded(errors.GatepostError):
    """More is waiting to be read than can be read in time."""


class Early(errors.GatepostError):
    """The delivery that a report is about is still open."""


class Taken(msgspec.Struct, frozen=True):
    """What became of a report for one of its recipients. delivery: what it is about, 0 for nothing of ours. followed: what events, by
    state; repeated: it was filed before, and nothing followed.
    """

    kind: late.Kind
    standing: late.Standing
    delivery: int
    detail: str
    followed: tuple[events.State, ...] = ()
    repeated: bool = False


class Parts(msgspec.Struct, frozen=True):
    """What an Intake is made of; ``app`` puts it together.

    sent, settle: the store's. parse: None for what cannot be read; raises Overloaded. provider: the Provider of a
    host. exempt: whether complaints about that Bridge's mail suppress nobody. forward: to the operator.
    """

    sent: Sent
    settle: Settle
    parse: Parse
    classifier: Callable[[], classifiers.Classifier]
    ours: Callable[[], ours.Ours]
    provider: Callable[[str], str]
    exempt: Callable[[int], bool]
    forward: Forward
    hostname: str
    tasks: asyncio.TaskGroup


class Intake:
    """``take`` a mail; ``figures`` count."""

    def __init__(self, parts: Parts) -> None:
        self._p = parts
        self.figures: collections.Counter[str] = collections.Counter()
        self._settling: gather.Gather[results.Reported, settlements.Settlement | None] = gather.Gather(
            parts.settle, parts.tasks
        )

    def take(self, received: reading.Received, done: Callable[[bytes], None]) -> None:
        """``done`` is told once, later: empty when all of it is committed, else the reply that refuses."""
        self._p.tasks.create_task(self._take(received, done))

    async def _take(self, received: reading.Received, done: Callable[[bytes], None]) -> None:
        try:
            await self.file(received)
        except Overloaded:
            done(BUSY)
        except Early:
            self.figures["early"] += 1
            done(EARLY)
        except errors.GatepostError as error:
            logs.get("inbound").error("a report could not be kept", problem=str(error))
            done(NO_STORE)
        except Exception as error:  # noqa: BLE001 - the top of a task: one mail from outside ends no worker
            logs.get("inbound").error("a report could not be taken", problem=repr(error))
            done(NO_STORE)
        else:
            done(b"")

    async def file(self, received: reading.Received) -> list[Taken]:
        """Take it and wait until all of it is committed: what became of it at each of its places. Raises Overloaded, Early, and what
        the store raises.
        """
        gist = await self._p.parse(received.raw)
        if gist is None or gist.flawed:
            self.figures["unparsed"] += 1
        own = self._p.ours()
        mark = own.marks(reading.marks(gist, received.raw), received.at)
        ties = [reading.tie(place, mark) for place in received.places]
        known = await self._p.sent([one.delivery for one in ties])
        makers = [
            functools.partial(self._reported, received, place, tied, gist)
            for place, tied in zip(received.places, ties, strict=True)
        ]
        made = [make(known) for make in makers]
        taken = await asyncio.gather(*map(self._file_one, made, makers))
        for place, result in zip(received.places, made, strict=True):
            if place.box is ours.Box.OPERATOR and not _acts(result):
                await self._p.forward(received, place)
        return taken

    def _reported(
        self,
        received: reading.Received,
        place: ours.Place,
        tied: reading.Tie,
        gist: reading.Gist | None,
        known: Mapping[int, fact_values.Sent],
    ) -> results.Reported:
        sent = known.get(tied.delivery)

        def judge(reply: replies.Reply, host: str) -> verdicts.Verdict:
            context = classifiers.Context(
                provider=sent.delivery.provider
                if sent is not None
                else self._p.provider(host)
                if host
                else "",
                peer=host,
                our_host=self._p.hostname,
                mail_from=place.address,
                from_domain=sent.delivery.sender_domain if sent is not None else "",
                recipient=sent.delivery.key if sent is not None else "",
                from_dsn=True,
            )
            return self._p.classifier().classify(reply, context)

        result = reading.reported(received, place, tied, gist, judge)
        exempt = sent is not None and self._p.exempt(sent.delivery.bridge)
        return msgspec.structs.replace(result, exempt=exempt) if exempt else result

    async def _file_one(self, result: results.Reported, make: Make) -> Taken:
        settled = await self._ask(result)
        for pause in _PAUSES_S:
            if settled is None or not settled.early:
                break
            await asyncio.sleep(pause)
            result = make(await self._p.sent([result.delivery]))
            settled = await self._ask(result)
        if settled is None:
            self.figures["repeated"] += 1
            before = result.filed
            return Taken(before.kind, before.standing, before.delivery, result.detail, repeated=True)
        if settled.early:
            raise Early
        filed = settled.filed or result.filed
        self.figures[filed.kind.word] += 1
        if filed.standing is not late.Standing.VERIFIED:
            self.figures[filed.standing.word] += 1
        followed = tuple(one.state for one in settled.events)
        return Taken(filed.kind, filed.standing, filed.delivery, result.detail, followed)

    async def _ask(self, result: results.Reported) -> settlements.Settlement | None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[settlements.Settlement | None] = loop.create_future()

        def told(found: settlements.Settlement | Exception | None) -> None:
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        self._settling.ask(result, told)
        return await answer


def _acts(result: results.Reported) -> bool:
    return result.filed.standing is late.Standing.VERIFIED and result.filed.kind is not late.Kind.NOTICE
