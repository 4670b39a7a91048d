"""Before the first MAIL: greeting, EHLO or HELO, TLS, AUTH; what the server says and what we then say or end with."""

import pytest

from gatepost.model import failure as failures
from gatepost.model import reply as replies
from gatepost.smtp import client, opening, states

NEVER, MAYBE, MUST = opening.Tls.NEVER, opening.Tls.OPPORTUNISTIC, opening.Tls.REQUIRED
ANN = ("ann", "sécret")
PLAIN = b"AUTH PLAIN AGFubgBzw6ljcmV0\r\n"
EHLO, HELO, STARTTLS = b"EHLO us.test\r\n", b"HELO us.test\r\n", b"STARTTLS\r\n"
TLS_OFFER = b"250-mx.test\r\n250 STARTTLS\r\n"
AUTH_OFFER = b"250-mx.test\r\n250 AUTH PLAIN LOGIN\r\n"
LOGIN_OFFER = b"250-mx.test\r\n250 AUTH LOGIN CRAM-MD5\r\n"
HANDSHAKE = b"(handshake)"

Talk = list[tuple[bytes, bytes]]


def open_session(tls: opening.Tls, auth: tuple[str, str] | None, talk: Talk) -> client.ClientSession:
    """Play the server's lines, and check each of ours that follows."""
    session = client.ClientSession(client.ClientSettings(b"us.test", tls, auth))
    for theirs, ours in talk:
        if theirs == HANDSHAKE:
            assert session.next_event() == client.StartTlsWanted()
            session.tls_started()
        else:
            session.receive(theirs)
        if ours:
            assert session.next_event() is client.NEED_DATA or session.data_to_send() == []
        assert b"".join(session.data_to_send()) == ours
    return session


GREETED: Talk = [(b"220-mx.test\r\n220 ESMTP\r\n", EHLO)]
SECURED: Talk = [*GREETED, (TLS_OFFER, STARTTLS), (b"220 go\r\n", b""), (HANDSHAKE, EHLO)]


@pytest.mark.parametrize(
    ("tls", "auth", "talk"),
    [
        (MAYBE, None, [*GREETED, (b"250 mx.test\r\n", b"")]),
        (NEVER, None, [*GREETED, (TLS_OFFER, b"")]),
        (MAYBE, None, [*GREETED, (b"502 what?\r\n", HELO), (b"250 mx\r\n", b"")]),
        (MAYBE, None, [*GREETED, (b"554 what?\r\n", HELO), (b"250 mx\r\n", b"")]),
        (MAYBE, None, [*GREETED, (TLS_OFFER, STARTTLS), (b"454 not now\r\n", b"")]),
        (MAYBE, None, [*GREETED, (TLS_OFFER, STARTTLS), (b"502 what?\r\n", b"")]),
        (MAYBE, None, [*SECURED, (b"250 mx.test\r\n", b"")]),
        (MUST, None, [*SECURED, (TLS_OFFER, b"")]),
        (NEVER, ANN, [*GREETED, (AUTH_OFFER, PLAIN), (b"235 ok\r\n", b"")]),
        (MUST, ANN, [*SECURED, (AUTH_OFFER, PLAIN), (b"235 ok\r\n", b"")]),
        (
            MUST,
            ANN,
            [
                *SECURED,
                (LOGIN_OFFER, b"AUTH LOGIN\r\n"),
                (b"334 VXNlcm5hbWU6\r\n", b"YW5u\r\n"),
                (b"334 UGFzc3dvcmQ6\r\n", b"c8OpY3JldA==\r\n"),
                (b"235 ok\r\n", b""),
            ],
        ),
    ],
)
def test_a_session_becomes_ready(tls: opening.Tls, auth: tuple[str, str] | None, talk: Talk) -> None:
    session = open_session(tls, auth, talk)
    assert session.next_event() == client.Ready()
    assert session.can_send
    assert session.next_event() is client.NEED_DATA


