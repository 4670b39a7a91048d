"""Whether a reply quotes us: our IP, host name, MAIL FROM or From domain (taxonomy: Precedence, 1).

Guarantees: quotations inside a URL, a greeting, a ``relay=`` phrase or the recipient's own address do not count.
Not here: what follows from it (``classifier``).
"""

import re
from collections.abc import Iterable

_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>]{1,1000}")
_POLITE = re.compile(
    r"\b(?:relay|helo|ehlo|client|remote)=\S{1,300}"
    r"|\b(?:hi|hello|hallo|dear|greetings|welcome|nice to meet you|pleased to meet you),? [\[(<]?[^\s,\])>]{1,300}"
)
# Without one of these there is nothing to leave out.
_OF_URLS = ("://", "www.")
_OF_POLITE = ("=", "hi ", "hi,", "hello", "hallo", "dear", "greetings", "welcome", "meet you")
_WORD = "abcdefghijklmnopqrstuvwxyz0123456789-_"


def quotes_any(text: str, ours: Iterable[str], recipient: str) -> bool:
    """Whether the lower-cased text names one of ours where it means something."""
    names = [name.lower() for name in ours if name and name.lower() in text]
    if not names:
        return False
    if recipient:
        text = text.replace(recipient.lower(), " ")
    if any(part in text for part in _OF_URLS):
        text = _URL.sub(" ", text)
    if any(part in text for part in _OF_POLITE):
        text = _POLITE.sub(" ", text)
    return any(_stands_in(name, text) for name in names)


def _stands_in(name: str, text: str) -> bool:
    """Whole names only: ``192.0.2.2`` does not stand in ``192.0.2.25``, nor ``a.example`` in ``a.example.org``."""
    at = text.find(name)
    while at >= 0:
        end = at + len(name)
        if not _joined(text, at - 1) and not _goes_on(text, end):
            return True
        at = text.find(name, at + 1)
    return False


def _joined(text: str, before: int) -> bool:
    return before >= 0 and text[before] in _WORD


def _goes_on(text: str, end: int) -> bool:
    if end < len(text) and text[end] in _WORD:
        return True
    return text[end : end + 1] == "." and end + 1 < len(text) and text[end + 1] in _WORD
