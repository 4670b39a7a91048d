"""Delivery to Postfix's smtp-sink: what it answers at every stage is kept byte for byte, and acts only where it should."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.peers import outsiders, sending
from tests.scenarios import gateway as gateways

from gatepost.model import event as events
from gatepost.model import reply as replies

pytestmark = [pytest.mark.peers, pytest.mark.long]
State = events.State
Stage = replies.Stage


@contextlib.contextmanager
def smtp_sink(path: Path, *flags: str) -> Iterator[int]:
    """The port of one that runs with these flags."""
    found = outsiders.program("smtp-sink", "postfix")
    [port] = gateways.free_ports(1)
    user = ("-u", "nobody") if os.geteuid() == 0 else ()
    command = [found, "-4", *user, "-h", "mx.test", *flags, f"127.0.0.1:{port}", "100"]
    with outsiders.server(command, port, path / "sink.log"):
        yield port


# The command that is refused, the reply, the stage that it is charged to, the state, the category.
UNKNOWN, BLOCKED = "550 5.1.1 <ann@rcpt.test>: no such user", "554 5.7.1 Message refused as spam"
GREYLISTED, BUSY = (
    "451 4.7.1 Greylisted, try again in 300 seconds",
    "421 4.7.0 Too many connections from your IP",
)
REFUSED = [
    (
        "CONNECT",
        "554 5.7.1 Your IP is on our blocklist",
        Stage.GREETING,
        State.DEFERRED,
        "sender.ip_blocklisted",
    ),
    ("CONNECT", BUSY, Stage.GREETING, State.DEFERRED, "rate.limited"),
    ("EHLO", BUSY, Stage.EHLO, State.DEFERRED, "rate.limited"),
    ("EHLO,HELO", "550 5.7.1 HELO name refused", Stage.EHLO, None, ""),
    ("MAIL", UNKNOWN, Stage.MAIL, State.BOUNCED, "unknown.permanent"),
    ("MAIL", BUSY, Stage.MAIL, State.DEFERRED, "rate.limited"),
    ("MAIL", GREYLISTED, Stage.MAIL, State.DEFERRED, "rate.greylisted"),
    ("RCPT", UNKNOWN, Stage.RCPT, State.BOUNCED, "recipient.unknown"),
    ("RCPT", "552 5.2.2 Mailbox full", Stage.RCPT, State.DEFERRED, "recipient.over_quota"),
    ("RCPT", GREYLISTED, Stage.RCPT, State.DEFERRED, "rate.greylisted"),
    ("RCPT", BUSY, Stage.RCPT, State.DEFERRED, "rate.limited"),
    ("DATA", BLOCKED, Stage.DATA, State.BOUNCED, "content.spam"),
    ("DATA", BUSY, Stage.DATA, State.DEFERRED, "rate.limited"),
    (".", BLOCKED, Stage.DOT, State.BOUNCED, "content.spam"),
    (".", GREYLISTED, Stage.DOT, State.DEFERRED, "rate.greylisted"),
    (".", BUSY, Stage.DOT, State.DEFERRED, "rate.limited"),
    (".", "450 4.3.0 Error: command failed", Stage.DOT, State.DEFERRED, "domain.unreachable"),
]


async def test_what_is_taken_shows_its_250_in_the_trace(tmp_path: Path) -> None:
    with smtp_sink(tmp_path) as port:
        async with gateways.running(tmp_path, port) as gateway:
            found = (await sending.send(gateway, ["ann@rcpt.test"]))["ann@rcpt.test"]
            assert (found.state, found.stage, found.reply) == (State.DELIVERED, Stage.DOT, b"250 2.0.0 Ok")
            assert await sending.traced(gateway, "ann@rcpt.test") == [b"250 2.0.0 Ok"]
            assert await sending.suppressed(gateway) == []


@pytest.mark.parametrize(
    ("command", "reply", "stage", "state", "category"),
    REFUSED,
    ids=[f"{command}-{reply[:3]}-{category or 'any'}" for command, reply, _, _, category in REFUSED],
)
async def test_a_refusal_is_kept_byte_for_byte_at_its_stage_and_suppresses_only_for_the_recipient(
    tmp_path: Path, command: str, reply: str, stage: replies.Stage, state: events.State | None, category: str
) -> None:
    flags = ("-f", command, "-B", reply) if reply.startswith("5") else ("-r", command, "-b", reply)
    with smtp_sink(tmp_path, *flags) as port:
        async with gateways.running(tmp_path, port) as gateway:
            found = (await sending.send(gateway, ["ann@rcpt.test"]))["ann@rcpt.test"]
            assert (found.reply, found.stage, found.code) == (reply.encode(), stage, int(reply[:3]))
            assert state is None or (found.state, found.category) == (state, category)
            assert (await sending.traced(gateway, "ann@rcpt.test"))[0] == reply.encode()
            suppresses = category == "recipient.unknown"
            assert await sending.suppressed(gateway) == (["ann@rcpt.test"] if suppresses else [])


@pytest.mark.parametrize("command", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "."])
async def test_a_connection_that_breaks_is_nobodys_fault_and_after_the_dot_it_is_in_doubt(
    tmp_path: Path, command: str
) -> None:
    with smtp_sink(tmp_path, "-q", command) as port:
        async with gateways.running(tmp_path, port) as gateway:
            found = (await sending.send(gateway, ["ann@rcpt.test"]))["ann@rcpt.test"]
            assert (found.state, found.category, found.code) == (State.DEFERRED, "session.network", 0)
            in_doubt = events.Flag.POSSIBLE_DUPLICATE in found.flags
            assert in_doubt == (command == ".")
            assert await sending.suppressed(gateway) == []
