"""Which addresses may be connected to, asked for the very address that a socket uses (faults.md E01, D16).

Guarantees: private, loopback, link-local, multicast, reserved and own addresses are refused in every form that hides one
(v4-mapped, NAT64, 6to4); ``only`` forbids everything else, whatever is allowed.
"""

import ipaddress
import socket
from collections.abc import Sequence

import msgspec

from gatepost import errors

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class AddressRules(msgspec.Struct, frozen=True):
    """allowed: networks that are opened although they are private. own: this machine's. only: if given, nothing else."""

    allowed: tuple[Network, ...] = ()
    own: frozenset[str] = frozenset()
    only: tuple[Network, ...] = ()

    def refusal(self, text: str) -> str | None:
        """Why this address may not be connected to, or None."""
        try:
            ip = _plain(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            return f"{text} is not an IP address"
        if self.only and not _within(ip, self.only):
            return f"{text} is outside the networks that may be connected to"
        if _within(ip, self.allowed) or (self.only and _within(ip, self.only)):
            return None
        if str(ip) in self.own:
            return f"{text} is this machine's own address"
        if not ip.is_global or ip.is_multicast or ip.is_reserved:
            return f"{text} is not an address on the Internet"
        return None


def rules(allowed: Sequence[str], only: Sequence[str], own: Sequence[str] = ()) -> AddressRules:
    """Rules from networks as texts. Raises BadInput that names the wrong one."""
    return AddressRules(
        _networks(allowed, "delivery.allow_networks"),
        frozenset(own),
        _networks(only, "delivery.only_networks"),
    )


def own_addresses() -> tuple[str, ...]:
    """This machine's addresses, as far as its name and its routes tell."""
    found: set[str] = set()
    try:
        for info in socket.getaddrinfo(socket.gethostname(), None):
            found.add(str(info[4][0]).partition("%")[0])
    except OSError:
        pass  # a machine whose name does not resolve: the routes below still tell
    for family, probe in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with socket.socket(family, socket.SOCK_DGRAM) as probing:
            try:
                probing.connect((probe, 9))  # a datagram socket: nothing is sent
                found.add(probing.getsockname()[0])
            except OSError:
                continue  # no route in this family
    return tuple(sorted(found))


def _plain(ip: Ip) -> Ip:
    """The address that packets would reach in the end."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    if ip.sixtofour is not None:
        return ip.sixtofour
    if any(ip in network for network in _NAT64):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip


def _within(ip: Ip, networks: tuple[Network, ...]) -> bool:
    return any(ip.version == network.version and ip in network for network in networks)


def _networks(texts: Sequence[str], place: str) -> tuple[Network, ...]:
    found: list[Network] = []
    for index, text in enumerate(texts):
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise errors.BadInput(f"{place}[{index}]", f"{text!r} is not a network like 10.0.0.0/8") from None
    return tuple(found)
