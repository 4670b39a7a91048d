"""One small document is fetched over HTTPS from where it may be, within limits, or it is said why not."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.net import authority, dns_server, loops, web

from gatepost import clock as clocks
from gatepost.net import addresses, https, resolver, tls

HOST = "mta-sts.shop.test"
LOOPBACK = addresses.rules([], ["127.0.0.0/8"])
MOST = 1000


@asynccontextmanager
async def fetching(
    folder: Path,
    says: bytes | None,
    *,
    names: tuple[str, ...] = (HOST,),
    rules: addresses.AddressRules = LOOPBACK,
    trusted: bool = True,
    expired: bool = False,
) -> AsyncIterator[tuple[https.Fetcher, web.Site]]:
    makes = authority.Authority(folder)
    zone = {(HOST, "A"): ["127.0.0.1"]}
    async with (
        web.serving(makes.context(*names, expired=expired), says) as site,
        dns_server.serving(zone) as dns_at,
    ):
        finds = resolver.Resolver(
            (f"127.0.0.1:{dns_at.port}",), clock=clocks.FakeClock(), shuffle=lambda _: None
        )
        context = tls.client_context(verify=True, ca_path=str(makes.path) if trusted else "")
        yield https.Fetcher(finds, rules, context, port=site.port), site


async def fetch(fetcher: https.Fetcher, *, within_s: float = 5.0, host: str = HOST) -> https.Document:
    return await fetcher.fetch(host, "/policy.txt", most=MOST, within_s=within_s)


async def test_a_document_is_fetched(tmp_path: Path) -> None:
    said = web.page(b"hello", kind="Text/Plain; charset=utf-8", more="Set-Cookie: a=b\r\n")
    async with fetching(tmp_path, said) as (fetcher, site):
        assert await fetch(fetcher) == https.Document("text/plain", b"hello")
        assert await fetch(fetcher) == https.Document("text/plain", b"hello")
        assert [head.split(b" HTTP")[0] for head in site.asked] == [b"GET /policy.txt"] * 2
        assert f"Host: {HOST}".encode() in site.asked[0]
        assert b"Cookie" not in site.asked[1]


REFUSED = {
    "not found": (web.page(b"", status="404 Not Found"), "404"),
    "a redirect": (web.page(b"", status="301 Moved", more="Location: https://127.0.0.1/x\r\n"), "301"),
    "too large": (web.page(b"x" * (MOST + 1)), "larger than 1000"),
    "without end": (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"x" * 100_000,
        "larger than 1000",
    ),
    "no HTTP": (b"220 mx.test ESMTP\r\n", "not proper HTTP"),
    "a head without end": (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"x" * 100_000 + b"\r\n\r\n", "not proper HTTP"),
    "cut short": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", "not proper HTTP"),
}


@pytest.mark.parametrize(("said", "why"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_document_is_a_failure_that_says_why(tmp_path: Path, said: bytes, why: str) -> None:
    async with fetching(tmp_path, said) as (fetcher, site):
        with pytest.raises(https.FetchFailed, match=why):
            await fetch(fetcher)
        assert len(site.asked) == 1


async def test_a_redirect_is_not_followed_even_to_the_same_host(tmp_path: Path) -> None:
    said = web.page(b"", status="302 Found", more="Location: /other\r\n")
    async with fetching(tmp_path, said) as (fetcher, site):
        with pytest.raises(https.FetchFailed):
            await fetch(fetcher)
        assert len(site.asked) == 1


async def test_a_server_that_does_not_answer_runs_out_of_time(tmp_path: Path) -> None:
    async with fetching(tmp_path, None) as (fetcher, _):
        with pytest.raises(https.FetchFailed, match="no whole answer in"):
            await fetch(fetcher, within_s=0.3)


@pytest.mark.parametrize(
    ("names", "trusted", "expired"),
    [(("other.test",), True, False), ((HOST,), False, False), ((HOST,), True, True)],
    ids=["another name", "an unknown authority", "expired"],
)
async def test_a_certificate_that_is_not_valid_is_named(
    tmp_path: Path, names: tuple[str, ...], trusted: bool, expired: bool
) -> None:
    async with fetching(tmp_path, web.page(b"x"), names=names, trusted=trusted, expired=expired) as (
        fetcher,
        site,
    ):
        with pytest.raises(https.FetchFailed, match="certificate is not valid"):
            await fetch(fetcher)
        assert site.asked == []


@pytest.mark.parametrize("host", [HOST, "127.0.0.1"])
async def test_an_address_that_is_not_to_be_connected_to_is_not(tmp_path: Path, host: str) -> None:
    async with fetching(tmp_path, web.page(b"x"), rules=addresses.rules([], [])) as (fetcher, site):
        with pytest.raises(https.FetchFailed, match="loopback"):
            await fetch(fetcher, host=host)
        assert site.asked == []


async def test_a_host_without_an_address_is_a_failure(tmp_path: Path) -> None:
    async with fetching(tmp_path, web.page(b"x")) as (fetcher, _):
        with pytest.raises(https.FetchFailed):
            await fetch(fetcher, host="none.test")


@loops.BOTH
def test_it_works_on_both_loops(loop: str, tmp_path: Path) -> None:
    async def main() -> bytes:
        async with fetching(tmp_path, web.page(b"hello")) as (fetcher, _):
            return (await fetch(fetcher)).body

    assert loops.run(loop, main()) == b"hello"
