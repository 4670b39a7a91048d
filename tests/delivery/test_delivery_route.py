"""Where mail goes: what the operator fixed, else what DNS says, asked of a real server on loopback."""

import msgspec
import pytest
from tests.delivery import delivery_values as values
from tests.net import dns_server

from gatepost import clock as clocks
from gatepost.delivery import route
from gatepost.delivery import settings as delivery_settings
from gatepost.model import failure as failures
from gatepost.net import resolver as resolvers

Route, Target, Problem = delivery_settings.Route, route.Target, failures.Problem
ROUTES = (
    Route("Exact.test.", "127.0.0.1:1"),
    Route(".wide.test", "[::1]:2"),
    Route(".deep.wide.test", "relay.test:3"),
)


def router(*routes: delivery_settings.Route, port: int = 9) -> route.Router:
    resolver = resolvers.Resolver(
        (f"127.0.0.1:{port}",),
        clock=clocks.FakeClock(),
        shuffle=lambda names: names.reverse(),
        timeout_s=2,
        lifetime_s=4,
    )
    return route.Router(resolver, routes, delivery_settings.DeliverySettings())


def places(plan: route.Plan) -> list[tuple[str, int]]:
    return [(target.host, target.port) for target in plan.targets]


def place(target: route.Target | None) -> tuple[str, int] | None:
    return (target.host, target.port) if target else None


COVERS = {
    "itself, whatever its case and last dot": ("exact.test", Target("127.0.0.1", 1)),
    "not what is below it": ("sub.exact.test", None),
    "a suffix covers below": ("a.wide.test", Target("::1", 2)),
    "at any depth": ("a.b.wide.test", Target("::1", 2)),
    "the longest suffix wins": ("a.deep.wide.test", Target("relay.test", 3)),
    "a suffix does not cover itself": ("wide.test", None),
    "nor what only ends alike": ("world-wide.test", None),
    "nothing": ("other.test", None),
}


@pytest.mark.parametrize(("domain", "target"), COVERS.values(), ids=COVERS)
async def test_a_route_covers_a_domain_or_a_suffix(domain: str, target: route.Target | None) -> None:
    assert place(router(*ROUTES).override(domain)) == place(target)


async def test_the_dot_covers_everything_that_nothing_else_does() -> None:
    every = router(*ROUTES, Route(".", "sink.test:4"))
    assert place(every.override("other.test")) == ("sink.test", 4)
    assert place(every.override("exact.test")) == ("127.0.0.1", 1)


async def test_without_routes_nothing_is_overridden() -> None:
    assert router().override("exact.test") is None
    assert router().provider_without_dns("exact.test", values.SOURCE) == ""


@pytest.mark.parametrize(("port", "used"), [(0, 587), (2525, 2525)])
async def test_a_smarthost_takes_all_even_what_a_route_covers(port: int, used: int) -> None:
    relay = msgspec.structs.replace(values.SOURCE, host="relay.test", port=port)
    plan = await router(*ROUTES).plan("exact.test", relay, 10.0)
    assert places(plan) == [("relay.test", used)]
    assert (plan.provider, plan.fixed, plan.expires) == (f"relay.test:{used}", True, 3610.0)


async def test_an_overridden_ipv6_target_keeps_its_address() -> None:
    plan = await router(*ROUTES).plan("a.wide.test", values.SOURCE, 0.0)
    assert (places(plan), plan.fixed, plan.provider) == ([("::1", 2)], True, "::1:2")
    assert route.is_literal(plan.targets[0].host)


async def test_an_override_asks_no_dns() -> None:
    async with dns_server.serving({}) as server:
        await router(*ROUTES, port=server.port).plan("exact.test", values.SOURCE, 0.0)
        assert server.asked == []


