"""A zoo of broken configurations (faults.md S09): ``gatepost serve`` says in a line each what is wrong and where, and nothing starts."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from tests.cli import cli_values as values


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """``serve`` sets the process's log up."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


# What is written behind the file of ``init`` (or, with "|", instead of something in it), and the keys that are named.
ZOO: dict[str, tuple[str, str]] = {
    "no TOML": ("data_dir = ", ""),
    "a key twice": ('[log]|[log]\nlevel = "info"', ""),
    "an unclosed string": ('hostname = "|hostname = "a\n"', ""),
    "an unknown key": ("[http]|[http]\nport = 80", "http.port"),
    "an unknown section": ("[smtp]\nport = 25", "smtp"),
    "a section in the plural": ("[[routes]]\ndomain = 'a.test'", "routes"),
    "a list for a section": ("[[dns]]\nserver = '127.0.0.1'", "dns"),
    "one of several DNS servers by name": ("[dns]\nserver = ['127.0.0.1', 'b.test']", "dns.server"),
    "a section for a list": ("[route]\ndomain = 'a.test'\nto = 'b:1'", "route"),
    "a number in quotes": ("workers = 0|workers = '2'", "workers"),
    "a word for true": ("json = false|json = 'no'", "log.json"),
    "workers below none": ("workers = 0|workers = -1", "workers"),
    "too many workers": ("workers = 0|workers = 65", "workers"),
    "an empty node": ("workers = 0|node = ''", "node"),
    "a host name with a line break": ('"mx.shop.test"|"mx\\r\\nRCPT TO:<a@b.test>"', "hostname"),
    "a host name with a blank": ('"mx.shop.test"|"mx shop"', "hostname"),
    "a data directory too deep for sockets": (f'"data"|"{"d" * 120}"', "data_dir"),
    "a data directory that is not there": ('"data"|"elsewhere"', "data_dir"),
    "an address without a port": ("127.0.0.1:2525|127.0.0.1", "listener[0].address"),
    "a port that is none": ("0.0.0.0:587|0.0.0.0:70000", "listener[1].address"),
    "an IPv6 address without brackets": ("0.0.0.0:587|::1:587", "listener[1].address"),
    "two listeners at one address": ("0.0.0.0:587|127.0.0.1:2525", "listener[1].address"),
    "a listener at the address of HTTP": ("127.0.0.1:8025|127.0.0.1:2525", "http.address"),
    "a kind of TLS that there is not": ('"starttls"|"ssl"', "listener[1].tls"),
    "passwords in clear for everybody": ("127.0.0.1:2525|0.0.0.0:2525", "listener[0].auth_without_tls"),
    "a network that is none": (
        "auth_without_tls|networks = ['10.0.0.0/33']\nauth_without_tls",
        "listener[0].networks[0]",
    ),
    "room for nobody": (
        "auth_without_tls|max_connections = 0\nauth_without_tls",
        "listener[0].max_connections",
    ),
    "keys in clear for everybody": ("127.0.0.1:8025|0.0.0.0:8025", "http.address"),
    "a certificate without its key": ('key = "tls/key.pem"|', "tls.key"),
    "a certificate that is not there": ("tls/cert.pem|tls/none.pem", "tls.cert"),
    "the key for the certificate": ("tls/cert.pem|tls/key.pem", "tls.cert"),
    "a DNS server by name": ("[dns]\nserver = 'resolver.test'", "dns.server"),
    "a level that is none": ('"info"|"loud"', "log.level"),
    "a message larger than a request": ("[ingest]\nmax_size = 100000000", "ingest.max_request"),
    "a volume that is all free": ("[ingest]\nmin_free = 1.0", "ingest.min_free"),
    "a time without end": ("[ingest]\ncommand_timeout_s = inf", "ingest.command_timeout_s"),
    "a route without a port": ("[[route]]\ndomain = 'a.test'\nto = 'b.test'", "route[0].to"),
    "a route to nowhere": ("[[route]]\ndomain = 'a.test'", "route[0].to"),
    "a domain twice": (
        "[[route]]\ndomain = 'a.test'\nto = 'b:1'\n[[route]]\ndomain = 'A.test'\nto = 'c:1'",
        "route[1].domain",
    ),
    "a pattern that is none": ("[[route]]\ndomain = '*.a.test'\nto = 'b:1'", "route[0].domain"),
    "a negative port": ("[delivery]\nport = -25", "delivery.port"),
    "a limit below none": ("[[delivery.lane]]\nconnections = -1", "delivery.lane[0].connections"),
    "no time to connect": ("[delivery]\nconnect_timeout_s = 0", "delivery.connect_timeout_s"),
    "a network without end": ("[delivery]\nonly_networks = ['10.0.0.0/8/8']", "delivery.only_networks[0]"),
    "a preset that is none": ("[policy]\npreset = 'strict'", "policy.preset"),
    "a message that never ends": ("[policy]\nlifetime_s = nan", "policy.lifetime_s"),
    "a schedule that is none": ("[policy.schedules.Z]\ncap_s = 1", "policy.schedules.Z"),
    "a schedule without delays": ("[policy.schedules.S]\ndelays_s = []", "policy.schedules.S.delays_s"),
    "a category that is none": (
        '[policy.categories."recipient.dead"]\nscope = "instance"',
        'policy.categories."recipient.dead"',
    ),
    "suppression of nobody": (
        '[policy.categories."recipient.refused"]\nscope = "world"',
        'policy.categories."recipient.refused".scope',
    ),
}


