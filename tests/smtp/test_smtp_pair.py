"""The two sessions talk to each other in memory: what one says the other understands, however the bytes are cut."""

import pytest

from gatepost.model import address as addresses
from gatepost.model import failure as failures
from gatepost.smtp import client, events, replies, server, states

BODY = b"Subject: hi\r\n\r\n..dots\r\n.\r\nend\r\n"


class Shop:
    """A server's shell in memory: takes everybody but ``no@``; keeps what it was given."""

    def __init__(self, **settings: object) -> None:
        self.session = server.ServerSession(
            server.ServerSettings(hostname="mx.test", auth_required=False, **settings)  # type: ignore[arg-type]
        )
        self.session.greeting()
        self.messages: list[tuple[list[str], bytes]] = []
        self.recipients: list[str] = []
        self.body = b""
        self.events: list[object] = []

    def feed(self, data: bytes) -> bytes:
        self.session.receive(data)
        while True:
            event = self.session.next_event()
            if isinstance(event, states.Signal):
                break
            self.events.append(event)
            if isinstance(event, events.Closing):
                break
            self._answer(event)
        return self.session.data_to_send()

    def _answer(self, event: object) -> None:
        match event:
            case events.AuthGiven():
                self.session.auth_accepted()
            case events.MailGiven():
                self.recipients = []
                self.session.mail_accepted()
            case events.RcptGiven():
                self._rcpt(event.address)
            case events.DataBegun():
                self.body = b""
            case events.BodyChunk():
                self.body += event.data
            case events.BodyEnd():
                self.messages.append((self.recipients, self.body))
                self.session.message_accepted("Queued")
            case _:
                assert isinstance(event, events.Reset | events.StartTlsWanted)

    def _rcpt(self, address: addresses.Address) -> None:
        if address.local == "no":
            self.session.refuse(replies.build(550, "5.1.1", "No such user"))
        else:
            self.recipients.append(address.key)
            self.session.rcpt_accepted()


def talk(shop: Shop, session: client.ClientSession, cut: int = 1 << 20) -> list[object]:
    """Carry bytes both ways until nobody has anything to say."""
    found: list[object] = []
    to_client = shop.session.data_to_send()
    while True:
        for at in range(0, len(to_client), cut):
            session.receive(to_client[at : at + cut])
        while not isinstance(event := session.next_event(), states.Signal):
            found.append(event)
            if isinstance(event, client.SessionFailed | client.Ended):
                return found
        wire = b"".join(session.data_to_send())
        if not wire:
            return found
        to_client = b"".join(shop.feed(wire[at : at + cut]) for at in range(0, len(wire), cut))


def transaction(*recipients: bytes) -> client.Transaction:
    return client.Transaction(b"a@shop.test", recipients, (BODY[:9], BODY[9:]), len(BODY))


@pytest.mark.parametrize("cut", [1, 2, 3, 7, 1000])
def test_a_message_arrives_as_it_was_sent_however_the_bytes_are_cut(cut: int) -> None:
    shop, session = Shop(), client.ClientSession(client.ClientSettings(b"us.test"))
    # Command bytes cut inside a pipelined group would be held back by no real client, so only replies are cut there.
    assert talk(shop, session)[-1] == client.Ready()
    session.send(transaction(b"x@mx.test", b"no@mx.test"))
    [done] = talk(shop, session)
    assert isinstance(done, client.TransactionDone)
    assert [a.code for a in done.answers if a] == [250, 550]
    assert shop.messages == [(["x@mx.test"], BODY)]
    session.send(transaction(b"y@mx.test"))
    talk(shop, session, cut if cut > 3 else 1000)
    assert len(shop.messages) == 2


def test_a_lone_dot_ends_data_when_nobody_is_left() -> None:
    shop, session = Shop(), client.ClientSession(client.ClientSettings(b"us.test"))
    talk(shop, session)
    session.send(transaction(b"no@mx.test"))
    [done] = talk(shop, session)
    assert isinstance(done, client.TransactionDone)
    assert done.answers[0] is not None
    assert done.answers[0].code == 550
    assert shop.messages == []
    session.send(transaction(b"x@mx.test"))
    talk(shop, session)
    assert len(shop.messages) == 1


