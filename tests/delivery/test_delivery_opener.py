"""A way out is found among several hosts, over real sockets, and none is tried that may not be."""

import socket
from collections.abc import Sequence

import msgspec
import pytest
from tests.delivery import delivery_values as values
from tests.delivery import scripted

from gatepost import clock as clocks
from gatepost.delivery import opener, route, session
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
    dns_server: str = "127.0.0.1:9",
    clock: clocks.FakeClock | None = None,
    rules: addresses.AddressRules = LOOPBACK,
    reply_s: float = 3,
) -> opener.Opener:
    clock = clock or clocks.FakeClock()
    finds = resolver.Resolver((dns_server,), clock=clock, shuffle=lambda _: None, timeout_s=2, lifetime_s=4)
    settings = delivery_settings.DeliverySettings(connect_timeout_s=3, reply_timeout_s=reply_s)
    return opener.Opener(finds, rules, settings, clock, "gate.test")


def to(*ports: int, ips: Sequence[str] = ()) -> route.Plan:
    found = ips or ["127.0.0.1"] * len(ports)
    return route.Plan("mx.test", tuple(Target(ip, port) for ip, port in zip(found, ports, strict=True)))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


async def failing(
    one: opener.Opener, plan: route.Plan, source: directories.Source = values.SOURCE
) -> session.Failure:
    with pytest.raises(session.Failure) as caught:
        await one.open(plan, source, CALLBACKS)
    return caught.value


async def test_the_first_host_that_is_ready_is_used_and_no_other_asked() -> None:
    async with scripted.serving() as first, scripted.serving() as second:
        connection = await made().open(to(first.port, second.port), values.SOURCE, CALLBACKS)
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
        connection = await made().open(to(first.port, second.port), values.SOURCE, CALLBACKS)
        assert (first.connections, second.connections) == (1, 1)
        connection.abort()


async def test_a_dead_first_host_is_passed_over() -> None:
    async with scripted.serving() as second:
        connection = await made().open(to(closed_port(), second.port), values.SOURCE, CALLBACKS)
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
        (await one.open(to(port), values.SOURCE, CALLBACKS)).abort()


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
        connection = await made(reply_s=reply_s).open(to(server.port), source("opportunistic"), CALLBACKS)
        assert connection.tls.startswith(f"none (STARTTLS: {reason}")
        assert (connection.can_send, server.connections) == (True, connections)
        connection.abort()


@pytest.mark.parametrize("tls", ["opportunistic", "never"])
async def test_where_no_tls_was_to_be_had_or_wanted_nothing_is_said(tls: str) -> None:
    script = {} if tls == "opportunistic" else OFFERED
    async with scripted.serving(script) as server:
        connection = await made().open(to(server.port), source(tls), CALLBACKS)
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
        assert failure.detail.startswith("handshake failed: ")
