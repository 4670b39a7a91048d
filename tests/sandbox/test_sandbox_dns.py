"""The sandbox's DNS, asked by a real resolver over a real socket."""

import asyncio
from collections.abc import AsyncIterator

import dns.asyncresolver
import dns.message
import dns.nameserver
import dns.resolver
import pytest

from gatepost.sandbox import dns as sandbox_dns

ZONE = sandbox_dns.Zone(
    mx={"shop.test": ((10, "mx.shop.test"), (20, "mx2.shop.test")), "none.test": ((0, "."),)},
    addresses={"mx.shop.test": "127.0.10.9"},
    broken=frozenset({"broken.test"}),
)


@pytest.fixture
async def server() -> AsyncIterator[sandbox_dns.DnsServer]:
    found = sandbox_dns.DnsServer(ZONE)
    await found.start()
    yield found
    found.stop()


def _resolver(server: sandbox_dns.DnsServer) -> dns.asyncresolver.Resolver:
    host, _, port = server.address.rpartition(":")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [dns.nameserver.Do53Nameserver(host, int(port))]
    resolver.lifetime = 5.0
    return resolver


async def _texts(server: sandbox_dns.DnsServer, name: str, kind: str) -> list[str]:
    answer = await _resolver(server).resolve(name, kind, search=False)
    return sorted(record.to_text().lower() for record in answer)  # the answer repeats the question's case


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("shop.test", "MX", ["10 mx.shop.test.", "20 mx2.shop.test."]),
        ("SHOP.test.", "MX", ["10 mx.shop.test.", "20 mx2.shop.test."]),
        ("none.test", "MX", ["0 ."]),
        ("mx.shop.test", "A", ["127.0.10.9"]),
    ],
    ids=["mx", "any_case", "null_mx", "address"],
)
async def test_a_name_in_the_table_is_answered(
    server: sandbox_dns.DnsServer, name: str, kind: str, expected: list[str]
) -> None:
    assert await _texts(server, name, kind) == expected


async def test_a_published_text_is_answered_in_its_strings(server: sandbox_dns.DnsServer) -> None:
    server.publish("S1._domainkey.shop.test", ("v=dkim1; k=rsa; p=" + "a" * 200, "b" * 150))
    found = await _texts(server, "s1._domainkey.shop.test", "TXT")
    assert found == ['"v=dkim1; k=rsa; p=' + "a" * 200 + '" "' + "b" * 150 + '"']
    with pytest.raises(dns.resolver.NoAnswer):
        await _texts(server, "s1._domainkey.shop.test", "MX")


@pytest.mark.parametrize(
    ("name", "kind", "error"),
    [
        ("nowhere.test", "MX", dns.resolver.NXDOMAIN),
        ("mx.shop.test", "AAAA", dns.resolver.NoAnswer),
        ("broken.test", "MX", dns.resolver.NoNameservers),
    ],
    ids=["nxdomain", "no_such_type", "servfail"],
)
async def test_what_is_not_there_is_told_apart(
    server: sandbox_dns.DnsServer, name: str, kind: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await _texts(server, name, kind)


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"rubbish",
        b"\x00" * 12,
        dns.message.make_response(dns.message.make_query("a.test", "A")).to_wire(),
    ],
    ids=["empty", "rubbish", "no_question", "an_answer"],
)
async def test_what_is_no_question_harms_nothing(server: sandbox_dns.DnsServer, datagram: bytes) -> None:
    troubles: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    server.datagram_received(datagram, ("127.0.0.1", 9))
    assert await _texts(server, "mx.shop.test", "A") == ["127.0.10.9"]
    assert troubles == []
