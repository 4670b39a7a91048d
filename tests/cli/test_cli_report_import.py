"""``gatepost report --import``: what came in elsewhere acts as if it had come to the listener."""

import msgspec
import pytest
from tests.cli import cli_values as values
from tests.store import store_values

from gatepost import clock
from gatepost.app import compose, signing
from gatepost.policy import settings as policy_settings
from gatepost.reports import token as tokens
from gatepost.store import port

DAY = 24 * 3600 * 1000
DSN = """From: MAILER-DAEMON@mx.rcpt.test
To: <{to}>
Subject: failure
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x
Content-Type: text/plain

no such user
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.rcpt.test

Final-Recipient: rfc822; ann@rcpt.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ann@rcpt.test>: no such user here

--x
Content-Type: text/rfc822-headers

From: news@shop.test
{marks}Subject: hello
--x--
"""


class Sent:
    """A delivery that was taken, and its tokens."""

    delivery = 0
    path = ""
    mark = ""


@pytest.fixture
def sent(gateway: values.Gateway) -> Sent:
    found = Sent()
    assert gateway.run("token", "rotate").status == 0

    async def work(store: port.Store) -> None:
        message = await values.fill(store, "ann@rcpt.test")
        found.delivery = message + 1
        lane = await store.lane("mx.test", 3)
        claim = await store_values.claim_of(store, lane)
        now = clock.SystemClock().now_ms()
        attempt = msgspec.structs.replace(store_values.ATTEMPT, reports_until=now + 180 * DAY)
        one = msgspec.structs.replace(store_values.attempted(found.delivery, claim), attempt=attempt)
        decide = compose.build_decide(policy_settings.PolicySettings())
        await store.settle([one], decide)
        key = signing.keys(await store.directory()).signing(now)
        assert key is not None
        made = tokens.make(tokens.Purpose.RETURN_PATH, found.delivery, now + DAY, key)
        found.path = f"{made}@bounce.shop.test"
        found.mark = tokens.make(tokens.Purpose.DELIVERY, found.delivery, now + DAY, key)

    gateway.with_store(work)
    return found


def write(gateway: values.Gateway, name: str, text: str) -> str:
    path = gateway.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return str(path)


def test_a_bounce_with_our_return_path_suppresses_once(gateway: values.Gateway, sent: Sent) -> None:
    file = write(gateway, "one.eml", DSN.format(to=sent.path, marks=""))
    [first] = gateway.run("report", "--import", file).lines
    assert (first["taken"]["kind"], first["taken"]["standing"]) == ("bounce", "verified")
    assert first["taken"]["events"] == ["bounced", "suppressed"]
    assert gateway.made("suppress", "check", "ann@rcpt.test")[0]["suppressed"] is True
    [again] = gateway.run("report", "--import", file).lines
    assert (again["taken"]["repeated"], again["taken"]["events"]) == (True, [])
    assert gateway.run("check", "--ledger").status == 0


def test_a_bounce_to_the_submitter_is_tied_by_the_message_inside(gateway: values.Gateway, sent: Sent) -> None:
    marks = f"{tokens.HEADER}: {sent.mark}\n"
    file = write(gateway, "one.eml", DSN.format(to="news@shop.test", marks=marks))
    [line] = gateway.run("report", "--import", file).lines
    assert (line["taken"]["standing"], line["taken"]["events"]) == ("verified", ["bounced", "suppressed"])


def test_without_a_token_nothing_follows(gateway: values.Gateway, sent: Sent) -> None:
    del sent
    file = write(gateway, "one.eml", DSN.format(to="news@shop.test", marks=""))
    [line] = gateway.run("report", "--import", file).lines
    assert (line["taken"]["standing"], line["taken"]["delivery"]) == ("unverified", None)
    assert gateway.made("suppress", "list") == []
    assert len(gateway.made("inbound", "list")) == 1


def test_a_recipient_may_be_named_and_has_to_be_ours(gateway: values.Gateway, sent: Sent) -> None:
    file = write(gateway, "one.eml", DSN.format(to="x@y.test", marks=""))
    [line] = gateway.run("report", "--import", "--recipient", sent.path, file).lines
    assert line["taken"]["standing"] == "verified"
    said = gateway.run("report", "--import", "--recipient", "x@y.test", file)
    assert (said.status, "recipient: 5.7.1" in said.lines[0]["error"]) == (1, True)
    forged = sent.path.replace(sent.path[4], "0" if sent.path[4] != "0" else "1", 1)
    assert gateway.run("report", "--import", "--recipient", forged, file).status == 1
    assert gateway.run("report", "--recipient", sent.path, file).status == 1


def test_a_maildir_is_read_whole(gateway: values.Gateway, sent: Sent) -> None:
    (gateway.path / "Maildir" / "tmp").mkdir(parents=True)
    write(gateway, "Maildir/new/1", DSN.format(to=sent.path, marks=""))
    write(gateway, "Maildir/cur/2:2,S", "Subject: hello\n\nnothing of ours\n")
    found = gateway.run("report", "--import", str(gateway.path / "Maildir")).lines
    assert [one["taken"]["kind"] for one in found] == ["notice", "bounce"]
    assert found[1]["taken"]["events"] == ["bounced", "suppressed"]
    said = gateway.run("report", str(gateway.path / "Maildir"))
    assert [one["kind"] for one in said.lines] == ["other", "dsn"]


def test_a_file_that_cannot_be_read_stops_no_other(gateway: values.Gateway, sent: Sent) -> None:
    file = write(gateway, "one.eml", DSN.format(to=sent.path, marks=""))
    said = gateway.run("report", "--import", "nowhere.eml", file)
    assert (said.status, said.lines[0]["error"]) == (1, "cannot be read: No such file or directory")
    assert said.lines[1]["taken"]["standing"] == "verified"
