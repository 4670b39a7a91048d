"""What a server can do beyond RFC 5321: announced by ours, read from the peer's EHLO.

Guarantees: an unknown or malformed keyword is ignored, never an error; numbers are bounded. Not here: using them.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from gatepost.model import reply as replies

_DIGITS: Final = 20  # RFC 1870 §5; a longer number is no number


class Extensions(msgspec.Struct, frozen=True):
    """A server's announcement (RFC 5321 §4.1.1.1).

    size: the largest message it takes, 0 for unknown or none (RFC 1870). rcpt_max, mail_max: recipients a transaction
    and transactions a session, 0 for none (LIMITS, RFC 9422). auth: mechanisms in upper case.
    """

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    enhanced: bool = False
    chunking: bool = False
    size_known: bool = False
    size: int = 0
    rcpt_max: int = 0
    mail_max: int = 0
    auth: frozenset[bytes] = frozenset()
    dsn: bool = False


NONE: Final = Extensions()


def read(reply: replies.Reply) -> Extensions:
    """The announcement in a positive reply to EHLO."""
    words: dict[bytes, list[bytes]] = {}
    for line in reply.lines[1:]:
        keyword, *values = line.upper().replace(b"AUTH=", b"AUTH ", 1).split() or [b""]
        words.setdefault(keyword, []).extend(values)
    limits = dict(value.partition(b"=")[::2] for value in words.get(b"LIMITS", []))
    return Extensions(
        pipelining=b"PIPELINING" in words,
        eight_bit=b"8BITMIME" in words,
        smtputf8=b"SMTPUTF8" in words,
        starttls=b"STARTTLS" in words,
        chunking=b"CHUNKING" in words,
        enhanced=b"ENHANCEDSTATUSCODES" in words,
        size_known=b"SIZE" in words,
        size=_number((words.get(b"SIZE") or [b""])[0]),
        rcpt_max=_limit(limits, b"RCPTMAX"),
        mail_max=_limit(limits, b"MAILMAX"),
        auth=frozenset(words.get(b"AUTH", ())),
        dsn=b"DSN" in words,
    )


def announce(offer: Extensions) -> list[bytes]:
    """The EHLO reply's lines after the first, as texts."""
    texts: list[bytes] = []
    if offer.pipelining:
        texts.append(b"PIPELINING")
    if offer.size_known:
        texts.append(b"SIZE %d" % offer.size)
    if offer.eight_bit:
        texts.append(b"8BITMIME")
    if offer.smtputf8:
        texts.append(b"SMTPUTF8")
    if offer.enhanced:
        texts.append(b"ENHANCEDSTATUSCODES")
    if offer.dsn:
        texts.append(b"DSN")
    if offer.chunking:
        texts.append(b"CHUNKING")
    if offer.starttls:
        texts.append(b"STARTTLS")
    if offer.auth:
        texts.append(b"AUTH " + b" ".join(sorted(offer.auth, reverse=True)))
    return texts


def _limit(limits: Mapping[bytes, bytes], name: bytes) -> int:
    return _number(limits.get(name, b""))


def _number(digits: bytes) -> int:
    return int(digits) if digits.isdigit() and len(digits) <= _DIGITS else 0
