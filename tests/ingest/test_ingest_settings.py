"""What an operator may set about submission, and how a mistake is named."""

from collections.abc import Iterable

import msgspec
import pytest

from gatepost import errors
from gatepost.ingest import settings

TLS = settings.TlsSettings("cert.pem", "key.pem")
NO_TLS = settings.TlsSettings()


def places(problems: Iterable[errors.BadInput]) -> list[str]:
    return [one.place for one in problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("127.0.0.1:587", ("127.0.0.1", 587), id="ipv4"),
        pytest.param("[::1]:25", ("::1", 25), id="ipv6"),
        pytest.param("localhost:0", ("localhost", 0), id="any-port"),
    ],
)
def test_a_host_and_port_are_read(text: str, expected: tuple[str, int]) -> None:
    assert settings.host_port(text, "here") == expected


@pytest.mark.parametrize(
    "text",
    ["587", ":587", "::1:587", "host:", "host:65536", "host:٣", "host:x", "ho st:25", "[::g]:25", "h\r\n:25"],
)
def test_a_bad_address_names_its_place(text: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        settings.host_port(text, "listener[2].address")
    assert caught.value.place == "listener[2].address"


def test_the_defaults_are_good() -> None:
    assert not places(settings.listener_problems(settings.ListenerSettings(), "listener[0]", TLS))
    assert not places(settings.http_problems(settings.HttpSettings(), NO_TLS))
    assert not places(settings.http_problems(settings.HttpSettings(address=""), NO_TLS))
    assert not places(settings.tls_problems(TLS))
    assert not places(settings.tls_problems(NO_TLS))
    assert not places(settings.ingest_problems(settings.IngestSettings()))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        pytest.param({"name": "a b"}, "name", id="name"),
        pytest.param({"address": "587"}, "address", id="address"),
        pytest.param({"networks": ("10.0.0.0/8", "10.0.0.0/99")}, "networks[1]", id="networks"),
        pytest.param({"address": "192.0.2.1:587", "auth_without_tls": True}, "auth_without_tls", id="clear"),
        pytest.param({"address": "gw.example:587", "auth_without_tls": True}, "auth_without_tls", id="named"),
        pytest.param({"per_ip_connections": 0}, "per_ip_connections", id="per-ip"),
        pytest.param({"max_connections": 0}, "max_connections", id="connections"),
    ],
)
def test_a_listeners_mistake_is_named(change: dict[str, object], place: str) -> None:
    listener = msgspec.convert({**change}, settings.ListenerSettings)
    assert places(settings.listener_problems(listener, "listener[0]", TLS)) == [f"listener[0].{place}"]


def test_tls_needs_a_certificate() -> None:
    assert places(settings.listener_problems(settings.ListenerSettings(), "listener[0]", NO_TLS)) == [
        "listener[0].tls"
    ]
    assert places(settings.http_problems(settings.HttpSettings(tls=True), NO_TLS)) == ["http.tls"]
    assert places(settings.tls_problems(settings.TlsSettings(cert="cert.pem"))) == ["tls.key"]


def test_keys_do_not_cross_a_network_in_clear() -> None:
    [problem] = settings.http_problems(settings.HttpSettings(address="0.0.0.0:80"), NO_TLS)
    assert "in clear" in problem.problem
    behind = settings.HttpSettings(address="0.0.0.0:80", behind_proxy=True)
    assert not places(settings.http_problems(behind, NO_TLS))
    assert not places(settings.http_problems(settings.HttpSettings(address="localhost:80"), NO_TLS))


def test_an_address_belongs_to_one_listener() -> None:
    one = settings.ListenerSettings(address="127.0.0.1:25")
    free = settings.ListenerSettings(address="127.0.0.1:0")
    http = settings.HttpSettings(address="127.0.0.1:25")
    inbound = settings.InboundSettings(address="127.0.0.1:25")
    shared = settings.shared_addresses((one, free, free, one), http, inbound)
    assert places(shared) == ["listener[3].address", "inbound.address", "http.address"]


@pytest.mark.parametrize(
    "change",
    [
        {"max_size": 1},
        {"max_recipients": 5000},
        {"max_recipients": 0},
        {"min_free": 1.0},
        {"max_memory": 0.0},
        {"max_memory": 1.1},
        {"accept_timeout_s": 0.0},
        {"max_request": 2048},
    ],
    ids=str,
)
def test_a_senseless_limit_is_named(change: dict[str, object]) -> None:
    found = places(settings.ingest_problems(msgspec.convert(change, settings.IngestSettings)))
    assert found == [f"ingest.{next(iter(change))}"]


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="prot"):
        msgspec.convert({"prot": 1}, settings.ListenerSettings)
