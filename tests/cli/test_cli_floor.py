"""``gatepost suppress``: entries made, looked up and deleted by hand."""

import pytest
from tests.cli import cli_values as values


@pytest.mark.parametrize(
    ("target", "asked", "blocked"),
    [
        pytest.param("Dead@Rcpt.Test", "dead@rcpt.test", True, id="address"),
        pytest.param("dead@rcpt.test", "alive@rcpt.test", False, id="another_address"),
        pytest.param("@rcpt.test", "any@rcpt.test", True, id="domain"),
        pytest.param("@rcpt.test", "any@sub.rcpt.test", False, id="not_below_a_domain"),
        pytest.param("@.rcpt.test", "any@a.b.rcpt.test", True, id="below"),
        pytest.param("@.rcpt.test", "any@rcpt.test", True, id="itself"),
    ],
)
def test_what_was_added_is_found(gateway: values.Gateway, target: str, asked: str, *, blocked: bool) -> None:
    [added] = gateway.made("suppress", "add", target, "--note", "by phone")
    assert added["changed"] is True
    [found] = gateway.made("suppress", "check", asked)
    assert found["suppressed"] is blocked
    assert [one["entry"]["note"] for one in found["entries"]] == ["by phone"] * blocked


def test_a_bridge_s_entry_blocks_that_bridge_alone(gateway: values.Gateway) -> None:
    gateway.made("bridge", "add", "news")
    gateway.made("suppress", "add", "ann@rcpt.test", "--scope", "bridge:news")
    [found] = gateway.made("suppress", "check", "ann@rcpt.test")
    assert [one["bridges"] for one in found["entries"]] == [["news"]]
    [other] = gateway.made("suppress", "check", "ann@rcpt.test", "--bridge", "app")
    assert other["suppressed"] is False


def test_a_list_s_entry_needs_the_list(gateway: values.Gateway) -> None:
    [added] = gateway.made("suppress", "add", "ann@rcpt.test", "--scope", "list:weekly")
    assert added["scope"] == "list:default/weekly"
    assert gateway.made("suppress", "check", "ann@rcpt.test")[0]["suppressed"] is False
    assert gateway.made("suppress", "check", "ann@rcpt.test", "--list", "weekly")[0]["suppressed"] is True


def test_an_entry_that_expires_is_provisional(gateway: values.Gateway) -> None:
    gateway.made("suppress", "add", "ann@rcpt.test", "--expires", "90d")
    [entry] = gateway.made("suppress", "list", "--where", "state=provisional")
    assert entry["target"] == "ann@rcpt.test"
    assert entry["expires_at"] > entry["created_at"]


def test_removing_tells_what_was_not_there(gateway: values.Gateway) -> None:
    gateway.made("suppress", "add", "ann@rcpt.test")
    said = gateway.run("suppress", "remove", "ann@rcpt.test", "bob@rcpt.test", "--json")
    assert [line["changed"] for line in said.lines] == [True, False]
    assert (said.status, said.err) == (1, "gatepost: 1 of 2 were not there\n")
    assert gateway.made("suppress", "list") == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        pytest.param(["nobody"], "'nobody'", id="no_address"),
        pytest.param(["a@rcpt.test", "--scope", "planet"], "'planet'", id="no_scope"),
        pytest.param(["a@rcpt.test", "--scope", "bridge:none"], "'none'", id="no_bridge"),
        pytest.param(["a@rcpt.test", "--expires", "soon"], "'soon'", id="no_duration"),
        pytest.param([], "name at least one", id="nothing"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(
    gateway: values.Gateway, arguments: list[str], word: str
) -> None:
    said = gateway.run("suppress", "add", *arguments)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert word in said.err
