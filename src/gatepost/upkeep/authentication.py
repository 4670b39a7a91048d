"""Looks into refusals of our authentication: what holds the mail of a sender domain at a Provider, and when it goes again.

A delivery that is refused with ``sender.auth`` or ``sender.address`` is held by itself first. Then (taxonomy: "Held for authentication"):
our own look at the domain finds something wrong, or three recipient domains agree: the sender domain is held at that Provider, by a
directive of the gateway. Neither: after a while the message fails, the address is kept. What is held is looked at again and again; when
it is right it goes in a ramp, one first and twice as many each time, and stops at the first refusal.

Guarantees: what fails is never suppressed; DNS that does not answer decides nothing; an operator's word (``queue revoke``) ends a hold
for good; after a restart the ramp begins anew. Not here: what DNS says (the ``Check``), holding in the workers.
"""

import asyncio
import enum
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from gatepost import clock as clocks
from gatepost import errors
from gatepost import log as logs
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import verdict as verdicts
from gatepost.store import port
from gatepost.upkeep import dns_findings

LOOK_S = 2.0
BETWEEN_S = 0.05  # batches leave the store to others for so long
BATCH = 200
AGREE = 3  # recipient domains that refuse it make it true
ACTOR = "gatepost"
_ADDRESS = verdicts.Category.SENDER_ADDRESS.value
_Kind = directives.DirectiveKind
_Severity = dns_findings.Severity
_JUDGED = frozenset({"spf", "dkim", "dmarc", "mx"})
_MOST = 500  # characters of a problem


