"""A DNS server for the sandbox: MX, address and TXT records out of a table, on UDP.

Guarantees: answers only what is in the table; anything else under it is NXDOMAIN; garbage is ignored.
"""

import asyncio
from collections.abc import Mapping

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import msgspec

TTL = 60


class Zone(msgspec.Struct, frozen=True):
    """The table. mx: (preference, host) by domain; a host of ``.`` is a null MX. addresses: IPv4 by host. broken: SERVFAIL."""

    mx: Mapping[str, tuple[tuple[int, str], ...]]
    addresses: Mapping[str, str]
    broken: frozenset[str] = frozenset()


class DnsServer(asyncio.DatagramProtocol):
    """Answers while its transport is open."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._transport: asyncio.DatagramTransport | None = None
        self.address = ""
        self.asked = 0
        self._texts: dict[str, tuple[str, ...]] = {}
        self._hosts: dict[str, str] = {}
        self._exchanges: dict[str, str] = {}

    async def start(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self._transport = transport
        host, port = transport.get_extra_info("sockname")[:2]
        self.address = f"{host}:{port}"

    def publish(self, name: str, strings: tuple[str, ...]) -> None:
        """Answer with this TXT record from now on: strings of at most 255 octets (RFC 1035 §3.3.14)."""
        self._texts[name.lower()] = strings

    def publish_host(self, name: str, ip: str) -> None:
        """Answer with this address from now on."""
        self._hosts[name.lower()] = ip

    def publish_mx(self, domain: str, host: str) -> None:
        """Answer with this MX host from now on."""
        self._exchanges[domain.lower()] = host

    def stop(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """A question."""
        try:
            query = dns.message.from_wire(data)
        except dns.exception.DNSException:
            return
        if query.flags & dns.flags.QR:
            return  # an answer, and never answered: two servers would go on for ever
        if self._transport is not None and query.question:
            self.asked += 1
            self._transport.sendto(self._answer(query).to_wire(), addr)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        zone = self._zone
        addresses = {**zone.addresses, **self._hosts}
        exchanges = {**zone.mx, **{domain: ((10, host),) for domain, host in self._exchanges.items()}}
        if name in zone.broken:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in exchanges and name not in addresses and name not in self._texts:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.MX and name in exchanges:
            records = [f"{preference} {host.rstrip('.')}." for preference, host in exchanges[name]]
            response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", "MX", *records))
        elif question.rdtype == dns.rdatatype.A and name in addresses:
            response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", "A", addresses[name]))
        elif question.rdtype == dns.rdatatype.TXT and name in self._texts:
            text = " ".join(f'"{one}"' for one in self._texts[name])
            response.answer.append(dns.rrset.from_text(question.name, TTL, "IN", "TXT", text))
        return response
