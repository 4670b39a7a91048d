"""Header fields of a mail or of one of its parts: split, unfolded, decoded.

Guarantees: any bytes are read; work is linear in the block, which is cut at ``limits.HEADER``; a block that is no header
gives no fields, and all of it is body.
"""

import binascii
import re
from collections.abc import Mapping

import msgspec

from gatepost.reports import charset, limits

_FIELD = re.compile(rb"^([!-9;-~]{1,80})[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)", re.MULTILINE)
_FOLD = re.compile(rb"\n[ \t]+")
_WORD = re.compile(r"=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z-]{1,20})?\?([BbQq])\?([^?\n]{0,1000})\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\n]+(=\?)")
_FROM_LINE = re.compile(rb"\A(?:[ \t]*+\n)*+(?:>?From [^\n]*\n)?(?:[ \t]*+\n)*+")
_PARAM = re.compile(r';\s*([A-Za-z0-9*_-]{1,40})\s*=\s*("[^"]*"|[^;\s]*)')
_CONTENT_TYPE = 2048
# A block without any of these is text that happens to hold a colon.
_TELLING = frozenset(
    {
        "from", "to", "subject", "date", "received", "return-path", "message-id", "mime-version", "content-type",
        "delivered-to", "x-original-to", "content-transfer-encoding", "content-disposition", "content-description",
        "reply-to", "sender", "x-failed-recipients", "auto-submitted", "envelope-to", "dkim-signature",
        "final-recipient", "reporting-mta", "feedback-type",
    }
)  # fmt: skip


class Fields(msgspec.Struct, frozen=True):
    """The fields of one block, names in lower case; the first ``limits.SAME`` of each name."""

    raw: Mapping[str, list[bytes]]

    def get(self, name: str) -> str:
        """The first one, unfolded, or empty."""
        found = self.raw.get(name)
        return unfolded(found[0]) if found else ""

    def all(self, name: str) -> tuple[str, ...]:
        """All of that name."""
        return tuple(unfolded(value) for value in self.raw.get(name, ()))

    def words(self, name: str) -> str:
        """The first one with its encoded words read (RFC 2047)."""
        return decoded(self.get(name))

    def __contains__(self, name: str) -> bool:
        return name in self.raw

    def __bool__(self) -> bool:
        return bool(self.raw)


NONE = Fields({})


def split(raw: bytes) -> tuple[Fields, bytes]:
    """The fields and the body of a mail with LF line ends. An mbox "From " line and blank lines in front are dropped."""
    start = _FROM_LINE.match(raw)
    raw = raw[start.end() :] if start is not None else raw
    end = raw.find(b"\n\n")
    block = raw if end == -1 else raw[:end]
    found = read(block)
    if not found:
        return NONE, raw
    return found, b"" if end == -1 else raw[end + 2 :]


def split_part(raw: bytes) -> tuple[Fields, bytes]:
    """The same for a part of a multipart, which may have no header at all (RFC 2046 §5.1)."""
    if raw.startswith(b"\n"):
        return NONE, raw[1:]
    return split(raw)


def read(block: bytes) -> Fields:
    """The fields of a block; none where it is no header."""
    fields = gathered(block)
    return NONE if _TELLING.isdisjoint(fields.raw) else fields


def gathered(block: bytes) -> Fields:
    """The fields of a block, whatever it is."""
    names: dict[str, list[bytes]] = {}
    for name, value in pairs(block):
        kept = names.setdefault(name, [])
        if len(kept) < limits.SAME:
            kept.append(value)
    return Fields(names)


def pairs(block: bytes) -> list[tuple[str, bytes]]:
    """Names in lower case and raw values, in order."""
    found = _FIELD.findall(block, 0, limits.HEADER)[: limits.FIELDS]
    return [(name.decode("ascii").lower(), value) for name, value in found]


def unfolded(value: bytes) -> str:
    """One line of text."""
    value = value[: limits.VALUE]
    return charset.text_of(_FOLD.sub(b" ", value) if b"\n" in value else value).strip()


def decoded(text: str) -> str:
    """The text with its encoded words read; words that cannot be read stay."""
    if "=?" not in text:
        return text
    return _WORD.sub(_word, _BETWEEN.sub(r"\1\2", text))


def _word(found: re.Match[str]) -> str:
    name, how, text = found.groups()
    raw = text.encode("ascii", "replace")
    data = base64(raw) if how in "Bb" else binascii.a2b_qp(raw.replace(b"_", b" "), header=False)
    return charset.text_of(data, name)


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def base64(raw: bytes) -> bytes:
    """What can be read of it."""
    clean = _NOT_BASE64.sub(b"", raw)
    if len(clean) % 4 == 1:
        clean = clean[:-1]
    return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def content_type(value: str) -> tuple[str, dict[str, str]]:
    """``text/plain`` and its parameters, names in lower case (RFC 2045 §5.1)."""
    value = value[:_CONTENT_TYPE]
    kind = value.partition(";")[0].strip().lower()
    params: dict[str, str] = {}
    for found in _PARAM.finditer(value):
        params.setdefault(found[1].lower().rstrip("*"), found[2].strip('"'))
    return kind, params
