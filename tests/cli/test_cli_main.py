"""How every command helps and fails."""

import subprocess
import sys

import pytest
from tests.cli import cli_values as values

COMMANDS = [
    *("demo", "init", "serve", "check", "send", "explain", "classify", "events", "trace", "why", "apply"),
    *("rules test", "rules unknown", "rules replay"),
    *("queue list", "queue cancel", "suppress add", "suppress remove", "suppress check", "suppress list"),
    *(
        "bridge add",
        "bridge list",
        "bridge show",
        "bridge rotate",
        "bridge revoke",
        "domain add",
        "domain list",
        "domain show",
    ),
    *("token list", "token rotate", "inbound list", "inbound show"),
    *("pool add", "pool list", "pool show", "source add", "source list", "source show", "source revoke"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(place: values.Gateway, command: str) -> None:
    said = place.bare(*command.split(), "--help")
    assert (said.status, said.err) == (0, "")
    assert f"gatepost {command}" in said.out


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["frob"], id="command"),
        pytest.param(["suppress", "frob"], id="verb"),
        pytest.param(["check", "--frob"], id="option"),
        pytest.param(["demo", "--seed", "x"], id="value"),
        pytest.param(["trace"], id="missing"),
        pytest.param(["send", "--to", "a@b.test"], id="missing_option"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(place: values.Gateway, arguments: list[str]) -> None:
    said = place.bare(*arguments)
    assert (said.status, said.out, said.err.count("\n")) == (2, "", 1)
    assert said.err.startswith("gatepost: ")


@pytest.mark.parametrize(
    "command", ["check", "serve", "events", "trace 0000000000001", "queue list", "bridge list"]
)
def test_without_a_configuration_it_says_so_in_one_line(place: values.Gateway, command: str) -> None:
    said = place.run(*command.split())
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert "gatepost.toml: cannot be read" in said.err


def test_without_its_data_it_says_so_in_one_line(gateway: values.Gateway) -> None:
    (gateway.path / "data").rename(gateway.path / "elsewhere")
    said = gateway.run("events")
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "data" in said.err


def test_the_configuration_may_come_from_the_environment(
    gateway: values.Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEPOST_CONFIG", str(gateway.config))
    monkeypatch.setenv("GATEPOST_KEY", "gp_x")
    monkeypatch.chdir("/")
    assert [one["domain"] for one in gateway.bare("domain", "list", "--json").lines] == ["shop.test"]


def test_send_without_a_gateway_names_the_address(gateway: values.Gateway) -> None:
    text = gateway.config.read_text().replace("127.0.0.1:8025", "127.0.0.1:1")
    gateway.config.write_text(text)
    said = gateway.run("send", "--from", "a@shop.test", "--to", "b@rcpt.test", "--key", "gp_x")
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "127.0.0.1:1" in said.err


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_failure(gateway: values.Gateway) -> None:
    gateway.made("suppress", "add", *(f"a{n}@rcpt.test" for n in range(500)))
    command = gateway.command("suppress", "list", "--json")
    env = values.without_settings()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_help_imports_neither_the_store_nor_the_classifier() -> None:
    code = "import sys; from gatepost.cli import main; main.build(); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "'apsw'" not in done.stdout
    assert "'gatepost.classify" not in done.stdout
