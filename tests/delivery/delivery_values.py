"""Values that the delivery tests share: a delivery that is due, a Source without TLS, a connection without a socket."""

import itertools

from gatepost.delivery import session
from gatepost.model import directory as directories
from gatepost.model import message as messages
from gatepost.smtp import client as smtp_client

BULK, TRANSACTIONAL = messages.Priority.BULK, messages.Priority.TRANSACTIONAL
SOURCE = directories.Source(1, 1, "out", ehlo="gate.test", tls="never")


def due(
    number: int,
    *,
    message: int | None = None,
    bridge: int = 1,
    priority: messages.Priority = BULK,
    domain: str = "shop.test",
    sender: bytes = b"news@us.test",
) -> messages.Due:
    """A delivery with its own message, unless one is named."""
    return messages.Due(
        id=number,
        message=1000 + number if message is None else message,
        lane=1,
        account=1,
        bridge=bridge,
        source=1,
        priority=priority,
        next_at=0,
        expires_at=10**13,
        attempts=0,
        sender=sender,
        recipient=b"a%d@%s" % (number, domain.encode()),
        key=f"a{number}@{domain}",
        domain=domain,
        list="",
        size=10,
    )


def ids(group: list[messages.Due]) -> list[int]:
    return [one.id for one in group]


def several(count: int, *, message: int = 7) -> list[messages.Due]:
    """Recipients of one message."""
    return [due(number, message=message) for number in itertools.islice(itertools.count(1), count)]


def ready(*extensions: bytes) -> session.Connection:
    """A connection that may send, without a socket: its server has greeted and announced these."""
    client = smtp_client.ClientSession(smtp_client.ClientSettings(b"gate.test", smtp_client.Tls.NEVER))
    times = session.Times(5.0, 5.0)
    made = session.Connection(client, times, lambda: 1000, lambda _, __: None, lambda _: None)
    made.data_received(b"220 mx.test\r\n")
    made.data_received(b"".join(b"250-%s\r\n" % line for line in (b"mx.test", *extensions)) + b"250 HELP\r\n")
    assert made.can_send
    return made


def sent(connection: session.Connection, *jobs: messages.Due) -> None:
    """The connection carries a transaction for these, and its server takes it."""
    recipients = tuple(job.recipient for job in jobs)
    connection.send(jobs, smtp_client.Transaction(b"news@us.test", recipients, (b"x\r\n",), 3))
    for said in (b"250 ok\r\n", *[b"250 ok\r\n"] * len(jobs), b"354 go\r\n", b"250 kept\r\n"):
        connection.data_received(said)
