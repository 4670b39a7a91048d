"""DKIM-Signature fields for a message's header and body hash (RFC 6376 §3.5, §3.7, §5).

Guarantees: pure, the time is an argument; what identifies a message to its reader is signed once more than it is there
("oversigned", §8.15), so that nobody can add a second From, Subject or List-Unsubscribe under our signature; every field
of one name is signed, the lowest first (§5.4.2). Several keys sign the same bytes, each with a field of its own.
Not here: the body's hash (``canonical``), which keys sign for whom.
"""

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from gatepost.dkim import canonical, keys

# Signed as often as they are there, and once more (RFC 6376 §5.4.1; RFC 8058 §4 asks for the List-Unsubscribe pair).
OVERSIGNED: Final = (
    b"From",
    b"To",
    b"Cc",
    b"Subject",
    b"Date",
    b"Message-ID",
    b"Reply-To",
    b"In-Reply-To",
    b"References",
    b"MIME-Version",
    b"Content-Type",
    b"List-Unsubscribe",
    b"List-Unsubscribe-Post",
    b"Feedback-ID",
)
# Signed as often as they are there: lists and relays may add their own.
SIGNED: Final = (
    b"Sender",
    b"Content-Transfer-Encoding",
    b"Content-ID",
    b"Content-Description",
    b"Resent-Date",
    b"Resent-From",
    b"Resent-To",
    b"Resent-Cc",
    b"List-Id",
    b"List-Help",
    b"List-Subscribe",
    b"List-Post",
    b"List-Owner",
    b"List-Archive",
    b"Auto-Submitted",
    b"Precedence",
)
_LINE: Final = 76  # octets after which a line of the field is folded
_FIELD: Final = re.compile(rb"\r\n(?![ \t])")


class Manner(msgspec.Struct, frozen=True):
    """How to sign. expires_s: for how long a signature counts (``x=``), 0 for ever."""

    header: canonical.Form = canonical.Form.RELAXED
    body: canonical.Form = canonical.Form.RELAXED
    expires_s: int = 0


class Signer(msgspec.Struct, frozen=True):
    """A key with its place in DNS: ``selector._domainkey.domain``."""

    domain: str
    selector: str
    key: keys.Key


class Message(msgspec.Struct, frozen=True):
    """What is signed. header: all its fields, each with its CRLF. body_hash: by the Manner's form."""

    header: bytes
    body_hash: bytes


def sign(message: Message, signers: Sequence[Signer], manner: Manner, now_s: int) -> bytes:
    """A DKIM-Signature field of each signer, folded, with their CRLFs: for the top of the header."""
    names, signed = _chosen(split(message.header), manner.header)
    return b"".join([_field(message, names, signed, one, (manner, now_s)) for one in signers])


def split(header: bytes) -> list[bytes]:
    """A header's fields, each with its CRLF and its folds."""
    return [one + b"\r\n" for one in _FIELD.split(header.removesuffix(b"\r\n")) if one]


def _chosen(fields: Iterable[bytes], form: canonical.Form) -> tuple[list[bytes], bytes]:
    """The names of ``h=`` and the bytes that they stand for, in this order."""
    by_name: dict[bytes, list[bytes]] = {}
    for one in fields:
        by_name.setdefault(one.partition(b":")[0].rstrip(b" \t").lower(), []).append(one)
    names: list[bytes] = []
    found: list[bytes] = []
    _add(OVERSIGNED, by_name, names, found)
    names += OVERSIGNED
    _add(SIGNED, by_name, names, found)
    return names, b"".join([canonical.field(one, form) for one in found])


def _add(
    wanted: Iterable[bytes], by_name: Mapping[bytes, Sequence[bytes]], names: list[bytes], found: list[bytes]
) -> None:
    for name in wanted:
        for one in reversed(by_name.get(name.lower(), ())):
            names.append(name)
            found.append(one)


def _field(
    message: Message, names: Sequence[bytes], signed: bytes, signer: Signer, how: tuple[Manner, int]
) -> bytes:
    manner, now_s = how
    tags = [
        b"v=1;",
        b"a=%s-sha256;" % signer.key.algorithm.encode(),
        b"c=%s/%s;" % (manner.header.encode(), manner.body.encode()),
        b"d=%s;" % signer.domain.encode(),
        b"s=%s;" % signer.selector.encode(),
        b"t=%d;" % now_s,
    ]
    if manner.expires_s:
        tags.append(b"x=%d;" % (now_s + manner.expires_s))
    listed = [b"%s:" % name for name in names[:-1]]
    words = [*_spaced(tags), b" h=" + listed[0], *listed[1:], names[-1] + b";"]
    words += [b" bh=%s;" % base64.b64encode(message.body_hash)]
    unsigned = b"DKIM-Signature:" + _folded(words) + b"\r\n\tb="
    own = canonical.field(unsigned + b"\r\n", manner.header)[:-2]  # §3.7: without its last CRLF
    value = base64.b64encode(signer.key.sign(signed + own))
    return b"%s%s\r\n" % (unsigned, b"\r\n\t".join([value[at : at + 72] for at in range(0, len(value), 72)]))


def _spaced(tags: Iterable[bytes]) -> list[bytes]:
    return [b" " + tag for tag in tags]


def _folded(words: Iterable[bytes]) -> bytes:
    """Words on lines; a fold takes the place of a space, or stands between the names of ``h=``, where it may (§3.5)."""
    pieces: list[bytes] = []
    column = len("DKIM-Signature:")
    for word in words:
        if column + len(word) > _LINE:
            bare = word.lstrip(b" ")
            pieces += (b"\r\n\t", bare)
            column = 1 + len(bare)
        else:
            pieces.append(word)
            column += len(word)
    return b"".join(pieces)
