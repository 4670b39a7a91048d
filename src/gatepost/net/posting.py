"""Posts to a URL that a stranger gave, and reads the beginning of the answer.

Guarantees: nothing is connected to that the rules forbid (``web``); TLS unless plain HTTP was allowed, with a certificate that is
valid for the host; no redirect is followed, no cookie kept, no proxy asked, nothing decompressed. Whatever the server
does, a post ends within its time and keeps no more than ``MOST`` bytes of the answer (faults.md G01, G02).
Fails with nothing: that there was no answer is an Answer, too.
"""

import asyncio
import contextlib
import email.utils
import ipaddress
import re
import ssl
from collections.abc import Mapping

import aiohttp
import msgspec
import yarl

from gatepost import errors
from gatepost.net import addresses, resolver, web

MOST = 512  # bytes kept of an answer
LONGEST = 2000  # characters of a URL
CONNECTIONS = 20  # at once, of one Poster
_BODY_S = 2.0  # for the beginning of an answer whose status was read already
_HTTPS, _HTTP = 443, 80
_RESERVED_PORTS = 1024  # below it are the services of machines: no webhook waits behind ssh's or SMTP's
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_URL = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?"
    r"(?:/[!-\"$-~]*)?"
)
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")


class Answer(msgspec.Struct, frozen=True):
    """What became of a post. status: 0: there was no answer, and problem says why. retry_after: as it was given, or empty."""

    status: int
    body: bytes = b""
    problem: str = ""
    retry_after: str = ""
    took_ms: int = 0


def check_url(url: str, *, http: bool, place: str) -> str:
    """The host of a URL that may be posted to, as far as the URL alone says. http: whether that is allowed. Raises BadInput."""
    found = _URL.fullmatch(url)
    if found is None or len(url) > LONGEST:
        raise errors.BadInput(place, "is not https://host/path (no user, no fragment, IDNs as A-labels)")
    if found["scheme"] == "http" and not http:
        raise errors.BadInput(place, "must be https: webhooks.allow_http is not set")
    port = int(found["port"] or (_HTTPS if found["scheme"] == "https" else _HTTP))
    if not 0 < port < 1 << 16:
        raise errors.BadInput(place, f"{port} is not a port")
    if port < _RESERVED_PORTS and port not in {_HTTPS, _HTTP}:
        raise errors.BadInput(
            place, f"port {port} is another service's: 443, 80 and those from 1024 on are allowed"
        )
    host = found["host"]
    plain = host.strip("[]").rstrip(".")
    # What ends in a number is an address (WHATWG URL §3.5), and some libraries read many forms of one.
    if host.startswith("[") or _NUMBER.fullmatch(plain.rpartition(".")[2]):
        try:
            return str(ipaddress.ip_address(plain))
        except ValueError:
            raise errors.BadInput(place, f"{host} is neither a name nor an IP address") from None
    plain = plain.lower()
    return "127.0.0.1" if plain == "localhost" or plain.endswith(".localhost") else plain  # RFC 6761 §6.3


async def check_host(
    host: str, finds: resolver.Resolver, rules: addresses.AddressRules, *, place: str
) -> None:
    """Whether a host may be posted to, as DNS says now, without telling what DNS said. It is asked again for each connection.
    Raises BadInput."""
    try:
        refusal = rules.refusal(str(ipaddress.ip_address(host)))
    except ValueError:
        found = await finds.addresses(host)
        refused = any(rules.refusal(ip) is not None for ip in (*found.v4, *found.v6))
        refusal = f"{host} has an address that webhooks may not reach" if refused else None
    if refusal is not None:
        raise errors.BadInput(place, f"{refusal} (webhooks.allow_networks opens networks)")


class Poster:
    """For one receiver: connections are used again. ``close`` it."""

    def __init__(
        self,
        finds: resolver.Resolver,
        rules: addresses.AddressRules,
        context: ssl.SSLContext,
        *,
        within_s: float,
    ) -> None:
        self._within_s = within_s
        self._session = aiohttp.ClientSession(
            connector=web.connector(finds, rules, context, most=CONNECTIONS, keep=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            skip_auto_headers=("Accept-Encoding",),
        )

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post once."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer = await self._posted(url, body, {"User-Agent": web.AGENT, **headers})
        return msgspec.structs.replace(answer, took_ms=round((loop.time() - began) * 1000))

    async def close(self) -> None:
        """Close its connections."""
        await self._session.close()

    async def _posted(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            async with (
                asyncio.timeout(self._within_s),
                self._session.post(
                    yarl.URL(url, encoded=True), data=body, headers=headers, allow_redirects=False
                ) as response,
            ):
                said = await _beginning(response)
                return Answer(response.status, said, "", response.headers.get("Retry-After", "")[:100])
        except TimeoutError:
            return Answer(0, problem=f"no answer in {self._within_s:g} s")
        except web.Refused as refused:
            return Answer(0, problem=str(refused))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Answer(0, problem=web.clause(error))


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """Of its body, as far as it comes soon. What is left of it closes the connection."""
    said = b""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError, ValueError):
        async with asyncio.timeout(_BODY_S):
            while len(said) < MOST and (piece := await response.content.read(MOST - len(said))):
                said += piece
            if len(said) < MOST or response.content.at_eof():
                return said
    response.close()
    return said


def seconds(retry_after: str, now_ms: int) -> int:
    """``Retry-After`` (RFC 9110 §10.2.3) in seconds from now; 0 where it says nothing that can be read."""
    if retry_after.isascii() and retry_after.isdigit():
        return int(retry_after[:9])
    try:
        at = email.utils.parsedate_to_datetime(retry_after).timestamp()
    except (ValueError, TypeError, OverflowError):
        return 0
    return max(0, round(at - now_ms / 1000))
