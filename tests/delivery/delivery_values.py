"""Values that the delivery tests share: one delivery that is due, and a Source that only reaches loopback."""

import itertools

from gatepost.model import directory as directories
from gatepost.model import message as messages

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
