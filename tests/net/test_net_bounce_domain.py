"""Whether a bounce domain may stand in return paths."""

import pytest
from tests.net import dns_server, test_net_spf

from gatepost.net import bounce_domain

Kind = bounce_domain.Kind
US = frozenset({"mx.shop.test"})
PUBLIC = bounce_domain.Exit("main", "9.9.9.9", "out.shop.test")
INSIDE = bounce_domain.Exit("inside", "10.0.0.5", "out.shop.test")
UNBOUND = bounce_domain.Exit("unbound", "", "out.shop.test")
GOOD: dict[tuple[str, str], list[str] | str] = {
    ("bounce.shop.test", "MX"): ["10 MX.shop.test.", "20 backup.test."],
    ("bounce.shop.test", "TXT"): ['"v=spf1 ip4:9.9.9.9 -all"'],
    ("out.shop.test", "A"): ["9.9.9.9"],
}


async def checked(
    changes: dict[tuple[str, str], list[str] | str], *exits: bounce_domain.Exit
) -> bounce_domain.Checked:
    async with dns_server.serving({**GOOD, **changes}) as server:
        return await bounce_domain.check(test_net_spf.asking(server), "bounce.shop.test", US, exits)


@pytest.mark.parametrize("exits", [(), (PUBLIC,), (INSIDE,), (UNBOUND,), (PUBLIC, INSIDE, UNBOUND)])
async def test_it_is_good_when_its_mail_comes_to_us_and_every_way_out_may_send_for_it(
    exits: tuple[bounce_domain.Exit, ...],
) -> None:
    assert await checked({}, *exits) == bounce_domain.GOOD


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        (
            {("bounce.shop.test", "MX"): ["10 other.test."]},
            Kind.BAD,
            "MX of bounce.shop.test is other.test, not mx.shop.test",
        ),
        ({("bounce.shop.test", "MX"): ["10 mx.shop.test.", "10 other.test."]}, Kind.BAD, "is other.test"),
        ({("bounce.shop.test", "MX"): ["0 ."]}, Kind.BAD, "null MX"),
        ({("bounce.shop.test", "MX"): "NXDOMAIN"}, Kind.BAD, "does not exist"),
        ({("bounce.shop.test", "MX"): "SERVFAIL"}, Kind.UNKNOWN, "MX of bounce.shop.test"),
        (
            {("bounce.shop.test", "MX"): "NODATA", ("bounce.shop.test", "A"): ["9.9.9.9"]},
            Kind.BAD,
            "has no MX record",
        ),
        ({("bounce.shop.test", "TXT"): ['"v=spf1 ~all"']}, Kind.BAD, "for 9.9.9.9 (Source main): softfail"),
        ({("bounce.shop.test", "TXT"): "NODATA"}, Kind.BAD, "(Source main): none"),
        ({("bounce.shop.test", "TXT"): "SERVFAIL"}, Kind.UNKNOWN, "temperror"),
    ],
)
async def test_what_is_wrong_is_told(
    changes: dict[tuple[str, str], list[str] | str], kind: Kind, words: str
) -> None:
    found = await checked(changes, PUBLIC)
    assert found.kind is kind
    assert words in found.problem


async def test_a_way_out_without_a_known_address_proves_nothing() -> None:
    found = await checked({("out.shop.test", "A"): "NODATA"}, INSIDE)
    assert (found.kind, "Source inside is not known" in found.problem) == (Kind.BAD, True)
    found = await checked({("out.shop.test", "A"): "SERVFAIL"}, INSIDE)
    assert found.kind is Kind.UNKNOWN


@pytest.mark.parametrize(
    ("domain", "top"),
    [
        ("bounce.shop.example.com", "example.com"),
        ("a.b.co.uk", "b.co.uk"),
        ("bounce.me.github.io", "me.github.io"),
        ("co.uk", "co.uk"),
        ("x.shop.test", "shop.test"),
    ],
)
def test_the_organisational_domain_is_one_label_below_a_public_suffix(domain: str, top: str) -> None:
    assert bounce_domain.organisational(domain) == top
