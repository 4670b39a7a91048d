"""From nothing to a configuration that serves: init, check, apply, and the directory's groups."""

import pytest
from tests.cli import cli_values as values

from gatepost import config
from gatepost.cli import template
from gatepost.store import credentials


def test_init_writes_what_check_finds_good(place: values.Gateway) -> None:
    made = place.init("--domain", "shop.test", "--on-suppressed", "refuse")
    assert made["config"] == str(place.config)
    assert made["api_key"].startswith("gp_")
    assert place.run("check").status == 0
    [bridge] = place.made("bridge", "list")
    assert (bridge["name"], bridge["pool"], bridge["on_suppressed"]) == ("app", "default", "refuse")
    [domain] = place.made("domain", "list")
    assert (domain["domain"], domain["account"], domain["in_use"]) == ("shop.test", "default", "keep")
    assert [one["ehlo"] for one in place.made("source", "list")] == ["mx.shop.test"]


def test_the_secrets_are_kept_as_macs_only(place: values.Gateway) -> None:
    made = place.init()
    kept = b"".join(path.read_bytes() for path in place.path.rglob("*") if path.is_file())
    assert made["password"].encode() not in kept
    assert made["api_key"].encode() not in kept
    directory = place.with_store(lambda store: store.directory())
    pepper = (place.path / "data" / "pepper").read_bytes()
    assert credentials.matches(directory.bridges[0].password_mac, pepper, made["password"])
    assert credentials.matches(directory.bridges[0].key_mac, pepper, made["api_key"])


def test_init_overwrites_nothing(gateway: values.Gateway) -> None:
    before = gateway.config.read_bytes()
    said = gateway.bare("init", "--dir", str(gateway.path))
    assert (said.status, said.out) == (1, "")
    assert said.err.count("\n") == 1
    assert "already" in said.err
    assert gateway.config.read_bytes() == before


def test_an_init_that_fails_can_be_run_again(place: values.Gateway) -> None:
    said = place.bare("init", "--dir", str(place.path), "--domain", "not a domain")
    assert (said.status, said.err.count("\n")) == (1, 1)
    assert "'not a domain'" in said.err
    assert not place.config.exists()
    place.init("--domain", "shop.test")


def test_the_examples_of_the_template_load_too(gateway: values.Gateway) -> None:
    lines = template.text("mx.shop.test").splitlines()
    starts = ("# [", "# name =", "# address =", "# tls =", "# bridge =", "# networks", "# server =")
    more = (
        "# domain =",
        "# to =",
        "# provider",
        "# operator",
        "# connections",
        "# per_second",
        "# lifetime_s",
        "# expires",
    )
    whole = "\n".join(line[2:] if line.startswith((*starts, *more)) else line for line in lines)
    gateway.config.write_text(whole)
    settings = config.load(gateway.config, {})
    assert len(settings.listener) == 3
    assert len(settings.route) == 2
    assert settings.inbound.operator == "you@example.com"
    assert settings.policy.suppression.provisional_days == 7


def test_check_names_every_problem_at_once(gateway: values.Gateway) -> None:
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace('"info"', '"loud"').replace("0.0.0.0:587", "nowhere"))
    said = gateway.run("check")
    assert said.status == 1
    assert len(said.err.splitlines()) == 2
    assert all(line.startswith("gatepost: ") for line in said.err.splitlines())
    assert "log.level" in said.err
    assert "listener[1].address" in said.err


def test_check_names_a_listener_whose_bridge_is_not_there(gateway: values.Gateway) -> None:
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace('# bridge = "app"', 'bridge = "nobody"'))
    said = gateway.run("check")
    assert said.status == 1
    [line] = said.err.splitlines()
    assert line.endswith("listener[1].bridge: 'nobody' is no Bridge, or its name is not unique")
    assert "gatepost.toml:" in line


def test_check_proves_the_ledger(gateway: values.Gateway) -> None:
    gateway.with_store(lambda store: values.fill(store, "ann@rcpt.test", "bob@rcpt.test"))
    [line] = gateway.made("check", "--ledger")
    assert (line["bridge"], line["agrees"], line["kept"]["accepted"], line["kept"]["open"]) == (
        "app",
        True,
        2,
        2,
    )


PLAN = """
[[account]]
name = "second"
[[pool]]
name = "out"
account = "second"
[[source]]
name = "relay"
pool = "out"
host = "relay.test"
port = 587
[[bridge]]
name = "web"
account = "second"
pool = "out"
kind = "transactional"
[[domain]]
name = "Second.Test"
account = "second"
"""


def test_apply_makes_what_is_missing_once(gateway: values.Gateway) -> None:
    plan = gateway.path / "plan.toml"
    plan.write_text(PLAN)
    [first] = gateway.made("apply", str(plan))
    assert len(first["lines"]) == 5
    assert [one["bridge"] for one in first["secrets"]] == ["web"]
    version = gateway.with_store(lambda store: store.directory_version())
    assert gateway.made("apply", str(plan)) == [{"lines": [], "secrets": []}]
    assert gateway.with_store(lambda store: store.directory_version()) == version


def test_apply_changes_what_differs_and_keeps_the_secrets(gateway: values.Gateway) -> None:
    before = gateway.with_store(lambda store: store.directory()).bridges[0]
    plan = gateway.path / "plan.toml"
    plan.write_text('[[bridge]]\nname = "app"\non_suppressed = "refuse"\n')
    assert gateway.made("apply", str(plan)) == [{"lines": ["bridge app changed"], "secrets": []}]
    after = gateway.with_store(lambda store: store.directory()).bridges[0]
    assert after.on_suppressed.name == "REFUSE"
    assert (after.key_mac, after.password_mac) == (before.key_mac, before.password_mac)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param('[[bridge]]\nname = "x"\nkind = "huge"\n', "bridge[0].kind", id="choice"),
        pytest.param('[[bridge]]\nname = "x"\nfoo = 1\n', "foo", id="unknown_field"),
        pytest.param("[[bridge]\n", "plan.toml", id="not_toml"),
        pytest.param('[[bridge]]\nname = "x"\npool = "none"\n', "'none'", id="no_such_pool"),
        pytest.param('[[source]]\nname = "x"\nip = "10.0.0"\n', "'10.0.0'", id="no_ip"),
    ],
)
def test_a_plan_that_is_wrong_is_refused_in_one_line(gateway: values.Gateway, text: str, word: str) -> None:
    plan = gateway.path / "plan.toml"
    plan.write_text(text)
    said = gateway.run("apply", str(plan))
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert word in said.err


def test_a_rotated_key_replaces_the_old_one_alone(gateway: values.Gateway) -> None:
    before = gateway.with_store(lambda store: store.directory()).bridges[0]
    [secrets] = gateway.made("bridge", "rotate", "app", "--what", "key")
    after = gateway.with_store(lambda store: store.directory()).bridges[0]
    assert secrets["password"] == ""
    assert after.password_mac == before.password_mac
    assert after.key_mac != before.key_mac


def test_a_revoked_bridge_stays_listed_as_revoked(gateway: values.Gateway) -> None:
    assert gateway.run("bridge", "revoke", "app").status == 0
    assert gateway.made("bridge", "show", "app")[0]["revoked_at"]


def test_a_bridge_is_not_added_twice(gateway: values.Gateway) -> None:
    assert len(gateway.made("bridge", "add", "news")[0]["secrets"]) == 1
    said = gateway.run("bridge", "add", "news")
    assert (said.status, said.err) == (1, "gatepost: bridge: 'news' is there already\n")
