"""Listening sockets: bound, non-blocking, shared between processes. Fails with BadInput that names the setting."""

import errno
import socket

from gatepost import errors

_SAY = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "may not be used: ports below 1024 need CAP_NET_BIND_SERVICE",
    errno.EADDRNOTAVAIL: "is not an address of this machine",
}


def bind(host: str, port: int, place: str, *, backlog: int = 1024) -> list[socket.socket]:
    """Sockets that listen on every address of ``host``; ``SO_REUSEPORT`` lets several workers share them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise errors.BadInput(place, f"{host}: {error.strerror}") from None
    opened: list[socket.socket] = []
    for family, kind, number, _, address in dict.fromkeys(found):
        sock = socket.socket(family, kind, number)
        opened.append(sock)
        try:
            sock.setblocking(False)  # noqa: FBT003 - the standard library's own signature
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
            sock.listen(backlog)
        except OSError as error:
            for one in opened:
                one.close()
            said = _SAY.get(error.errno or 0, error.strerror or str(error))
            raise errors.BadInput(place, f"{host}:{port} {said}") from None
    return opened
