"""Whether a no at RCPT that no rule knew says nothing but no, so that history may tell what it means.

Guarantees: False wherever the reply is long or may speak of the sender, the host, a policy or a page to read; a text in letters
that the words below are not written in is not judged. Not here: the history (``gatepost.policy.presume``).
Source: taxonomy, ``recipient.presumed_dead``.
"""

import re

from gatepost.classify import codes, folding, template
from gatepost.model import reply as replies

_LONGEST = 200  # who writes more than two lines says more than no
_CODES = frozenset({550, 551, 553})
# Nothing said, or something about the address or the mailbox (RFC 3463 §3.2, 3.3).
_ENHANCED = re.compile(r"(?:5\.0\.0|[45]\.[12]\.[0-9]{1,3})?")
_OTHERS = re.compile(
    r"\b(?:sender|from|return.path|helo|ehlo|host\w*|client|server|relay\w*|gateway|domains?|network|connect\w*|ips?|ipv[46]|dns|"
    r"rdns|ptr|reverse|spf|dkim|dmarc|auth\w*|login|tls|ssl|polic\w+|prohibit\w*|permi\w+|access|allow\w*|restrict\w*|"
    r"forbidden|firewall|admin\w*|postmaster|abuse|filter\w*|block\w*|ban(?:ned)?|blacklist\w*|whitelist\w*|\w*list(?:ed|ing)?|"
    r"reputation|spam\w*|junk|virus\w*|content|rate|limit\w*|quota|too many|size|large|message|mail|e-?mail|"
    r"try|retry|again|later|temporar\w+|timeout|error|fail\w*|see|visit|contact|support)\b|://|www\.|[0-9]\.[0-9]+\.[0-9]"
)


def says_no_more(folded: folding.Folded, said: codes.Said) -> bool:
    """Whether the folded reply is such a bare no."""
    if said.stage is not replies.Stage.RCPT or said.smarthost or said.code not in _CODES:
        return False
    if not _ENHANCED.fullmatch(folded.enhanced):
        return False
    if len(folded.key) > _LONGEST:
        return False
    words = folded.key.replace(template.ADDRESS, "")
    return words.isascii() and _OTHERS.search(words) is None
