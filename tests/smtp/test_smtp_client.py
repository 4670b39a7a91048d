"""The client against scripted servers: each recipient gets its own reply, and only what can be taken is sent."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.smtp import smtp_talk as talk

from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.smtp import client, states

begun, done, failed, ready, transaction = talk.begun, talk.done, talk.failed, talk.ready, talk.transaction


def test_each_recipient_gets_its_own_reply() -> None:
    session = begun(b"a@x.test", b"b@x.test", b"c@x.test")
    session.receive(b"250 ok\r\n250 ok\r\n550 5.1.1 no\r\n451 later\r\n354 go\r\n")
    assert session.next_event() is states.NEED_DATA
    assert b"".join(session.data_to_send()).endswith(b"hi\r\n.\r\n")
    session.receive(b"250 2.0.0 queued\r\n")
    answers = done(session).answers
    assert [(a.code, a.stage) for a in answers if a] == [
        (250, replies.Stage.DOT),
        (550, replies.Stage.RCPT),
        (451, replies.Stage.RCPT),
    ]


def test_a_refusal_of_mail_answers_every_recipient() -> None:
    session = begun(b"a@x.test", b"b@x.test")
    session.receive(b"550 5.7.1 bad sender\r\n503 mail first\r\n503 mail first\r\n503 mail first\r\n")
    answers = done(session).answers
    assert [(a.code, a.stage) for a in answers if a] == [(550, replies.Stage.MAIL)] * 2


def test_the_next_transaction_resets_first_after_a_refusal() -> None:
    session = begun()
    session.data_to_send()
    session.receive(b"250 ok\r\n550 no\r\n554 nobody\r\n")
    done(session)
    session.send(client.Transaction(b"a@b.test", (b"y@x.test",), (b"hi\r\n",), 4))
    assert b"".join(session.data_to_send()).startswith(b"RSET\r\nMAIL FROM")
    session.receive(b"250 reset\r\n250 ok\r\n250 ok\r\n354 go\r\n")
    session.next_event()
    session.receive(b"250 queued\r\n")
    assert done(session).answers[0] is not None


def test_without_pipelining_every_command_waits_for_its_answer() -> None:
    session = begun(hello=b"250 mx.test\r\n")
    for answer, wanted in [
        (b"250 ok\r\n", b"RCPT TO:<x@mx.test>\r\n"),
        (b"250 ok\r\n", b"DATA\r\n"),
        (b"354 go\r\n", b"hi\r\n.\r\n"),
    ]:
        session.data_to_send()
        session.receive(answer)
        assert session.next_event() is states.NEED_DATA
        assert b"".join(session.data_to_send()) == wanted


def test_plaintext_behind_the_answer_to_starttls_is_refused() -> None:
    session = ready(b"250-mx.test\r\n250 STARTTLS\r\n")
    session.next_event()
    session.data_to_send()
    session.receive(b"220 go\r\n250-INJECTED\r\n250 AUTH PLAIN\r\n")
    assert failed(session).problem is failures.Problem.PROTOCOL


def test_required_tls_that_is_not_offered_fails_and_names_it() -> None:
    session = ready(tls=client.Tls.REQUIRED)
    event = failed(session)
    assert (event.problem, event.stage) == (failures.Problem.TLS_FAILED, replies.Stage.STARTTLS)


def test_a_server_without_ehlo_is_greeted_with_helo() -> None:
    session = ready(b"502 what?\r\n")
    assert session.next_event() is states.NEED_DATA
    assert session.data_to_send() == [b"HELO us.test\r\n"]
    session.receive(b"250 mx.test\r\n")
    assert session.next_event() == client.Ready()


def test_what_a_server_cannot_take_is_not_sent() -> None:
    session = ready(b"250 mx.test\r\n")
    session.next_event()
    session.send(client.Transaction(b"a@b.test", (b"x@y.test",), (b"\xff\r\n",), 3, eight_bit=True))
    assert done(session).problem is failures.Problem.UNSUPPORTED
    assert session.can_send


@pytest.mark.parametrize("line", [b"a@b\r\nRCPT TO:<v@x.test>", b"a\0@b", b"a\n@b"], ids=repr)
def test_an_address_that_would_inject_a_command_is_never_sent(line: bytes) -> None:
    session = ready()
    session.next_event()
    with pytest.raises(states.LocalProtocolError):
        session.send(client.Transaction(line, (b"x@y.test",), (b"",), 0))


def test_without_pipelining_a_refusal_ends_the_transaction_at_once() -> None:
    for said in (b"550 no\r\n", b"250 ok\r\n550 no\r\n"):
        session = begun(hello=b"250 mx.test\r\n")
        for line in said.splitlines(keepends=True):
            session.receive(line)
            event = session.next_event()
        assert isinstance(event, client.TransactionDone)
        session.data_to_send()
        session.send(transaction(b"y@mx.test", b"z@mx.test"))
        assert session.data_to_send() == [b"RSET\r\n"]
        talk = [(b"250 ok\r\n", b"MAIL FROM:<a@b.test>\r\n"), (b"250 ok\r\n", b"RCPT TO:<y@mx.test>\r\n")]
        for theirs, ours in [
            *talk,
            (b"550 no\r\n", b"RCPT TO:<z@mx.test>\r\n"),
            (b"250 ok\r\n", b"DATA\r\n"),
        ]:
            session.receive(theirs)
            assert session.next_event() is states.NEED_DATA
            assert session.data_to_send() == [ours]


def test_no_reset_is_sent_after_a_message_that_was_taken() -> None:
    session = begun()
    session.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    session.next_event()
    session.receive(b"250 queued\r\n")
    done(session)
    session.data_to_send()
    session.send(transaction())
    assert session.data_to_send() == [b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nDATA\r\n"]


def test_a_refused_reset_ends_the_session_before_anything_was_tried() -> None:
    session = begun()
    session.receive(b"250 ok\r\n550 no\r\n554 no\r\n")
    done(session)
    session.send(transaction())
    session.receive(b"500 what?\r\n")
    event = failed(session)
    assert (event.stage, event.answers) == (replies.Stage.MAIL, (None,))


# --- what a server can take


@pytest.mark.parametrize(
    ("offer", "eight_bit", "smtputf8", "problem"),
    [
        (b"250 SIZE 3\r\n", False, False, failures.Problem.TOO_LARGE),
        (b"250 SIZE 4\r\n", False, False, None),
        (b"250 SIZE 0\r\n", False, False, None),
        (b"250 SIZE\r\n", False, False, None),
        (b"250 8BITMIME\r\n", True, False, None),
        (b"250 SMTPUTF8\r\n", True, False, failures.Problem.UNSUPPORTED),
        (b"250 8BITMIME\r\n", False, True, failures.Problem.UNSUPPORTED),
        (b"250-8BITMIME\r\n250 SMTPUTF8\r\n", True, True, None),
    ],
)
def test_content_goes_only_where_it_can_be_taken(
    offer: bytes, eight_bit: bool, smtputf8: bool, problem: failures.Problem | None
) -> None:
    session = ready(b"250-mx.test\r\n" + offer)
    session.next_event()
    session.data_to_send()
    content = client.Transaction(b"a@b.test", (b"x@y.test",), (b"hi\r\n",), 4, eight_bit, smtputf8)
    session.send(content)
    wire = b"".join(session.data_to_send())
    if problem is not None:
        assert (done(session).problem, wire) == (problem, b"")
        return
    assert (b" BODY=8BITMIME" in wire, b" SMTPUTF8" in wire) == (eight_bit, smtputf8)
    assert (b" SIZE=4" in wire) == (b"SIZE" in offer)


def test_a_servers_limits_are_known() -> None:
    session = ready(b"250-mx.test\r\n250-PIPELINING\r\n250 LIMITS RCPTMAX=7 MAILMAX=1\r\n")
    session.next_event()
    assert session.rcpt_max == 7
    session.send(transaction())
    session.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    session.next_event()
    session.receive(b"250 queued\r\n")
    done(session)
    assert not session.can_send


# --- our own mistakes


def test_a_transaction_for_nobody_or_out_of_turn_is_our_mistake() -> None:
    session = ready()
    session.next_event()
    with pytest.raises(states.LocalProtocolError):
        session.send(client.Transaction(b"", (), (b"",), 0))
    with pytest.raises(states.LocalProtocolError):
        session.send(transaction(b"x@y.test\r\nRSET"))
    assert session.can_send
    session.send(transaction())
    with pytest.raises(states.LocalProtocolError):
        session.send(transaction())


# --- whatever the bytes, whatever the cuts

LINES = st.lists(
    st.sampled_from(
        [b"220 a\r\n", b"250 a\r\n", b"250-a\r\n", b"250-PIPELINING\r\n", b"354 a\r\n", b"421 a\r\n"]
    )
    | st.sampled_from([b"550 5.1.1 a\r\n", b"450 a\r\n", b"334 a\r\n", b"235 a\r\n", b"502 a\r\n", b"\r\n"])
    | st.binary(max_size=12),
    max_size=16,
)


@given(LINES, st.booleans())
@settings(max_examples=100)
def test_any_bytes_give_events_and_no_more_answers_than_recipients(lines: list[bytes], greeted: bool) -> None:
    session = client.ClientSession(client.ClientSettings(b"us.test"))
    for line in [b"220 mx\r\n", talk.HELLO] * greeted + lines:
        session.receive(line)
        while not isinstance(event := session.next_event(), states.Signal):
            if isinstance(event, client.SessionFailed):
                assert len(event.answers) in (0, 2)
                return
            if isinstance(event, client.TransactionDone):
                assert None not in event.answers
                assert len(event.answers) == 2
            if session.can_send:
                session.send(transaction(b"x@mx.test", b"y@mx.test"))
        session.data_to_send()


@given(
    st.lists(st.sampled_from([b"250 ok\r\n", b"550 no\r\n", b"450-a\r\n450 b\r\n"]), min_size=4, max_size=4)
)
@settings(max_examples=50)
def test_replies_byte_by_byte_say_the_same(said: list[bytes]) -> None:
    found = []
    for size in (1, 1000):
        session = begun(b"a@x.test", b"b@x.test", b"c@x.test")
        wire = b"".join(said) + (b"354 go\r\n" if b"250" in b"".join(said[1:]) else b"554 nobody\r\n")
        for at in range(0, len(wire), size):
            session.receive(wire[at : at + size])
            event = session.next_event()
        if not isinstance(event, client.TransactionDone):
            session.receive(b"250 queued\r\n")
            event = session.next_event()
        found.append(event)
    assert found[0] == found[1]
