"""Posts go only where they may, and end in time whatever the receiver does (faults.md G01, G02)."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.net import authority, dns_server, web

from gatepost import clock as clocks
from gatepost import errors
from gatepost.net import addresses, posting, resolver, tls

HOST = "hooks.shop.test"
LOOPBACK = addresses.rules(["127.0.0.0/8"], [])
NOWHERE = addresses.rules([], [])

WRONG = {
    "plain http": "http://hooks.shop.test/x",
    "ftp": "ftp://hooks.shop.test/x",
    "file": "file:///etc/passwd",
    "gopher": "gopher://hooks.shop.test/x",
    "a user": "https://a@hooks.shop.test/",
    "a user and a password": "https://a:b@hooks.shop.test/",
    "ssh's port": "https://hooks.shop.test:22/",
    "SMTP's port": "https://hooks.shop.test:25/",
    "no port": "https://hooks.shop.test:99999/",
    "port 0": "https://hooks.shop.test:0/",
    "a decimal address": "https://2130706433/",
    "a hexadecimal address": "https://0x7f.1/",
    "a hexadecimal number": "https://0x7f000001/",
    "an octal address": "https://0177.0.0.1/",
    "a short address": "https://127.1/",
    "no host": "https:///x",
    "a space": "https://hooks.shop.test/a b",
    "a line break": "https://hooks.shop.test/\r\nHost: x",
    "a backslash": "https://hooks.shop.test\\@127.0.0.1/",
    "a fragment before the path": "https://hooks.shop.test#@127.0.0.1/",
    "a fragment": "https://hooks.shop.test/a#b",
    "an IPv6 zone": "https://[fe80::1%25eth0]/",
    "letters that are not ASCII": "https://höoks.test/",
    "too long": "https://hooks.shop.test/" + "x" * 2000,
}


@pytest.mark.parametrize("url", WRONG.values(), ids=WRONG)
def test_a_url_that_is_not_to_be_posted_to_is_refused(url: str) -> None:
    with pytest.raises(errors.BadInput, match=r"^url: "):
        posting.check_url(url, http=False, place="url")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Hooks.shop.test", "hooks.shop.test"),
        ("https://hooks.shop.test.:8443/a/b?c=d", "hooks.shop.test"),
        ("https://192.0.2.1/x", "192.0.2.1"),
        ("https://[2001:db8::1]/x", "2001:db8::1"),
        ("https://localhost./x", "127.0.0.1"),
    ],
)
def test_a_url_names_its_host(url: str, host: str) -> None:
    assert posting.check_url(url, http=False, place="url") == host


def test_plain_http_may_be_allowed() -> None:
    assert posting.check_url("http://hooks.shop.test/x", http=True, place="url") == HOST


PRIVATE = [
    "127.0.0.1",
    "169.254.169.254",
    "::1",
    "10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "fe80::1",
    "0.0.0.0",
]


@pytest.mark.parametrize("ip", PRIVATE)
async def test_a_private_address_is_refused_when_it_is_saved(ip: str) -> None:
    async with dns_server.serving({}) as dns_at:
        with pytest.raises(errors.BadInput, match="allow_networks"):
            await posting.check_host(ip, finds(dns_at.port), NOWHERE, place="url")


async def test_a_name_of_a_private_address_is_refused_without_telling_the_address() -> None:
    async with dns_server.serving({(HOST, "A"): ["10.0.0.7"]}) as dns_at:
        with pytest.raises(errors.BadInput) as refused:
            await posting.check_host(HOST, finds(dns_at.port), NOWHERE, place="url")
    assert "10.0.0.7" not in str(refused.value)


def finds(port: int) -> resolver.Resolver:
    return resolver.Resolver((f"127.0.0.1:{port}",), clock=clocks.FakeClock(), shuffle=lambda _: None)


@asynccontextmanager
async def posted(
    folder: Path, says: bytes | None, *, rules: addresses.AddressRules = LOOPBACK, within_s: float = 5.0
) -> AsyncIterator[tuple[posting.Poster, web.Site]]:
    makes = authority.Authority(folder)
    async with (
        web.serving(makes.context(HOST), says) as site,
        dns_server.serving({(HOST, "A"): ["127.0.0.1"]}) as dns_at,
    ):
        context = tls.client_context(verify=True, ca_path=str(makes.path))
        poster = posting.Poster(finds(dns_at.port), rules, context, within_s=within_s)
        try:
            yield poster, site
        finally:
            await poster.close()


async def test_a_post_is_answered(tmp_path: Path) -> None:
    async with posted(tmp_path, web.page(b"thanks", more="Retry-After: 5\r\n")) as (poster, site):
        answer = await poster.post(f"https://{HOST}:{site.port}/a%2Fb?c=d", b"{}", {"webhook-id": "evt_1"})
        assert (answer.status, answer.body, answer.problem, answer.retry_after) == (200, b"thanks", "", "5")
        assert site.asked[0].startswith(b"POST /a%2Fb?c=d HTTP/1.1\r\n")
        assert b"webhook-id: evt_1\r\n" in site.asked[0]


@pytest.mark.parametrize("host", [HOST, "127.0.0.1"])
async def test_a_forbidden_address_is_not_connected_to(tmp_path: Path, host: str) -> None:
    async with posted(tmp_path, web.page(b"x"), rules=NOWHERE) as (poster, site):
        answer = await poster.post(f"https://{host}:{site.port}/", b"{}", {})
        assert answer.status == 0
        assert "loopback" in answer.problem
        assert site.asked == []


async def test_a_redirect_is_not_followed(tmp_path: Path) -> None:
    said = web.page(b"", status="302 Found", more="Location: /other\r\n")
    async with posted(tmp_path, said) as (poster, site):
        assert (await poster.post(f"https://{HOST}:{site.port}/", b"{}", {})).status == 302
        assert len(site.asked) == 1


async def test_of_an_answer_the_beginning_is_kept_and_nothing_is_unpacked(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    said = web.page(bomb, more="Content-Encoding: gzip\r\n")
    async with posted(tmp_path, said) as (poster, site):
        answer = await poster.post(f"https://{HOST}:{site.port}/", b"{}", {})
        assert answer.status == 200
        assert answer.body == bomb[: posting.MOST]


BROKEN = {
    "no HTTP": (b"220 mx.test ESMTP\r\n", "not proper HTTP"),
    "a head without end": (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "not proper HTTP"),
    "nothing": (b"", "closed before there was an answer"),
    "silence": (None, "no answer in 0.5 s"),
}


@pytest.mark.parametrize(("said", "why"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_receiver_is_a_problem_with_a_reason(
    tmp_path: Path, said: bytes | None, why: str
) -> None:
    async with posted(tmp_path, said, within_s=0.5) as (poster, site):
        answer = await poster.post(f"https://{HOST}:{site.port}/", b"{}", {})
        assert answer.status == 0
        assert why in answer.problem


async def test_a_status_counts_although_its_body_never_ends(tmp_path: Path) -> None:
    async with posted(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc") as (poster, site):
        answer = await poster.post(f"https://{HOST}:{site.port}/", b"{}", {})
        assert (answer.status, answer.body) == (200, b"abc")


async def test_a_receiver_whose_certificate_is_not_valid_is_told_nothing(tmp_path: Path) -> None:
    async with posted(tmp_path, web.page(b"x")) as (poster, site):
        answer = await poster.post(f"https://127.0.0.1:{site.port}/", b"{}", {})
        assert "certificate is not valid" in answer.problem
        assert site.asked == []


async def test_a_name_that_stands_for_another_address_the_second_time_is_judged_again() -> None:
    """DNS rebinding: what counts is the address of the socket."""
    zone = {(HOST, "A"): ["127.0.0.1"]}
    only_two = addresses.rules(["127.0.0.2/32"], [])
    async with dns_server.serving(zone) as dns_at:
        poster = posting.Poster(finds(dns_at.port), only_two, tls.client_context(verify=True), within_s=2)
        answer = await poster.post(f"https://{HOST}:9/", b"{}", {})
        await poster.close()
    assert "loopback" in answer.problem


async def test_a_post_can_be_cancelled(tmp_path: Path) -> None:
    async with posted(tmp_path, None, within_s=30) as (poster, site):
        task = asyncio.ensure_future(poster.post(f"https://{HOST}:{site.port}/", b"{}", {}))
        while not site.asked:  # noqa: ASYNC110 - what is waited for is what the test is about
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
