"""One matchable line out of a reply: bytes decoded, marks folded, lower-cased, lines joined, repeated codes dropped.

Guarantees: any bytes fold; work is linear in the length and bounded by ``LIMIT``.
Not here: what varies between near-copies (``template``), quoted replies (``nesting``).
"""

import re
import unicodedata
from types import MappingProxyType

import msgspec

from gatepost.classify import charsets

# A reply line is at most 512 octets (RFC 5321 §4.5.3.1.5), and what decides stands in the first: the longest replies seen
# have 714 octets, and none of their verdicts changes when only 300 are read. A hostile one costs what this lets it cost.
LIMIT = 768
_MOST_LINES = 32  # as many codes are dropped at lines' heads and between them; nobody repeats them more often

_CODE = re.compile(r"[2-5][0-9][0-9](?:[ \-]|$)")
_HEAD_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])[ :\-]*")
_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u3000]+")


class Folded(msgspec.Struct, frozen=True):
    """A reply as one line. key: what rules are matched against. enhanced: the enhanced code as said, or empty."""

    code: int
    enhanced: str
    key: str


def read(raw: bytes) -> str:
    """The text of a reply, cut at the limit and lower-cased."""
    raw = raw[:LIMIT]
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii").lower()
    return lower(charsets.decode(raw))


def fold(text: str, code: int) -> Folded:
    """The text as one line, without its codes."""
    head = _HEAD_ENHANCED.match(text, 4 if code else 0)
    enhanced = head[1] if head else ""
    lines = text.splitlines()
    key = " ".join([_strip(line, code, enhanced) for line in lines[:_MOST_LINES]] + lines[_MOST_LINES:])
    if "  " in key or not key.isprintable():
        key = _SPACE.sub(" ", key)
    key = _drop_repeats(key.strip(" "), code, enhanced)
    return Folded(code, enhanced or find_enhanced(key), key)


def lower(text: str) -> str:
    """Lower-case, Latin letters without their marks, typographic quotes straightened; the length never changes."""
    if text.isascii():
        return text.lower()
    one_by_one = text.replace("\u0130", "i")  # the only letter whose lower case is two characters
    text = one_by_one.lower().translate(_PLAIN)
    if unicodedata.is_normalized("NFKC", text):
        return text
    return "".join([unicodedata.normalize("NFKC", char)[0].lower()[0] for char in text])


_LATIN = {chr(code): unicodedata.normalize("NFD", chr(code))[0] for code in range(0x80, 0x250)}
_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}
_PLAIN = MappingProxyType(str.maketrans({a: b for a, b in (_LATIN | _QUOTES).items() if a != b}))


def _strip(line: str, code: int, enhanced: str) -> str:
    if _CODE.match(line):
        line = line[4:]
    while code and line.startswith(f"{code} "):  # "550 550 5.7.1": a relay's code in front of the same code
        line = line[4:]
    if enhanced and (found := _HEAD_ENHANCED.match(line)):
        line = line[found.end() :]
    return line


# A code at a word's start, never one after "said", with the enhanced code that follows it.
_REPEATED = re.compile(
    r"(?<!said: )(?<!said )(?<![^ ])([2-5][0-9][0-9])(-| (?=[245]\.))(?:([245]\.[0-9]{1,3}\.[0-9]{1,3}) )?"
)


def _drop_repeats(text: str, code: int, enhanced: str) -> str:
    """Without codes that a log or a report left in the middle when it joined the lines."""
    said = str(code)
    if said not in text:
        return text

    def kept(found: re.Match[str]) -> str:
        if found[1] != said or (found[2] == " " and found[3] != enhanced):
            return found[0]
        return "" if found[3] in (None, enhanced) else f"{found[3]} "

    return _REPEATED.sub(kept, text, count=_MOST_LINES)


_MARKED = re.compile(r"[(\[#]{1,2}([45]\.[0-7]\.[0-9]{1,3})(?=[\])\s:,;-]|$)")
_AFTER_CODE = re.compile(r"(?<![0-9.])(?:[45][0-9][0-9][ -]|^|[:;] )([45]\.[0-7]\.[0-9]{1,3})(?![0-9.])")


def find_enhanced(text: str) -> str:
    """An enhanced code not at the head but marked as one: ``(#5.1.1)``, ``550 5.7.1``; never a dotted quad."""
    if "4." not in text and "5." not in text:
        return ""
    found = _AFTER_CODE.search(text) or _MARKED.search(text)
    return found.group(1) if found else ""
