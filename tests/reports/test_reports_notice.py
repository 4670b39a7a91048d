"""The text of a notice: read back by our own parser and by Python's, whatever servers and submitters put into it."""

from email import message_from_bytes, policy
from email.message import Message

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.model import notify
from gatepost.reports import notice, parser
from gatepost.reports import report as reports

DEAD = notice.Recipient(
    address="bob@rcpt.test",
    action=notify.Action.FAILED,
    status="5.1.1",
    orcpt="rfc822;Bob+2Bx@rcpt.test",
    reply=b"550-5.1.1 no such user\r\n550 5.1.1 here",
    host="mx.rcpt.test",
    ip="192.0.2.1",
    at=1_700_000_000_000,
    log_id="0abc",
)
NOTICE = notice.Notice(
    hostname="gw.test",
    sender="postmaster@shop.test",
    to="office@shop.test",
    message="0abb",
    arrived=1_700_000_000_000,
    recipients=(DEAD,),
    original=b"Subject: hello\r\nMessage-ID: <1@shop.test>\r\n",
    boundary="b" * 32,
    envid="QQ+2B314",
)
FIELDS = {
    "final-recipient",
    "original-recipient",
    "action",
    "status",
    "remote-mta",
    "diagnostic-code",
    "last-attempt-date",
    "will-retry-until",
    "final-log-id",
}


def changed(**fields: object) -> notice.Notice:
    return msgspec.structs.replace(NOTICE, **fields)


def of(**fields: object) -> notice.Notice:
    return changed(recipients=(msgspec.structs.replace(DEAD, **fields),))


def test_a_failure_has_every_field_of_rfc_3464() -> None:
    mail = message_from_bytes(notice.write(NOTICE), policy=policy.default)
    assert not mail.defects
    assert mail.get_content_type() == "multipart/report"
    assert mail.get_param("report-type") == "delivery-status"
    text, status, headers = mail.iter_parts()
    said = [
        "<bob@rcpt.test>: mx.rcpt.test [192.0.2.1] said:",
        "    550-5.1.1 no such user",
        "    550 5.1.1 here",
    ]
    assert "\r\n".join(said) in text.get_content()
    groups = status.get_payload()
    assert isinstance(groups, list)
    whole, one = [dict(group.items()) for group in groups if isinstance(group, Message)]
    assert whole == {
        "Reporting-MTA": "dns; gw.test",
        "Original-Envelope-Id": "QQ+314",
        "Arrival-Date": "Tue, 14 Nov 2023 22:13:20 +0000",
        "X-Gatepost-Message": "0abb",
    }
    assert one == {
        "Original-Recipient": "rfc822; Bob+x@rcpt.test",
        "Final-Recipient": "rfc822; bob@rcpt.test",
        "Action": "failed",
        "Status": "5.1.1",
        "Remote-MTA": "dns; mx.rcpt.test",
        "Diagnostic-Code": "smtp; 550-5.1.1 no such user 550 5.1.1 here",
        "Last-Attempt-Date": "Tue, 14 Nov 2023 22:13:20 +0000",
        "Final-Log-ID": "0abc",
    }
    assert headers.get_content_type() == "text/rfc822-headers"


def test_our_own_parser_reads_what_we_wrote() -> None:
    read = parser.parse(notice.write(NOTICE))
    assert read.kind is reports.Kind.DSN
    [one] = read.recipients
    assert (one.address, one.action, one.status) == ("bob@rcpt.test", reports.Action.FAILED, "5.1.1")
    assert (one.original, one.remote_mta) == ("Bob+x@rcpt.test", "mx.rcpt.test")
    assert one.reply == "550-5.1.1 no such user 550 5.1.1 here"
    assert read.original_message_id == "1@shop.test"


