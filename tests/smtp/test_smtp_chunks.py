"""Messages in chunks (RFC 3030): the octets are counted, never searched and never read as commands, whatever is answered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.smtp import smtp_shell

from gatepost.smtp import chunks, commands, events, replies

ENVELOPE = smtp_shell.ENVELOPE
greeted = smtp_shell.greeted
EVIL = b"MAIL FROM:<evil@b.test>\r\nRCPT TO:<v@mx.test>\r\nDATA\r\nspam\r\n.\r\n"


def bdat(text: bytes, *, last: bool = False) -> bytes:
    return b"BDAT %d%s\r\n%s" % (len(text), b" LAST" if last else b"", text)


def codes(said: bytes) -> list[bytes]:
    return [line[:3] for line in said.splitlines()]


def test_a_message_in_chunks_is_taken_with_dots_and_all() -> None:
    shell = greeted()
    said = shell.say(ENVELOPE, bdat(b"Subject: hi\r\n\r\n..two"), bdat(b" dots\r\n.\r\nend\r\n", last=True))
    assert codes(said) == [b"250"] * 4
    assert b"250 2.0.0 20 octets taken\r\n" in said
    assert shell.messages == [b"Subject: hi\r\n\r\n..two dots\r\n.\r\nend\r\n"]


def test_everything_may_come_in_one_write_and_the_next_message_with_it() -> None:
    shell = greeted()
    one = ENVELOPE + bdat(b"one\r\n" * 3) + bdat(b"", last=True)
    assert codes(shell.say(one + ENVELOPE + bdat(b"two\r\n", last=True) + b"QUIT\r\n")) == [b"250"] * 7 + [
        b"221"
    ]
    assert shell.messages == [b"one\r\n" * 3, b"two\r\n"]


def test_a_last_line_without_its_end_gets_one_and_an_empty_message_stays_empty() -> None:
    shell = greeted()
    shell.say(ENVELOPE + bdat(b"text", last=True) + ENVELOPE + bdat(b"", last=True))
    assert shell.messages == [b"text\r\n", b""]
    ends = [event for event in shell.events if isinstance(event, events.BodyEnd)]
    assert [end.size for end in ends] == [6, 0]


@pytest.mark.parametrize(
    ("before", "reply"),
    [
        (b"", replies.MAIL_FIRST),
        (b"MAIL FROM:<a@b.test>\r\n", replies.NO_RECIPIENTS),
        (b"MAIL FROM:<no@b.test>\r\nRCPT TO:<x@mx.test>\r\n", replies.MAIL_FIRST),
        (b"MAIL FROM:<a@b.test>\r\nRCPT TO:<no@mx.test>\r\n", replies.NO_RECIPIENTS),
        (ENVELOPE + bdat(b"hi\r\n", last=True), replies.MAIL_FIRST),
    ],
)
def test_a_chunk_that_nobody_waits_for_is_read_and_refused(before: bytes, reply: bytes) -> None:
    shell = greeted()
    shell.say(before)
    taken = list(shell.messages)
    assert shell.say(bdat(EVIL) + bdat(b"more", last=True)) == reply + replies.MAIL_FIRST
    assert shell.messages == taken
    assert codes(shell.say(b"RSET\r\n" + ENVELOPE + bdat(b"hi\r\n", last=True))) == [b"250"] * 4


@pytest.mark.parametrize(
    ("text", "reply"),
    [
        (b"x" * 80 + b"\r\n" * 500, replies.TOO_BIG),
        (b"bare\nfeed", replies.BARE_NEWLINE_IN_BODY),
        (b"bare\rreturn", replies.BARE_NEWLINE_IN_BODY),
        (b"\n.\n" + EVIL, replies.BARE_NEWLINE_IN_BODY),
        (b"nul\0\r\n", replies.BARE_NEWLINE_IN_BODY),
        (b"ends in a return\r", replies.BARE_NEWLINE_IN_BODY),
    ],
)
def test_a_message_that_is_not_taken_ends_the_transaction_and_not_the_session(
    text: bytes, reply: bytes
) -> None:
    for last in (True, False):
        shell = greeted()
        said = shell.say(ENVELOPE + bdat(text, last=last) + bdat(EVIL, last=True) + b"RSET\r\n")
        wanted = replies.ACCEPTED_SENDER + replies.ACCEPTED_RECIPIENT
        if text.endswith(b"\r") and not last:
            assert said.startswith(wanted + b"250 2.0.0 17 octets")
            assert replies.BARE_NEWLINE_IN_BODY in said
        else:
            assert said == wanted + reply + replies.MAIL_FIRST + replies.OK
        assert shell.messages == []
        assert events.Reset() in shell.events


def test_a_line_without_end_is_refused() -> None:
    shell = greeted(max_size=0)
    said = shell.say(ENVELOPE, bdat(b"x" * 40_000), bdat(b"x" * 40_000, last=True))
    assert said.endswith(replies.TEXT_LINE_TOO_LONG)


@pytest.mark.parametrize(
    "argument",
    [b"", b"x", b"-1", b"+1", b"1 2", b"1 FIRST", b"9" * 21, b"0x10", b"1_0", b"LAST", b"1 LAST LAST"],
)
def test_where_the_length_cannot_be_told_the_session_ends(argument: bytes) -> None:
    shell = greeted()
    said = shell.say(ENVELOPE + b"BDAT " + argument + b"\r\n" + EVIL)
    assert said.endswith(replies.BAD_BDAT)
    assert shell.reason() is events.Reason.CHUNK
    assert shell.messages == []


def test_before_ehlo_there_are_no_chunks() -> None:
    shell = smtp_shell.Shell()
    assert shell.say(bdat(EVIL)).endswith(replies.HELLO_FIRST)
    assert shell.reason() is events.Reason.CHUNK


def test_data_and_chunks_do_not_mix() -> None:
    shell = greeted()
    said = shell.say(ENVELOPE, bdat(b"hi\r\n"), b"DATA\r\n", b"RCPT TO:<y@mx.test>\r\n", b"MAIL FROM:<>\r\n")
    assert said.endswith(replies.CHUNKS_BEGUN * 2 + replies.NESTED)
    shell.say(bdat(b"end\r\n", last=True))
    assert shell.messages == [b"hi\r\nend\r\n"]


@pytest.mark.parametrize("way_out", [b"RSET\r\n", b"EHLO x\r\n", b"HELO x\r\n"])
def test_a_message_begun_is_dropped_by_whoever_begins_anew(way_out: bytes) -> None:
    shell = greeted()
    shell.say(ENVELOPE, bdat(b"hi\r\n"), way_out)
    assert shell.events[-1] == events.Reset()
    assert shell.say(bdat(b"x", last=True)) == replies.MAIL_FIRST
    assert shell.messages == []


def test_chunks_that_bring_nothing_are_counted() -> None:
    shell = greeted()
    said = shell.say(ENVELOPE, *[bdat(b"")] * 200)
    assert said.endswith(replies.TOO_MUCH_JUNK)
    shell = greeted(max_size=0)
    assert codes(shell.say(ENVELOPE, *[bdat(b"\r\n" * chunks.SMALL)] * 200)) == [b"250"] * 202


def test_while_chunks_are_awaited_the_message_is_under_way() -> None:
    shell = greeted()
    shell.say(ENVELOPE, b"BDAT 5\r\nhi")
    assert shell.session.in_body
    shell.say(b"\r\nx")
    assert shell.session.in_body
    shell.say(bdat(b"", last=True))
    assert not shell.session.in_body


def test_the_command_is_read_without_case() -> None:
    assert commands.bdat(b"12 last") == (12, True)
    assert commands.bdat(b" 0 ") == (0, False)


@given(st.lists(st.binary(max_size=30), max_size=5), st.integers(1, 40), st.booleans())
@settings(max_examples=200)
def test_the_cuts_change_nothing(texts: list[bytes], cut: int, envelope: bool) -> None:
    wire = (ENVELOPE if envelope else b"") + b"".join(map(bdat, texts)) + bdat(EVIL, last=True) + b"NOOP\r\n"
    whole, pieces = greeted(), greeted()
    whole.say(wire)
    pieces.say(*[wire[at : at + cut] for at in range(0, len(wire), cut)])
    assert pieces.wire == whole.wire
    assert pieces.messages == whole.messages
    if whole.messages:
        [message] = whole.messages
        assert message == b"".join(texts) + EVIL