async def test_hosts_stand_in_one_order_for_all_domains_that_have_them() -> None:
    zone = {
        ("shop.test", "MX"): ["30 c.test.", "10 aspmx.l.google.com.", "30 b.test."],
        ("other.test", "MX"): ["7 b.test.", "1 aspmx.l.google.com.", "7 c.test."],
    }
    async with dns_server.serving(zone) as server:
        plans = [
            await router(port=server.port).plan(domain, values.SOURCE, 0.0)
            for domain in ("shop.test", "other.test")
        ]
    assert plans[0].targets == plans[1].targets
    assert places(plans[0]) == [("aspmx.l.google.com", 25), ("b.test", 25), ("c.test", 25)]
    assert [target.rank for target in plans[0].targets] == [0, 1, 1]
    assert (plans[0].provider, plans[0].problem, plans[0].fixed) == ("google", None, False)


SETS: dict[str, tuple[tuple[tuple[int, str], ...], str]] = {
    "of the best alone": (((10, "mx.one.test"), (20, "aspmx.l.google.com")), "one.test"),
    "one with a name among equals": (((10, "mx.a.test"), (10, "mx1.mail.icloud.com")), "apple"),
    "the commonest among equals": (((5, "mx.a.test"), (5, "mx1.b.test"), (5, "mx2.b.test")), "b.test"),
    "the first name where nothing tells them apart": (((5, "mx.b.test"), (5, "mx.a.test")), "a.test"),
}


@pytest.mark.parametrize(("hosts", "provider"), SETS.values(), ids=SETS)
def test_a_provider_is_that_of_the_whole_set_in_whatever_order(
    hosts: tuple[tuple[int, str], ...], provider: str
) -> None:
    assert route.provider_of_set(hosts) == route.provider_of_set(hosts[::-1]) == provider


async def test_a_domain_without_mx_is_its_own_host_and_provider() -> None:
    zone = {("shop.test", "A"): ["192.0.2.1"]}
    async with dns_server.serving(zone) as server:
        plan = await router(port=server.port).plan("shop.test", values.SOURCE, 0.0)
    assert (plan.provider, places(plan), plan.problem) == ("shop.test", [("shop.test", 25)], None)


PROBLEMS: dict[str, tuple[list[str] | str, failures.Problem]] = {
    "null MX": (["0 ."], Problem.NULL_MX),
    "no such domain": ("NXDOMAIN", Problem.NX_DOMAIN),
    "neither MX nor address": ("NODATA", Problem.NO_ADDRESS),
    "SERVFAIL": ("SERVFAIL", Problem.DNS_FAILURE),
    "REFUSED": ("REFUSED", Problem.DNS_FAILURE),
}


@pytest.mark.parametrize(("said", "problem"), PROBLEMS.values(), ids=PROBLEMS)
async def test_what_dns_refuses_is_a_problem_and_never_a_target(
    said: list[str] | str, problem: failures.Problem
) -> None:
    async with dns_server.serving({("shop.test", "MX"): said}) as server:
        plan = await router(port=server.port).plan("shop.test", values.SOURCE, 100.0)
    assert (plan.problem, plan.targets, plan.provider) == (problem, (), "shop.test")
    assert plan.expires == (160.0 if problem is Problem.NX_DOMAIN else 105.0)


NAMES = {
    "a known one": ("alt1.aspmx.l.google.com", "google"),
    "whatever its case and last dot": ("MX.Outlook.Com.", "microsoft"),
    "its own top level": ("shop.a-v1.mx.microsoft", "microsoft"),
    "unknown: the registered domain": ("mx1.mail.shop.co.uk", "shop.co.uk"),
    "a private suffix does not count": ("mx.shop.github.io", "github.io"),
    "a look-alike": ("mx.notgoogle.com", "notgoogle.com"),
    "a known name inside another": ("google.com.evil.test", "evil.test"),
    "one label": ("localhost", "localhost"),
}


@pytest.mark.parametrize(("host", "provider"), NAMES.values(), ids=NAMES)
def test_a_provider_is_told_by_the_registered_domain_of_its_hosts(host: str, provider: str) -> None:
    assert route.provider_of(host) == provider


@pytest.mark.parametrize(
    ("host", "literal"), [("127.0.0.1", True), ("::1", True), ("mx.test", False), ("", False)]
)
def test_an_address_is_told_from_a_name(host: str, literal: bool) -> None:
    assert route.is_literal(host) is literal
