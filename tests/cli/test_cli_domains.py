"""Sender domains: how return paths are set, and what is refused."""

import pytest
from tests.cli import cli_values as values


def test_a_domain_keeps_the_submitters_return_path_unless_told(gateway: values.Gateway) -> None:
    [shown] = gateway.made("domain", "show", "Shop.test")
    assert shown["return_path"] == shown["in_use"] == "keep"
    assert (shown["bounce_domain"], shown["proved_since"], shown["problem"]) == (None, None, None)


def test_verp_is_set_and_is_not_in_use_before_it_is_proved(gateway: values.Gateway) -> None:
    gateway.made("domain", "add", "shop.test", "--return-path", "verp")
    [shown] = gateway.made("domain", "show", "shop.test")
    assert (shown["return_path"], shown["in_use"]) == ("verp", "keep")
    assert shown["bounce_domain"] == "bounce.shop.test"
    assert gateway.made("domain", "add", "shop.test") == [{"lines": [], "secrets": []}]
    gateway.made("domain", "add", "shop.test", "--bounce-domain", "b.shop.test")
    assert gateway.made("domain", "show", "shop.test")[0]["bounce_domain"] == "b.shop.test"
    gateway.made("domain", "add", "shop.test", "--return-path", "keep")
    [shown] = gateway.made("domain", "show", "shop.test")
    assert (shown["return_path"], shown["bounce_domain"]) == ("keep", None)


def test_a_file_may_say_it_too(gateway: values.Gateway) -> None:
    file = gateway.path / "who.toml"
    file.write_text(
        '[[domain]]\nname = "news.shop.test"\nreturn_path = "verp"\nbounce_domain = "bounce.shop.test"\n'
    )
    gateway.made("apply", str(file))
    [shown] = gateway.made("domain", "show", "news.shop.test")
    assert shown["bounce_domain"] == "bounce.shop.test"
    assert gateway.made("apply", str(file)) == [{"lines": [], "secrets": []}]


@pytest.mark.parametrize(
    "options",
    [
        ["--return-path", "verp", "--bounce-domain", "bounce.other.test"],
        ["--return-path", "verp", "--bounce-domain", "shop.test"],
        ["--return-path", "verp", "--bounce-domain", "not a domain"],
        ["--bounce-domain", "bounce.shop.test"],
    ],
    ids=["elsewhere", "itself", "no_name", "without_verp"],
)
def test_what_makes_no_sense_is_refused_in_one_line(gateway: values.Gateway, options: list[str]) -> None:
    said = gateway.run("domain", "add", "shop.test", *options)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert gateway.made("domain", "show", "shop.test")[0]["return_path"] == "keep"


def test_an_unknown_domain_is_named(gateway: values.Gateway) -> None:
    said = gateway.run("domain", "show", "nothing.test")
    assert (said.status, said.err) == (1, "gatepost: domain: 'nothing.test' is no sender domain\n")