def broken(gateway: values.Gateway, change: str) -> None:
    text = gateway.config.read_text()
    old, bar, new = change.partition("|")
    assert not bar or old in text
    gateway.config.write_text(text.replace(old, new, 1) if bar else f"{text}\n{change}\n")


def on_ports(gateway: values.Gateway, http: int) -> None:
    """HTTP at this port, SMTP wherever the system likes."""
    text = gateway.config.read_text()
    for old, new in (("2525", 0), ("587", 0), ("8025", http)):
        text = text.replace(f":{old}", f":{new}")
    gateway.config.write_text(text)


def refused(gateway: values.Gateway) -> str:
    """The one line of a gateway that does not start."""
    before = sorted(path.name for path in (gateway.path / "data").iterdir())
    said = gateway.run("serve")
    assert (said.status, said.out) == (1, "")
    assert said.err.count("\n") == 1, said.err
    left = {path.name for path in (gateway.path / "data").iterdir()} - {"gatepost.lock"}
    assert left <= set(before)
    return said.err


@pytest.mark.parametrize(("change", "key"), ZOO.values(), ids=ZOO)
def test_a_broken_configuration_is_refused_in_one_line(
    gateway: values.Gateway, change: str, key: str
) -> None:
    broken(gateway, change)
    if key == "tls.cert":  # told by looking at the machine, like a port in use
        on_ports(gateway, 0)
    said = refused(gateway)
    assert said.startswith(f"gatepost: {gateway.config}:")
    assert f": {key}: " in said if key else True, said


def _no_pepper(data: Path) -> None:
    (data / "pepper").unlink()


def _another_users(data: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: chown")
    os.chown(data, 65534, 65534)


@pytest.mark.parametrize("spoil", [_no_pepper, _another_users])
def test_a_data_directory_that_cannot_be_used_is_refused_in_one_line(
    gateway: values.Gateway, spoil: Callable[[Path], None]
) -> None:
    spoil(gateway.path / "data")
    assert refused(gateway).startswith(f"gatepost: {gateway.config}:6: data_dir: ")


def test_a_port_in_use_is_refused_in_one_line(gateway: values.Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        on_ports(gateway, taken)
        line = gateway.config.read_text().splitlines().index(f'address = "127.0.0.1:{taken}"') + 1
        assert refused(gateway) == (
            f"gatepost: {gateway.config}:{line}: http.address: 127.0.0.1:{taken} is in use by another program\n"
        )


def test_a_variable_of_the_environment_is_named(
    gateway: values.Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEPOST_DELIVERY__PORT", "0")
    assert refused(gateway) == "gatepost: GATEPOST_DELIVERY__PORT: 0 is not in 1…65535\n"


def test_a_configuration_that_is_not_there_is_refused_with_a_hint(place: values.Gateway) -> None:
    said = place.run("serve")
    assert (said.status, said.err) == (
        1,
        f"gatepost: {place.config}: cannot be read: No such file or directory; `gatepost init` writes one\n",
    )


def test_a_bridge_that_a_plan_names_twice_is_refused_in_one_line(gateway: values.Gateway) -> None:
    plan = gateway.path / "plan.toml"
    plan.write_text('[[bridge]]\nname = "web"\n[[bridge]]\nname = "news"\n[[bridge]]\nname = "web"\n')
    said = gateway.run("apply", str(plan))
    assert (said.status, said.err) == (
        1,
        f"gatepost: {plan}:6: bridge[2].name: 'web' is bridge[0].name already\n",
    )
    assert [one["name"] for one in gateway.made("bridge", "list")] == ["app"]
