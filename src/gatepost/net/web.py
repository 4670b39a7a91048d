"""How this machine goes out to web servers that strangers name.

Guarantees: nothing is connected to that the rules forbid, asked for the very address of the socket (faults.md E01, G01): an
address that is written in the URL, one that DNS gives, and one that DNS gives only the second time are the same to it.
Not here: what is asked for (``https``, ``posting``).
"""

import socket
import ssl

import aiohttp
import aiohttp.abc

from gatepost import errors
from gatepost.net import addresses, resolver, tls

AGENT = "gatepost"


class Refused(errors.GatepostError):
    """The rules forbid an address; the text says why."""


def connector(
    finds: resolver.Resolver,
    rules: addresses.AddressRules,
    context: ssl.SSLContext,
    *,
    most: int = 0,
    keep: bool = False,
) -> aiohttp.TCPConnector:
    """What aiohttp connects with. most: connections at once, 0: any number. keep: one is used again."""

    def opened(found: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = found
        refusal = rules.refusal(str(address[0]))
        if refusal is not None:
            raise Refused(refusal)
        return socket.socket(family, kind, protocol)

    return aiohttp.TCPConnector(
        resolver=_Names(finds),
        ssl=context,
        force_close=not keep,
        limit=most,
        use_dns_cache=False,
        socket_factory=opened,
    )


def clause(error: Exception) -> str:
    """What went wrong between us and a web server, without a word of what the server sent."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        certificate = error.certificate_error
        said = tls.problem(certificate) if isinstance(certificate, OSError) else str(certificate)
        return f"the certificate is not valid: {said}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return tls.problem(error.os_error)
    if isinstance(error, ssl.SSLError):
        return tls.problem(error)
    if isinstance(error, aiohttp.ServerDisconnectedError | ConnectionResetError):
        return "the connection was closed before there was an answer"
    if isinstance(error, aiohttp.ClientError | ValueError):  # its text may quote what the server sent
        return "the answer is not proper HTTP"
    return tls.problem(error) if isinstance(error, OSError) else str(error)


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
