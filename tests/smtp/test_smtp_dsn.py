"""What a submitter may ask for with NOTIFY, ORCPT, RET and ENVID (RFC 3461), and how the next host is asked in turn."""

import pytest

from gatepost.model import notify
from gatepost.smtp import client as smtp_client
from gatepost.smtp import commands, events, extensions, replies
from gatepost.smtp import server as servers

Notify = notify.Notify


def rcpt(words: bytes, *, dsn: bool = True) -> events.RcptGiven | bytes:
    return commands.rcpt(b"TO:<bob@rcpt.test>" + words, "gw.test", smtputf8=False, dsn=dsn)


def mail(words: bytes, *, dsn: bool = True) -> events.MailGiven | bytes:
    return commands.mail(b"FROM:<ann@shop.test>" + words, 0, dsn=dsn)


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        (b"", None),
        (b" ", None),
        (b" NOTIFY=NEVER", notify.Wish(Notify.NEVER)),
        (b" notify=Success,delay", notify.Wish(Notify.SUCCESS | Notify.DELAY)),
        (b" ORCPT=rfc822;Bob+2Bx@rcpt.test", notify.Wish(orcpt="rfc822;Bob+2Bx@rcpt.test")),
        (b" NOTIFY=FAILURE ORCPT=x400;+20a", notify.Wish(Notify.FAILURE, "x400;+20a")),
    ],
)
def test_wishes_are_read(words: bytes, wish: notify.Wish | None) -> None:
    found = rcpt(words)
    assert isinstance(found, events.RcptGiven)
    assert found.wish == wish


@pytest.mark.parametrize(
    "words",
    [
        b" NOTIFY",
        b" NOTIFY=",
        b" NOTIFY=NEVER,FAILURE",
        b" NOTIFY=FAILURE,FAILURE",
        b" NOTIFY=FAILURE,",
        b" NOTIFY=ALWAYS",
        b" NOTIFY=FAILURE NOTIFY=DELAY",
        b" ORCPT=bob@rcpt.test",
        b" ORCPT=rfc822;",
        b" ORCPT=;bob",
        b" ORCPT=rfc822;a+b",
        b" ORCPT=rfc822;a+2b",
        b" ORCPT=rfc822;a=b",
        b" ORCPT=rfc822;a+0D+0ABcc:x",
        b" ORCPT=rfc822;a ORCPT=rfc822;b",
        b" ORCPT=rfc822;" + b"a" * 494,
    ],
)
def test_bad_wishes_are_refused_with_501(words: bytes) -> None:
    assert rcpt(words) == replies.BAD_PARAMETER
    assert replies.BAD_PARAMETER.startswith(b"501")


@pytest.mark.parametrize(
    ("words", "ret", "envid"),
    [
        (b" RET=HDRS", notify.Return.HDRS, ""),
        (b" ret=full ENVID=QQ+2B314", notify.Return.FULL, "QQ+2B314"),
        (b" ENVID=" + b"a" * 100, notify.Return.NOTHING, "a" * 100),
    ],
)
def test_ret_and_envid_are_read(words: bytes, ret: notify.Return, envid: str) -> None:
    found = mail(words)
    assert isinstance(found, events.MailGiven)
    assert (found.ret, found.envid) == (ret, envid)


@pytest.mark.parametrize(
    "words",
    [
        b" RET",
        b" RET=ALL",
        b" RET=FULL RET=FULL",
        b" ENVID=",
        b" ENVID=a=b",
        b" ENVID=a+0A",
        b" ENVID=a+zz",
        b" ENVID=" + b"a" * 101,
        b" ENVID=a ENVID=a",
    ],
)
def test_bad_ret_and_envid_are_refused_with_501(words: bytes) -> None:
    assert mail(words) == replies.BAD_PARAMETER


def test_who_does_not_offer_dsn_knows_none_of_it() -> None:
    assert rcpt(b" NOTIFY=NEVER", dsn=False) == replies.UNKNOWN_PARAMETER
    assert mail(b" RET=FULL", dsn=False) == replies.UNKNOWN_PARAMETER


@pytest.mark.parametrize("dsn", [True, False])
def test_it_is_announced_where_it_is_offered(*, dsn: bool) -> None:
    session = servers.ServerSession(servers.ServerSettings("gw.test", auth_required=False, dsn=dsn))
    session.greeting()
    session.data_to_send()
    session.receive(b"EHLO client.test\r\n")
    session.next_event()
    assert (b"DSN\r\n" in session.data_to_send()) is dsn
    assert (b"DSN" in extensions.announce(extensions.Extensions(dsn=dsn))) is dsn


WANTED = smtp_client.Wanted((b"RET=HDRS", b"ENVID=a"), (b" NOTIFY=NEVER", b""))


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("dsn", [True, False])
def test_the_next_host_is_asked_where_it_offers_dsn(*, dsn: bool, pipelining: bool) -> None:
    client = smtp_client.ClientSession(smtp_client.ClientSettings(b"gw.test", smtp_client.Tls.NEVER))
    offers = b"".join(b"250-%s\r\n" % word for word in (b"DSN",) * dsn + (b"PIPELINING",) * pipelining)
    client.receive(b"220 mx.test\r\n")
    client.next_event()
    client.receive(b"250-mx.test\r\n" + offers + b"250 HELP\r\n")
    client.next_event()
    client.data_to_send()
    client.send(
        smtp_client.Transaction(b"a@b.test", (b"c@d.test", b"e@f.test"), (b"x\r\n",), 3, wanted=WANTED)
    )
    written = b"".join(client.data_to_send())
    for _ in range(0 if pipelining else 2):
        client.receive(b"250 ok\r\n")
        client.next_event()
        written += b"".join(client.data_to_send())
    mail_words, rcpt_words = (b" RET=HDRS ENVID=a", b" NOTIFY=NEVER") if dsn else (b"", b"")
    lines = written.split(b"\r\n")
    assert lines[:3] == [
        b"MAIL FROM:<a@b.test>" + mail_words,
        b"RCPT TO:<c@d.test>" + rcpt_words,
        b"RCPT TO:<e@f.test>",
    ]
