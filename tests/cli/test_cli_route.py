"""``gatepost route``: the way that mail would take, and why it would wait."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import pytest
from tests.cli import cli_values as values
from tests.net import dns_server

ZONE: dns_server.Zone = {
    ("d.test", "MX"): ["20 b.mx.test.", "10 a.mx.test."],
    ("a.mx.test", "A"): ["8.8.8.8", "10.0.0.1"],
    ("b.mx.test", "A"): ["8.8.4.4"],
    ("null.test", "MX"): ["0 ."],
    ("inner.test", "MX"): ["1 inner.mx.test."],
    ("inner.mx.test", "A"): ["10.0.0.2"],
    ("gone.test", "MX"): "NXDOMAIN",
    ("broken.test", "MX"): "SERVFAIL",
}


@contextlib.contextmanager
def dns_beside(zone: dns_server.Zone) -> Iterator[int]:
    """A DNS server in a thread of its own, while commands run in this one; its port."""
    there, over = threading.Event(), threading.Event()
    port = 0

    async def serve() -> None:
        nonlocal port
        async with dns_server.serving(zone) as server:
            port = server.port
            there.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert there.wait(10)
        yield port
    finally:
        over.set()
        thread.join()


@pytest.fixture
def routed(gateway: values.Gateway) -> Iterator[values.Gateway]:
    """A gateway whose DNS knows the zone, with one Source."""
    with dns_beside(ZONE) as port, gateway.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[dns]\nserver = "127.0.0.1:{port}"\n')
        file.write('[[route]]\ndomain = "fixed.test"\nto = "127.0.0.1:2526"\n')
        file.write('[delivery]\ntls = [{ domain = "d.test", tls = "encrypted" }]\n')
        file.flush()
        yield gateway


def test_the_way_of_an_address_is_told_with_hosts_tls_and_limits(routed: values.Gateway) -> None:
    [way] = routed.made("route", "Ann@D.test", "--bridge", "app")
    assert way["queue"] == f"d.test/{way['source']}"
    assert (way["provider"], way["lane"]) == ("mx.test", f"mx.test/{way['source']}")
    assert [(host["host"], host["rank"]) for host in way["hosts"]] == [("a.mx.test", 0), ("b.mx.test", 1)]
    assert way["hosts"][0]["addresses"] == ["8.8.8.8"]
    assert way["hosts"][0]["refused"] == ["10.0.0.1 is a private address"]
    assert (way["tls"], way["tls_by"]) == ("encrypted", "delivery.tls for d.test")
    assert (way["limits"]["connections"], way["problem"]) == (10, None)


def test_a_route_of_the_operators_needs_no_dns(routed: values.Gateway) -> None:
    [way] = routed.made("route", "fixed.test")
    assert [(host["host"], host["port"]) for host in way["hosts"]] == [("127.0.0.1", 2526)]


WAITS = {
    "null.test": "null MX",
    "gone.test": "NXDOMAIN",
    "broken.test": "MX of broken.test",
    "empty.test": "neither MX records nor an address",
    "inner.test": "10.0.0.2 is a private address",
}


@pytest.mark.parametrize(("domain", "why"), WAITS.items(), ids=WAITS)
def test_what_would_wait_says_why_and_fails(routed: values.Gateway, domain: str, why: str) -> None:
    said = routed.run("route", f"ann@{domain}", "--json")
    assert said.status == 1
    assert why in said.lines[0]["problem"]


def test_people_get_it_in_words(routed: values.Gateway) -> None:
    said = routed.run("route", "ann@d.test")
    assert (said.status, said.err) == (0, "")
    assert "a.mx.test:25  8.8.8.8; never: 10.0.0.1 is a private address" in said.out
    assert "encrypted, by delivery.tls for d.test" in said.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ann@d.test", "--bridge", "nobody"), "there is no Bridge 'nobody'"),
        (("ann@",), "the domain is missing"),
        (("a b@d.test",), "local part"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(
    gateway: values.Gateway, arguments: tuple[str, ...], says: str
) -> None:
    said = gateway.run("route", *arguments)
    assert (said.status, said.out) == (1, "")
    assert says in said.err
