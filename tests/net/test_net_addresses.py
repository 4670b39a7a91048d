"""Where we may connect to (faults.md E01)."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost import errors
from gatepost.net import addresses

DEFAULT = addresses.AddressRules()
REFUSED = [
    ("127.0.0.1", "127.0.0.1 is a loopback address"),
    ("10.1.2.3", "10.1.2.3 is a private address"),
    ("172.16.0.1", "172.16.0.1 is a private address"),
    ("172.31.255.255", "172.31.255.255 is a private address"),
    ("192.168.1.1", "192.168.1.1 is a private address"),
    ("169.254.169.254", "169.254.169.254 is a link-local address"),
    ("0.0.0.0", "0.0.0.0 is an address of “this network”"),
    ("0.1.2.3", "0.1.2.3 is an address of “this network”"),
    ("100.64.0.1", "100.64.0.1 is an address of a carrier's shared range"),
    ("192.0.0.8", "192.0.0.8 is a reserved address"),
    ("192.0.2.1", "192.0.2.1 is an address for documentation"),
    ("198.18.0.1", "198.18.0.1 is an address for benchmarks"),
    ("224.0.0.1", "224.0.0.1 is a multicast address"),
    ("240.0.0.1", "240.0.0.1 is a reserved address"),
    ("255.255.255.255", "255.255.255.255 is the broadcast address"),
    ("::", ":: is the unspecified address"),
    ("::1", "::1 is a loopback address"),
    ("::7f00:1", "::7f00:1 is a reserved address"),
    ("fc00::1", "fc00::1 is a private address"),
    ("fd12:3456::1", "fd12:3456::1 is a private address"),
    ("fe80::1", "fe80::1 is a link-local address"),
    ("fe80::1%eth0", "fe80::1%eth0 is a link-local address"),
    ("ff02::1", "ff02::1 is a multicast address"),
    ("2001:db8::1", "2001:db8::1 is an address for documentation"),
    ("2001:0:7f00:1::", "2001:0:7f00:1:: is a Teredo address"),
    ("4000::1", "4000::1 is a reserved address"),
    ("::ffff:127.0.0.1", "::ffff:127.0.0.1 stands for 127.0.0.1, a loopback address"),
    ("::ffff:a00:1", "::ffff:a00:1 stands for 10.0.0.1, a private address"),
    ("64:ff9b::7f00:1", "64:ff9b::7f00:1 stands for 127.0.0.1, a loopback address"),
    ("64:ff9b:1::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe stands for 169.254.169.254, a link-local address"),
    ("2002:7f00:1::1", "2002:7f00:1::1 stands for 127.0.0.1, a loopback address"),
    ("2002:c0a8:101::", "2002:c0a8:101:: stands for 192.168.1.1, a private address"),
    ("mx.example.com", "'mx.example.com' is not an IP address"),
    ("2130706433", "'2130706433' is not an IP address"),
    ("0x7f.1", "'0x7f.1' is not an IP address"),
    ("127.1", "'127.1' is not an IP address"),
    ("", "'' is not an IP address"),
]


@pytest.mark.parametrize(("ip", "why"), REFUSED, ids=[ip or "empty" for ip, _ in REFUSED])
def test_it_is_refused_by_default_with_a_reason(ip: str, why: str) -> None:
    assert DEFAULT.refusal(ip) == why


@pytest.mark.parametrize(
    "ip",
    [
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "223.255.255.255",
        "2606:4700::1",
        "2a00::1",
        "64:ff9b::808:808",
    ],
)
def test_an_address_on_the_internet_is_fine(ip: str) -> None:
    assert DEFAULT.refusal(ip) is None


@pytest.mark.parametrize("ip", ["8.8.4.4", "::ffff:8.8.4.4", "64:ff9b::808:404"])
def test_an_own_address_is_refused_in_every_form(ip: str) -> None:
    rules = addresses.rules([], [], ["8.8.4.4", "2A00:0::5"])
    assert "an address of this machine" in str(rules.refusal(ip))
    assert rules.refusal("2a00::5") == "2a00::5 is an address of this machine"


def test_allowed_opens_a_range_and_nothing_else() -> None:
    rules = addresses.rules(["10.1.0.0/16"], [])
    assert rules.refusal("10.1.2.3") is None
    assert rules.refusal("10.2.2.3") == "10.2.2.3 is a private address"
    assert rules.refusal("127.0.0.1") == "127.0.0.1 is a loopback address"
    assert rules.refusal("1.1.1.1") is None


@pytest.mark.parametrize(
    ("ip", "fine"), [("10.0.0.1", True), ("127.0.0.1", False), ("1.1.1.1", False), ("::1", False)]
)
def test_only_forbids_all_else_whatever_is_allowed(ip: str, fine: bool) -> None:
    rules = addresses.rules(["127.0.0.0/8", "::/0"], ["10.0.0.0/8"])
    assert (rules.refusal(ip) is None) is fine


@pytest.mark.parametrize(
    ("allowed", "only", "place"),
    [
        (["10.0.0.0/8", "x"], [], r"delivery\.allow_networks\[1\]: 'x' is not a network"),
        ([], ["10.0.0.0/33"], r"delivery\.only_networks\[0\]: "),
    ],
)
def test_a_text_that_is_no_network_is_named(allowed: list[str], only: list[str], place: str) -> None:
    with pytest.raises(errors.BadInput, match=place):
        addresses.rules(allowed, only)


def test_own_addresses_are_plain_addresses_and_this_machines() -> None:
    found = addresses.own_addresses()
    assert "127.0.0.1" in found
    assert [str(ipaddress.ip_address(ip)) for ip in found] == list(found)


@given(st.ip_addresses())
@settings(max_examples=200)
def test_what_passes_is_global_to_the_standard_library_too(ip: addresses.Ip) -> None:
    if DEFAULT.refusal(str(ip)) is None and not str(ip).startswith(("64:ff9b:", "2002:", "::ffff:")):
        assert ip.is_global
        assert not ip.is_multicast


@given(st.ip_addresses(v=4))
@settings(max_examples=100)
def test_every_disguise_of_an_ipv4_address_is_judged_as_the_address_itself(ip: ipaddress.IPv4Address) -> None:
    plain = DEFAULT.refusal(str(ip)) is None
    number = int(ip)
    for disguise in (0xFFFF << 32 | number, 0x64FF9B << 96 | number, 0x2002 << 112 | number << 80):
        assert (DEFAULT.refusal(str(ipaddress.IPv6Address(disguise))) is None) is plain


def test_an_address_lies_in_a_network_however_it_is_written() -> None:
    assert addresses.within("192.0.2.7", ("198.51.100.0/24", "192.0.2.0/24"))
    assert addresses.within("::ffff:192.0.2.7", ("192.0.2.0/24",))
    assert not addresses.within("192.0.3.7", ("192.0.2.0/24",))
    assert not addresses.within("nowhere", ("0.0.0.0/0",))
