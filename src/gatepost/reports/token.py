"""Signed tokens: what ties a late report to the delivery that it is about.

``b.<delivery>.<expiry>.<key>.<mac>`` is the local part of a return path, or the value of a header. The first letter says what
for (``Purpose``); the id is that of a delivery or message; the expiry is in hours since 1970; the key is the number of the
secret; the MAC is HMAC-SHA-256 over all that stands before it, cut to 80 bits. All in Crockford's base 32, since some servers
change the case of a local part.
Guarantees: nothing but the holder of a key makes a token that ``read`` takes; the comparison takes constant time; a key that
was followed by another vouches for no token that it could not have signed while it was the newest. Fails with BadInput where a
token is made that cannot be written.
Not here: where keys are kept, and what a token's report changes.
"""

import enum
import hashlib
import hmac
import re
from collections.abc import Iterable

import msgspec

from gatepost import errors
from gatepost.model import ids

HEADER = "X-Gatepost-Token"
MAX_KEY = 32 * 32 - 1  # two characters
SECRET_BYTES = 32
RETURN_PATH_MS = (
    30 * 24 * 3600 * 1000
)  # how long late reports to a return path count (taxonomy: "Late bounces")
HEADER_MS = 180 * 24 * 3600 * 1000  # a complaint comes when the mail is read
LONGEST_WAIT_MS = (
    40 * 24 * 3600 * 1000
)  # a message's lifetime (30 days at most), its last attempt, and days to spare

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE = {c: n for n, c in enumerate(_ALPHABET)}
_DIGIT = f"[{_ALPHABET}]"
_HOUR_MS = 3_600_000
_HOUR_CHARACTERS = 4  # until 2089
_KEY_CHARACTERS = 2
_MAC_BYTES = 10
_MAC_CHARACTERS = 16
_TOKEN = re.compile(
    rf"(([a-z])\.({_DIGIT}{{13}})\.({_DIGIT}{{{_HOUR_CHARACTERS}}})\.({_DIGIT}{{{_KEY_CHARACTERS}}}))\.({_DIGIT}{{{_MAC_CHARACTERS}}})"
)
LENGTH = 2 + 13 + 1 + _HOUR_CHARACTERS + 1 + _KEY_CHARACTERS + 1 + _MAC_CHARACTERS
_IN_HEADER = re.compile(rf"(?i)^{HEADER}:[ \t]*([a-z0-9.]{{{LENGTH}}})[ \t]*\r?$".encode(), re.MULTILINE)


class Purpose(enum.StrEnum):
    """What a token is for: one made for one purpose is none for another."""

    RETURN_PATH = "b"  # the envelope sender of one delivery
    DELIVERY = "h"  # a header; of one delivery
    MESSAGE = "m"  # a header; of a message, where its recipients share transactions
    UNSUBSCRIBE = "u"  # the address or link by which one recipient leaves


class Key(msgspec.Struct, frozen=True):
    """One secret. id: 0…1023. since: ms; mail accepted from then on is signed with it. until: ms of the latest expiry that it
    can have signed, or 0 while it is the newest.
    """

    id: int
    secret: bytes
    since: int = 0
    until: int = 0


class Standing(enum.Enum):
    """What a text that looks like a token is worth."""

    VALID = "valid"
    EXPIRED = "expired"  # ours, but too late to act
    FORGED = "forged"  # no key of ours has signed it


class Read(msgspec.Struct, frozen=True):
    """What was read. purpose, about (an id) and expires_at (ms) are empty where it is forged."""

    standing: Standing
    purpose: Purpose | None = None
    about: int = 0
    expires_at: int = 0


FORGED = Read(Standing.FORGED)


class Keys:
    """The keys of an installation, by number."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._newest_first = sorted(keys, key=lambda key: key.since, reverse=True)
        self._by_id = {key.id: key for key in self._newest_first}

    def __bool__(self) -> bool:
        return bool(self._newest_first)

    def signing(self, accepted_at: int) -> Key | None:
        """The key for a mail accepted then (ms): the same at every retry. None: there is none at all."""
        for key in self._newest_first:
            if key.since <= accepted_at:
                return key
        return self._newest_first[-1] if self._newest_first else None

    def by_id(self, number: int) -> Key | None:
        """The key with that number."""
        return self._by_id.get(number)


def keys(secrets: Iterable[tuple[int, bytes, int]]) -> Keys:
    """Keys of (id, secret, since), each vouching only until its successor's tokens have taken over."""
    found: list[Key] = []
    successor = 0
    for number, secret, since in sorted(secrets, key=lambda one: one[2], reverse=True):
        until = successor + LONGEST_WAIT_MS + HEADER_MS if successor else 0
        found.append(Key(number, secret, since, until))
        successor = since
    return Keys(found)


def make(purpose: Purpose, about: int, expires_at: int, key: Key) -> str:
    """A token that counts until ``expires_at`` (ms, rounded up to the hour)."""
    hours = -(-expires_at // _HOUR_MS)
    if not 0 <= hours < 32**_HOUR_CHARACTERS or not 0 <= key.id <= MAX_KEY or not 0 <= about < 1 << 63:
        raise errors.BadInput("token", "an expiry, key or id cannot be written")
    signed = f"{purpose}.{ids.to_text(about)}.{_digits(hours, _HOUR_CHARACTERS)}.{_digits(key.id, _KEY_CHARACTERS)}"
    return f"{signed}.{_mac(signed, key.secret)}"


def looks_like(text: str) -> bool:
    """Whether a local part is shaped like any token, whoever made it."""
    return _TOKEN.fullmatch(text.lower()) is not None


def read(text: str, known: Keys, now_ms: int) -> Read:
    """What a text is worth; its case does not matter."""
    found = _TOKEN.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return FORGED
    signed, letter, about, hours, number, mac = found.groups()
    key = known.by_id(_number(number))
    # Without a key the comparison is made all the same: the time tells nobody which numbers there are.
    good = hmac.compare_digest(_mac(signed, key.secret if key else b""), mac)
    expires_at = _number(hours) * _HOUR_MS
    identity = _number(about)
    if key is None or not good or identity >> 63 or letter not in _PURPOSES:
        return FORGED
    if key.until and expires_at > key.until + _HOUR_MS:
        return FORGED
    standing = Standing.VALID if now_ms < expires_at else Standing.EXPIRED
    return Read(standing, Purpose(letter), identity, expires_at)


def in_headers(document: bytes) -> list[str]:
    """Every header token that stands in a document, at the beginning of a line, in the order of their lines."""
    return list(dict.fromkeys(found.decode("ascii") for found in _IN_HEADER.findall(document)))


_PURPOSES = frozenset(purpose.value for purpose in Purpose)


def _mac(signed: str, secret: bytes) -> str:
    digest = hmac.digest(secret, b"gatepost token\0" + signed.encode("ascii"), hashlib.sha256)
    return _digits(int.from_bytes(digest[:_MAC_BYTES], "big"), _MAC_CHARACTERS)


def _digits(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 5 * n & 31] for n in range(count - 1, -1, -1))


def _number(text: str) -> int:
    value = 0
    for c in text:
        value = value << 5 | _VALUE[c]
    return value