FAILS = [
    (MAYBE, None, [(b"554 blocked\r\n", b"")], "greeting", "reset", 554),
    (MAYBE, None, [(b"421 later\r\n", b"")], "greeting", "reset", 421),
    (MAYBE, None, [(b"250 hello\r\n", b"")], "greeting", "reset", 250),
    (MAYBE, None, [(b"220 mx\r\n250 mx\r\n", b"")], "greeting", "protocol", 0),
    (MAYBE, None, [*GREETED, (b"421 bye\r\n", b"")], "ehlo", "reset", 421),
    (MAYBE, None, [*GREETED, (b"450 later\r\n", b"")], "ehlo", "reset", 450),
    (MAYBE, None, [*GREETED, (b"502 no\r\n", HELO), (b"501 no\r\n", b"")], "ehlo", "reset", 501),
    (MUST, None, [*GREETED, (b"250 mx\r\n", b"")], "starttls", "tls_failed", 0),
    (MUST, None, [*GREETED, (b"502 no\r\n", HELO), (b"250 mx\r\n", b"")], "starttls", "tls_failed", 0),
    (MUST, None, [*GREETED, (TLS_OFFER, STARTTLS), (b"454 no\r\n", b"")], "starttls", "tls_failed", 454),
    (MAYBE, None, [*GREETED, (TLS_OFFER, STARTTLS), (b"421 no\r\n", b"")], "starttls", "reset", 421),
    (MAYBE, None, [*GREETED, (TLS_OFFER, STARTTLS), (b"220 go\r\n2", b"")], "starttls", "protocol", 0),
    (MAYBE, None, [*SECURED, (b"502 no\r\n", b"")], "ehlo", "reset", 502),
    (MAYBE, ANN, [*GREETED, (AUTH_OFFER, b"")], "auth", "auth_unavailable", 0),
    (MAYBE, ANN, [*GREETED, (TLS_OFFER, STARTTLS), (b"454 no\r\n", b"")], "auth", "auth_unavailable", 0),
    (NEVER, ANN, [*GREETED, (b"250 mx\r\n", b"")], "auth", "auth_unavailable", 0),
    (NEVER, ANN, [*GREETED, (b"500 what?\r\n", HELO), (b"250 mx\r\n", b"")], "auth", "auth_unavailable", 0),
    (NEVER, ANN, [*GREETED, (AUTH_OFFER, PLAIN), (b"535 no\r\n", b"")], "auth", "reset", 535),
    (NEVER, ANN, [*GREETED, (AUTH_OFFER, PLAIN), (b"334 more\r\n", b"")], "auth", "reset", 334),
    (NEVER, ANN, [*GREETED, (LOGIN_OFFER, b"AUTH LOGIN\r\n"), (b"235 ok\r\n", b"")], "auth", "reset", 235),
]


@pytest.mark.parametrize(
    ("tls", "auth", "talk", "stage", "problem", "code"),
    FAILS,
    ids=[f"{row[3]} {row[4]} {row[5]} {row[0].name}" for row in FAILS],
)
def test_a_session_does_not_become_ready(
    tls: opening.Tls, auth: tuple[str, str] | None, talk: Talk, stage: str, problem: str, code: int
) -> None:
    event = open_session(tls, auth, talk).next_event()
    assert isinstance(event, client.SessionFailed)
    assert (event.stage.word, event.problem.value) == (stage, problem)
    assert (event.reply.code if event.reply else 0) == code
    assert event.reply is None or event.reply.stage is event.stage
    assert (event.answers, event.in_doubt) == ((), False)


def test_what_was_offered_before_tls_is_forgotten() -> None:
    talk = [*GREETED, (b"250-mx.test\r\n250-PIPELINING\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n", STARTTLS)]
    session = open_session(MUST, ANN, [*talk, (b"220 go\r\n", b""), (HANDSHAKE, EHLO)])
    session.receive(b"250 mx.test\r\n")
    event = session.next_event()
    assert isinstance(event, client.SessionFailed)
    assert event.problem is failures.Problem.AUTH_UNAVAILABLE


def test_bytes_during_the_handshake_end_the_session() -> None:
    session = open_session(MUST, None, SECURED[:-1])
    assert session.next_event() == client.StartTlsWanted()
    session.receive(b"250 AUTH PLAIN\r\n")
    session.tls_started()
    event = session.next_event()
    assert isinstance(event, client.SessionFailed)
    assert (event.problem, event.stage) == (failures.Problem.PROTOCOL, replies.Stage.STARTTLS)
    assert session.data_to_send() == []
    session.tls_started()
    assert session.next_event() is event


def test_tls_that_nobody_asked_for_is_our_mistake() -> None:
    with pytest.raises(states.LocalProtocolError):
        client.ClientSession(client.ClientSettings(b"us.test")).tls_started()
