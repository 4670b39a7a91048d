"""The client against scripted servers: replies are charged to whom they answer, and to nobody else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.smtp import client, states

HELLO = b"250-mx.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n"


def ready(hello: bytes = HELLO, **settings: object) -> client.ClientSession:
    session = client.ClientSession(client.ClientSettings(b"us.test", **settings))  # type: ignore[arg-type]
    session.receive(b"220 mx.test\r\n")
    session.next_event()
    session.receive(hello)
    session.data_to_send()
    return session


def begun(*recipients: bytes, hello: bytes = HELLO) -> client.ClientSession:
    session = ready(hello)
    assert session.next_event() == client.Ready()
    session.send(client.Transaction(b"a@b.test", recipients or (b"x@mx.test",), (b"hi\r\n",), 4))
    return session


def failed(session: client.ClientSession) -> client.SessionFailed:
    event = session.next_event()
    assert isinstance(event, client.SessionFailed)
    assert session.next_event() is event
    return event


def done(session: client.ClientSession) -> client.TransactionDone:
    event = session.next_event()
    assert isinstance(event, client.TransactionDone)
    return event


MALFORMED = [
    b"25O ok",
    b"+25 ok",
    b"2_0 ok",
    b" 250 ok",
    b"099 ok",
    b"650 ok",
    b"5500 ok",
    b"250\xa0ok",
    "٢٥٠ ok".encode(),
]


@pytest.mark.parametrize("line", MALFORMED, ids=repr)
def test_a_malformed_code_is_a_protocol_error_and_suppresses_nobody(line: bytes) -> None:
    session = begun()
    session.receive(line + b"\r\n")
    event = failed(session)
    assert event.problem is failures.Problem.PROTOCOL
    assert event.answers == (None,)
    assert not event.in_doubt


def test_lines_of_one_reply_with_two_codes_are_malformed() -> None:
    session = begun()
    session.receive(b"550-no\r\n250 ok\r\n")
    assert failed(session).problem is failures.Problem.PROTOCOL


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


def test_a_stray_reply_is_charged_to_nobody() -> None:
    session = begun()
    session.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    session.next_event()
    session.receive(b"250 queued\r\n550 5.1.1 no such user\r\n")
    assert done(session).answers[0] is not None
    event = failed(session)
    assert event.problem is failures.Problem.PROTOCOL
    assert event.answers == ()


def test_a_stray_reply_before_the_next_transaction_ends_the_session() -> None:
    session = ready()
    session.next_event()
    session.receive(b"550 5.1.1 stray\r\n")
    assert failed(session).answers == ()


def test_a_goodbye_on_an_idle_connection_is_no_protocol_error() -> None:
    session = ready()
    session.next_event()
    session.receive(b"421 4.4.2 idle too long\r\n")
    event = failed(session)
    assert event.problem is failures.Problem.RESET
    assert event.reply is not None


@pytest.mark.parametrize("end", ["eof", "timeout"])
def test_silence_after_the_final_dot_is_in_doubt(end: str) -> None:
    session = begun()
    session.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    session.next_event()
    session.data_to_send()
    session.receive_eof() if end == "eof" else session.timed_out()
    event = failed(session)
    assert event.in_doubt
    assert event.stage is replies.Stage.DOT


def test_silence_before_the_final_dot_is_not() -> None:
    session = begun()
    session.receive(b"250 ok\r\n550 no\r\n")
    session.receive_eof()
    event = failed(session)
    assert not event.in_doubt
    assert event.answers[0] is not None


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


def test_an_endless_reply_is_cut() -> None:
    session = client.ClientSession(client.ClientSettings(b"us.test"))
    for _ in range(100):
        session.receive(b"220-AAAA\r\n")
        session.next_event()
    assert failed(session).problem is failures.Problem.PROTOCOL


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


# --- out of step


def transaction(*recipients: bytes) -> client.Transaction:
    return client.Transaction(b"a@b.test", recipients or (b"x@mx.test",), (b"hi\r\n",), 4)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (b"250 ok\r\n250 ok\r\n550 5.1.1 stray\r\n550 5.1.1 no\r\n354 go\r\n", b""),
        (b"250 ok\r\n550 5.1.1 stray\r\n250 ok\r\n250 ok\r\n354 go\r\n", b""),
        (b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n", b""),
        (b"250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n421 bye\r\n", b""),
        (b"250 ok\r\n550 no\r\n550 no\r\n503 no\r\n550 5.1.1 stray\r\n", b""),
    ],
    ids=["two replies to the first", "two to MAIL", "250 before the dot", "goodbye at 354", "one more"],
)
def test_a_group_with_too_many_answers_charges_nobody(said: bytes, written: bytes) -> None:
    session = begun(b"a@x.test", b"b@x.test")
    session.data_to_send()
    session.receive(said)
    event = failed(session)
    assert event.answers == (None, None)
    assert not event.in_doubt
    assert b"".join(session.data_to_send()) == written


@pytest.mark.parametrize(
    "before", [b"", b"250 ok\r\n", b"250 ok\r\n250 ok\r\n"], ids=["MAIL", "RCPT", "DATA"]
)
def test_without_pipelining_an_answer_before_its_question_ends_the_session(before: bytes) -> None:
    session = begun(hello=b"250 mx.test\r\n")
    for line in before.splitlines(keepends=True):
        session.receive(line)
        session.next_event()
    session.data_to_send()
    session.receive(b"250 ok\r\n550 5.1.1 stray\r\n")
    event = failed(session)
    assert (event.problem, event.answers) == (failures.Problem.PROTOCOL, (None,))
    assert session.data_to_send() == []


def test_bytes_that_came_before_a_transaction_are_charged_to_nobody_in_it() -> None:
    for stray, problem in [
        (b"550 no\r\n", failures.Problem.PROTOCOL),
        (b"421 bye\r\n", failures.Problem.RESET),
    ]:
        session = ready()
        session.next_event()
        session.receive(stray)
        session.send(transaction())
        event = failed(session)
        assert (event.problem, event.stage, event.answers) == (problem, replies.Stage.MAIL, (None,))
        assert session.data_to_send() == []


@pytest.mark.parametrize("said", ["334 a", "250 a|334 a", "250 a|250 a|250 a", "250 a|250 a|334 a"])
def test_a_reply_of_the_wrong_kind_is_a_protocol_error(said: str) -> None:
    session = begun()
    session.receive(b"".join(line.encode() + b"\r\n" for line in said.split("|")))
    event = failed(session)
    assert (event.problem, event.in_doubt) == (failures.Problem.PROTOCOL, False)


# --- goodbyes, and doubt


@pytest.mark.parametrize(
    ("said", "stage", "answers"),
    [
        ("421 bye", "mail", [0, 0]),
        ("250 ok|421 bye", "rcpt", [0, 0]),
        ("250 ok|550 no|421 bye", "rcpt", [550, 0]),
        ("250 ok|550 no|250 ok|421 bye", "data", [550, 0]),
        ("554 blocked|421 bye", "rcpt", [554, 554]),
    ],
)
def test_a_goodbye_ends_the_session_and_is_charged_to_nobody(
    said: str, stage: str, answers: list[int]
) -> None:
    session = begun(b"a@x.test", b"b@x.test")
    session.receive(b"".join(line.encode() + b"\r\n" for line in said.split("|")))
    event = failed(session)
    assert (event.stage.word, event.problem, event.in_doubt) == (stage, failures.Problem.RESET, False)
    assert event.reply is not None
    assert event.reply.code == 421
    assert [answer.code if answer else 0 for answer in event.answers] == answers


def test_a_server_that_refuses_mail_and_hangs_up_has_answered_everybody() -> None:
    session = begun(b"a@x.test", b"b@x.test")
    session.receive(b"550 5.7.1 blocked\r\n")
    session.receive_eof()
    event = failed(session)
    assert [answer.code for answer in event.answers if answer] == [550, 550]


def test_a_refusal_of_data_with_a_goodbye_behind_it_is_everybodys_answer() -> None:
    session = begun()
    session.receive(b"250 ok\r\n250 ok\r\n451 4.3.0 no\r\n421 bye\r\n")
    [answer] = done(session).answers
    assert answer is not None
    assert (answer.code, answer.stage) == (451, replies.Stage.DATA)
    assert failed(session).answers == ()


@pytest.mark.parametrize("said", [b"421 4.4.2 bye\r\n", b"354 what?\r\n", b"nonsense\r\n"], ids=repr)
def test_what_is_no_final_answer_leaves_the_message_in_doubt(said: bytes) -> None:
    session = begun(b"a@x.test", b"b@x.test")
    session.receive(b"250 ok\r\n250 ok\r\n550 no\r\n354 go\r\n")
    session.next_event()
    session.receive(said)
    event = failed(session)
    assert (event.stage, event.in_doubt) == (replies.Stage.DOT, True)
    known = [answer.code if answer else 0 for answer in event.answers]
    assert known == [421 if said.startswith(b"421") else 0, 550]


@pytest.mark.parametrize("said", [b"250 ok\r\n", b"554 no\r\n", b"421 bye\r\n", b""], ids=repr)
def test_the_answer_to_an_empty_body_that_nobody_gets_is_charged_to_nobody(said: bytes) -> None:
    session = begun(b"a@x.test", b"b@x.test")
    session.data_to_send()
    session.receive(b"250 ok\r\n550 5.1.1 no\r\n450 later\r\n354 go\r\n")
    assert session.next_event() is states.NEED_DATA
    assert session.data_to_send() == [b".\r\n"]
    session.receive(said) if said else session.timed_out()
    event = session.next_event()
    assert isinstance(event, client.TransactionDone | client.SessionFailed)
    assert [answer.code for answer in event.answers if answer] == [550, 450]
    assert isinstance(event, client.TransactionDone) or not event.in_doubt


# --- without pipelining, and after a failure


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


# --- ends, and our own mistakes


def test_a_goodbye_of_ours_is_the_end() -> None:
    session = ready()
    session.next_event()
    session.quit()
    session.quit()
    assert session.data_to_send() == [b"QUIT\r\n"]
    session.receive(b"221 bye\r\n")
    session.receive_eof()
    session.timed_out()
    assert session.next_event() == session.next_event() == client.Ended()
    assert session.stage is replies.Stage.UNKNOWN


def test_what_came_before_the_end_still_counts() -> None:
    session = begun()
    session.receive(b"250 ok\r\n250 ok\r\n354 go\r\n")
    session.next_event()
    assert session.stage is replies.Stage.DOT
    session.receive(b"250 queued\r\n")
    session.receive_eof()
    [answer] = done(session).answers
    assert answer is not None
    assert answer.positive
    assert failed(session).answers == ()
    session = begun()
    session.receive(b"450 later\r\nnonsense\r\n")
    session.receive_eof()
    assert failed(session).problem is failures.Problem.PROTOCOL


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
    for line in [b"220 mx\r\n", HELLO] * greeted + lines:
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
