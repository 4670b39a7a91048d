"""An authoritative DNS server over UDP for a handful of names, on loopback.

Guarantees: every well-formed question about one name gets an answer at once: records, "none of that type", NXDOMAIN, or
SERVFAIL where a zone says so; nothing is forwarded anywhere. Malformed datagrams are ignored, as a server does.
Not here: TCP (every answer fits a datagram), wildcards, delegation.
"""

import asyncio
from collections.abc import Mapping
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import msgspec

TTL_S = 60
NULL_MX = ((0, "."),)  # RFC 7505 §3
_SOA = ". 60 IN SOA ns.sandbox.test. hostmaster.sandbox.test. 1 3600 600 86400 60"


class Zone(msgspec.Struct, frozen=True):
    """What is known of one name. failing: every question about it gets SERVFAIL."""

    mx: tuple[tuple[int, str], ...] = ()
    a: tuple[str, ...] = ()
    txt: tuple[str, ...] = ()
    failing: bool = False


class Server(asyncio.DatagramProtocol):
    """Answers from its zones; ``put`` and ``drop`` change them while it runs."""

    def __init__(self, zones: Mapping[str, Zone]) -> None:
        self._zones = {_plain(name): zone for name, zone in zones.items()}
        self._transport: asyncio.DatagramTransport | None = None
        self.asked = 0

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> tuple[str, int]:
        """Listen; the address it got. Raises OSError where that is not possible."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, (host, port))
        assert self._transport is not None  # noqa: S101 - connection_made has run
        address = self._transport.get_extra_info("sockname")
        return str(address[0]), int(address[1])

    def stop(self) -> None:
        """Close the socket."""
        if self._transport is not None:
            self._transport.close()

    def put(self, name: str, zone: Zone) -> None:
        """Add a name, or change what is known of it."""
        self._zones[_plain(name)] = zone

    def drop(self, name: str) -> None:
        """Forget a name: it does not exist any more."""
        self._zones.pop(_plain(name), None)

    # --- asyncio.DatagramProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is bound."""
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One question."""
        answer = self.answer(data)
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)

    # --- the answers

    def answer(self, wire: bytes) -> bytes | None:
        """The answer to a datagram; None: it is not a question."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if query.flags & dns.flags.QR:
            return None
        self.asked += 1
        response = dns.message.make_response(query)
        if query.opcode() != dns.opcode.QUERY or len(query.question) != 1:
            response.set_rcode(dns.rcode.NOTIMP)
            return response.to_wire()
        response.flags |= dns.flags.AA | dns.flags.RA
        self._fill(response, query.question[0])
        return response.to_wire()

    def _fill(self, response: dns.message.Message, question: dns.rrset.RRset) -> None:
        name = _plain(question.name.to_text())
        zone = self._zones.get(name)
        if zone is None:
            above = any(known.endswith("." + name) for known in self._zones)
            response.set_rcode(dns.rcode.NOERROR if above else dns.rcode.NXDOMAIN)  # RFC 8020 §2
        elif zone.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
            return
        texts = _records(zone, question.rdtype) if zone is not None else []
        if texts:
            kind = dns.rdatatype.to_text(question.rdtype)
            response.answer.append(dns.rrset.from_text(question.name, TTL_S, "IN", kind, *texts))
        else:
            owner, ttl, in_class, kind, *rest = _SOA.split()  # RFC 2308 §3: how long a "no" may be kept
            response.authority.append(dns.rrset.from_text(owner, int(ttl), in_class, kind, " ".join(rest)))


def _records(zone: Zone, kind: dns.rdatatype.RdataType) -> list[str]:
    """Its records of one type, as a zone file writes them."""
    if kind == dns.rdatatype.MX:
        return [f"{preference} {host.rstrip('.')}." for preference, host in zone.mx]
    if kind == dns.rdatatype.A:
        return list(zone.a)
    if kind == dns.rdatatype.TXT:
        return [_quoted(text) for text in zone.txt]
    return []


def _quoted(text: str) -> str:
    """Strings of at most 255 octets (RFC 1035 §3.3.14), as long keys need."""
    parts = [text[at : at + 250] for at in range(0, len(text), 250)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def _plain(name: str) -> str:
    return name.lower().rstrip(".")
