"""A client's session brought to where a test begins, and what comes out of it."""

from gatepost.smtp import client

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


def transaction(*recipients: bytes) -> client.Transaction:
    return client.Transaction(b"a@b.test", recipients or (b"x@mx.test",), (b"hi\r\n",), 4)
