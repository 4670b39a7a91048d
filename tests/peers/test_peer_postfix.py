"""Delivery to a real Postfix over TLS: its replies arrive as it writes them, and only an unknown user is suppressed."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.peers import outsiders, sending
from tests.scenarios import gateway as gateways

from gatepost.model import event as events

pytestmark = [pytest.mark.peers, pytest.mark.long]
State = events.State
_MAIN = """
compatibility_level = 3.6
myhostname = mx.test
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/mail.log
maillog_file_prefixes = {root}
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 192.0.2.0/24
mydestination = rcpt.test
local_recipient_maps = inline:{{ {known} }}
local_transport = discard:
alias_maps =
smtpd_tls_security_level = {tls}
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_session_cache_database =
message_size_limit = 20000
smtpd_recipient_restrictions = check_recipient_access inline:{{
  {{ spam@rcpt.test = 554 5.7.1 Rejected as spam }}
  {{ full@rcpt.test = 452 4.2.2 Mailbox is full }}
  {{ listed@rcpt.test = 554 5.7.1 Service unavailable; client host [127.0.0.1] blocked using zen.example }} }},
  reject_unauth_destination
{more}
"""
_KNOWN = " ".join(f"{name}@rcpt.test=x" for name in ("known", "ann", "spam", "full", "listed"))


def _set_up(root: Path, port: int, tls: str, more: str) -> Path:
    etc = root / "etc"
    shutil.copytree("/etc/postfix", etc)
    for name in ("queue", "data"):
        (root / name).mkdir()
    shutil.chown(root / "data", "postfix")
    cert, key = outsiders.certificate(root / "tls", "mx.test")
    text = _MAIN.format(root=root, known=_KNOWN, tls=tls, cert=cert, key=key, more=more)
    (etc / "main.cf").write_text(text)
    rows = [line.split() for line in (etc / "master.cf").read_text().splitlines() if line[:1].isalpha()]
    wanted = [row for row in rows if row[1] != "inet" and row[7] != "pipe"]
    services = [" ".join([*row[:4], "n", *row[5:]]) for row in wanted]  # n: not in a chroot
    (etc / "master.cf").write_text("\n".join([f"127.0.0.1:{port} inet n - n - - smtpd", *services, ""]))
    return etc


@contextlib.contextmanager
def postfix(tls: str = "may", more: str = "") -> Iterator[int]:
    """The port of an instance of its own, which takes mail for rcpt.test and throws it away."""
    command = outsiders.program("postfix", "postfix")
    outsiders.need_root("Postfix drops its privileges itself")
    [port] = gateways.free_ports(1)
    with tempfile.TemporaryDirectory(prefix="gatepost-postfix-") as name:
        root = Path(name)
        root.chmod(0o755)  # its processes look at it as the user postfix
        etc = _set_up(root, port, tls, more)
        environment = {**os.environ, "MAIL_CONFIG": str(etc)}
        started = subprocess.run(
            [command, "-c", etc, "start"], env=environment, capture_output=True, timeout=30
        )
        try:
            assert started.returncode == 0, started.stderr + sending.read(root / "mail.log").encode()
            outsiders.wait_listening(port, root / "mail.log")
            yield port
        finally:
            subprocess.run([command, "-c", etc, "stop"], env=environment, capture_output=True, timeout=30)


REPLIES = {
    "known@rcpt.test": (State.DELIVERED, "delivered", b"250 2.0.0 Ok: queued as "),
    "nobody@rcpt.test": (
        State.BOUNCED,
        "recipient.unknown",
        b"550 5.1.1 <nobody@rcpt.test>: Recipient address rejected: User unknown in local recipient table",
    ),
    "spam@rcpt.test": (
        State.BOUNCED,
        "content.spam",
        b"554 5.7.1 <spam@rcpt.test>: Recipient address rejected: Rejected as spam",
    ),
    "full@rcpt.test": (
        State.DEFERRED,
        "recipient.over_quota",
        b"452 4.2.2 <full@rcpt.test>: Recipient address rejected: Mailbox is full",
    ),
    "listed@rcpt.test": (
        State.DEFERRED,
        "sender.ip_blocklisted",
        b"554 5.7.1 <listed@rcpt.test>: Recipient address rejected: Service unavailable;"
        b" client host [127.0.0.1] blocked using zen.example",
    ),
}


async def test_each_recipient_of_one_message_has_postfixs_own_reply_over_tls_1_3(tmp_path: Path) -> None:
    with postfix() as port:
        async with gateways.running(tmp_path, port) as gateway:
            found = await sending.send(gateway, list(REPLIES))
            for recipient, (state, category, reply) in REPLIES.items():
                one = found[recipient]
                assert (one.state, one.category) == (state, category), one
                assert one.reply.startswith(reply) if state is State.DELIVERED else one.reply == reply
                assert one.tls.startswith("TLSv1.3 "), one
                assert (await sending.traced(gateway, recipient))[0] == one.reply
            assert await sending.suppressed(gateway) == ["nobody@rcpt.test"]


async def test_a_relaying_refusal_is_no_dead_recipient(tmp_path: Path) -> None:
    with postfix() as port:
        async with gateways.running(tmp_path, port) as gateway:
            one = (await sending.send(gateway, ["ann@other.test"]))["ann@other.test"]
            assert one.reply == b"454 4.7.1 <ann@other.test>: Relay access denied"
            assert one.category == "domain.misconfigured"
            assert await sending.suppressed(gateway) == []


async def test_a_soft_bouncing_postfix_suppresses_nobody_at_the_first_reply(tmp_path: Path) -> None:
    with postfix(more="soft_bounce = yes") as port:
        async with gateways.running(tmp_path, port) as gateway:
            one = (await sending.send(gateway, ["nobody@rcpt.test"]))["nobody@rcpt.test"]
            assert (one.state, one.code, one.category) == (State.DEFERRED, 450, "recipient.unknown_tempfail")
            assert await sending.suppressed(gateway) == []


async def test_a_message_above_postfixs_size_fails_alone(tmp_path: Path) -> None:
    with postfix() as port:
        async with gateways.running(tmp_path, port) as gateway:
            large = sending.MESSAGE + b"0123456789\r\n" * 3000
            await gateways.submit(gateway.open, large, ["ann@rcpt.test"])
            one = (await sending.tried(gateway, ["ann@rcpt.test"]))["ann@rcpt.test"]
            assert (one.state, one.category) == (State.BOUNCED, "content.too_large")
            assert await sending.suppressed(gateway) == []


@pytest.mark.parametrize(("level", "agreed"), [("none", ""), ("encrypt", "TLSv1.3")])
async def test_postfix_gets_mail_in_clear_where_it_has_no_tls_and_over_tls_where_it_demands_it(
    tmp_path: Path, level: str, agreed: str
) -> None:
    with postfix(tls=level) as port:
        async with gateways.running(tmp_path, port) as gateway:
            one = (await sending.send(gateway, ["known@rcpt.test"]))["known@rcpt.test"]
            assert (one.state, one.tls.split(" ")[0]) == (State.DELIVERED, agreed)
