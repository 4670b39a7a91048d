"""A reply with its addresses, IPs, ids, dates and numbers replaced: near-copies share one template.

Guarantees: linear, bounded, idempotent enough to group by; codes and short marks of a provider (``tss04``, ``s3140``)
stay, because they tell replies apart. Not here: what a template is counted for.
"""

import re

from gatepost.classify import folding
from gatepost.model import reply as replies

_PARTS = re.compile(
    r"(?P<url>https?://[^\s<>]{1,1000})"
    r"|(?P<address>¤{3,})"
    r"|(?P<ip>(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])|(?<![0-9a-f:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){3,7}(?![0-9a-f:]))"
    r"|(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?:t[0-9:.]{5,15}z?)?|[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"|(?P<host>(?<![a-z0-9._-])[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){1,10}\.[a-z]{2,24}(?![a-z0-9_-]))"
    r"|(?P<id>(?<![a-z0-9])(?=[a-z0-9_.-]{0,8}[0-9])[a-z0-9_.-]{9,200})"
    r"|(?P<number>[0-9]{3,}|(?<![a-z0-9._])[0-9]{1,2}(?![a-z0-9._]))"
)


def of(reply: replies.Reply) -> str:
    """The reply's template: code, enhanced code and the folded text with what varies replaced."""
    return of_folded(folding.fold(reply))


def of_folded(folded: folding.Folded) -> str:
    """The template of a reply that is folded already."""
    return f"{folded.code} {folded.enhanced or '-'} {of_text(folded.key)}"


def of_text(key: str) -> str:
    """The template of a folded text."""
    return _PARTS.sub(_name, key)


def _name(found: re.Match[str]) -> str:
    kind = found.lastgroup or ""
    if kind == "url":  # the host and path say what it is about; the query is somebody's
        return found.group().partition("?")[0].rstrip("/.")
    return f"<{kind}>"
