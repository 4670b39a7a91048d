"""Fetches one small document over HTTPS.

Guarantees: nothing is connected to that the rules forbid (``web``); the certificate is valid for the host; no redirect is
followed, no cookie kept, nothing decompressed; the size and the whole time have limits.
Fails with FetchFailed, whose text is one short clause.
Not here: what is in the document.
"""

import asyncio
import ssl

import aiohttp
import msgspec

from gatepost import errors
from gatepost.net import addresses, resolver, web

PORT = 443
_PIECE = 16 * 1024


class FetchFailed(errors.GatepostError):
    """There is no document; the text says why."""


class Document(msgspec.Struct, frozen=True):
    """What came. kind: the media type, lower-case, without parameters."""

    kind: str
    body: bytes


class Fetcher:
    """Collaborators come in; every fetch has its own connection: they are rare."""

    def __init__(
        self,
        finds: resolver.Resolver,
        rules: addresses.AddressRules,
        context: ssl.SSLContext,
        *,
        port: int = PORT,
    ) -> None:
        self._finds = finds
        self._rules = rules
        self._context = context
        self._port = port

    async def fetch(self, host: str, path: str, *, most: int, within_s: float) -> Document:
        """The document, of at most ``most`` bytes. Raises FetchFailed."""
        try:
            async with (
                asyncio.timeout(within_s),
                aiohttp.ClientSession(
                    connector=web.connector(self._finds, self._rules, self._context),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as session,
                session.get(
                    f"https://{host}:{self._port}{path}" if self._port != PORT else f"https://{host}{path}",
                    allow_redirects=False,
                    headers={"User-Agent": web.AGENT, "Accept-Encoding": "identity"},
                ) as response,
            ):
                return await _read(response, most)
        except TimeoutError:
            raise FetchFailed(f"no whole answer in {within_s:g} s") from None
        except web.Refused as refused:
            raise FetchFailed(str(refused)) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchFailed(web.clause(error)) from None


async def _read(response: aiohttp.ClientResponse, most: int) -> Document:
    if response.status != 200:
        raise FetchFailed(f"the server said {response.status}")
    body = b""
    while piece := await response.content.read(_PIECE):
        body += piece
        if len(body) > most:
            raise FetchFailed(f"the document is larger than {most} bytes")
    return Document(response.content_type.lower(), body)
