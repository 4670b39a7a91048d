"""``gatepost suppress``: entries made, looked up and deleted by hand."""

from pathlib import Path

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
        pytest.param("192.0.2.0/24", "192.0.2.7", True, id="network"),
        pytest.param("192.0.2.0/24", "::ffff:192.0.2.7", True, id="mapped"),
        pytest.param("192.0.2.0/24", "192.0.3.7", False, id="another_network"),
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
        pytest.param(["192.0.2.1/24"], "'192.0.2.1/24'", id="no_network"),
        pytest.param(
            ["192.0.2.1", "--scope", "account:default"], "instance alone", id="network_of_an_account"
        ),
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


def test_what_is_exported_is_imported_elsewhere_as_it_was(gateway: values.Gateway, tmp_path: Path) -> None:
    gateway.made("suppress", "add", "ann@rcpt.test", "@gone.test", "@.all.test", "--note", "by phone")
    gateway.made("suppress", "add", "bob@rcpt.test", "--scope", "bridge:app", "--expires", "90d")
    exported = gateway.run("suppress", "export").out
    gateway.made("suppress", "undo", "--where", "reason=manual", "--yes")
    assert gateway.made("suppress", "list") == []
    file = tmp_path / "entries.jsonl"
    file.write_text(exported)
    [sums] = gateway.made("suppress", "import", str(file))
    assert sums == {"added": 4, "there": 0, "unreadable": 0}
    kept = ("target", "kind", "scope", "state", "reason", "note")
    before = [{key: line[key] for key in kept} for line in map(values.DECODE, exported.splitlines())]
    after = gateway.made("suppress", "list")
    assert [{key: line[key] for key in kept} for line in after] == before
    [again] = gateway.made("suppress", "import", str(file))
    assert (again["added"], again["there"]) == (0, 4)


def test_addresses_are_imported_for_the_account_and_bad_lines_named(
    gateway: values.Gateway, tmp_path: Path
) -> None:
    file = tmp_path / "unsubscribed.csv"
    file.write_bytes(
        b'\xef\xbb\xbfName,Email,Reason\r\n"Ann, A.",ann@rcpt.test,Hard bounce\r\nX,nobody,\r\nB,Bob@Rcpt.Test,\r\n\r\n\xff,\xff\xff,\r\n'
    )
    said = gateway.run("suppress", "import", str(file))
    assert said.status == 1
    assert said.out.strip() == "2 added, 0 were there, 2 lines could not be read"
    bad = said.err.splitlines()
    assert [line.split(": ")[1] for line in bad] == [f"{file}:3", f"{file}:6"]
    found = gateway.made("suppress", "list")
    assert [(one["target"], one["scope"], one["reason"]) for one in found] == [
        ("ann@rcpt.test", "account:default", "hard-bounce"),
        ("bob@rcpt.test", "account:default", "import"),
    ]


def test_one_address_a_line_is_enough_and_what_a_verdict_wrote_keeps_its_evidence(
    gateway: values.Gateway, tmp_path: Path
) -> None:
    gateway.made("suppress", "add", "ann@rcpt.test", "--note", "by phone")
    file = tmp_path / "dead.txt"
    file.write_text("ann@rcpt.test\nann@rcpt.test\nbob@rcpt.test\n")
    [sums] = gateway.made("suppress", "import", str(file), "--scope", "instance")
    assert (sums["added"], sums["there"]) == (1, 2)
    assert [one["note"] for one in gateway.made("suppress", "list")] == ["by phone", None]


def test_an_undo_names_what_it_would_delete_and_deletes_it_when_told(gateway: values.Gateway) -> None:
    gateway.made("suppress", "add", "ann@rcpt.test", "bob@rcpt.test", "--reason", "import")
    gateway.made("suppress", "add", "eve@rcpt.test")
    looked = gateway.run("suppress", "undo", "--where", "reason=import")
    assert looked.out.splitlines()[-1] == "2 entries would be deleted: say --yes to do it"
    assert len(gateway.made("suppress", "list")) == 3
    [done] = gateway.made("suppress", "undo", "--where", "reason=import", "--since", "1h", "--yes")
    assert (done["count"], done["undone"]) == (2, True)
    assert [one["target"] for one in gateway.made("suppress", "list")] == ["eve@rcpt.test"]


def test_an_undo_of_everything_is_refused(gateway: values.Gateway) -> None:
    said = gateway.run("suppress", "undo", "--yes")
    assert said.status == 1
    assert "name what to undo" in said.err
