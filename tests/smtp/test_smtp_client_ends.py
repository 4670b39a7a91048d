"""The client with servers that are out of step, hang up or talk nonsense: nobody is charged with what is not theirs."""

import pytest
from tests.smtp import smtp_talk as talk

from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.smtp import client, states

begun, done, failed, ready, transaction = talk.begun, talk.done, talk.failed, talk.ready, talk.transaction

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


def test_an_endless_reply_is_cut() -> None:
    session = client.ClientSession(client.ClientSettings(b"us.test"))
    for _ in range(100):
        session.receive(b"220-AAAA\r\n")
        session.next_event()
    assert failed(session).problem is failures.Problem.PROTOCOL


# --- out of step, goodbyes, and doubt


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


@pytest.mark.parametrize("hello", [talk.HELLO, b"250 mx.test\r\n"], ids=["pipelined", "one by one"])
def test_an_answer_too_many_that_shows_only_at_data_charges_nobody(hello: bytes) -> None:
    session = begun(b"a@x.test", b"b@x.test", hello=hello)
    for line in (b"250 ok\r\n", b"250 again\r\n", b"550 5.1.1 a is unknown\r\n"):
        session.data_to_send()
        session.receive(line)
        assert session.next_event() is states.NEED_DATA
    session.data_to_send()
    session.receive(b"250 b is known\r\n")
    event = failed(session)
    assert (event.problem, event.answers) == (failures.Problem.PROTOCOL, (None, None))


@pytest.mark.parametrize("said", ["334 a", "250 a|334 a", "250 a|250 a|250 a", "250 a|250 a|334 a"])
def test_a_reply_of_the_wrong_kind_is_a_protocol_error(said: str) -> None:
    session = begun()
    session.receive(b"".join(line.encode() + b"\r\n" for line in said.split("|")))
    event = failed(session)
    assert (event.problem, event.in_doubt) == (failures.Problem.PROTOCOL, False)


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
