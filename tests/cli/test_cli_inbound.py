"""What came in, listed and shown."""

import subprocess

from tests.cli import cli_values as values

from gatepost.app import compose
from gatepost.model import late
from gatepost.model import result as results
from gatepost.policy import settings as policy_settings
from gatepost.store import port

RAW = b"Subject: \x1b[31mhi \xe9\r\n\r\nsorry\r\n"


async def _file(store: port.Store) -> None:
    decide = compose.build_decide(policy_settings.PolicySettings())
    for number in range(3):
        filed = late.Filed(
            digest=b"%d" % number,
            at=1_800_000_000_000 + number,
            kind=late.Kind.BOUNCE,
            standing=late.Standing.UNVERIFIED,
            sender="",
            recipient="feedback@bounce.shop.test",
            peer_ip="192.0.2.9",
            size=len(RAW),
            raw=RAW,
        )
        await store.settle([results.Reported(0, filed, detail="bounce mail")], decide)


def test_what_came_in_is_listed_newest_first_and_page_by_page(gateway: values.Gateway) -> None:
    gateway.with_store(_file)
    found = gateway.made("inbound", "list")
    assert [one["id"] for one in found] == [3, 2, 1]
    assert found[0]["standing"] == "unverified"
    assert (found[0]["kind"], found[0]["size"], found[0]["delivery"]) == ("bounce", len(RAW), None)
    assert [one["id"] for one in gateway.made("inbound", "list", "--before", "3", "--limit", "1")] == [2]


def test_a_mail_is_shown_escaped_or_as_it_is(gateway: values.Gateway) -> None:
    gateway.with_store(_file)
    said = gateway.run("inbound", "show", "1")
    assert "\\x1b[31mhi" in said.out
    assert "\x1b" not in said.out
    done = subprocess.run(
        gateway.command("inbound", "show", "1", "--raw"),
        capture_output=True,
        check=True,
        env=values.without_settings(),
    )
    assert done.stdout == RAW


def test_a_number_that_is_none_is_one_line(gateway: values.Gateway) -> None:
    said = gateway.run("inbound", "show", "7")
    assert (said.status, said.err) == (1, "gatepost: inbound: there is no mail 7\n")


def test_the_feed_says_that_it_changed_nothing(gateway: values.Gateway) -> None:
    gateway.with_store(_file)
    found = gateway.made("events", "--where", "state=reported")
    assert len(found) == 3
    assert all("unverified" in one["detail"] for one in found)