def test_auth_and_size_are_negotiated() -> None:
    shop = Shop(max_size=10)
    session = client.ClientSession(client.ClientSettings(b"us.test", client.Tls.NEVER))
    talk(shop, session)
    session.send(transaction(b"x@mx.test"))
    [done] = talk(shop, session)
    assert isinstance(done, client.TransactionDone)
    assert done.problem is failures.Problem.TOO_LARGE


SMUGGLING = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r.\n",
    b"\r\n.\n",
    b"\r\n.\r",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\n\n.\n\n",
    b"\r.\r\n",
    b"\n.\r",
    b"\r\r.\r\r",
]


@pytest.mark.parametrize("form", SMUGGLING, ids=repr)
@pytest.mark.parametrize("cut", [1, 4, 1000])
def test_no_other_form_ends_a_message_and_none_is_taken(form: bytes, cut: int) -> None:
    shop = Shop()
    shop.feed(b"EHLO x\r\n")
    shop.feed(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nDATA\r\n")
    wire = b"hi" + form + b"MAIL FROM:<evil@b.test>\r\nRCPT TO:<v@mx.test>\r\nDATA\r\nspam\r\n.\r\n"
    said = b"".join(shop.feed(wire[at : at + cut]) for at in range(0, len(wire), cut))
    assert said.startswith(b"550 5.5.2")
    assert shop.messages == []
    assert shop.events[-1] == events.Closing(events.Reason.BARE_NEWLINE)


def test_early_talk_and_pipelining_behind_data_end_the_session() -> None:
    session = server.ServerSession(server.ServerSettings("mx.test", auth_required=False))
    session.receive(b"EHLO x\r\n")
    assert session.next_event() == events.Closing(events.Reason.EARLY_TALK)
    shop = Shop()
    shop.feed(b"EHLO x\r\n")
    said = shop.feed(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nDATA\r\nSubject: early\r\n\r\n.\r\n")
    assert b"554 5.5.0" in said
    assert shop.messages == []


def test_starttls_with_more_behind_it_ends_the_session() -> None:
    shop = Shop(tls_available=True)
    shop.feed(b"EHLO x\r\n")
    assert b"554" in shop.feed(b"STARTTLS\r\nMAIL FROM:<i@evil.test>\r\n")


def test_http_and_floods_are_shown_the_door() -> None:
    assert b"521" in Shop().feed(b"GET / HTTP/1.1\r\n")
    shop = Shop()
    said = b"".join(shop.feed(b"\xff\xfe\r\n") for _ in range(30))
    assert said.endswith(b"421 4.7.0 Too many errors\r\n")
    shop = Shop()
    shop.feed(b"EHLO x\r\n")
    said = b"".join(shop.feed(b"NOOP\r\n") for _ in range(120))
    assert said.endswith(b"421 4.7.0 Too many commands without a message\r\n")


def test_a_message_over_the_limit_is_discarded_and_the_session_goes_on() -> None:
    shop = Shop(max_size=100)
    shop.feed(b"EHLO x\r\n")
    shop.feed(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nDATA\r\n")
    said = b"".join(shop.feed(b"0123456789" * 5 + b"\r\n") for _ in range(5)) + shop.feed(b".\r\n")
    assert said == replies.TOO_BIG
    assert shop.feed(b"MAIL FROM:<a@b.test> SIZE=101\r\n") == replies.TOO_BIG
    shop.feed(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<x@mx.test>\r\nDATA\r\n")
    shop.feed(b"ok\r\n.\r\n")
    assert shop.messages == [(["x@mx.test"], b"ok\r\n")]


def test_an_endless_command_is_dropped_and_the_session_goes_on() -> None:
    shop = Shop()
    shop.feed(b"")
    for _ in range(50):
        assert shop.feed(b"A" * 10_000) == b""
    assert shop.feed(b"\r\n") == replies.LINE_TOO_LONG
    assert shop.feed(b"NOOP\r\n") == replies.OK
