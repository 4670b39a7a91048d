"""The grammar of commands: what is read, what is refused, and what never gets onto the wire."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.model import address as addresses
from gatepost.smtp import commands, events, replies, states


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b"mail FROM:<a@b.test>", (b"MAIL", b"FROM:<a@b.test>")),
        (b"NOOP", (b"NOOP", b"")),
        (b"noop and more", (b"NOOP", b"and more")),
        (b"DATA ", (b"DATA", b"")),
        (b"DATA now", replies.NO_ARGUMENT),
        (b"", replies.UNKNOWN_COMMAND),
        (b" NOOP", replies.UNKNOWN_COMMAND),
        (b"RCPT: x", replies.UNKNOWN_COMMAND),
        (b"\x80\x81", replies.BAD_CHARACTERS),
        ("ÉHLO x".encode(), replies.BAD_CHARACTERS),
        (b"EHLO a\0b", replies.BAD_CHARACTERS),
        (b"MAIL\tFROM:<a@b.test>", replies.BAD_CHARACTERS),
        (b"RCPT TO:<a\x7f@b.test>", replies.BAD_CHARACTERS),
    ],
    ids=repr,
)
def test_a_line_is_a_verb_and_its_argument_or_refused(
    line: bytes, found: tuple[bytes, bytes] | bytes
) -> None:
    assert commands.split(line) == found


@pytest.mark.parametrize(
    ("argument", "known"),
    [
        (b"mx.test", True),
        (b"[192.0.2.1]", True),
        (b"my_laptop", True),
        (b"", False),
        (b"two words", False),
        (b"x" * 256, False),
    ],
)
def test_a_client_names_itself_in_one_word(argument: bytes, known: bool) -> None:
    assert commands.hello(argument) == (argument if known else None)


ANN = addresses.parse("ann@b.test")


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        (b"FROM:<ann@b.test>", events.MailGiven(ANN)),
        (b"from: <ann@b.test> ", events.MailGiven(ANN)),
        (b"FROM:<>", events.MailGiven(None)),
        (b"FROM:<> BODY=7bit SIZE=99", events.MailGiven(None, size=99)),
        (b"FROM:<ann@b.test> size=100 body=8BITMIME", events.MailGiven(ANN, size=100, body_8bit=True)),
        (b"FROM:<ann@b.test> AUTH=<>", events.MailGiven(ANN)),
        (b"FROM:<> SMTPUTF8", events.MailGiven(None, smtputf8=True)),
        (b"FROM:<ann@b.test> SIZE=101", replies.TOO_BIG),
        (b"FROM:<ann@b.test> SIZE=", replies.BAD_PARAMETER),
        (b"FROM:<ann@b.test> SIZE=-1", replies.BAD_PARAMETER),
        (b"FROM:<ann@b.test> SIZE=" + b"9" * 21, replies.BAD_PARAMETER),
        (b"FROM:<ann@b.test> SIZE=1 SIZE=1", replies.BAD_PARAMETER),
        (b"FROM:<ann@b.test> BODY=BINARYMIME", replies.BAD_PARAMETER),
        (b"FROM:<ann@b.test> BODY=9BIT", replies.BAD_PARAMETER),
        (b"FROM:<ann@b.test> SMTPUTF8=yes", replies.BAD_PARAMETER),
        (b"FROM:<ann@b.test> AUTH=", replies.BAD_PARAMETER),
        (b"FROM:<ann@b.test> RET=HDRS", replies.UNKNOWN_PARAMETER),
        (b"FROM:<ann@b.test>SIZE=1", replies.BAD_MAIL),
        (b"FROM:ann@b.test", replies.BAD_MAIL),
        (b"TO:<ann@b.test>", replies.BAD_MAIL),
        (b"", replies.BAD_MAIL),
        ("FROM:<é@b.test>".encode(), replies.NEEDS_SMTPUTF8),
    ],
    ids=repr,
)
def test_mail_is_read_or_refused_with_the_whole_reply(
    argument: bytes, found: events.MailGiven | bytes
) -> None:
    assert commands.mail(argument, 100) == found


@pytest.mark.parametrize(
    "path", [b"ann", b"@a:ann@b.test", b"ann@b..test", b"ann@[192.0.2.9]", b"a b@b.test"]
)
def test_an_address_that_mail_cannot_go_to_is_refused_and_not_repeated(path: bytes) -> None:
    for found in (
        commands.mail(b"FROM:<%s>" % path, 0),
        commands.rcpt(b"TO:<%s>" % path, "mx.test", smtputf8=False),
    ):
        assert isinstance(found, bytes)
        assert found.startswith(b"501 5.1.")
        assert path not in found


@pytest.mark.parametrize(
    ("argument", "key"),
    [
        (b"TO:<Ann@B.test>", "ann@b.test"),
        (b"to: <ann@b.test>  ", "ann@b.test"),
        (b"TO:<Postmaster>", "postmaster@mx.test"),
        (b'TO:<"a>b"@b.test>', '"a>b"@b.test'),
    ],
    ids=repr,
)
def test_rcpt_is_read(argument: bytes, key: str) -> None:
    found = commands.rcpt(argument, "mx.test", smtputf8=False)
    assert isinstance(found, events.RcptGiven)
    assert found.address.key == key


@pytest.mark.parametrize(
    ("argument", "reply"),
    [
        (b"TO:<ann@b.test> NOTIFY=NEVER", replies.UNKNOWN_PARAMETER),
        (b"TO:ann@b.test", replies.BAD_RCPT),
        (b"TO:<ann@b.test", replies.BAD_RCPT),
        (b"TO:<a@b.test><c@d.test>", replies.BAD_RCPT),
        ("TO:<é@b.test>".encode(), replies.NEEDS_SMTPUTF8),
    ],
    ids=repr,
)
def test_rcpt_is_refused(argument: bytes, reply: bytes) -> None:
    assert commands.rcpt(argument, "mx.test", smtputf8=False) == reply


def test_an_international_address_is_read_where_smtputf8_was_asked_for() -> None:
    assert isinstance(commands.rcpt("TO:<é@b.test>".encode(), "mx.test", smtputf8=True), events.RcptGiven)
    found = commands.mail("FROM:<é@b.test> SMTPUTF8".encode(), 0)
    assert isinstance(found, events.MailGiven)


@given(st.binary(max_size=60))
@settings(max_examples=50)
def test_any_argument_gives_an_event_or_a_reply_in_form(argument: bytes) -> None:
    for found in (
        commands.mail(b"FROM:<" + argument, 100),
        commands.rcpt(b"TO:<" + argument, "mx.test", smtputf8=True),
        commands.mail(b"FROM:<> " + argument, 100),
    ):
        assert not isinstance(found, bytes) or replies.is_refusal(found.removesuffix(b"\r\n"))


def test_what_is_written_is_what_is_read() -> None:
    line = commands.write_mail(b"ann@b.test", [b"SIZE=5", b"BODY=8BITMIME"])
    assert line == b"MAIL FROM:<ann@b.test> SIZE=5 BODY=8BITMIME\r\n"
    assert commands.mail(line[5:-2], 0) == events.MailGiven(ANN, size=5, body_8bit=True)
    assert commands.write_rcpts([b"a@b.test", b"c@d.test"]) == b"RCPT TO:<a@b.test>\r\nRCPT TO:<c@d.test>\r\n"


@pytest.mark.parametrize("bad", [b"\r", b"\n", b"\0", b"\r\nRCPT TO:<v@x.test>"], ids=repr)
def test_a_line_that_holds_another_is_never_written(bad: bytes) -> None:
    with pytest.raises(states.LocalProtocolError):
        commands.check(commands.write_mail(b"a%s@b.test" % bad), 1)