def test_an_international_address_fits_into_ascii_and_is_read_back() -> None:
    raw = notice.write(of(address="jürgen@bücher.test", orcpt=""))
    assert b"Final-Recipient: utf-8; j\\x{FC}rgen@b\\x{FC}cher.test\r\n" in raw
    [one] = parser.parse(raw).recipients
    assert one.address == "jürgen@bücher.test"


@pytest.mark.parametrize(
    ("actions", "subject"),
    [
        ([notify.Action.DELAYED, notify.Action.FAILED], "Mail could not be delivered"),
        ([notify.Action.DELAYED, notify.Action.RELAYED], "Mail is delayed"),
        ([notify.Action.RELAYED], "Mail was passed on"),
    ],
)
def test_the_subject_tells_the_worst(actions: list[notify.Action], subject: str) -> None:
    found = tuple(msgspec.structs.replace(DEAD, action=one) for one in actions)
    mail = message_from_bytes(notice.write(changed(recipients=found)), policy=policy.default)
    assert mail["Subject"] == subject


WHOLE = b"Subject: hello\r\n\r\nbody text \xe9\r\n"


def test_a_message_comes_back_whole_with_a_failure_alone() -> None:
    failed = notice.write(changed(original=WHOLE))
    assert b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + WHOLE in failed
    relayed = (msgspec.structs.replace(DEAD, action=notify.Action.RELAYED),)
    assert b"body text" not in notice.write(changed(original=WHOLE, recipients=relayed))


def test_headers_of_another_charset_are_encoded() -> None:
    raw = notice.write(changed(original=b"Subject: \xe9t\xe9\r\n"))
    assert raw.isascii()
    *_, headers = message_from_bytes(raw, policy=policy.default).iter_parts()
    assert headers.get_payload(decode=True) == b"Subject: \xe9t\xe9\r\n"


@pytest.mark.parametrize(
    "reply",
    [
        b"550 no\r\nAction: delivered\r\nFinal-Recipient: rfc822; eve@evil.test",
        b"550 no\r\n\r\nFinal-Recipient: rfc822; eve@evil.test\r\nAction: failed",
        b"550 no\n\n--" + b"b" * 32 + b"--\n\nX: y",
        b"550 \x1b[2J\x00\x0b\x85\xe2\x80\xa8",
        b"550 " + b"x" * 16_000,
        b"\r\n\r\n",
    ],
    ids=["fields", "a group", "the boundary", "controls", "long", "nothing"],
)
def test_a_hostile_reply_adds_no_field_no_group_and_no_part(reply: bytes) -> None:
    _check(of(reply=reply))


@given(
    reply=st.binary(max_size=300),
    address=st.text(max_size=40),
    orcpt=st.text(max_size=40),
    detail=st.text(max_size=60),
    host=st.text(max_size=40),
    envid=st.text(max_size=30),
)
def test_nothing_from_outside_adds_a_field_a_group_or_a_part(
    *, reply: bytes, address: str, orcpt: str, detail: str, host: str, envid: str
) -> None:
    one = msgspec.structs.replace(
        DEAD, reply=reply, address=address, orcpt=f"rfc822;{orcpt}", detail=detail, host=host
    )
    _check(changed(recipients=(one, DEAD), envid=envid))


def _check(written: notice.Notice) -> None:
    raw = notice.write(written)
    assert raw.isascii()
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    mail = message_from_bytes(raw)
    assert [part.get_content_type() for part in mail.get_payload()] == [  # type: ignore[union-attr]
        "text/plain",
        "message/delivery-status",
        "text/rfc822-headers",
    ]
    block = raw.split(b"message/delivery-status\r\n\r\n")[1].split(b"--" + b"b" * 32)[0]
    groups = [group for group in block.split(b"\r\n\r\n") if group.strip()]
    assert len(groups) == 1 + len(written.recipients)
    for group in groups[1:]:
        names = [line.split(b":")[0].decode().lower() for line in group.split(b"\r\n") if line[:1].strip()]
        assert len(set(names)) == len(names)
        assert set(names) <= FIELDS
