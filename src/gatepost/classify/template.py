"""What varies from one reply to its near-copies: addresses, IPs, ids, dates and long numbers, each replaced by one and the same thing.

Replies that are the same after ``masked`` are one *template* to the classifier: rules are matched against that text and
see nothing else, so replies of one template cannot get different verdicts. What rules and hints read stays: codes, short
numbers, marks of a provider (``tss04``, ``s3140``), hosts. ``of`` is coarser: the grouping that people see.
Guarantees: linear and bounded. Not here: what a template is counted for.
"""

import re

from gatepost.classify import folding
from gatepost.model import reply as replies

ADDRESS = "¤"
IP = "192.0.2.1"  # so that a rule's "address (1|2|3)*" still means an IP
ID = "10000000"

_ATOM = r"[^\s<>\"'()\[\]:;,@]"
_NOT_AFTER_ATOM = rf"(?<!{_ATOM})"
# Starts only at a token's start and is bounded: linear on hostile text.
_ADDRESS = re.compile(rf'{_NOT_AFTER_ATOM}(?:{_ATOM}{{1,64}}+|"[^"@]{{1,64}}+")@{_ATOM}{{1,255}}')
# All of them begin with a digit, so that nothing else has to be looked at. The letters in front of an id's first digit
# stay: it takes few replies until all of them are known.
_VARYING = re.compile(
    r"[0-9](?<![0-9].)(?=[0-9a-z_.:-]{6})(?:"  # codes and short numbers are done with here
    r"((?<![.a-z].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![0-9.])|[0-9a-f]{3}(?::[0-9a-f]{0,4}){2,7})"  # an IP, of IPv6 a global one
    r"|(?=(?:[a-z_-]{0,20}[0-9]){3})[0-9a-z_-]{7,}(?:[.:][0-9]{1,9}){0,4}z?"  # an id, a date, a time
    r")"
)

_LONGEST = 200  # what people are shown, and the store keeps: replies do not differ behind it
_PARTS = re.compile(
    rf"(?P<address>{ADDRESS})|(?<![a-z0-9])(?:(?P<ip>{re.escape(IP)}(?![0-9.]))"
    r"|(?P<url>https?://[^\s<>]{1,1000}+)"
    r"|(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"|(?P<host>(?<![._-])[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,10}\.[a-z]{2,24}(?![a-z0-9_-]))"
    rf"|(?P<id>[a-z0-9]{{0,20}}{ID}|(?=[a-z0-9_.-]{{0,8}}[0-9])[a-z0-9_.-]{{9,200}})"
    r"|(?P<number>[0-9]{3,}|(?<![._])[0-9]{1,2}(?![a-z0-9._]))"
    r")"
)


def masked(text: str, recipient: str = "") -> str:
    """The lower-cased text with the same thing for each one of a kind that varies. recipient: an address that is cheaper to find."""
    if ADDRESS in text:
        text = text.replace(ADDRESS, " ")  # the reply's own, none of ours
    if "@" in text:
        if recipient:
            text = text.replace(recipient.lower(), ADDRESS)
        if "@" in text:
            text = _ADDRESS.sub(ADDRESS, text)
    return _VARYING.sub(_mark, text)


def _mark(found: re.Match[str]) -> str:
    return IP if found[1] else ID


def folded(reply: replies.Reply) -> folding.Folded:
    """The reply as rules see it."""
    return folding.fold(masked(folding.read(reply.raw)), reply.code)


def of(reply: replies.Reply) -> str:
    """The reply's template as people see it: code, enhanced code and the folded text with a word for what varies."""
    return of_folded(folded(reply))


def of_folded(text: folding.Folded) -> str:
    """The template of a reply that is folded already."""
    return f"{text.code} {text.enhanced or '-'} {of_text(text.key)}"


def of_text(key: str) -> str:
    """The template of a folded text."""
    return _PARTS.sub(_name, key[:_LONGEST])


def _name(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    if kind == "url":  # the host and path say what it is about; the query is somebody's
        return found.group().partition("?")[0].rstrip("/.")
    return f"<{kind}>"
