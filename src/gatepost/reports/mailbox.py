"""Addresses as reports write them: found in text, freed of types, comments and escapes.

Guarantees: linear; what is found has one ``@`` outside quotes and a domain; letters' case is kept.
Not here: what makes two addresses one (``gatepost.model.address``).
"""

import re

_ATOM = r"[^\s<>\"'`()\[\]{}:;,@|\\]"
# Starts only at a token's start and is bounded: linear on hostile text.
PATTERN = (
    rf"(?<!{_ATOM})(?<!@)(?:\"[^\"\n@]{{1,64}}\"|{_ATOM}(?:{_ATOM}|'){{0,127}})"
    rf"@(?:\[[0-9A-Fa-f.:IPv]{{2,45}}\]|[^\s<>\"'`()\[\]{{}}:;,@|\\/=?&*]{{1,255}})"
)
ADDRESS = re.compile(PATTERN)
_TYPE = re.compile(r"\s*(?:[A-Za-z0-9_-]{1,20})\s*;\s*")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_IS_XTEXT = re.compile(r"\+(?:2B|3D|40|20|22|28|29|3A|3B|3C|3E|5C|5B|5D)")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_COMMENT = re.compile(r"\([^()]*\)")
_HIGHEST = 0x10FFFF
_SURROGATES = range(0xD800, 0xE000)


def trimmed(found: str) -> str:
    """What a text adds to an address: a sentence's full stop, ``mailto:``, dots that lead to nothing."""
    return found.rstrip(".!?-_#*~…。、").removeprefix("mailto:").removeprefix("MAILTO:").lstrip(".*-•")


def first(text: str) -> str:
    """The first address in a text, or empty."""
    found = ADDRESS.search(text)
    return trimmed(found.group()) if found is not None else ""


def every(text: str) -> list[str]:
    """All of them, once each, in order."""
    return list(dict.fromkeys(trimmed(found.group()) for found in ADDRESS.finditer(text)))


def typed(value: str) -> str:
    """The address of a field such as ``rfc822; <user@example.com> (a comment)`` (RFC 3464 §2.3.1, RFC 6533 §3).

    A name without a domain comes back as it is; X.400 and the like as empty.
    """
    kind, rest = "", value
    for _ in range(2):  # some write the type twice
        if found := _TYPE.match(rest):
            kind, rest = found.group().strip(" \t;").lower(), rest[found.end() :]
    rest = _unescaped(rest.strip())
    if found_address := first(rest):
        return found_address
    if kind.startswith(("x400", "x500")):
        return ""
    words = _COMMENT.sub(" ", rest).strip().strip("<>\"'").split()
    return words[0] if len(words) == 1 and not words[0].startswith("@") else ""


def _unescaped(text: str) -> str:
    """Without RFC 3461 §4's xtext and RFC 6533 §3's ``\\x{…}``, where a sender left them in."""
    if "\\x{" in text:
        text = _UNICODE.sub(_char, text)
    if "+" in text and ("@" not in text or _IS_XTEXT.search(text)):
        text = _XTEXT.sub(lambda found: chr(int(found[1], 16)), text)
    return text


def _char(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    return chr(number) if number <= _HIGHEST and number not in _SURROGATES else found.group()
