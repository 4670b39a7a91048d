"""A listener is open on every address of its host, or says in one sentence why not."""

import os
import socket

import pytest

from gatepost import errors
from gatepost.net import listen


def test_it_listens_without_blocking_and_closes_with_its_sockets() -> None:
    (sock,) = listen.bind("127.0.0.1", 0, "listener[0].address")
    with sock:
        assert not sock.getblocking()
        with socket.create_connection(sock.getsockname(), timeout=1):
            pass


def test_workers_share_a_port_and_others_do_not_get_it() -> None:
    (first,) = listen.bind("127.0.0.1", 0, "http.address")
    port = first.getsockname()[1]
    (second,) = listen.bind("127.0.0.1", port, "http.address")
    with (
        first,
        second,
        pytest.raises(errors.BadInput, match=rf"^http\.address: 127\.0\.0\.1:{port} is in use"),
    ):
        listen.bind("127.0.0.1", port, "http.address", reuse_port=False)


def test_ipv4_and_ipv6_can_be_listed_side_by_side() -> None:
    (six,) = listen.bind("::1", 0, "a")
    (four,) = listen.bind("127.0.0.1", six.getsockname()[1], "b", reuse_port=False)
    with six, four:
        assert (six.family, four.family) == (socket.AF_INET6, socket.AF_INET)


@pytest.mark.parametrize(
    ("host", "port", "said"),
    [
        ("192.0.2.1", 2525, r"^place: 192\.0\.2\.1:2525 is not an address of this machine"),
        ("", 2525, "^place: names no host"),
        ("a..b", 2525, "^place: 'a..b' is neither an address nor a name"),
    ],
)
def test_what_cannot_be_listened_on_is_said(host: str, port: int, said: str) -> None:
    with pytest.raises(errors.BadInput, match=said):
        listen.bind(host, port, "place")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every port")
def test_a_port_below_1024_needs_a_right() -> None:
    with pytest.raises(errors.BadInput, match="CAP_NET_BIND_SERVICE"):
        listen.bind("127.0.0.1", 25, "place")
