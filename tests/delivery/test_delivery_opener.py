"""A way out is found among several hosts, over real sockets, and none is tried that may not be."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from tests.delivery import delivery_values as values
from tests.delivery import scripted
from tests.net import dns_server

from gatepost import clock as clocks
from gatepost.delivery import demand, opener, route, session
from gatepost.delivery import settings as delivery_settings
from gatepost.model import directory as directories
from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.net import addresses, resolver
from gatepost.sandbox import dns

LOOPBACK = addresses.rules([], ["127.0.0.0/8"])
CALLBACKS = opener.Opened(lambda _, __: None, lambda _: None)
Problem, Stage, Target = failures.Problem, replies.Stage, route.Target


def made(
    dns_at: str = "127.0.0.1:9",
    clock: clocks.FakeClock | None = None,
    rules: addresses.AddressRules = LOOPBACK,
    reply_s: float = 3,
    *,
    max_hosts: int = 20,
    shuffle: Callable[[list[route.Target]], None] = lambda _: None,
) -> opener.Opener:
    clock = clock or clocks.FakeClock()
    finds = resolver.Resolver((dns_at,), clock=clock, shuffle=lambda _: None, timeout_s=2, lifetime_s=4)
    settings = delivery_settings.DeliverySettings(
        connect_timeout_s=3, reply_timeout_s=reply_s, max_hosts=max_hosts
    )
    return opener.Opener(finds, rules, settings, clock, "gate.test", shuffle=shuffle)


def to(*ports: int, ips: Sequence[str] = ()) -> route.Plan:
    found = ips or ["127.0.0.1"] * len(ports)
    return route.Plan("mx.test", tuple(Target(ip, port) for ip, port in zip(found, ports, strict=True)))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def opening(
    one: opener.Opener, plan: route.Plan, source: directories.Source = values.SOURCE
) -> Awaitable[session.Connection]:
    """The opener at work for a Source, with what that demands of TLS."""
    wanted = demand.of(source, None, None)
    targets = tuple(
        target if target.tls.by else msgspec.structs.replace(target, tls=wanted) for target in plan.targets
    )
    return one.open(msgspec.structs.replace(plan, targets=targets), source, CALLBACKS)


async def failing(
    one: opener.Opener, plan: route.Plan, source: directories.Source = values.SOURCE
) -> session.Failure:
    with pytest.raises(session.Failure) as caught:
        await opening(one, plan, source)
    return caught.value


async def test_the_first_host_that_is_ready_is_used_and_no_other_asked() -> None:
    async with scripted.serving() as first, scripted.serving() as second:
        connection = await opening(made(), to(first.port, second.port), values.SOURCE)
        assert (connection.peer.ip, connection.peer.local_ip) == ("127.0.0.1", "127.0.0.1")
        assert (connection.can_send, connection.tls, second.connections) == (True, "", 0)
        assert first.heard == [b"EHLO gate.test\r\n"]
        connection.abort()


NEXT = {
    "is closing": {"GREETING": b"421 busy\r\n"},
    "hangs up": {"GREETING": scripted.CLOSE},
    "is not SMTP": {"GREETING": b"?\r\n"},
}


@pytest.mark.parametrize("script", NEXT.values(), ids=NEXT)
async def test_a_host_that_does_not_become_ready_is_followed_by_the_next(script: dict[str, bytes]) -> None:
    async with scripted.serving(script) as first, scripted.serving() as second:
        connection = await opening(made(), to(first.port, second.port), values.SOURCE)
        assert (first.connections, second.connections) == (1, 1)
        connection.abort()


async def test_a_dead_first_host_is_passed_over() -> None:
    async with scripted.serving() as second:
        connection = await opening(made(), to(closed_port(), second.port), values.SOURCE)
        assert connection.can_send
        connection.abort()


async def test_a_final_refusal_in_the_greeting_stops_the_search() -> None:
    async with scripted.serving({"GREETING": b"554 no\r\n"}) as first, scripted.serving() as second:
        failure = await failing(made(), to(first.port, second.port))
        assert (failure.stage, failure.reply and failure.reply.code) == (Stage.GREETING, 554)
        assert (failure.host, failure.ip, second.connections) == ("127.0.0.1", "127.0.0.1", 0)


async def test_when_none_is_ready_the_last_ones_trouble_is_told() -> None:
    async with scripted.serving({"GREETING": b"421 busy\r\n"}) as first:
        failure = await failing(made(), to(first.port, closed_port()))
        assert (failure.stage, failure.problem) == (Stage.CONNECT, Problem.REFUSED)


async def test_a_host_that_refused_is_left_alone_for_a_while() -> None:
    clock, port = clocks.FakeClock(), closed_port()
    one = made(clock=clock)
    await failing(one, to(port))
    async with scripted.serving(port=port) as server:
        clock.advance(opener.DEAD_S - 1)
        assert (await failing(one, to(port))).problem is Problem.REFUSED
        assert server.connections == 0
        clock.advance(2)
        (await opening(one, to(port), values.SOURCE)).abort()


async def test_a_prohibited_address_from_dns_is_never_connected_to() -> None:
    server = dns.DnsServer(dns.Zone(mx={}, addresses={"mx.test": "192.0.2.1"}))
    await server.start()
    failure = await failing(made(server.address), route.Plan("p", (Target("mx.test", 25),)))
    server.stop()
    assert (failure.problem, failure.host, failure.ip) == (Problem.PROHIBITED_ADDRESS, "mx.test", "192.0.2.1")


async def test_a_listening_server_at_a_prohibited_address_hears_nothing() -> None:
    rules = addresses.rules([], ["192.0.2.0/24"])
    async with scripted.serving() as server:
        failure = await failing(made(rules=rules), to(server.port))
        assert (failure.problem, server.connections) == (Problem.PROHIBITED_ADDRESS, 0)


@pytest.mark.parametrize(
    ("host", "problem"),
    [("broken.test", Problem.DNS_FAILURE), ("gone.test", Problem.NO_ADDRESS)],
)
async def test_a_host_without_an_address_is_told_from_one_that_could_not_be_asked(
    host: str, problem: failures.Problem
) -> None:
    server = dns.DnsServer(dns.Zone(mx={}, addresses={}, broken=frozenset({"broken.test"})))
    await server.start()
    failure = await failing(made(server.address), route.Plan("p", (Target(host, 25),)))
    server.stop()
    assert (failure.stage, failure.problem, failure.host) == (Stage.DNS, problem, host)


async def test_no_more_addresses_are_tried_than_one_attempt_may() -> None:
    async with scripted.serving({"GREETING": b"421 busy\r\n"}) as server:
        await failing(made(), to(*[server.port] * (opener.MAX_ADDRESSES + 2)))
        assert server.connections == opener.MAX_ADDRESSES


async def test_a_plan_without_hosts_is_a_failure() -> None:
    assert (await failing(made(), route.Plan("p", ()))).problem is Problem.NO_ADDRESS


# --- several hosts and addresses

LOCAL6 = addresses.rules([], ["127.0.0.0/8", "::1/128"])
BOTH = {("mx.test", "A"): ["127.0.0.1"], ("mx.test", "AAAA"): ["::1"]}


async def test_hosts_of_equal_preference_are_shuffled_and_the_others_are_not() -> None:
    def backwards(found: list[route.Target]) -> None:
        found.reverse()

    async with scripted.serving() as one, scripted.serving() as two, scripted.serving() as last:
        targets = (Target("127.0.0.1", one.port), Target("127.0.0.1", two.port))
        plan = route.Plan("p", (*targets, Target("127.0.0.1", last.port, rank=1)))
        (await opening(made(shuffle=backwards), plan, values.SOURCE)).abort()
        assert (one.connections, two.connections, last.connections) == (0, 1, 0)


async def test_no_more_hosts_are_tried_than_one_attempt_may() -> None:
    async with scripted.serving() as third:
        plan = to(closed_port(), closed_port(), third.port)
        assert (await failing(made(max_hosts=2), plan)).problem is Problem.REFUSED
        assert third.connections == 0


SOURCES = {
    "the system's choice": (values.SOURCE, "::1", "::1"),
    "an IPv4 address": (msgspec.structs.replace(values.SOURCE, ip="127.0.0.3"), "127.0.0.1", "127.0.0.3"),
    "an IPv6 address": (msgspec.structs.replace(values.SOURCE, ip="::1"), "::1", "::1"),
    "one of each": (msgspec.structs.replace(values.SOURCE, ip="127.0.0.3", ip6="::1"), "::1", "::1"),
}


@pytest.mark.parametrize(("way_out", "peer", "local"), SOURCES.values(), ids=SOURCES)
async def test_a_host_of_both_families_is_reached_from_the_sources_own_address(
    way_out: directories.Source, peer: str, local: str
) -> None:
    async with serving_both() as (port, _), dns_server.serving(BOTH) as dns_at:
        one = made(f"127.0.0.1:{dns_at.port}", rules=LOCAL6)
        connection = await opening(one, route.Plan("p", (Target("mx.test", port),)), way_out)
        assert (connection.peer.ip, connection.peer.local_ip) == (peer, local)
        connection.abort()


async def test_the_other_family_is_taken_when_one_is_refused() -> None:
    async with scripted.serving() as server, dns_server.serving(BOTH) as dns_at:
        one = made(f"127.0.0.1:{dns_at.port}", rules=LOCAL6)
        plan = route.Plan("p", (Target("mx.test", server.port),))
        connection = await opening(one, plan, values.SOURCE)
        assert connection.peer.ip == "127.0.0.1"
        connection.abort()


async def test_an_address_that_does_not_answer_is_raced_by_the_next() -> None:
    zone = {("mx.test", "A"): ["127.0.0.1", "127.0.0.2"]}
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        async with scripted.serving(ip="127.0.0.2", port=port), dns_server.serving(zone) as dns_at:
            one = made(f"127.0.0.1:{dns_at.port}")
            async with asyncio.timeout(2.5):  # less than the time that a connection may take
                connection = await opening(one, route.Plan("p", (Target("mx.test", port),)), values.SOURCE)
            assert connection.peer.ip == "127.0.0.2"
            connection.abort()
        for filler in fillers:
            filler.close()


async def test_a_family_that_the_source_does_not_have_is_said_so() -> None:
    zone = {("mx.test", "AAAA"): ["::1"]}
    async with dns_server.serving(zone) as dns_at:
        only4 = msgspec.structs.replace(values.SOURCE, ip="127.0.0.1")
        with pytest.raises(session.Failure, match="no address that this Source reaches") as caught:
            await opening(made(f"127.0.0.1:{dns_at.port}"), route.Plan("p", (Target("mx.test", 25),)), only4)
        assert caught.value.problem is Problem.NO_ADDRESS


async def test_an_address_that_is_not_to_be_connected_to_is_passed_over_for_the_next_one() -> None:
    zone = {("mx.test", "A"): ["10.0.0.1", "127.0.0.1"]}
    async with scripted.serving() as server, dns_server.serving(zone) as dns_at:
        one = made(f"127.0.0.1:{dns_at.port}")
        connection = await opening(one, route.Plan("p", (Target("mx.test", server.port),)), values.SOURCE)
        assert connection.peer.ip == "127.0.0.1"
        connection.abort()


@asynccontextmanager
async def serving_both() -> AsyncIterator[tuple[int, tuple[scripted.Server, scripted.Server]]]:
    """A server on one port of both families."""
    async with scripted.serving() as v4, scripted.serving(ip="::1", port=v4.port) as v6:
        yield v4.port, (v4, v6)


# --- TLS that does not come about

OFFERED = {"EHLO": b"250-mx.test\r\n250 STARTTLS\r\n"}
BROKEN = {
    "the handshake breaks": (b"220 go\r\n", "handshake failed: ", 2),
    "STARTTLS is refused": (b"454 4.7.0 not now\r\n", "refused with 454", 1),
    "STARTTLS is not known": (b"502 5.5.1 what\r\n", "refused with 502", 1),
    "STARTTLS is not answered": (scripted.SILENCE, "no answer to starttls", 2),
    "the host hangs up": (scripted.CLOSE, "the connection was closed", 2),
}


def source(tls: str, **changes: str) -> directories.Source:
    return msgspec.structs.replace(values.SOURCE, tls=tls, **changes)


@pytest.mark.parametrize(("said", "reason", "connections"), BROKEN.values(), ids=BROKEN)
async def test_opportunistic_tls_that_breaks_leaves_a_connection_in_clear_that_says_why(
    said: bytes, reason: str, connections: int
) -> None:
    reply_s = 0.2 if said == scripted.SILENCE else 3
    async with scripted.serving({**OFFERED, "STARTTLS": said}) as server:
        connection = await opening(made(reply_s=reply_s), to(server.port), source("opportunistic"))
        assert connection.tls.startswith(f"none (STARTTLS: {reason}")
        assert (connection.can_send, server.connections) == (True, connections)
        connection.abort()


@pytest.mark.parametrize("tls", ["opportunistic", "never"])
async def test_where_no_tls_was_to_be_had_or_wanted_nothing_is_said(tls: str) -> None:
    script = {} if tls == "opportunistic" else OFFERED
    async with scripted.serving(script) as server:
        connection = await opening(made(), to(server.port), source(tls))
        assert (connection.tls, server.connections) == ("", 1)
        connection.abort()


CLOSED = {"required": source("required"), "a password": source("opportunistic", username="u", password="p")}


@pytest.mark.parametrize("strict", CLOSED.values(), ids=CLOSED)
async def test_where_clear_text_may_not_be_the_broken_handshake_is_the_failure(
    strict: directories.Source,
) -> None:
    async with scripted.serving({**OFFERED, "STARTTLS": b"220 go\r\n"}) as server:
        failure = await failing(made(), to(server.port), strict)
        assert (failure.stage, failure.problem, server.connections) == (Stage.STARTTLS, Problem.TLS_FAILED, 1)
        assert "handshake failed: " in failure.detail


async def test_a_host_whose_tls_broke_gets_its_mail_in_clear_for_a_while_and_says_so() -> None:
    clock = clocks.FakeClock()
    async with scripted.serving({**OFFERED, "STARTTLS": b"220 go\r\n"}) as server:
        one, wanted = made(clock=clock), source("opportunistic")
        for connections in (2, 3):  # the second time it is not tried
            connection = await opening(one, to(server.port), wanted)
            assert connection.tls.startswith("none (STARTTLS: handshake failed")
            assert server.connections == connections
            connection.abort()
        clock.advance(opener.BROKEN_TLS_S + 1)
        (await opening(one, to(server.port), wanted)).abort()
        assert server.connections == 5


async def test_broken_tls_is_not_remembered_where_it_is_required() -> None:
    async with scripted.serving({**OFFERED, "STARTTLS": b"220 go\r\n"}) as server:
        one = made()
        (await opening(one, to(server.port), source("opportunistic"))).abort()
        assert (await failing(one, to(server.port), source("required"))).problem is Problem.TLS_FAILED
