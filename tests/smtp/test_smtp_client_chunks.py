"""The client with BDAT (RFC 3030): where it is wanted and offered, and what is known when the replies stay away."""

import pytest
from tests.smtp import smtp_talk as talk
from tests.smtp import test_smtp_pair as pair

from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.smtp import client, data, states

HELLO = b"250-mx.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
OK = b"250 ok\r\n"
done, failed = talk.done, talk.failed


def begun(*recipients: bytes, hello: bytes = HELLO, size: int = 4) -> client.ClientSession:
    session = talk.ready(hello, chunking=True)
    assert session.next_event() == client.Ready()
    body = b"x" * (size - 2) + b"\r\n"
    session.send(client.Transaction(b"a@b.test", recipients or (b"x@mx.test",), (body,), size))
    return session


def test_a_small_message_goes_out_with_its_envelope() -> None:
    session = begun()
    assert b"".join(session.data_to_send()) == (
        b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nBDAT 4 LAST\r\nxx\r\n"
    )
    session.receive(OK * 3)
    [answer] = done(session).answers
    assert answer is not None
    assert (answer.code, answer.stage) == (250, replies.Stage.DOT)
    session.send(talk.transaction())
    assert b"".join(session.data_to_send()).startswith(b"MAIL FROM")


def test_a_large_one_waits_until_somebody_takes_it() -> None:
    session = begun(b"a@x.test", b"b@x.test", size=client.MAX_AHEAD + 1)
    assert b"".join(session.data_to_send()).endswith(b"RCPT TO:<b@x.test>\r\n")
    session.receive(OK + b"550 5.1.1 no\r\n" + OK)
    assert session.next_event() is states.NEED_DATA
    assert b"".join(session.data_to_send()).startswith(b"BDAT 65537 LAST\r\nxxx")
    session.receive(OK)
    assert [answer.code for answer in done(session).answers if answer] == [550, 250]
    session = begun(size=client.MAX_AHEAD + 1)
    session.data_to_send()
    session.receive(OK + b"550 5.1.1 no\r\n")
    assert [answer.code for answer in done(session).answers if answer] == [550]
    assert session.data_to_send() == []


def test_without_pipelining_every_command_waits() -> None:
    session = begun(hello=b"250-mx.test\r\n250 CHUNKING\r\n")
    for wanted in (b"MAIL FROM:<a@b.test>\r\n", b"RCPT TO:<x@mx.test>\r\n", b"BDAT 4 LAST\r\nxx\r\n"):
        assert b"".join(session.data_to_send()) == wanted
        session.receive(OK)
        session.next_event()
    session = begun(hello=b"250-mx.test\r\n250 CHUNKING\r\n")
    session.receive(OK)
    session.next_event()
    session.receive(b"550 5.1.1 no\r\n")
    assert [answer.code for answer in done(session).answers if answer] == [550]


@pytest.mark.parametrize("wanted", [True, False])
def test_data_is_used_where_chunks_are_not_offered_or_not_wanted(wanted: bool) -> None:
    session = talk.ready(talk.HELLO if wanted else HELLO, chunking=wanted)
    session.next_event()
    session.send(talk.transaction())
    assert b"".join(session.data_to_send()).endswith(b"DATA\r\n")


def test_nobody_taken_is_no_doubt_and_resets_before_the_next() -> None:
    session = begun()
    session.data_to_send()
    session.receive(OK + b"550 5.1.1 no\r\n554 nobody\r\n")
    [answer] = done(session).answers
    assert answer is not None
    assert (answer.code, answer.stage) == (550, replies.Stage.RCPT)
    session.send(talk.transaction())
    assert b"".join(session.data_to_send()).startswith(b"RSET\r\nMAIL")


@pytest.mark.parametrize("answered", [0, 1, 2])
def test_a_break_after_a_whole_message_went_out_leaves_doubt(answered: int) -> None:
    session = begun()
    session.data_to_send()
    session.receive(OK * answered)
    assert session.next_event() is states.NEED_DATA
    session.receive_eof()
    assert failed(session).in_doubt


@pytest.mark.parametrize("said", [b"421 busy\r\n", OK + b"421 busy\r\n"])
def test_a_goodbye_before_the_chunk_is_no_doubt(said: bytes) -> None:
    session = begun()
    session.data_to_send()
    session.receive(said)
    event = failed(session)
    assert not event.in_doubt
    assert event.problem is failures.Problem.RESET


def test_a_break_while_a_large_one_waits_leaves_none() -> None:
    session = begun(size=client.MAX_AHEAD + 1)
    session.data_to_send()
    session.receive_eof()
    assert not failed(session).in_doubt


def test_one_reply_too_many_is_charged_to_nobody() -> None:
    session = begun()
    session.data_to_send()
    session.receive(OK + OK + b"550 5.1.1 stray\r\n" + OK)
    event = failed(session)
    assert (event.answers, event.in_doubt) == ((None,), True)
    session = begun()
    session.data_to_send()
    session.receive(OK * 3 + b"421 enough\r\n")
    assert [answer.code for answer in done(session).answers if answer] == [250]


def test_bytes_that_nobody_asked_for_stop_a_large_chunk() -> None:
    session = begun(size=client.MAX_AHEAD + 1)
    session.data_to_send()
    session.receive(OK * 3)
    assert failed(session).problem is failures.Problem.PROTOCOL
    assert session.data_to_send() == []


@pytest.mark.parametrize(
    ("chunks", "wire"),
    [
        ((b"a\r\n",), b"BDAT 3 LAST\r\na\r\n"),
        ((b"a\r", b"\n"), b"BDAT 3 LAST\r\na\r\n"),
        ((b"a",), b"BDAT 3 LAST\r\na\r\n"),
        ((b"", b".\r\n", b""), b"BDAT 3 LAST\r\n.\r\n"),
        ((b"a\r\n", b"", b""), b"BDAT 3 LAST\r\na\r\n"),
        ((), b"BDAT 0 LAST\r\n"),
    ],
)
def test_a_chunk_has_its_exact_length(chunks: tuple[bytes, ...], wire: bytes) -> None:
    assert b"".join(data.chunk(chunks)) == wire


def test_both_sides_understand_each_other() -> None:
    shop, session = pair.Shop(), client.ClientSession(client.ClientSettings(b"us.test", chunking=True))
    pair.talk(shop, session)
    for _ in range(2):
        session.send(pair.transaction(b"x@mx.test", b"no@mx.test"))
        [event] = pair.talk(shop, session)
        assert isinstance(event, client.TransactionDone)
        assert [answer.code for answer in event.answers if answer] == [250, 550]
    assert shop.messages == [(["x@mx.test"], pair.BODY)] * 2
