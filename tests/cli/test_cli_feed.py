"""``gatepost events``, ``trace``, ``why`` and ``queue``: what is in the store, as people and scripts see it."""

import base64
import signal
import subprocess

import pytest
from tests.cli import cli_values as values
from tests.store import store_values

from gatepost.model import ids
from gatepost.model import verdict as verdicts
from gatepost.store import port


async def mail(store: port.Store) -> int:
    """One message to three: delivered, bounced, deferred."""
    message = await values.fill(store, "ann@rcpt.test", "bob@rcpt.test", "eve@rcpt.test")
    told = (verdicts.DELIVERED, store_values.HARD, store_values.LATER)
    await values.answer(store, [(message + 1 + n, verdict) for n, verdict in enumerate(told)])
    return message


def test_events_are_words_ids_and_names_in_order(gateway: values.Gateway) -> None:
    message = gateway.with_store(mail)
    found = gateway.made("events", "--where", f"message={ids.to_text(message)}")
    states = [one["state"] for one in found]
    assert states[:4] == ["received", "queued", "queued", "queued"]
    assert set(states[4:]) == {"delivered", "bounced", "suppressed", "deferred"}
    assert [one["seq"] for one in found] == sorted(one["seq"] for one in found)
    bounced = next(one for one in found if one["state"] == "bounced")
    assert (bounced["bridge"], bounced["outcome"], bounced["reply"]) == (
        "app",
        "hard",
        "550 5.1.1 no such user",
    )
    assert bounced["delivery"] == ids.to_text(message + 2)
    assert bounced["at"] == "2027-01-15T08:00:00.005Z"


def test_after_goes_on_behind_what_was_read(gateway: values.Gateway) -> None:
    gateway.with_store(mail)
    whole = gateway.made("events")
    assert gateway.made("events", "--after", str(whole[2]["seq"])) == whole[3:]


def test_since_and_until_cut_the_feed_by_time(gateway: values.Gateway) -> None:
    gateway.with_store(mail)
    moment = "2027-01-15T08:00:00.003Z"
    late = gateway.made("events", "--since", moment, "--where", "bridge=app")
    early = gateway.made("events", "--until", moment, "--where", "state=queued")
    assert {one["state"] for one in late} == {"delivered", "bounced", "suppressed", "deferred"}
    assert len(early) == 3


@pytest.mark.slow
def test_follow_misses_and_doubles_nothing_and_ends_on_sigterm(gateway: values.Gateway) -> None:
    command = gateway.command("events", "--follow", "--json", "--where", "state=queued", "--after", "0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=values.without_settings()) as process:
        assert process.stdout is not None

        async def work(store: port.Store) -> None:
            maker = store_values.Maker(1)
            for n in range(5):
                await values.fill(store, f"a{n}@rcpt.test", maker=maker)

        gateway.with_store(work)
        read = [values.DECODE(process.stdout.readline()) for _ in range(5)]
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b""
        assert process.wait() == 0
    assert [one["recipient"] for one in read] == [f"a{n}@rcpt.test" for n in range(5)]


@pytest.mark.slow
def test_follow_ends_on_sigterm_though_nobody_reads(gateway: values.Gateway) -> None:
    gateway.with_store(lambda store: values.fill(store, *(f"a{n}@rcpt.test" for n in range(300))))
    command = gateway.command("events", "--follow", "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=values.without_settings()) as process:
        assert process.stdout is not None
        process.stdout.readline()  # it is at work, and has more to say than a pipe holds
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


@pytest.mark.slow
def test_follow_ends_when_its_reader_goes(gateway: values.Gateway) -> None:
    gateway.with_store(mail)
    command = gateway.command("events", "--follow", "--json")
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=values.without_settings()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait() == 0
        assert process.stderr.read() == b""


def test_trace_gives_the_reply_escaped_and_byte_for_byte(gateway: values.Gateway) -> None:
    message = gateway.with_store(mail)
    found = gateway.made("trace", ids.to_text(message))
    delivered = next(one for one in found if one["state"] == "delivered")
    assert delivered["reply"] == "250 2.0.0 Ok \\xff"
    assert base64.b64decode(delivered["reply_base64"]) == b"250 2.0.0 Ok \xff"
    said = gateway.run("trace", ids.to_text(message + 2))
    assert said.status == 0
    assert "| 550 5.1.1 no such user" in said.out
    assert "ann@rcpt.test" not in said.out


def test_trace_of_an_address_leaves_the_others_out(gateway: values.Gateway) -> None:
    gateway.with_store(mail)
    found = gateway.made("trace", "EVE@rcpt.test")
    assert [one["state"] for one in found] == ["received", "queued", "deferred"]


@pytest.mark.parametrize("what", ["0000000000001", "nobody@rcpt.test", "nonsense", "@"])
def test_trace_of_nothing_is_one_clear_line(gateway: values.Gateway, what: str) -> None:
    said = gateway.run("trace", what)
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith("gatepost: ")


def test_why_says_what_an_open_delivery_waits_for(gateway: values.Gateway) -> None:
    message = gateway.with_store(mail)
    [one] = gateway.made("why", ids.to_text(message))
    assert (one["delivery"], one["status"], one["attempts"]) == (ids.to_text(message + 3), "queued", 1)
    assert one["last_reply"] == "451 4.7.1 later"
    said = gateway.run("why", ids.to_text(message + 1))
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert "delivered" in said.err


def test_queues_are_listed_and_cancelled(gateway: values.Gateway) -> None:
    message = gateway.with_store(mail)
    [queue] = gateway.made("queue", "list", "--where", "domain=rcpt.test")
    assert (queue["domain"], queue["queued"]) == ("rcpt.test", 1)
    assert gateway.made("queue", "cancel", "--now", "--where", "domain=rcpt.test") == [{"cancelled": 1}]
    assert gateway.made("queue", "list") == []
    said = gateway.run("queue", "cancel", "--now", ids.to_text(message + 3))
    assert (said.status, said.err) == (1, "gatepost: 1 of 1 were not open\n")
    assert gateway.run("check", "--ledger").status == 0


def test_cancel_without_saying_which_is_refused(gateway: values.Gateway) -> None:
    assert gateway.run("queue", "cancel").status == 1
    assert gateway.run("queue", "cancel", "--now").status == 1
