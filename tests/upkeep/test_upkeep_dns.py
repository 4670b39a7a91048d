"""What DNS says about a sender domain, asked of a scripted server over real sockets, and what is told of it."""

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from tests.net import dns_server

from gatepost import clock as clocks
from gatepost.dkim import keys as dkim_keys
from gatepost.model import directory as directories
from gatepost.net import https
from gatepost.net import resolver as resolvers
from gatepost.upkeep import dns_findings, dns_looks

KEY = dkim_keys.Key(ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
IP = "193.0.6.139"  # one that is public, and never connected to
DIRECTORY = directories.Directory(
    accounts=(directories.Account(1, "default"),),
    pools=(directories.Pool(1, 1, "default"),),
    sources=(
        directories.Source(1, 1, "s1", ip=IP, ehlo="out.shop.test"),
        directories.Source(2, 1, "relay", host="smart.test"),
        directories.Source(3, 1, "off", ip="193.0.6.1", disabled=True),
    ),
    sender_domains=(directories.SenderDomain(1, 1, "shop.test"),),
    dkim_keys=(
        directories.DkimKey(
            1, 1, "s1", directories.KeyAlgorithm.ED25519, KEY.pem, directories.KeyState.ACTIVE
        ),
    ),
)
SELECTOR = "s1._domainkey.shop.test"
Zone = dict[tuple[str, str], list[str] | str]
GOOD: Zone = {
    ("shop.test", "TXT"): [f'"v=spf1 ip4:{IP} -all"', '"other text"'],
    (SELECTOR, "TXT"): [f'"{KEY.record[:20]}" "{KEY.record[20:]}"'],
    ("_dmarc.shop.test", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:d@shop.test"'],
    ("shop.test", "MX"): ["10 mx.shop.test."],
    ("mx.shop.test", "A"): ["193.0.6.2"],
    ("139.6.0.193.in-addr.arpa", "PTR"): ["out.shop.test."],
    ("out.shop.test", "A"): [IP],
    ("_smtp._tls.shop.test", "TXT"): ['"v=TLSRPTv1; rua=mailto:t@shop.test"'],
    ("_mta-sts.shop.test", "TXT"): ['"v=STSv1; id=7"'],
}
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: *.shop.test\r\nmax_age: 86400\r\n"


async def told(zone: Zone, policy: bytes | str = POLICY, **changes: Any) -> list[dns_findings.Finding]:
    async def fetch(host: str) -> https.Document:
        assert host == "mta-sts.shop.test"
        if isinstance(policy, str):
            raise https.FetchFailed(policy)
        return https.Document("text/plain", policy)

    domain = msgspec.structs.replace(DIRECTORY.sender_domains[0], **changes)
    of = dns_looks.of_directory(DIRECTORY, domain, "gw.shop.test", frozenset({"mx.shop.test"}))
    async with dns_server.serving(zone) as server:
        finds = resolvers.Resolver(
            (f"127.0.0.1:{server.port}",),
            clock=clocks.FakeClock(),
            shuffle=lambda _: None,
            timeout_s=1.0,
            lifetime_s=2.0,
        )
        return dns_findings.findings(await dns_looks.Looks(finds, fetch).look(of))


def bad(found: list[dns_findings.Finding]) -> list[tuple[str, str]]:
    return [(one.severity.value, one.check) for one in found if one.severity is not dns_findings.Severity.OK]


async def test_a_key_that_cannot_be_read_is_told_by_its_name() -> None:
    broken = msgspec.structs.replace(DIRECTORY.dkim_keys[0], private_key="nothing")
    of = dns_looks.of_directory(
        msgspec.structs.replace(DIRECTORY, dkim_keys=(broken,)),
        DIRECTORY.sender_domains[0],
        "gw.shop.test",
        frozenset(),
    )
    async with dns_server.serving(GOOD) as server:
        finds = resolvers.Resolver(
            (f"127.0.0.1:{server.port}",), clock=clocks.FakeClock(), shuffle=lambda _: None
        )
        seen = await dns_looks.Looks(finds, _no_policy).look(of)
    [told_] = [one for one in dns_findings.findings(seen) if one.check == "dkim"]
    assert (told_.severity, told_.subject) == (dns_findings.Severity.WRONG, SELECTOR)
    assert "no private key" in told_.told


async def _no_policy(host: str) -> https.Document:
    raise https.FetchFailed(host)


async def test_where_all_is_well_every_check_says_so() -> None:
    found = await told(GOOD)
    assert bad(found) == []
    assert [one.check for one in found] == [
        "spf",
        "dkim",
        "dmarc",
        "dmarc",
        "mx",
        "ptr",
        "ehlo",
        "tls-rpt",
        "mta-sts",
    ]


ROWS: dict[str, tuple[Zone, list[tuple[str, str]], str]] = {
    "no SPF": ({("shop.test", "TXT"): ['"x"']}, [("wrong", "spf")], f"v=spf1 ip4:{IP} ~all"),
    "SPF without us": (
        {("shop.test", "TXT"): ['"v=spf1 ip4:192.0.2.1 -all"']},
        [("wrong", "spf")],
        f"v=spf1 ip4:{IP} ip4:192.0.2.1 -all",
    ),
    "two SPF records": (
        {("shop.test", "TXT"): ['"v=spf1 -all"', '"v=spf1 ~all"']},
        [("wrong", "spf")],
        f"v=spf1 ip4:{IP} ~all",
    ),
    "SPF without end": (
        {("shop.test", "TXT"): ['"v=spf1 include:shop.test -all"']},
        [("wrong", "spf")],
        "more than 10 look-ups",
    ),
    "SPF's server is down": ({("shop.test", "TXT"): "SERVFAIL"}, [("unknown", "spf")], "SERVFAIL"),
    "no key published": ({(SELECTOR, "TXT"): "NXDOMAIN"}, [("wrong", "dkim")], KEY.record),
    "a revoked key": ({(SELECTOR, "TXT"): ['"v=DKIM1; k=ed25519; p="']}, [("wrong", "dkim")], "revoked"),
    "another key": ({(SELECTOR, "TXT"): ['"k=ed25519; p=AAAA"']}, [("wrong", "dkim")], "of another key"),
    "a key of another kind": (
        {(SELECTOR, "TXT"): ['"v=DKIM1; p=AAAA"']},
        [("wrong", "dkim")],
        "another kind",
    ),
    "no tag list": ({(SELECTOR, "TXT"): ['"hello"']}, [("wrong", "dkim")], "cannot be read"),
    "SHA-1 alone": ({(SELECTOR, "TXT"): [f'"{KEY.record}; h=sha1"']}, [("wrong", "dkim")], "SHA-256"),
    "two keys": ({(SELECTOR, "TXT"): ['"p=A"', '"p=B"']}, [("wrong", "dkim")], "several"),
    "a test": ({(SELECTOR, "TXT"): [f'"{KEY.record}; t=y:s"']}, [("advice", "dkim")], "t=y"),
    "no DMARC": ({("_dmarc.shop.test", "TXT"): "NXDOMAIN"}, [("wrong", "dmarc")], "v=DMARC1; p=none"),
    "DMARC without reports": (
        {("_dmarc.shop.test", "TXT"): ['"v=DMARC1; p=none"']},
        [("advice", "dmarc")],
        "rua",
    ),
    "DMARC without policy": (
        {("_dmarc.shop.test", "TXT"): ['"v=DMARC1"']},
        [("wrong", "dmarc")],
        "no policy",
    ),
    "two DMARC records": (
        {("_dmarc.shop.test", "TXT"): ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']},
        [("wrong", "dmarc")],
        "several",
    ),
    "null MX": ({("shop.test", "MX"): ["0 ."]}, [("advice", "mx")], "takes no mail"),
    "no PTR": ({("139.6.0.193.in-addr.arpa", "PTR"): "NXDOMAIN"}, [("wrong", "ptr")], "NXDOMAIN"),
    "PTR not back": (
        {("139.6.0.193.in-addr.arpa", "PTR"): ["mx.shop.test."]},
        [("wrong", "ptr")],
        "mx.shop.test",
    ),
    "EHLO elsewhere": (
        {("out.shop.test", "A"): ["193.0.6.9"]},
        [("wrong", "ptr"), ("wrong", "ehlo")],
        f"out.shop.test A {IP}",
    ),
    "no TLS-RPT": ({("_smtp._tls.shop.test", "TXT"): "NXDOMAIN"}, [("advice", "tls-rpt")], "v=TLSRPTv1"),
    "no MTA-STS": ({("_mta-sts.shop.test", "TXT"): "NXDOMAIN"}, [("advice", "mta-sts")], "v=STSv1; id=1"),
    "two MTA-STS": (
        {("_mta-sts.shop.test", "TXT"): ['"v=STSv1; id=1"', '"v=STSv1; id=2"']},
        [("wrong", "mta-sts")],
        "cannot be used",
    ),
    "MX not in the policy": (
        {("shop.test", "MX"): ["10 mx.other.test."]},
        [("wrong", "mta-sts")],
        "mx: mx.other.test",
    ),
}


@pytest.mark.parametrize(("zone", "wanted", "text"), ROWS.values(), ids=ROWS)
async def test_each_fault_is_found_and_says_how_to_mend_it(
    zone: Zone, wanted: list[tuple[str, str]], text: str
) -> None:
    found = await told({**GOOD, **zone})
    assert bad(found) == wanted
    assert any(text in one.publish + one.told + " ".join(one.found) for one in found)


async def test_a_policy_that_cannot_be_had_is_wrong() -> None:
    for policy in ("status 404", b"mode: enforce"):
        assert bad(await told(GOOD, policy)) == [("wrong", "mta-sts")]


async def test_a_silent_server_is_told_from_a_name_that_is_not_there() -> None:
    [one] = [one for one in await told({**GOOD, (SELECTOR, "TXT"): "SILENCE"}) if one.check == "dkim"]
    assert (one.severity, "no answer" in one.told) == (dns_findings.Severity.UNKNOWN, True)


async def test_return_paths_of_ours_are_what_spf_and_alignment_are_about() -> None:
    zone = {
        **GOOD,
        ("bounce.shop.test", "TXT"): [f'"v=spf1 ip4:{IP} -all"'],
        ("bounce.shop.test", "MX"): ["10 mx.shop.test."],
    }
    verp: dict[str, Any] = {"return_path": directories.ReturnPath.VERP, "bounce_domain": "bounce.shop.test"}
    assert bad(await told(zone, **verp)) == []
    strict = {**zone, ("_dmarc.shop.test", "TXT"): ['"v=DMARC1; p=none; aspf=s; rua=mailto:a@b.test"']}
    assert bad(await told(strict, **verp)) == [("advice", "dmarc")]
    other = {**zone, ("bounce.shop.test", "MX"): ["10 mx.other.test."]}
    assert bad(await told(other, **verp)) == [("wrong", "bounce")]


@pytest.mark.parametrize(
    ("record", "found"),
    [
        ("v=DKIM1; k=rsa ;p= A B", {"v": "DKIM1", "k": "rsa", "p": "A B"}),
        ("a=1; a=2", None),
        ("a", None),
        ("", {}),
    ],
)
def test_tag_lists(record: str, found: dict[str, str] | None) -> None:
    assert dns_findings.tags(record) == found
