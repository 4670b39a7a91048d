"""Listening sockets: bound, non-blocking, shared between processes.

Guarantees: every address of a host is open, or none is and a BadInput that names the setting says why. IPv6 sockets take
IPv6 only, so ``0.0.0.0`` and ``::`` can both be listed.
Not here: accepting. Names are resolved by the system while everything waits, so this is for the start. With
``reuse_port`` a second gateway of the same user on the same port is not noticed.
"""

import errno
import socket

from gatepost import errors

_SAY = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "may not be used: ports below 1024 need CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
}


def bind(
    host: str, port: int, place: str, *, reuse_port: bool = True, backlog: int = 1024
) -> list[socket.socket]:
    """Sockets that listen on every address of ``host``. reuse_port: several workers share them (SO_REUSEPORT)."""
    opened: list[socket.socket] = []
    for family, address in _resolve(host, port, place):
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        opened.append(sock)
        try:
            _listen(sock, address, reuse_port=reuse_port, backlog=backlog)
        except OSError as error:
            for one in opened:
                one.close()
            said = _SAY.get(error.errno or 0, error.strerror or str(error))
            raise errors.BadInput(place, f"{host}:{port} {said}") from None
    return opened


def shown(sock: socket.socket) -> str:
    """Where it listens: ``127.0.0.1:25``, ``[::1]:25``."""
    host, number = sock.getsockname()[:2]
    return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"


_SockAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]


def _resolve(host: str, port: int, place: str) -> list[tuple[socket.AddressFamily, _SockAddress]]:
    if not host:
        raise errors.BadInput(place, "names no host; 0.0.0.0 or :: stand for every address")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise errors.BadInput(place, f"{host}: {error.strerror}") from None
    except UnicodeError:
        raise errors.BadInput(place, f"{host!r} is neither an address nor a name") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listen(sock: socket.socket, address: _SockAddress, *, reuse_port: bool, backlog: int) -> None:
    sock.setblocking(False)  # noqa: FBT003 - the standard library's own signature
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(address)
    sock.listen(backlog)
