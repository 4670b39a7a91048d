"""``Feedback-ID``: by which words Google's Postmaster Tools tell of a campaign that many mark as spam.

The field is ``campaign:list:Bridge:sender`` (Google's page "Feedback loop", support.google.com/mail/answer/6254652): each word is counted by
itself; an empty one, but for the last, is left out of the count. The last is 5 to 15 characters and the same in all of a sender's mail.
Guarantees: one line, ASCII; different names stay different words. Not here: where it is added (``returning``, ``compose``).
"""

import functools
import re
import zlib

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 60  # characters of a word
_SENDER_SHORTEST = 5
_SENDER_LONGEST = 15


@functools.lru_cache(maxsize=4096)
def field(campaign: str, listed: str, bridge: str, domain: str) -> bytes:
    """The header field with its CRLF. domain: the one that signs, which is who sends. Empty names are left empty.

    A word that a later one repeats is left empty too: Google would add up what has nothing to do with each other.
    """
    words = [word(campaign), word(listed), word(bridge), sender(domain)]
    once = ["" if one in words[place + 1 :] else one for place, one in enumerate(words)]
    return f"Feedback-ID: {':'.join(once)}\r\n".encode()


def word(name: str) -> str:
    """A name as a word of the field: what does not fit is replaced by ``-``, and what is lost is made up for by a checksum."""
    fit = _UNFIT.sub("-", name)
    if len(fit) <= _LONGEST and name.isascii():
        return fit
    return f"{fit[: _LONGEST - 9]}-{_sum(name)}"


def sender(domain: str) -> str:
    """A domain as the sender's word."""
    if _SENDER_SHORTEST <= len(domain) <= _SENDER_LONGEST:
        return domain
    return f"{domain[: _SENDER_LONGEST - 9]}-{_sum(domain)}"


def _sum(text: str) -> str:
    return f"{zlib.crc32(text.encode('utf-8', 'surrogatepass')):08x}"
