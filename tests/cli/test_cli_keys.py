"""Keys to the API, and the audit log: key add, list, revoke; audit."""

from tests.cli import cli_values as values

from gatepost.store import credentials


def test_init_makes_the_first_key_and_shows_it_once(place: values.Gateway) -> None:
    made = place.init()
    [key] = place.made("key", "list")
    assert (key["name"], key["role"], key["revoked_at"]) == ("admin", "admin", None)
    kept = place.with_store(lambda store: store.directory()).api_keys[0].key_mac
    pepper = (place.path / "data" / "pepper").read_bytes()
    assert credentials.matches(kept, pepper, made["admin_key"])


def test_a_key_is_added_and_ended(gateway: values.Gateway) -> None:
    [made] = gateway.made("key", "add", "ci", "--role", "operator", "--network", "192.0.2.7")
    assert made["api_key"].startswith("gp_")
    assert made["key"]["networks"] == ["192.0.2.7/32"]
    assert gateway.run("key", "revoke", "ci").out == "key ci revoked\n"
    assert gateway.run("key", "revoke", "ci").out == "key ci was revoked already\n"
    assert "operator" in gateway.run("key", "list").out


def test_what_cannot_be_a_key_is_named(gateway: values.Gateway) -> None:
    for arguments, told in (
        (("add", "admin"), "there already"),
        (("add", "a/b"), "is not a name"),
        (("add", "ci", "--network", "here"), "not a network"),
        (("revoke", "nobody"), "there is no key"),
    ):
        said = gateway.run("key", *arguments)
        assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
        assert told in said.err


def test_the_audit_log_says_who_changed_what(gateway: values.Gateway) -> None:
    gateway.run("suppress", "add", "ann@x.test")
    gateway.run("key", "add", "ci")
    key, entry = gateway.made("audit", "--limit", "2")
    assert key["actor"].startswith("cli:")
    assert (key["what"], key["before"], key["address"]) == ("api_key", None, None)
    assert "mac" not in key["after"]
    assert (entry["what"], entry["after"]) == ("suppress", "address ann@x.test for instance: manual")
    assert gateway.made("audit", "--where", "what=suppress") == [entry]
    assert "api_key" in gateway.run("audit", "--limit", "1").out
