"""SPF of our own domains, asked of a real DNS server on loopback."""

import pytest
from tests.net import dns_server

from gatepost import clock as clocks
from gatepost.net import resolver as resolvers
from gatepost.net import spf

R = spf.Result
IP = "192.0.2.10"
ZONE: dict[tuple[str, str], list[str] | str] = {
    ("mx.shop.test", "A"): ["192.0.2.10"],
    ("mx.shop.test", "AAAA"): ["2001:db8::10"],
    ("shop.test", "A"): ["192.0.2.200"],
    ("shop.test", "MX"): ["10 mx.shop.test."],
    ("esp.test", "TXT"): ['"v=spf1 ip4:192.0.2.0/28 -all"'],
    ("strict.test", "TXT"): ['"v=spf1 -all"'],
    ("loop.test", "TXT"): ['"v=spf1 include:loop.test -all"'],
    ("down.test", "TXT"): "SERVFAIL",
    ("gone.test", "TXT"): "NXDOMAIN",
    ("10.2.0.192.in-addr.list.test", "A"): ["127.0.0.2"],
}


@pytest.mark.parametrize(
    ("record", "ip", "result"),
    [
        ("v=spf1 ip4:192.0.2.10 -all", IP, R.PASS),
        ("v=spf1 ip4:192.0.2.0/24 -all", IP, R.PASS),
        ("v=spf1 ip4:198.51.100.0/24 -all", IP, R.FAIL),
        ("v=spf1 ip4:198.51.100.0/24 ~all", IP, R.SOFTFAIL),
        ("v=spf1 ip4:198.51.100.0/24 ?all", IP, R.NEUTRAL),
        ("v=spf1 ip4:198.51.100.0/24", IP, R.NEUTRAL),
        ("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::10", R.PASS),
        ("v=spf1 ip6:2001:db8::/32 -all", IP, R.FAIL),
        ("v=spf1 a:mx.shop.test -all", IP, R.PASS),
        ("v=spf1 a:mx.shop.test -all", "2001:db8::10", R.PASS),
        ("v=spf1 a:shop.test/24 -all", IP, R.PASS),
        ("v=spf1 a:shop.test//64 -all", IP, R.FAIL),
        ("v=spf1 mx:shop.test -all", IP, R.PASS),
        ("v=spf1 include:esp.test -all", IP, R.PASS),
        ("v=spf1 include:esp.test -all", "192.0.2.99", R.FAIL),
        ("v=spf1 include:strict.test +ip4:192.0.2.10 -all", IP, R.PASS),
        ("v=spf1 redirect=esp.test", IP, R.PASS),
        ("v=spf1 redirect=esp.test", "192.0.2.99", R.FAIL),
        ("v=spf1 exists:%{ir}.%{v}.list.test -all", IP, R.PASS),
        ("v=spf1 exists:%{i}.list.test -all", IP, R.FAIL),
        ("v=spf1 ptr -all", IP, R.FAIL),
        ("V=SPF1 IP4:192.0.2.10 -ALL", IP, R.PASS),
        ("v=spf1 include:gone.test -all", IP, R.PERMERROR),
        ("v=spf1 include:loop.test -all", IP, R.PERMERROR),
        ("v=spf1 include:down.test -all", IP, R.TEMPERROR),
        ("v=spf1 ip4:192.0.2 -all", IP, R.PERMERROR),
        ("v=spf1 ip4:2001:db8::/32 -all", IP, R.PERMERROR),
        ("v=spf1 frob:x -all", IP, R.PERMERROR),
        ("v=spf1 ::: -all", IP, R.PERMERROR),
        ("v=spf1 exists:%{z}.test -all", IP, R.PERMERROR),
        ("v=spf10 ip4:192.0.2.10", IP, R.NONE),
        ("", IP, R.NONE),
    ],
)
async def test_what_a_record_says_of_an_address(record: str, ip: str, result: spf.Result) -> None:
    zone = {**ZONE, ("bounce.shop.test", "TXT"): [f'"{record}"']}
    async with dns_server.serving(zone) as server:
        assert await spf.check(asking(server), ip, "b@bounce.shop.test") is result


async def test_two_records_are_an_error_and_none_is_none() -> None:
    zone = {("bounce.shop.test", "TXT"): ['"v=spf1 +all"', '"v=spf1 -all"', '"other"']}
    async with dns_server.serving(zone) as server:
        assert await spf.check(asking(server), IP, "b@bounce.shop.test") is R.PERMERROR
        assert await spf.check(asking(server), IP, "b@nothing.test") is R.NONE


async def test_a_record_in_several_strings_is_one() -> None:
    zone = {("bounce.shop.test", "TXT"): ['"v=spf1 ip4:192.0." "2.10 -all"']}
    async with dns_server.serving(zone) as server:
        assert await spf.check(asking(server), IP, "b@bounce.shop.test") is R.PASS


def asking(server: dns_server.Server) -> resolvers.Resolver:
    return resolvers.Resolver(
        (f"127.0.0.1:{server.port}",),
        clock=clocks.FakeClock(),
        shuffle=lambda names: names.reverse(),
        timeout_s=2.5,
        lifetime_s=5.0,
    )
