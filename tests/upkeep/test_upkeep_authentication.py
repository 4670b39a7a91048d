"""What is refused for our authentication: when it fails, when a sender domain is held, and how it goes again."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.store import store_values as values

from gatepost import clock as clocks
from gatepost import log as logs
from gatepost.app import compose
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import verdict as verdicts
from gatepost.policy import settings as policy_settings
from gatepost.store import port
from gatepost.store.sqlite import open_store
from gatepost.upkeep import authentication, dns_findings

LOG = logs.get("test")
RIGHT = authentication.Looked(authentication.State.RIGHT)
WRONG = authentication.Looked(authentication.State.WRONG, "dkim of s1: its record is not there")
UNKNOWN = authentication.Looked(authentication.State.UNKNOWN)
TIMES = authentication.Times()
REFUSED = "550 5.7.26 Mail from shop.test is unauthenticated"


class Office:
    """A store with mail that is refused, and who looks into it. looked: what our own look finds."""

    def __init__(self, store: port.Store, clock: clocks.FakeClock) -> None:
        self.store = store
        self.clock = clock
        self.looked = RIGHT
        self.looks = 0
        self.decide = compose.build_decide(policy_settings.PolicySettings(), lambda: 0.5)
        self.one = self.another()
        self._maker = values.Maker(1)

    def another(self) -> authentication.Authentication:
        return authentication.Authentication(self.store, lambda: self.decide, self._check, self.clock, TIMES)

    async def _check(self, known: directories.Directory, account: int, domain: str) -> authentication.Looked:
        del known
        assert (account, domain) == (1, "shop.test")
        self.looks += 1
        return self.looked

    async def refused(self, *recipients: str, reply: str = REFUSED, address: bool = False) -> list[int]:
        """Deliveries that a Provider refused."""
        lane = await self.store.lane("google", 3)
        made = self._maker.submission(*recipients, lane=lane)
        message = msgspec.structs.replace(made.message, expires_at=values.NOW + 10**9)
        first = (await values.accept(self.store, msgspec.structs.replace(made, message=message))).message
        found = [first + 1 + n for n in range(len(recipients))]
        await self.refuse(*found, reply=reply, address=address)
        return found

    async def refuse(self, *deliveries: int, reply: str = REFUSED, address: bool = False) -> None:
        lane = await self.store.lane("google", 3)
        claim = await values.claim_of(self.store, lane)
        category = verdicts.Category.SENDER_ADDRESS if address else verdicts.Category.SENDER_AUTH
        verdict = verdicts.Verdict(category, verdicts.Outcome.REJECTION, verdicts.Fault.SENDER, "test.rule")
        code = int(reply[:3]) if reply[:3].isdigit() else 0
        answer = replies.Reply(code, reply.encode(), replies.Stage.DOT)
        attempt = values.ATTEMPT
        batch = [results.Attempted(one, claim, attempt, answer, verdict) for one in deliveries]
        await self.store.settle(batch, self.decide)

    async def step(self, seconds: float = 0) -> None:
        self.clock.advance(seconds)
        await self.one.step(LOG)

    async def due(self) -> list[int]:
        lane = await self.store.lane("google", 3)
        return sorted(one.id for one in await self.store.due(lane, self.clock.now_ms(), 1000))

    async def holds(self) -> list[directives.Directive]:
        found = (await self.store.directory()).directives
        return [one for one in found if one.stands(self.clock.now_ms())]

    async def bounced(self) -> list[events.Event]:
        return [one for one in await values.every_event(self.store) if one.state is events.State.BOUNCED]

    async def row(self, delivery: int) -> tuple[fact_values.OpenDelivery, str]:
        found = await self.store.open_delivery(delivery)
        assert found is not None
        return found


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = clocks.FakeClock(values.NOW)
    store = await open_store(tmp_path, 1, clock)
    await store.change_directory([directories.Account(0, "default")], "test")
    yield Office(store, clock)
    await store.close()


async def test_what_one_domain_refuses_while_all_is_right_fails_after_a_while(office: Office) -> None:
    [delivery] = await office.refused("a@one.test")
    await office.step()
    await office.step(TIMES.wait - 1)
    assert await office.bounced() == []
    await office.step(2)
    [told] = await office.bounced()
    assert (told.delivery, told.category, told.outcome) == (
        delivery,
        "sender.auth",
        verdicts.Outcome.REJECTION,
    )
    assert (told.reply.decode(), told.code, told.action) == (REFUSED, 550, events.Action.FAIL)
    assert await office.holds() == []
    assert await office.store.suppressions((), 0, 10) == []


async def test_what_is_wrong_with_us_holds_the_sender_domain_at_that_provider(office: Office) -> None:
    deliveries = await office.refused("a@one.test", "b@one.test")
    office.looked = WRONG
    await office.step()
    [hold] = await office.holds()
    assert (hold.kind, hold.actor, hold.reason) == (
        directives.DirectiveKind.HOLD,
        "gatepost",
        WRONG.problem,
    )
    assert hold.which == directives.Filter(account=1, sender_domain="shop.test", provider="google")
    assert await office.store.held_by(hold.id, 10) == deliveries
    row, reason = await office.row(deliveries[0])
    assert reason == f"held for authentication (directive 1): {WRONG.problem}"
    assert row.next_at == values.NOW + 72 * 3_600_000


async def test_three_recipient_domains_that_agree_are_believed(office: Office) -> None:
    await office.refused("a@one.test", "b@two.test")
    await office.step()
    assert await office.holds() == []
    await office.refused("c@three.test")
    await office.step(1)
    [hold] = await office.holds()
    assert hold.reason == "refused by 3 recipient domains: one.test, three.test, two.test"


async def test_three_recipients_of_one_domain_are_one_voice(office: Office) -> None:
    await office.refused("a@one.test", "b@one.test", "c@one.test")
    await office.step()
    assert await office.holds() == []


async def test_silent_dns_decides_nothing(office: Office) -> None:
    await office.refused("a@one.test")
    office.looked = UNKNOWN
    await office.step()
    await office.step(TIMES.wait * 2)
    assert (await office.bounced(), await office.holds()) == ([], [])


async def test_what_could_not_be_signed_is_tried_again_when_all_is_right(office: Office) -> None:
    deliveries = await office.refused("a@one.test", reply="it cannot be signed")
    await office.step()
    assert await office.due() == deliveries


async def test_a_4xx_about_our_address_is_tried_again_later_and_a_5xx_fails(office: Office) -> None:
    later = await office.refused("a@one.test", reply="450 4.1.8 domain not found", address=True)
    await office.refused("b@one.test", reply="550 5.1.8 domain not found", address=True)
    await office.step()
    assert await office.due() == []
    await office.step(TIMES.retry)
    assert await office.due() == later
    assert [one.category for one in await office.bounced()] == ["sender.address"]


async def test_what_is_mended_goes_in_a_ramp_the_oldest_first(office: Office) -> None:
    deliveries = await office.refused(*(f"a{n}@one.test" for n in range(10)))
    office.looked = WRONG
    await office.step()
    await office.step(TIMES.again + 1)
    assert await office.due() == []
    office.looked = RIGHT
    gone = []
    for _ in range(5):
        await office.step(TIMES.again + 1)
        gone.append(len(await office.due()))
    assert gone == [1, 3, 7, 10, 10]
    assert await office.due() == deliveries
    assert await office.holds() == []
    [ended] = (await office.store.directory()).directives
    assert ended.outcome == "mended"


async def test_what_goes_is_not_held_by_the_hold_that_let_it_go(office: Office) -> None:
    await office.refused("a@one.test")
    office.looked = WRONG
    await office.step()
    office.looked = RIGHT
    await office.step(TIMES.again + 1)
    lane = await office.store.lane("google", 3)
    [due] = await office.store.due(lane, office.clock.now_ms(), 10)
    assert due.hold == 1
    standing = (await office.store.directory()).standing()
    assert standing.stopping(due, "google", office.clock.now_ms()) is None
    other = msgspec.structs.replace(due, hold=0)
    assert standing.stopping(other, "google", office.clock.now_ms()) is not None


async def test_the_ramp_stops_at_the_first_new_refusal(office: Office) -> None:
    deliveries = await office.refused(*(f"a{n}@one.test" for n in range(5)))
    office.looked = WRONG
    await office.step()
    office.looked = RIGHT
    await office.step(TIMES.again + 1)
    await office.refuse(deliveries[0])
    await office.step(TIMES.again + 1)
    assert await office.due() == []
    assert await office.store.held_by(1, 10) == deliveries
    await office.step(TIMES.agreed - TIMES.again)
    assert await office.due() == []
    await office.step(TIMES.again)
    assert await office.due() == deliveries[:1]


async def test_what_others_agreed_on_is_tried_again_after_half_an_hour(office: Office) -> None:
    deliveries = await office.refused("a@one.test", "b@two.test", "c@three.test")
    await office.step()
    await office.step(TIMES.agreed - 1)
    assert await office.due() == []
    await office.step(2)
    assert await office.due() == deliveries[:1]


async def test_the_reason_follows_what_is_wrong_now(office: Office) -> None:
    await office.refused("a@one.test")
    office.looked = WRONG
    await office.step()
    office.looked = msgspec.structs.replace(WRONG, problem="spf of shop.test: fail")
    await office.step(TIMES.again + 1)
    assert [one.reason for one in await office.holds()] == ["spf of shop.test: fail"]


async def test_a_change_of_the_directory_is_looked_at_at_once(office: Office) -> None:
    await office.refused("a@one.test")
    office.looked = UNKNOWN
    await office.step()
    await office.step()
    assert office.looks == 1
    await office.store.change_directory([directories.Account(0, "other")], "test")
    await office.step()
    assert office.looks == 2


async def test_a_hold_goes_on_after_a_restart(office: Office) -> None:
    deliveries = await office.refused("a@one.test")
    office.looked = WRONG
    await office.step()
    office.one = office.another()
    await office.step()
    assert await office.due() == []
    office.looked = RIGHT
    await office.step(TIMES.again + 1)
    assert await office.due() == deliveries


def finding(check: str, severity: dns_findings.Severity) -> dns_findings.Finding:
    return dns_findings.Finding(severity, check, "shop.test", "so it is")


WRONG_, ADVICE, OK = dns_findings.Severity.WRONG, dns_findings.Severity.ADVICE, dns_findings.Severity.OK


@pytest.mark.parametrize(
    ("found", "state"),
    [
        ([], authentication.State.RIGHT),
        ([finding("spf", OK), finding("dkim", ADVICE)], authentication.State.RIGHT),
        ([finding("ptr", WRONG_), finding("tls-rpt", WRONG_)], authentication.State.RIGHT),
        ([finding("mx", ADVICE)], authentication.State.WRONG),
        ([finding("spf", WRONG_)], authentication.State.WRONG),
        (
            [finding("dkim", WRONG_), finding("spf", dns_findings.Severity.UNKNOWN)],
            authentication.State.WRONG,
        ),
        ([finding("dmarc", dns_findings.Severity.UNKNOWN)], authentication.State.UNKNOWN),
    ],
)
def test_dns_is_judged_as_receivers_judge_us(
    found: list[dns_findings.Finding], state: authentication.State
) -> None:
    assert authentication.of_findings(found).state is state
