"""One matchable line out of a reply's bytes: lines joined, repeated codes dropped, marks folded, lower-cased.

Guarantees: any bytes fold; ``Folded.plain`` and ``Folded.key`` have the same length, so a span found in one is a span of
the other (``Verdict.evidence`` is such a span); addresses are blanked in ``key``, so that an address that reads like a
phrase (``user-unknown@…``) matches nothing; work is linear in the length and bounded by ``LIMIT``.
Not here: quoted replies (``nesting``).
"""

import re
import unicodedata

import msgspec

from gatepost.model import reply as replies

# A reply line is at most 512 octets (RFC 5321 §4.5.3.1.5) and what decides stands in the first lines; the longest
# seen in the wild (diagnostics of Exchange) name the reason within the first kilobyte.
LIMIT = 4096

_LINE = re.compile(r"\r\n|\n|\r")
_CODE = re.compile(r"[2-5][0-9][0-9](?:[ \-]|$)")
_HEAD_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])[ :\-]*")
_SPACE = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\u3000]+")
_ATOM = r"[^\s<>\"'()\[\]:;,@]"
_NOT_AFTER_ATOM = rf"(?<!{_ATOM})"
# Starts only at a token's start and is bounded: linear on hostile text.
_ADDRESS = re.compile(rf'{_NOT_AFTER_ATOM}(?:"[^"@]{{1,64}}"|{_ATOM}{{1,64}})@{_ATOM}{{1,255}}')
_LATIN_END = 0x250


class Folded(msgspec.Struct, frozen=True):
    """A reply as one line.

    plain: as a person reads it. key: what rules are matched against. enhanced: the enhanced code as said, or empty.
    """

    code: int
    enhanced: str
    plain: str
    key: str


def fold(reply: replies.Reply) -> Folded:
    """The reply as one line, without its codes."""
    lines = _LINE.split(_decode(reply.raw[:LIMIT]))
    enhanced = reply.enhanced.decode("ascii")
    plain = _SPACE.sub(" ", " ".join(_strip(line, reply.code, enhanced) for line in lines)).strip()
    plain = _drop_repeats(plain, reply.code, enhanced)
    return Folded(reply.code, enhanced or find_enhanced(plain), plain, key_of(plain))


def key_of(plain: str) -> str:
    """The text as rules see it, of the same length."""
    return _blank_addresses(lower(plain))


def lower(text: str) -> str:
    """Lower-case, Latin letters without their marks, typographic quotes straightened; the length never changes."""
    if text.isascii():
        return text.lower()
    return "".join(_lower_one(char) for char in text)


_QUOTES = {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"}


def _lower_one(char: str) -> str:
    if char < "\x80":
        return char.lower()
    if char in _QUOTES:
        return _QUOTES[char]
    if ord(char) < _LATIN_END:
        return unicodedata.normalize("NFD", char)[0].lower()[0]
    return unicodedata.normalize("NFKC", char)[0].lower()[0]


def _decode(raw: bytes) -> str:
    if b"\x1b$" in raw:  # Japanese servers of the old school (RFC 1468)
        try:
            return raw.decode("iso2022_jp")
        except UnicodeDecodeError:
            pass
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(raw) - 3:  # cut inside a character
            return raw.decode("utf-8", "replace")
        return raw.decode("latin-1")


def _strip(line: str, code: int, enhanced: str) -> str:
    if _CODE.match(line):
        line = line[4:]
    while code and line.startswith(f"{code} "):  # "550 550 5.7.1": a relay's code in front of the same code
        line = line[4:]
    if enhanced and (found := _HEAD_ENHANCED.match(line)):
        line = line[found.end() :]
    return line


def _drop_repeats(text: str, code: int, enhanced: str) -> str:
    """Without codes that a log or a report left in the middle when it joined the lines (never one after "said")."""
    if not code or (f"{code}-" not in text and (not enhanced or f"{code} {enhanced}" not in text)):
        return text
    tail = rf"(?:{re.escape(enhanced)} )?" if enhanced else ""
    spaced = rf"|{code} {re.escape(enhanced)} " if enhanced else ""
    return re.sub(rf"(?<!said: )(?<!said )(?<![^ ])(?:{code}-{tail}{spaced})", "", text)


_MARKED = re.compile(r"[(\[#]{1,2}([45]\.[0-7]\.[0-9]{1,3})(?=[\])\s:,;-]|$)")
_AFTER_CODE = re.compile(r"(?<![0-9.])(?:[45][0-9][0-9][ -]|^|[:;] )([45]\.[0-7]\.[0-9]{1,3})(?![0-9.])")


def find_enhanced(text: str) -> str:
    """An enhanced code not at the head but marked as one: ``(#5.1.1)``, ``550 5.7.1``; never a dotted quad."""
    found = _AFTER_CODE.search(text) or _MARKED.search(text)
    return found.group(1) if found else ""


def _blank_addresses(key: str) -> str:
    if "@" not in key:
        return key
    return _ADDRESS.sub(_blank, key)


def _blank(found: re.Match[str]) -> str:
    return "¤" * (found.end() - found.start())
