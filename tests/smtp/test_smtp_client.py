"""The client against scripted servers: replies are charged to whom they answer, and to nobody else."""

import pytest

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
