"""DKIM-Signature fields for a message's header and body hash (RFC 6376 §3.5, §3.7, §5).

Guarantees: pure, the time is an argument; what identifies a message to its reader is signed once more than it is there
("oversigned", §8.15), so that nobody can add a second From, Subject or List-Unsubscribe under our signature; every field
of one name is signed, the lowest first (§5.4.2). Several keys sign the same bytes, each with a field of its own.
Not here: the body's hash (``canonical``), which keys sign for whom.
"""

import base64
import functools
import re
from collections.abc import Iterable, Sequence
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
    b"X-Gatepost-Token",
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
_OVERSIGNED: Final = [(name.lower(), name) for name in OVERSIGNED]
_SIGNED: Final = [(name.lower(), name) for name in SIGNED]
_LINE: Final = 76  # octets after which a line of the field is folded
_VALUE: Final = 72  # of the signature on one line
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
    stamp = b"t=%d;" % now_s
    if manner.expires_s:
        stamp += b" x=%d;" % (now_s + manner.expires_s)
    body_hash = base64.b64encode(message.body_hash)
    fields: list[bytes] = []
    for one in signers:
        written, own = _frame(names, one.key.algorithm, (one.domain, one.selector), manner)
        value = base64.b64encode(one.key.sign(signed + own.filled(stamp, body_hash)))
        lines = [value[at : at + _VALUE] for at in range(0, len(value), _VALUE)]
        fields += (written.filled(stamp, body_hash), b"\r\n\t".join(lines), b"\r\n")
    return b"".join(fields)


def split(header: bytes) -> list[bytes]:
    """A header's fields, each with its CRLF and its folds."""
    return [one + b"\r\n" for one in _FIELD.split(header.removesuffix(b"\r\n")) if one]


def _chosen(fields: Iterable[bytes], form: canonical.Form) -> tuple[tuple[bytes, ...], bytes]:
    """The names of ``h=`` and the bytes that they stand for, in this order."""
    by_name: dict[bytes, list[bytes]] = {}
    for one in fields:
        by_name.setdefault(one.partition(b":")[0].rstrip(b" \t").lower(), []).append(one)
    twice = [(name, one) for low, name in _OVERSIGNED if low in by_name for one in reversed(by_name[low])]
    once = [(name, one) for low, name in _SIGNED if low in by_name for one in reversed(by_name[low])]
    names = (*[name for name, _ in twice], *OVERSIGNED, *[name for name, _ in once])
    return names, b"".join([canonical.field(one, form) for _, one in (*twice, *once)])


class _Text(msgspec.Struct, frozen=True):
    """A field without the time and the body's hash, which stand between these."""

    before: bytes
    between: bytes
    after: bytes

    def filled(self, stamp: bytes, body_hash: bytes) -> bytes:
        """The field up to its ``b=``."""
        return b"".join((self.before, stamp, self.between, body_hash, self.after))


@functools.lru_cache(maxsize=1024)
def _frame(
    names: tuple[bytes, ...], algorithm: keys.Algorithm, place: tuple[str, str], manner: Manner
) -> tuple[_Text, _Text]:
    """The field as it is written, and as it is signed (§3.7: canonical, without its last CRLF).

    Kept, because the mail of one application has the same fields: to fold them anew cost as much as an Ed25519 signature.
    """
    domain, selector = place
    tags = [
        b" v=1;",
        b" a=%s-sha256;" % algorithm.encode(),
        b" c=%s/%s;" % (manner.header.encode(), manner.body.encode()),
        b" d=%s;" % domain.encode(),
        b" s=%s;" % selector.encode(),
    ]
    listed = [b"%s:" % name for name in names[:-1]]
    head = b"DKIM-Signature:" + _folded(tags, len("DKIM-Signature:")) + b"\r\n\t"
    field_names = b"\r\n\t" + _folded([b"h=", *listed, names[-1] + b";"], 1) + b"\r\n\tbh="
    written = _Text(head, field_names, b";\r\n\tb=")
    whole = canonical.field(written.filled(b"\0", b"\0") + b"\r\n", manner.header)[:-2]
    return written, _Text(*whole.split(b"\0"))


def _folded(words: Iterable[bytes], column: int) -> bytes:
    """Words on lines; a fold takes the place of a space, or stands between the names of ``h=``, where it may (§3.5)."""
    pieces: list[bytes] = []
    for word in words:
        if column + len(word) > _LINE:
            bare = word.lstrip(b" ")
            pieces += (b"\r\n\t", bare)
            column = 1 + len(bare)
        else:
            pieces.append(word)
            column += len(word)
    return b"".join(pieces)
