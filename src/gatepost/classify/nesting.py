"""A reply that quotes another server's: where the quoted one starts, and what it is.

Guarantees: linear (only the last phrases are looked at); a quotation is recognised only by a phrase that introduces one ("said: 550 …"), never by a number in
the text. Not here: which of the two counts (``classifier``).
"""

import re

import msgspec

from gatepost.classify import folding

_QUOTE = re.compile(
    r"(?:\bsaid(?: after| in reply to)?[^:]{0,40}: ?|\bsaid |did not like our [a-z: ]{2,20}: ?|\brespon(?:ded|se|se was)(?: with)?:? "
    r"|\bre(?:turned|plied)(?: with)?(?: error)?:? |\bsmtp; ?|\berror from (?:remote|upstream)[a-z ]{0,30}: ?"
    r"|\b(?:remote|upstream|destination)[a-z ]{0,30}(?:error|failure|response): ?)"
    r"[\"'<\[(]{0,2}(?P<code>[45][0-9][0-9])[ \-](?P<enhanced>[45]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.]))?"
)
# What each of them begins with; most replies have none.
_WORDS = (
    "said",
    "did not like our",
    "respon",
    "returned",
    "replied",
    "smtp;",
    "error from",
    "remote",
    "upstream",
    "destination",
)
_BEGINS = re.compile("|".join(_WORDS))
_MOST_TRIED = 16  # from the end: the innermost quotation is the last one
_OF_SENDER = re.compile(
    r"\bsender (?:address )?(?:rejected|verif|callout|callback|check|unknown|invalid)|\bcall(?:out|back) "
    r"|\bverif\w{0,8} (?:the )?(?:sender|return.path|mail from)|\breturn.path\b|\bmail from\b"
)


class Nested(msgspec.Struct, frozen=True):
    """The quoted reply; ``start`` is where its text begins in the outer text."""

    folded: folding.Folded
    start: int


def speaks_of_sender(outer: folding.Folded, start: int) -> bool:
    """Whether the words in front of the quotation are about our sender's address (a sender verification)."""
    return _OF_SENDER.search(outer.key, 0, start) is not None


def unwrap(outer: folding.Folded) -> Nested | None:
    """The innermost quoted reply, or None where nothing is quoted."""
    if not any(word in outer.key for word in _WORDS):
        return None
    for begin in reversed([*_BEGINS.finditer(outer.key)][-_MOST_TRIED:]):
        if last := _QUOTE.match(outer.key, begin.start()):
            return _quoted(outer, last)
    return None


def _quoted(outer: folding.Folded, last: re.Match[str]) -> Nested:
    start = last.end()
    if outer.key.startswith(" ", start):
        start += 1
    key = outer.key[start:]
    return Nested(
        folding.Folded(int(last["code"]), last["enhanced"] or folding.find_enhanced(key), key), start
    )
