"""Fetches one small document over HTTPS.

Guarantees: nothing is connected to that the rules forbid, asked for the very address of the socket (faults.md E01, E06);
the certificate is valid for the host; no redirect is followed, no cookie kept, nothing decompressed; the size and the whole
time have limits.
Fails with FetchFailed, whose text is one short clause.
Not here: what is in the document.
"""

import asyncio
import socket
import ssl
from typing import NoReturn

import aiohttp
import aiohttp.abc
import msgspec

from gatepost import errors
from gatepost.net import addresses, resolver, tls

PORT = 443
_AGENT = "gatepost"
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
        self._names = _Names(finds)
        self._rules = rules
        self._context = context
        self._port = port

    async def fetch(self, host: str, path: str, *, most: int, within_s: float) -> Document:
        """The document, of at most ``most`` bytes. Raises FetchFailed."""
        connector = aiohttp.TCPConnector(
            resolver=self._names,
            ssl=self._context,
            force_close=True,
            use_dns_cache=False,
            socket_factory=self._socket,
        )
        try:
            async with (
                asyncio.timeout(within_s),
                aiohttp.ClientSession(
                    connector=connector,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    timeout=aiohttp.ClientTimeout(total=None),
                ) as session,
                session.get(
                    f"https://{host}:{self._port}{path}" if self._port != PORT else f"https://{host}{path}",
                    allow_redirects=False,
                    headers={"User-Agent": _AGENT, "Accept-Encoding": "identity"},
                ) as response,
            ):
                return await _read(response, most)
        except TimeoutError:
            raise FetchFailed(f"no whole answer in {within_s:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            _failed(error)

    def _socket(self, found: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = found
        refusal = self._rules.refusal(str(address[0]))
        if refusal is not None:
            raise FetchFailed(refusal)
        return socket.socket(family, kind, protocol)


class _Names(aiohttp.abc.AbstractResolver):
    """Our own DNS for aiohttp."""

    def __init__(self, finds: resolver.Resolver) -> None:
        self._finds = finds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[aiohttp.abc.ResolveResult]:
        """A host's addresses."""
        del family
        answer = await self._finds.addresses(host)
        if not answer.v4 and not answer.v6:
            raise OSError(answer.detail)
        return [
            aiohttp.abc.ResolveResult(
                hostname=host,
                host=ip,
                port=port,
                family=socket.AF_INET6 if ":" in ip else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for ip in (*answer.v6, *answer.v4)
        ]

    async def close(self) -> None:
        """Nothing is open."""


async def _read(response: aiohttp.ClientResponse, most: int) -> Document:
    if response.status != 200:
        raise FetchFailed(f"the server said {response.status}")
    body = b""
    while piece := await response.content.read(_PIECE):
        body += piece
        if len(body) > most:
            raise FetchFailed(f"the document is larger than {most} bytes")
    return Document(response.content_type.lower(), body)


def _failed(error: Exception) -> NoReturn:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        certificate = error.certificate_error
        said = tls.problem(certificate) if isinstance(certificate, OSError) else str(certificate)
        raise FetchFailed(f"the certificate is not valid: {said}") from None
    if isinstance(error, aiohttp.ClientConnectorError):
        raise FetchFailed(tls.problem(error.os_error)) from None
    if isinstance(error, ssl.SSLError):
        raise FetchFailed(tls.problem(error)) from None
    if isinstance(error, aiohttp.ClientError | ValueError):  # its text may quote what the server sent
        raise FetchFailed("the answer is not proper HTTP") from None
    raise FetchFailed(tls.problem(error) if isinstance(error, OSError) else str(error)) from None
