"""webhook add, list, show, test, tries, replay, rotate, off, on, remove."""

import socket

from tests.cli import cli_values as values

URL = "https://203.0.114.7/hook"


def add(gateway: values.Gateway, *more: str) -> dict[str, object]:
    [made] = gateway.made("webhook", "add", "crm", URL, *more)
    return made


def test_a_webhook_is_added_shown_and_removed(gateway: values.Gateway) -> None:
    made = add(gateway, "--bridge", "app", "--kind", "bounced", "complaint", "--batch", "5")
    assert str(made["secret"]).startswith("whsec_")
    [shown] = gateway.made("webhook", "show", "crm")
    assert (shown["bridge"], shown["kinds"], shown["batch"]) == ("app", ["bounced", "complaint"], 5)
    assert gateway.made("webhook", "list") == [shown]
    assert URL in gateway.run("webhook", "list").out
    assert "off_reason" in gateway.run("webhook", "show", "1").out
    assert gateway.run("webhook", "remove", "crm").out == "webhook crm removed\n"
    assert gateway.made("webhook", "list") == []


def test_a_webhook_is_switched_off_and_on(gateway: values.Gateway) -> None:
    add(gateway, "--kind", "all")
    gateway.run("webhook", "off", "crm")
    [shown] = gateway.made("webhook", "list")
    assert (shown["off_reason"], shown["kinds"]) == ("by hand", [])
    assert "off: by hand" in gateway.run("webhook", "list").out
    gateway.run("webhook", "on", "crm")
    assert gateway.made("webhook", "list")[0]["off_since"] is None


def test_a_secret_is_rotated(gateway: values.Gateway) -> None:
    made = add(gateway)
    [again] = gateway.made("webhook", "rotate", "crm")
    assert again["secret"] != made["secret"]
    assert gateway.made("webhook", "show", "crm")[0]["old_secret_until"] is not None


def test_a_test_that_is_not_taken_is_a_failure(gateway: values.Gateway) -> None:
    toml = gateway.path / "gatepost.toml"
    toml.write_text(toml.read_text() + '\n[webhooks]\nallow_networks = ["127.0.0.0/8"]\n')
    with socket.socket() as bound:  # nobody listens there
        bound.bind(("127.0.0.1", 0))
        gateway.made("webhook", "add", "crm", f"https://127.0.0.1:{bound.getsockname()[1]}/hook")
        said = gateway.run("webhook", "test", "crm")
    assert said.status == 1
    assert "no answer" in said.out
    assert gateway.run("webhook", "tries", "crm").out == ""


def test_a_range_is_told_once_more(gateway: values.Gateway) -> None:
    add(gateway)
    assert gateway.run("webhook", "replay", "crm", "--after", "0").out == "webhook crm is told once more\n"
    assert gateway.run("webhook", "replay", "crm", "--dead").status == 0


def test_what_cannot_be_is_named_in_one_line(gateway: values.Gateway) -> None:
    add(gateway)
    for arguments, told in (
        (("add", "x", "http://203.0.114.7/"), "must be https"),
        (("add", "x", "https://127.0.0.1/"), "url: 127.0.0.1 is"),
        (("add", "x", "https://192.168.1.1/"), "a private address"),
        (("add", "crm", URL), "taken"),
        (("add", "x", URL, "--kind", "exploded"), "kinds: 'exploded'"),
        (("add", "x", URL, "--batch", "0"), "batch"),
        (("add", "a/b", URL), "webhook: "),
        (("show", "nobody"), "is no webhook"),
        (("replay", "crm"), "either a range"),
    ):
        said = gateway.run("webhook", *arguments)
        assert (said.status, said.out, said.err.count("\n")) == (1, "", 1), said
        assert told in said.err
