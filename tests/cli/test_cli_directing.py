"""``gatepost queue pause|resume|flush|reroute|cancel|directives|revoke``."""

import pytest
from tests.cli import cli_values as values
from tests.cli.test_cli_feed import mail

from gatepost.model import ids


def test_a_pause_is_given_shown_and_resumed(gateway: values.Gateway) -> None:
    gateway.with_store(mail)
    said = gateway.run(
        "queue", "pause", "--where", "domain=rcpt.test", "--reason", "blocklisted", "--for", "2h"
    )
    assert said.status == 0, said.err
    assert said.out.startswith("directive 1: pause domain=rcpt.test, by cli:")
    assert "; blocklisted; until " in said.out
    assert said.out in gateway.run("queue", "list").out
    assert gateway.run("queue", "directives").out == said.out
    [ended] = gateway.made("queue", "resume", "--where", "domain=rcpt.test")
    assert (ended["state"], ended["outcome"].startswith("revoked by cli:")) == ("over", True)
    assert gateway.made("queue", "directives") == []
    assert [one["id"] for one in gateway.made("queue", "directives", "--all")] == [1]
    again = gateway.run("queue", "resume", "--where", "domain=rcpt.test")
    assert (again.status, again.err.count("\n")) == (1, 1)


def test_a_cancel_can_be_undone(gateway: values.Gateway) -> None:
    message = gateway.with_store(mail)
    [made] = gateway.made("queue", "cancel", ids.to_text(message + 3))
    assert made["due_at"] is not None
    assert made["where"] == {"deliveries": [ids.to_text(message + 3)]}
    assert "takes effect at" in gateway.run("queue", "directives").out
    [undone] = gateway.made("queue", "revoke", str(made["id"]))
    assert undone["state"] == "over"
    said = gateway.run("queue", "revoke", str(made["id"]))
    assert (said.status, "is over" in said.err) == (1, True)


def test_a_dry_run_counts_and_does_nothing(gateway: values.Gateway) -> None:
    gateway.with_store(mail)
    said = gateway.run("queue", "flush", "--where", "domain=rcpt.test", "--dry-run")
    assert said.out == "1 open deliveries match now; nothing was done\n"
    assert gateway.made("queue", "pause", "--where", "domain=no.test", "--dry-run") == [{"matching": 0}]
    assert gateway.made("queue", "directives", "--all") == []


def test_a_reroute_says_where_to(gateway: values.Gateway) -> None:
    assert gateway.run("source", "add", "spare", "--pool", "default").status == 0
    said = gateway.run("queue", "reroute", "--where", "domain=rcpt.test", "--to-source", "spare")
    assert "reroute domain=rcpt.test to spare" in said.out, said.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("pause",), "say which mail"),
        (("flush",), "say which mail"),
        (("cancel",), "say which mail"),
        (("pause", "--where", "domain"), "is not field=value"),
        (("pause", "--where", "domain="), "is not field=value"),
        (("pause", "--where", "moon=full"), "'moon' is not one of account, bridge"),
        (("pause", "--where", "list=a", "list=b"), "given twice"),
        (("pause", "--where", "list=a", "--for", "soon"), "is not a duration"),
        (("pause", "--where", "list=a", "--for", "3000d"), "expires_in"),
        (("pause", "--where", "bridge=nobody"), "is no Bridge"),
        (("reroute", "--where", "list=a"), "to_source or to_pool"),
        (("cancel", "--where", "list=a", "--now", "--dry-run"), "goes without --now"),
        (("revoke", "7"), "there is no directive '7'"),
        (("resume", "--where", "list=a"), "no pause of exactly this"),
    ],
)
def test_what_is_wrong_is_one_line(gateway: values.Gateway, words: tuple[str, ...], problem: str) -> None:
    said = gateway.run("queue", *words)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert problem in said.err
