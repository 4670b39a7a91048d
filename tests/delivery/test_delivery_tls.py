"""TLS that is demanded comes about, or the mail waits and says whose demand it was; nobody is suppressed for it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.delivery import scripted
from tests.delivery import working as works
from tests.delivery.test_delivery_strict import Web, policy
from tests.net import authority, dns_server

from gatepost.delivery import settings as delivery_settings
from gatepost.model import event as events
from gatepost.model import verdict as verdicts

State, Rule = events.State, delivery_settings.TlsRule
OFFERED = b"250-mx.test\r\n250 STARTTLS\r\n"
GO = {"EHLO": OFFERED, "STARTTLS": b"220 go\r\n", "EHLO2": scripted.USUAL["EHLO"]}
OPPORTUNISTIC = msgspec.structs.replace(works.SOURCE, tls="opportunistic")
RECORD = {("_mta-sts.shop.test", "TXT"): ['"v=STSv1; id=a1;"']}
TRUSTED, OTHER, EXPIRED, UNKNOWN = "trusted", "another name", "expired", "an unknown authority"


@asynccontextmanager
async def one_mx(
    tmp_path: Path,
    *,
    certificate: str = TRUSTED,
    script: Mapping[str, scripted.Answer] = GO,
    records: dns_server.Zone | None = None,
    **given: Any,
) -> AsyncIterator[tuple[works.Works, scripted.Server]]:
    """shop.test has one MX, mx.test, with such a certificate."""
    (tmp_path / "certificates").mkdir()
    makes = authority.Authority(tmp_path / "certificates")
    names = ("other.test",) if certificate == OTHER else ("mx.test",)
    context = makes.context(*names, expired=certificate == EXPIRED)
    zone = {("shop.test", "MX"): ["10 mx.test."], ("mx.test", "A"): ["127.0.0.1"], **(records or {})}
    async with scripted.serving(script, context=context) as server, dns_server.serving(zone) as dns_at:
        given = {"source": OPPORTUNISTIC, "ca": "" if certificate == UNKNOWN else str(makes.path), **given}
        chosen = works.Given(dns=(f"127.0.0.1:{dns_at.port}",), mx_port=server.port, **given)
        async with works.working(tmp_path, chosen) as at:
            yield at, server


async def one_mail(at: works.Works) -> events.Event:
    """What became of a mail to shop.test."""
    at.offer(await at.accept("a@shop.test", provider="mx.test"))
    await at.store.wait_settled(1)
    assert await at.events(State.SUPPRESSED) == []
    assert await at.store.suppressions((), 0, 9) == []
    [event] = await at.events(State.DELIVERED, State.DEFERRED, State.BOUNCED)
    return event


def waits(event: events.Event) -> bool:
    """Whether the mail goes on, for a TLS that did not come about."""
    return (event.state, event.category, event.outcome) == (
        State.DEFERRED,
        "session.tls",
        verdicts.Outcome.SOFT,
    )


@pytest.mark.parametrize("certificate", [TRUSTED, OTHER, EXPIRED, UNKNOWN])
async def test_by_default_any_certificate_will_do(tmp_path: Path, certificate: str) -> None:
    async with one_mx(tmp_path, certificate=certificate) as (at, _):
        event = await one_mail(at)
        assert (event.state, event.tls.startswith("TLSv1.3 ")) == (State.DELIVERED, True)


RULES = {
    "of the domain": Rule(domain="shop.test"),
    "of the Provider": Rule(provider="mx.test"),
    "of every domain": Rule(),
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("certificate", [TRUSTED, OTHER, EXPIRED, UNKNOWN])
async def test_where_an_operator_demands_it_the_certificate_has_to_be_good(
    tmp_path: Path, rule: delivery_settings.TlsRule, certificate: str
) -> None:
    async with one_mx(tmp_path, certificate=certificate, tls=(rule,)) as (at, server):
        event = await one_mail(at)
        if certificate == TRUSTED:
            assert event.state is State.DELIVERED
            assert "(delivery.tls for " in event.tls
        else:
            assert waits(event)
            assert event.tls.startswith("none (delivery.tls for ")
            assert event.detail.startswith("TLS is demanded by delivery.tls for ")
            assert server.transactions == []


async def test_encrypted_takes_any_certificate_and_never_sends_in_clear(tmp_path: Path) -> None:
    async with one_mx(tmp_path, certificate=UNKNOWN, tls=(Rule(tls="encrypted"),)) as (at, _):
        assert (await one_mail(at)).state is State.DELIVERED


REFUSALS: dict[str, dict[str, scripted.Answer]] = {
    "not offered": {},
    "refused for now": {"EHLO": OFFERED, "STARTTLS": b"454 4.7.0 not now\r\n"},
    "refused for ever": {"EHLO": OFFERED, "STARTTLS": b"554 5.7.0 no\r\n"},
    "not known": {"EHLO": OFFERED, "STARTTLS": b"502 5.5.1 what\r\n"},
    "broken off": {"EHLO": OFFERED, "STARTTLS": scripted.CLOSE},
    "answers put in before it": {"EHLO": OFFERED, "STARTTLS": b"220 go\r\n250-INJ\r\n250 AUTH PLAIN\r\n"},
}


@pytest.mark.parametrize("script", REFUSALS.values(), ids=REFUSALS)
@pytest.mark.parametrize("demanded", ["encrypted", "required"])
async def test_whatever_the_host_does_instead_the_mail_waits(
    tmp_path: Path, script: dict[str, scripted.Answer], demanded: Any
) -> None:
    async with one_mx(tmp_path, script=script, tls=(Rule(tls=demanded),)) as (at, server):
        event = await one_mail(at)
        assert waits(event)
        assert event.tls.startswith("none (delivery.tls for every domain: ")
        assert server.transactions == []


# --- MTA-STS


def web(mode: str = "enforce", mx: str = "mx.test") -> Web:
    made = Web()
    made.says = policy(mode).replace(b"mx.test", mx.encode())
    return made


@pytest.mark.parametrize("certificate", [TRUSTED, OTHER, EXPIRED, UNKNOWN])
async def test_a_domains_own_policy_is_kept(tmp_path: Path, certificate: str) -> None:
    async with one_mx(tmp_path, certificate=certificate, records=RECORD, web=web()) as (at, server):
        event = await one_mail(at)
        if certificate == TRUSTED:
            assert (event.state, event.tls.endswith(" (MTA-STS)")) == (State.DELIVERED, True)
        else:
            assert (waits(event), server.transactions) == (True, [])
            assert event.tls.startswith("none (MTA-STS: handshake failed: ")
            assert event.detail.startswith("TLS is demanded by MTA-STS: handshake failed: ")


async def test_a_host_that_the_policy_does_not_name_is_not_used(tmp_path: Path) -> None:
    async with one_mx(tmp_path, records=RECORD, web=web(mx="good.test")) as (at, server):
        event = await one_mail(at)
        assert (waits(event), server.connections) == (True, 0)
        assert event.detail == "MTA-STS: the policy of shop.test allows none of its hosts: mx.test"
        assert event.tls == f"none ({event.detail})"


async def test_a_host_that_the_policy_names_is_used_behind_a_better_one_that_it_does_not(
    tmp_path: Path,
) -> None:
    records: dns_server.Zone = {
        **RECORD,
        ("shop.test", "MX"): ["1 evil.test.", "10 mx.test."],
        ("evil.test", "A"): ["127.0.0.1"],
    }
    async with one_mx(tmp_path, records=records, web=web()) as (at, _):
        at.offer(await at.accept("a@shop.test", provider="evil.test"))
        await at.store.wait_settled(1)
        [event] = await at.events(State.DELIVERED)
        assert event.peer_host == "mx.test"


LAX: dict[str, tuple[str, dict[str, Any]]] = {
    "in trial": ("testing", {}),
    "withdrawn": ("none", {}),
    "overruled by the operator": ("enforce", {"tls": (Rule(domain="shop.test", tls="opportunistic"),)}),
    "of a Source that wants no TLS": ("enforce", {"source": works.SOURCE}),
}


@pytest.mark.parametrize(("mode", "given"), LAX.values(), ids=LAX)
async def test_a_policy_that_is_not_in_force_changes_nothing(
    tmp_path: Path, mode: str, given: dict[str, Any]
) -> None:
    served = web(mode, "good.test")
    async with one_mx(tmp_path, certificate=OTHER, records=RECORD, web=served, **given) as (at, _):
        assert (await one_mail(at)).state is State.DELIVERED


async def test_a_policy_host_that_is_down_stops_nothing(tmp_path: Path) -> None:
    served = Web()
    served.says = "connection refused"
    async with one_mx(tmp_path, certificate=OTHER, records=RECORD, web=served) as (at, _):
        assert (await one_mail(at)).state is State.DELIVERED
