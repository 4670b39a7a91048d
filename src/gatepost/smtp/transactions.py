"""One message on its way to one server: the value, and what that server's announcement means for it.

Not here: the conversation (``client``), how bytes are written (``data``).
"""

import msgspec

from gatepost.model import failure as failures
from gatepost.smtp import extensions


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """Reports that a server which offers DSN is asked for (RFC 3461 §5.2.1). mail: MAIL's parameters; rcpts: those of each
    recipient in order, with a space before every one.
    """

    mail: tuple[bytes, ...]
    rcpts: tuple[bytes, ...]


class Transaction(msgspec.Struct, frozen=True, gc=False):
    """One message for one or more recipients. body: chunks with CRLF line ends, cut anywhere, not stuffed. size: of all."""

    sender: bytes
    recipients: tuple[bytes, ...]
    body: tuple[bytes, ...]
    size: int
    eight_bit: bool = False
    smtputf8: bool = False
    wanted: Wanted | None = None


def lacking(transaction: Transaction, offered: extensions.Extensions) -> tuple[failures.Problem, str] | None:
    """Why this server would refuse the content, said as a server would (RFC 3463, RFC 6531 §3.5)."""
    if transaction.smtputf8 and not offered.smtputf8:
        return (
            failures.Problem.UNSUPPORTED,
            "5.6.7 the server does not take internationalised mail (SMTPUTF8)",
        )
    if transaction.eight_bit and not offered.eight_bit:
        return failures.Problem.UNSUPPORTED, "5.6.3 the server does not take 8-bit mail (8BITMIME)"
    if 0 < offered.size < transaction.size:
        return failures.Problem.TOO_LARGE, f"5.3.4 the server takes {offered.size} bytes at most"
    return None


def parameters(transaction: Transaction, offered: extensions.Extensions) -> list[bytes]:
    """MAIL's (RFC 1870, RFC 6152, RFC 6531, RFC 3461)."""
    found: list[bytes] = []
    if offered.size_known:
        found.append(b"SIZE=%d" % transaction.size)
    if transaction.eight_bit:
        found.append(b"BODY=8BITMIME")
    if transaction.smtputf8:
        found.append(b"SMTPUTF8")
    if transaction.wanted is not None and offered.dsn:
        found += transaction.wanted.mail
    return found
