"""``gatepost dns check``: status, lines for people, lines for scripts."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.cli import cli_values as values


@contextmanager
def asking(gateway: values.Gateway, server: str) -> Iterator[None]:
    text = gateway.config.read_text()
    gateway.config.write_text(f'{text}\n[dns]\nserver = "{server}"\n')
    yield
    gateway.config.write_text(text)


def test_a_domain_that_is_no_sender_domain_is_refused_in_one_line(gateway: values.Gateway) -> None:
    said = gateway.run("dns", "check", "nobody.test")
    assert (said.status, said.out) == (1, "")
    assert (
        said.err
        == "gatepost: domain: 'nobody.test' is no sender domain; `gatepost domain add` makes it one\n"
    )


@pytest.mark.slow
def test_where_dns_does_not_answer_nothing_is_called_wrong(gateway: values.Gateway) -> None:
    gateway.made("domain", "add", "news.test")
    gateway.made("dkim", "new", "news.test", "--selector", "s1", "--activate")
    with asking(gateway, "127.0.0.1:9"):
        said = gateway.run("dns", "check", "news.test", "--json")
        assert said.status == 1
        found = {(line["check"], line["severity"]) for line in said.lines}
        assert {("dkim", "unknown"), ("spf", "unknown"), ("dmarc", "unknown"), ("mx", "unknown")} <= found
        shown = gateway.run("dns", "check", "news.test")
        assert "unknown dkim    s1._domainkey.news.test: DNS did not tell: " in shown.out