class State(enum.Enum):
    """What a look found. UNKNOWN: DNS did not answer."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "unknown"


class Looked(msgspec.Struct, frozen=True):
    """problem: in one line, where there is one."""

    state: State
    problem: str = ""


def of_findings(found: Sequence[dns_findings.Finding]) -> Looked:
    """What DNS says, as far as receivers judge us by it."""
    judged = [one for one in found if one.check in _JUDGED]
    wrong = [f"{one.check} of {one.subject}: {one.told}" for one in judged if _is_wrong(one)]
    if wrong:
        return Looked(State.WRONG, "; ".join(wrong)[:_MOST])
    if any(one.severity is _Severity.UNKNOWN for one in judged):
        return Looked(State.UNKNOWN)
    return Looked(State.RIGHT)


def _is_wrong(one: dns_findings.Finding) -> bool:
    """A sender domain without MX and address is refused by some, though nothing else needs them."""
    return one.severity is _Severity.WRONG or (one.check == "mx" and one.severity is _Severity.ADVICE)


class Times(msgspec.Struct, frozen=True):
    """In seconds. wait: for others to agree, before a message fails. again: between looks at what is wrong. agreed: until what others
    agreed on is tried once more. step: between the steps of the ramp. retry: until a 4xx about our address is tried again.
    """

    wait: float = 600.0
    again: float = 120.0
    agreed: float = 1800.0
    step: float = 60.0
    retry: float = 900.0

    def scaled(self, by: float) -> "Times":
        """All of them times that."""
        return Times(*[value * by for value in msgspec.structs.astuple(self)])


Check = Callable[[directories.Directory, int, str], Awaitable[Looked]]  # of an account's sender domain


class _Place(msgspec.Struct, frozen=True):
    """Where a hold would be."""

    account: int
    sender_domain: str
    provider: str

    @property
    def which(self) -> directives.Filter:
        return directives.Filter(
            account=self.account, sender_domain=self.sender_domain, provider=self.provider
        )


class _Ramp(msgspec.Struct):
    """How a hold is let go. due: the next step (monotonic seconds). share: how many went with the last step."""

    due: float
    share: int = 0


class Authentication:
    """``step`` again and again. decide: by the policy as it is now."""

    def __init__(
        self,
        store: port.Store,
        decide: Callable[[], port.Decide],
        check: Check,
        clock: clocks.Clock,
        times: Times,
    ) -> None:
        self._store = store
        self._decide = decide
        self._check = check
        self._clock = clock
        self._times = times
        self._known = directories.Directory()
        self._looks: dict[tuple[int, str], tuple[float, Looked]] = {}
        self._complaints: dict[_Place, dict[str, float]] = {}
        self._ramps: dict[int, _Ramp] = {}
        self._after = 0

    async def run(self, log: logs.Logger) -> None:
        """Work until cancelled."""
        while True:
            more = await self.step(log)
            await asyncio.sleep(BETWEEN_S if more else LOOK_S)

    async def step(self, log: logs.Logger) -> bool:
        """Look into some of what was refused, and at what is held. Whether there is more that was refused."""
        if await self._store.directory_version() != self._known.version:
            self._known = await self._store.directory()
            self._looks.clear()  # a key or a Source may be another now
        by_place: dict[_Place, list[fact_values.OpenDelivery]] = {}
        found = await self._store.held_by(directives.AUTHENTICATION, BATCH, self._after)
        self._after = (
            found[-1] if len(found) == BATCH else 0
        )  # round and round: what waits hides nothing behind it
        for one in await self._rows(found):
            place = _Place(one.account, one.sender_domain, one.provider)
            by_place.setdefault(place, []).append(one)
        for place, refused in by_place.items():
            await self._look_into(place, refused, log)
        for hold in self._holds():
            await self._let_go(hold, log)
        return bool(self._after)

    async def _rows(self, deliveries: Sequence[int]) -> list[fact_values.OpenDelivery]:
        found = [await self._store.open_delivery(one) for one in deliveries]
        return [row[0] for row in found if row is not None]

    def _holds(self) -> list[directives.Directive]:
        now = self._clock.now_ms()
        return [one for one in self._known.directives if one.kind is _Kind.HOLD and one.stands(now)]

    # --- what was refused

    async def _look_into(
        self, place: _Place, refused: Sequence[fact_values.OpenDelivery], log: logs.Logger
    ) -> None:
        standing = next((one for one in self._holds() if one.which == place.which), None)
        if standing is not None:
            await self._keep(standing, refused)
            return
        now = self._clock.monotonic()
        heard = self._complaints.setdefault(place, {})
        heard.update(dict.fromkeys([one.domain for one in refused], now))
        for domain in [domain for domain, at in heard.items() if at + self._times.agreed < now]:
            del heard[domain]
        looked = await self._look(place)
        if looked.state is State.WRONG:
            await self._hold(place, looked.problem, refused, 0.0, log)
        elif len(heard) >= AGREE:
            named = ", ".join(sorted(heard)[:AGREE])
            await self._hold(
                place, f"refused by {len(heard)} recipient domains: {named}", refused, self._times.agreed, log
            )
        elif looked.state is State.RIGHT:
            await self._end(refused)

    async def _end(self, refused: Sequence[fact_values.OpenDelivery]) -> None:
        """Nothing is wrong that we can see. What another Source or key of ours failed at is tried again."""
        now = self._clock.now_ms()
        batch: list[results.Result] = []
        for one in refused:
            first = next((seen.first_at for seen in one.seen if seen.category == one.last_category), now)
            if not one.last_reply[:1].isdigit():
                batch.append(results.Released(one.id, now))
            elif one.last_category == _ADDRESS and one.last_reply[:1] == b"4":
                batch.append(results.Released(one.id, now + round(self._times.retry * 1000)))
            elif first + self._times.wait * 1000 <= now:
                detail = "our authentication is right as far as we can see, and no other domain refuses it"
                batch.append(results.Failed(one.id, detail))
        if batch:
            await self._store.settle(batch, self._decide())

    async def _hold(
        self,
        place: _Place,
        problem: str,
        refused: Sequence[fact_values.OpenDelivery],
        after_s: float,
        log: logs.Logger,
    ) -> None:
        wanted = directives.Directive(0, _Kind.HOLD, place.which, ACTOR, self._clock.now_ms(), problem)
        if not await self._change(wanted):
            return
        made = next(one for one in reversed(self._known.directives) if one.which == place.which)
        self._ramps[made.id] = _Ramp(self._clock.monotonic() + max(after_s, self._times.again))
        self._complaints.pop(place, None)
        log.warning(
            "mail is held for authentication",
            sender_domain=place.sender_domain,
            provider=place.provider,
            problem=problem,
        )
        await self._keep(made, refused)

    async def _keep(self, hold: directives.Directive, refused: Sequence[fact_values.OpenDelivery]) -> None:
        """They are held by it; what was being let go stops."""
        ramp = self._ramps.get(hold.id)
        if ramp is not None and ramp.share:
            self._ramps[hold.id] = _Ramp(self._clock.monotonic() + self._times.agreed)
        batch = [results.Held(one.id, None, hold.id, hold.words, authentication=True) for one in refused]
        await self._store.settle(batch, self._decide())

    # --- what is held

    async def _let_go(self, hold: directives.Directive, log: logs.Logger) -> None:
        """One step of the ramp, where it is due and nothing is wrong any more."""
        now = self._clock.monotonic()
        ramp = self._ramps.setdefault(hold.id, _Ramp(now))
        if now < ramp.due:
            return
        place = _Place(hold.which.account, hold.which.sender_domain, hold.which.provider)
        looked = await self._look(place)
        if looked.state is not State.RIGHT:
            self._ramps[hold.id] = _Ramp(now + self._times.again)
            if looked.state is State.WRONG and looked.problem != hold.reason:
                await self._change(msgspec.structs.replace(hold, reason=looked.problem))
            return
        share = max(1, ramp.share * 2)
        found = await self._store.held_by(hold.id, min(share, BATCH))
        if found:
            at = self._clock.now_ms()
            await self._store.settle([results.Released(one, at, hold.id) for one in found], self._decide())
            self._ramps[hold.id] = _Ramp(now + self._times.step, share)
            return
        over = msgspec.structs.replace(hold, ended_at=self._clock.now_ms(), outcome="mended")
        if await self._change(over):
            del self._ramps[hold.id]
            log.info("nothing is held for authentication any more", sender_domain=place.sender_domain)

    # --- small things

    async def _look(self, place: _Place) -> Looked:
        """Our own look, kept for a while."""
        key, now = (place.account, place.sender_domain), self._clock.monotonic()
        at, looked = self._looks.get(key, (-1.0, Looked(State.UNKNOWN)))
        if at < 0 or at + self._times.step <= now:
            looked = await self._check(self._known, place.account, place.sender_domain)
            self._looks[key] = (now, looked)
        return looked

    async def _change(self, one: directives.Directive) -> bool:
        """Whether it was written: not where the Directory is another meanwhile; the next step looks again."""
        try:
            self._known = await self._store.change_directory([one], ACTOR, version=self._known.version)
        except errors.Outdated:
            self._known = await self._store.directory()
            return False
        return True
