"""A scripted DNS server on loopback, over UDP and TCP: says what a test's zone tells it to."""

import asyncio
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

# ("name", "TYPE") -> records in presentation form, or one of the words below.
Zone = Mapping[tuple[str, str], list[str] | str]
_RCODES = {
    "NXDOMAIN": dns.rcode.NXDOMAIN,
    "SERVFAIL": dns.rcode.SERVFAIL,
    "REFUSED": dns.rcode.REFUSED,
    "FORMERR": dns.rcode.FORMERR,
}


class Server(asyncio.DatagramProtocol):
    """asked: every question, in order, with the transport it came by."""

    def __init__(self, zone: Zone, ttl: int) -> None:
        self.zone = dict(zone)
        self.ttl = ttl
        self.port = 0
        self.asked: list[tuple[str, str, str]] = []
        self._udp: asyncio.DatagramTransport | None = None

    def count(self, name: str, kind: str) -> int:
        return sum(1 for one in self.asked if one[:2] == (name, kind))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._udp = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | object, int]) -> None:
        assert self._udp is not None
        for answer in self._answers(data, "udp"):
            self._udp.sendto(answer, addr)

    async def by_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = struct.unpack("!H", await reader.readexactly(2))[0]
        for answer in self._answers(await reader.readexactly(size), "tcp"):
            writer.write(struct.pack("!H", len(answer)) + answer)
        writer.close()

    def _answers(self, data: bytes, by: str) -> list[bytes]:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind, by))
        said = self.zone.get((name, kind), "NODATA")
        reply = dns.message.make_response(query, recursion_available=True)
        match said:
            case "drop":
                return []
            case "rubbish":
                return [b"\x00" * 5, data[:2] + b"\x81\x80" + b"\xff" * 40]
            case "truncated" if by == "udp":
                reply.flags |= dns.flags.TC
            case "truncated":
                self._add(reply, question, ["10 big.test."])
            case "always truncated":
                reply.flags |= dns.flags.TC
            case "forged first":
                return [*self._forged(query, question), self._wire(query, question, ["10 real.test."])]
            case "referral":
                reply.flags &= ~dns.flags.RA
                reply.authority.append(
                    dns.rrset.from_text(question.name, self.ttl, "IN", "NS", "ns.other.test.")
                )
            case "loop":
                reply.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", "CNAME", name + "."))
            case "NODATA":
                self._soa(reply)
            case str():
                reply.set_rcode(_RCODES[said])
                self._soa(reply)
            case _:
                self._add(reply, question, said)
        return [reply.to_wire()]

    def _add(self, reply: dns.message.Message, question: dns.rrset.RRset, records: list[str]) -> None:
        reply.answer.append(dns.rrset.from_text_list(question.name, self.ttl, "IN", question.rdtype, records))

    def _soa(self, reply: dns.message.Message) -> None:
        if reply.rcode() in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
            soa = f"ns.test. host.test. 1 2 3 4 {self.ttl}"
            reply.authority.append(dns.rrset.from_text(dns.name.root, self.ttl, "IN", "SOA", soa))

    def _wire(self, query: dns.message.Message, question: dns.rrset.RRset, records: list[str]) -> bytes:
        reply = dns.message.make_response(query, recursion_available=True)
        self._add(reply, question, records)
        return reply.to_wire()

    def _forged(self, query: dns.message.Message, question: dns.rrset.RRset) -> list[bytes]:
        """With a wrong id, and to a question that nobody asked."""
        forged = self._wire(query, question, ["1 forged.test."])
        other = dns.message.make_query("other.test.", "MX", id=query.id)
        return [
            bytes([forged[0] ^ 1]) + forged[1:],
            self._wire(other, other.question[0], ["1 forged.test."]),
        ]


@asynccontextmanager
async def serving(zone: Zone, *, ttl: int = 300) -> AsyncIterator[Server]:
    loop = asyncio.get_running_loop()
    server = Server(zone, ttl)
    tcp = await asyncio.start_server(server.by_tcp, "127.0.0.1", 0)
    server.port = tcp.sockets[0].getsockname()[1]
    udp, _ = await loop.create_datagram_endpoint(lambda: server, local_addr=("127.0.0.1", server.port))
    try:
        yield server
    finally:
        udp.close()
        tcp.close()
        await tcp.wait_closed()
