"""The store remembers what a Provider goes on answering with, over workers, until a mail is taken."""

from collections.abc import Callable

import msgspec
from tests.store import store_values as values

from gatepost.model import facts as fact_values
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import streaks
from gatepost.store import port

Pair = tuple[port.Store, port.Store]
Change = Callable[[settlements.Settlement, fact_values.Facts], settlements.Settlement]
INCIDENT = 77
BARE = verdicts.Verdict(
    verdicts.Category.UNKNOWN_PERMANENT,
    verdicts.Outcome.REJECTION,
    verdicts.Fault.UNKNOWN,
    "codes.rcpt",
    presumable=True,
    template="550 - no",
)


class Desk:
    """Settles through one handle and keeps the facts that were shown."""

    def __init__(self, store: port.Store, claim: results.Claim, make: values.Maker) -> None:
        self._store = store
        self._claim = claim
        self._make = make
        self.shown: list[fact_values.Facts] = []

    async def end(
        self, address: str, verdict: verdicts.Verdict, change: Change | None = None, host: str = "mx.test"
    ) -> None:
        """One delivery's end."""
        await self.end_all([address], verdict, change, host)

    async def end_all(
        self,
        wanted: list[str],
        verdict: verdicts.Verdict,
        change: Change | None = None,
        host: str = "mx.test",
    ) -> None:
        """Several in one batch."""
        accepted = [await values.accept(self._store, self._make.submission(one)) for one in wanted]
        attempt = msgspec.structs.replace(values.ATTEMPT, peer_host=host)
        reply = values.ANSWERS.get(verdict.category, values.ANSWERS[values.HARD.category])

        def decide(result: results.Result, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
            self.shown.append(facts)
            settlement = values.decide(result, facts, now_ms)
            return change(settlement, facts) if change is not None else settlement

        batch = [results.Attempted(one.message + 1, self._claim, attempt, reply, verdict) for one in accepted]
        assert None not in await self._store.settle(batch, decide)


async def desks(pair: Pair) -> tuple[Desk, Desk]:
    claim, make = await values.claim_of(pair[0]), values.Maker()
    return Desk(pair[0], claim, make), Desk(pair[1], claim, make)


def counted(desk: Desk) -> list[tuple[int, ...]]:
    """Of each streak that was shown last."""
    return [streak.counted for streak in desk.shown[-1].streaks]


def going_on(settlement: settlements.Settlement, facts: fact_values.Facts) -> settlements.Settlement:
    """A hard verdict whose streak counts this address, and whose entry belongs to it."""
    old = facts.streaks[0].counted if facts.streaks else ()
    streak = fact_values.Streak("mx.test", "rule general.unknown", INCIDENT, (*old, len(old) - 5), 1, 2)
    written = tuple(msgspec.structs.replace(entry, incident=INCIDENT) for entry in settlement.suppress)
    return msgspec.structs.replace(settlement, streaks=(streak,), suppress=written)


def softening(settlement: settlements.Settlement, facts: fact_values.Facts) -> settlements.Settlement:
    soften = settlements.Softening(INCIDENT, values.NOW * 2)
    return msgspec.structs.replace(going_on(settlement, facts), soften=soften)


async def standings(store: port.Store) -> dict[str, tuple[suppressions.Standing, int]]:
    found = await store.suppressions((), 0, 100)
    return {entry.target: (entry.standing, entry.expires_at) for _, entry in found}


async def test_a_streak_is_seen_by_the_next_result_whoever_settles_it(pair: Pair) -> None:
    one, two = await desks(pair)
    await one.end_all(["a@rcpt.test", "b@rcpt.test"], values.HARD, going_on)
    await two.end("c@rcpt.test", values.HARD, going_on)
    counted = [[each.counted for each in facts.streaks] for facts in [*one.shown, *two.shown]]
    assert counted == [[], [(-5,)], [(-5, -4)]]
    [streak] = two.shown[0].streaks
    assert streak == fact_values.Streak("mx.test", "rule general.unknown", INCIDENT, (-5, -4), 1, 2)


async def test_a_mail_that_is_taken_ends_it(pair: Pair) -> None:
    one, two = await desks(pair)
    await one.end("a@rcpt.test", values.HARD, going_on)
    await two.end("b@rcpt.test", verdicts.DELIVERED)
    await one.end("c@rcpt.test", values.HARD, going_on)
    assert counted(one) == []
    await one.end("d@rcpt.test", values.HARD)
    assert counted(one) == [(-5,)]


async def test_a_domains_streak_is_ended_by_its_own_mail_alone(pair: Pair) -> None:
    one, two = await desks(pair)

    def of_domain(settlement: settlements.Settlement, facts: fact_values.Facts) -> settlements.Settlement:
        place = streaks.place_of_domain(facts.delivery.domain)
        streak = fact_values.Streak(place, "category x", INCIDENT, (1,), 1, 2)
        return msgspec.structs.replace(settlement, streaks=(streak,))

    await one.end("a@rcpt.test", values.LATER, of_domain)
    await two.end("b@other.test", verdicts.DELIVERED)
    await one.end("c@rcpt.test", values.LATER)
    assert counted(one) == [(1,)]
    await two.end("b@rcpt.test", verdicts.DELIVERED)
    await one.end("c@rcpt.test", values.LATER)
    assert counted(one) == []


async def test_a_batch_in_which_it_ends_and_begins_keeps_the_new_one(pair: Pair) -> None:
    one, two = await desks(pair)
    await one.end_all(["a@rcpt.test", "b@rcpt.test"], values.HARD, going_on)
    claim = await values.claim_of(pair[0])
    make = values.Maker(2)
    taken, dead = [await values.accept(pair[0], make.submission(f"{n}@rcpt.test")) for n in "xy"]

    def decide(result: results.Result, facts: fact_values.Facts, now_ms: int) -> settlements.Settlement:
        settlement = values.decide(result, facts, now_ms)
        return going_on(settlement, facts) if result.delivery == dead.message + 1 else settlement

    await pair[0].settle(
        [
            values.attempted(taken.message + 1, claim),
            values.attempted(dead.message + 1, claim, values.HARD),
        ],
        decide,
    )
    two = Desk(pair[1], claim, make)
    await two.end("c@rcpt.test", values.HARD)
    assert counted(two) == [(-5,)]


async def test_an_incident_makes_its_confirmed_entries_provisional_and_no_others(pair: Pair) -> None:
    one, two = await desks(pair)
    await one.end("a@rcpt.test", values.HARD, going_on)
    await one.end("other@rcpt.test", values.HARD)
    await two.end_all(["b@rcpt.test", "c@rcpt.test"], values.HARD, softening)
    soft = (suppressions.Standing.PROVISIONAL, values.NOW * 2)
    found = await standings(pair[0])
    assert found["a@rcpt.test"] == found["b@rcpt.test"] == soft
    assert found["other@rcpt.test"] == (suppressions.Standing.CONFIRMED, 0)


async def test_what_a_host_took_is_told_for_a_presumable_verdict_by_source_and_sender_domain(
    pair: Pair,
) -> None:
    one, two = await desks(pair)
    await one.end("a@rcpt.test", BARE)
    await one.end("b@rcpt.test", verdicts.DELIVERED, host="other.mx.test")
    await one.end("c@rcpt.test", BARE)
    await two.end("d@rcpt.test", verdicts.DELIVERED)
    await one.end("e@rcpt.test", BARE)
    await one.end("f@rcpt.test", values.HARD)
    told = [facts.host_took_at for facts in one.shown]
    assert told[0] == told[2] == told[4] == 0  # none, another host's, and not asked
    assert told[3] > 0


async def test_the_entries_of_a_templates_streak_are_told_and_can_be_taken_back(pair: Pair) -> None:
    one, two = await desks(pair)

    def presume(settlement: settlements.Settlement, facts: fact_values.Facts) -> settlements.Settlement:
        streak = fact_values.Streak("mx.test", streaks.of_template(BARE.template), INCIDENT, (1,), 1, 2)
        entry = suppressions.Suppression(
            suppressions.Kind.ADDRESS, facts.delivery.key, reason="hard", incident=INCIDENT
        )
        return msgspec.structs.replace(settlement, streaks=(streak,), suppress=(entry,))

    def withdraw(settlement: settlements.Settlement, facts: fact_values.Facts) -> settlements.Settlement:
        return msgspec.structs.replace(settlement, release=facts.presumed)

    await one.end_all(["a@rcpt.test", "b@rcpt.test"], BARE, presume)
    assert [[entry.target for entry in facts.presumed] for facts in one.shown] == [[], ["a@rcpt.test"]]
    await two.end("c@rcpt.test", BARE, withdraw)
    assert [entry.target for entry in two.shown[0].presumed] == ["a@rcpt.test", "b@rcpt.test"]
    assert await standings(pair[0]) == {}


async def test_a_streak_is_forgotten_in_the_end(pair: Pair) -> None:
    one, _ = await desks(pair)
    await one.end("a@rcpt.test", values.HARD, going_on)  # its time is 2 ms after 1970
    await pair[0].sweep(values.NOW)
    await one.end("b@rcpt.test", values.HARD)
    assert counted(one) == []


async def test_a_server_that_never_says_the_same_twice_leaves_no_more_than_others(pair: Pair) -> None:
    one, two = await desks(pair)
    names = [f"u{n}@rcpt.test" for n in range(130)]

    def another(settlement: settlements.Settlement, facts: fact_values.Facts) -> settlements.Settlement:
        number = int(facts.delivery.key[1:].partition("@")[0])
        streak = fact_values.Streak("mx.test", f"template {number}", INCIDENT, (), 1, number)
        return msgspec.structs.replace(settlement, streaks=(streak,))

    await one.end_all(names[:90], values.HARD, another)
    await two.end_all(names[90:], values.HARD, another)
    await one.end("x@rcpt.test", values.HARD)
    assert {streak.last_at for streak in one.shown[-1].streaks} == set(range(30, 130))
