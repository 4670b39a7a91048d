"""Which addresses may be connected to, asked for the very address that a socket uses (faults.md E01, D16).

Guarantees: only global unicast addresses pass, and none of this machine's own, unless the operator opened a network
that covers them; an IPv4 address is judged by itself in every form that hides it in an IPv6 one (v4-mapped, NAT64, 6to4).
``only`` forbids everything else, whatever is allowed. A refusal is one sentence.
Not here: asking at the right time (``connect`` does, before and after).
"""

import contextlib
import ipaddress
import pathlib
import socket
from collections.abc import Iterator, Sequence

import msgspec

from gatepost import errors

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_Ranges = tuple[tuple[Network, str], ...]


def _ranges(*rows: tuple[str, str]) -> _Ranges:
    return tuple((ipaddress.ip_network(text), what) for text, what in rows)


# IANA's special-purpose registries (RFC 6890) and multicast, in a person's words. The standard library's ``is_global``
# follows them too, but differs between Python's patch releases.
_REFUSED_4 = _ranges(
    ("0.0.0.0/8", "an address of “this network”"),
    ("10.0.0.0/8", "a private address"),
    ("100.64.0.0/10", "an address of a carrier's shared range"),
    ("127.0.0.0/8", "a loopback address"),
    ("169.254.0.0/16", "a link-local address"),
    ("172.16.0.0/12", "a private address"),
    ("192.0.0.0/24", "a reserved address"),
    ("192.0.2.0/24", "an address for documentation"),
    ("192.88.99.0/24", "an address of the former 6to4 relays"),
    ("192.168.0.0/16", "a private address"),
    ("198.18.0.0/15", "an address for benchmarks"),
    ("198.51.100.0/24", "an address for documentation"),
    ("203.0.113.0/24", "an address for documentation"),
    ("224.0.0.0/4", "a multicast address"),
    ("255.255.255.255/32", "the broadcast address"),
    ("240.0.0.0/4", "a reserved address"),
)
_REFUSED_6 = _ranges(
    ("::/128", "the unspecified address"),
    ("::1/128", "a loopback address"),
    ("2001::/32", "a Teredo address"),
    ("2001::/23", "a reserved address"),
    ("2001:db8::/32", "an address for documentation"),
    ("3fff::/20", "an address for documentation"),
    ("fc00::/7", "a private address"),
    ("fe80::/10", "a link-local address"),
    ("fec0::/10", "a private address"),
    ("ff00::/8", "a multicast address"),
)
_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")  # all that IANA has given out as global unicast
_NAT64 = (
    ipaddress.IPv6Network("64:ff9b::/96"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)  # RFC 6052, RFC 8215


class AddressRules(msgspec.Struct, frozen=True):
    """Where we may connect to.

    allowed: networks that are opened although they are private; one that covers an own address opens that too.
    own: this machine's addresses. only: if given, these networks are open and nothing else is.
    """

    allowed: tuple[Network, ...] = ()
    own: frozenset[str] = frozenset()
    only: tuple[Network, ...] = ()

    def refusal(self, text: str) -> str | None:
        """Why this address may not be connected to, or None."""
        try:
            ip = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return f"{text!r} is not an IP address"
        plain = _plain(ip)
        if self.only:
            inside = _within(plain, self.only)
            return None if inside else f"{text} is outside the networks that may be connected to"
        if _within(plain, self.allowed):
            return None
        what = self._what(plain)
        if not what:
            return None
        return f"{text} is {what}" if plain == ip else f"{text} stands for {plain}, {what}"

    def _what(self, ip: Ip) -> str:
        """What makes an address one to stay away from; empty: nothing."""
        if str(ip) in self.own:
            return "an address of this machine"
        refused = _REFUSED_4 if isinstance(ip, ipaddress.IPv4Address) else _REFUSED_6
        for network, what in refused:
            if ip in network:
                return what
        return "" if ip.version == 4 or ip in _GLOBAL_6 else "a reserved address"


def rules(allowed: Sequence[str], only: Sequence[str], own: Sequence[str] = ()) -> AddressRules:
    """Rules from networks as texts. Raises BadInput that names the wrong one."""
    return AddressRules(
        networks(allowed, "delivery.allow_networks"),
        frozenset(str(ipaddress.ip_address(ip)) for ip in own),
        networks(only, "delivery.only_networks"),
    )


def wrong_networks(texts: Sequence[str], place: str) -> Iterator[errors.BadInput]:
    """A problem for every text that is no network."""
    for index, text in enumerate(texts):
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            yield errors.BadInput(f"{place}[{index}]", f"{text!r} is not a network like 10.0.0.0/8")


def networks(texts: Sequence[str], place: str) -> tuple[Network, ...]:
    """Read CIDR networks. Raises BadInput naming the first one that is wrong."""
    for problem in wrong_networks(texts, place):
        raise problem
    return tuple(ipaddress.ip_network(text, strict=False) for text in texts)


def own_addresses() -> tuple[str, ...]:
    """This machine's addresses; not those of a NAT in front of it. Its name may cost a DNS query, so it is asked last."""
    found = {*_by_kernel_4(), *_by_kernel_6()} or {*_by_name()}
    return tuple(sorted({*found, *_by_route()}))


def _plain(ip: Ip) -> Ip:
    """The address that packets would reach in the end."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if any(ip in network for network in _NAT64):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def _within(ip: Ip, networks: tuple[Network, ...]) -> bool:
    return any(ip in network for network in networks)


def _by_kernel_4() -> Iterator[str]:
    """Linux: each address is a leaf of the routing trie, its kind on the line below it."""
    leaf = ""
    for line in _lines("/proc/net/fib_trie"):
        text = line.strip()
        if text.startswith("|-- "):
            leaf = text[4:]
        elif text == "/32 host LOCAL" and leaf:
            yield leaf


def _by_kernel_6() -> Iterator[str]:
    """Linux: 32 hexadecimal digits at the start of each line."""
    for line in _lines("/proc/net/if_inet6"):
        yield str(ipaddress.IPv6Address(int(line[:32], 16)))


def _lines(path: str) -> list[str]:
    try:
        return pathlib.Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return []  # no Linux, or no /proc: name and routes still tell


def _by_name() -> Iterator[str]:
    with contextlib.suppress(OSError):  # a machine whose name does not resolve
        for found in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM):
            yield str(found[4][0]).partition("%")[0]


def _by_route() -> Iterator[str]:
    """The source that the kernel would choose for the Internet; connecting a UDP socket sends nothing."""
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            yield str(probe.getsockname()[0]).partition("%")[0]


def within(ip: str, networks: Sequence[str]) -> bool:
    """Whether an address lies in one of these networks; IPv4 written as IPv6 counts as IPv4."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in ipaddress.ip_network(one) for one in networks)
