"""What a provider answers to one recipient: pure, and always the same for the same seed.

Guarantees: a recipient has one fate, told by its local part (``unknown@``, ``full7@``) or else by a hash of seed and
address, so a run with the same seed is the same run in any order; what recovers (greylisting, a busy server, a dropped
connection) recovers with the second attempt.
Not here: the wording (``texts``), the sockets (``mx``), and how often which fate is drawn at a whole world (``world``).
"""

import enum
import hashlib
import re
from collections.abc import Mapping
from typing import assert_never

import msgspec

from gatepost.sandbox import texts

_WORD = re.compile(r"[a-z]+")


class Fate(enum.Enum):
    """What happens to mail for a recipient. The value is the word that a local part may begin with."""

    ACCEPT = "accept"
    UNKNOWN = "unknown"  # no such mailbox
    DISABLED = "disabled"  # a mailbox that was closed
    FULL = "full"  # over quota, and it stays so
    GREYLIST = "greylist"  # the first attempt is put off
    BUSY = "busy"  # the first attempt meets a server in trouble
    RATE = "rate"  # the first attempt is one too many, and the connection ends
    BLOCK = "block"  # our address is listed
    SPAM = "spam"  # the content is refused, after the final dot
    POLICY = "policy"  # refused after the final dot, and nobody says why
    DKIM = "dkim"  # our signature does not verify, says the receiver, after the final dot
    HANG = "hang"  # no answer, ever
    DROP = "drop"  # the connection breaks, each time
    STUMBLE = "stumble"  # the connection breaks at the first attempt


class Provider(msgspec.Struct, frozen=True):
    """One receiver of mail: a name for people, its MX host, the domains it serves, its wording by fate.

    share: of all recipients (the world's proportion). busy, blocked: what it says when it turns everybody away.
    """

    name: str
    host: str
    domains: tuple[str, ...]
    wording: Mapping[str, str]
    share: float
    banner: str
    greylists: bool = False


class Asked(msgspec.Struct, frozen=True):
    """One recipient of one attempt. attempt: 1 for the first time that this recipient is named to this provider."""

    recipient: str
    attempt: int = 1
    sender_domain: str = ""
    client_ip: str = "192.0.2.1"


class Point(enum.Enum):
    """Where in the conversation an answer is given."""

    RCPT = "rcpt"
    DOT = "dot"


class Action(enum.Enum):
    """What the server does."""

    ACCEPT = "accept"
    REPLY = "reply"
    REPLY_AND_CLOSE = "reply_and_close"
    HANG = "hang"
    DROP = "drop"


class Answer(msgspec.Struct, frozen=True):
    """One decision. text: the reply in full, CRLF at its end; empty where nothing is said."""

    point: Point
    action: Action
    text: bytes = b""


class Mix(msgspec.Struct, frozen=True):
    """How often each fate is drawn, as a share of all recipients; the rest is accepted."""

    unknown: float = 0.0125
    disabled: float = 0.0025
    full: float = 0.002
    greylist: float = 0.012
    busy: float = 0.007
    stumble: float = 0.001
    spam: float = 0.022
    policy: float = 0.004
    rate: float = 0.0
    hang: float = 0.0

    def shares(self) -> tuple[tuple[Fate, float], ...]:
        """In the order of drawing."""
        return tuple((Fate(name), getattr(self, name)) for name in self.__struct_fields__)


TAKEN = Answer(Point.RCPT, Action.ACCEPT)


def fate(recipient: str, seed: int, mix: Mix) -> Fate:
    """What happens to a recipient."""
    local = recipient.rpartition("@")[0].lower()
    word = _WORD.match(local)
    if word is not None and word.group() in _BY_WORD:
        return _BY_WORD[word.group()]
    drawn = draw(seed, "fate", recipient.lower())
    for one, share in mix.shares():
        if drawn < share:
            return one
        drawn -= share
    return Fate.ACCEPT


def answer(provider: Provider, asked: Asked, seed: int, mix: Mix) -> Answer:
    """What the provider does with one recipient at this attempt."""
    found = fate(asked.recipient, seed, mix)
    match found:
        case Fate.ACCEPT:
            return TAKEN
        case Fate.UNKNOWN | Fate.DISABLED | Fate.FULL | Fate.BLOCK:
            return Answer(Point.RCPT, Action.REPLY, reply(provider, found, asked))
        case Fate.GREYLIST | Fate.BUSY | Fate.RATE | Fate.STUMBLE:
            return _once(provider, found, asked)
        case Fate.SPAM | Fate.POLICY | Fate.DKIM:
            return Answer(Point.DOT, Action.REPLY, reply(provider, found, asked))
        case Fate.HANG:
            return Answer(Point.RCPT, Action.HANG)
        case Fate.DROP:
            return Answer(Point.RCPT, Action.DROP)
        case _:
            assert_never(found)


def reply(provider: Provider, found: Fate, asked: Asked) -> bytes:
    """The provider's wording, filled in, ready for the wire."""
    template = provider.wording.get(found.value, texts.POSTFIX[found.value])
    filled = template.format(
        rcpt=asked.recipient,
        ip=asked.client_ip,
        domain=asked.sender_domain or "example.test",
        host=provider.host,
        id=hashlib.blake2b(asked.recipient.encode(), digest_size=8).hexdigest(),
    )
    return b"".join(line.encode() + b"\r\n" for line in filled.split("\n"))


def draw(seed: int, purpose: str, text: str) -> float:
    """A number in [0, 1) that depends on nothing but the arguments."""
    raw = hashlib.blake2b(f"{seed}:{purpose}:{text}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(raw, "big") / 2**64


def _once(provider: Provider, found: Fate, asked: Asked) -> Answer:
    if asked.attempt > 1:
        return TAKEN
    if found is Fate.STUMBLE:
        return Answer(Point.RCPT, Action.DROP)
    said = reply(provider, found, asked)
    closes = said.startswith(b"421")  # RFC 5321 §3.8: with 421 the server closes
    return Answer(Point.RCPT, Action.REPLY_AND_CLOSE if closes else Action.REPLY, said)


_BY_WORD = {one.value: one for one in Fate}
