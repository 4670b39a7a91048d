"""The reply within a diagnostic text: from its code on, without what the reporting server adds.

Guarantees: linear; a text without any reply comes back whole, on one line.
"""

import re
from itertools import islice

import msgspec

from gatepost.reports import limits

_NOTHING, _CODED, _FINE, _SPOKEN = range(4)  # how surely a reply begins


class _Start(msgspec.Struct, frozen=True):
    rank: int
    at: int


_BLANK_LINE = re.compile(r"\n[ \t]*+\n")
_SPACE = re.compile(r"\s+")
_AMOUNT = r"(?! ?(?:[kmgt]i?b|bytes|octets|seconds|minutes|hours|days|times|messages|recipients)\b)"
_CODE = rf"(?<![0-9.:/@-])(?P<code>[45][0-5][0-9]){_AMOUNT}"
_ENHANCED = r"[45]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])"
# "550 5.1.1 …", "550-5.1.1", "550 #5.1.0", "#550 5.1.1 …", "550: <…>", "ERROR_CODE :550, …"
_REPLY = re.compile(
    rf"{_CODE}(?:[ -]{{1,2}}(?:#?(?P<enhanced>{_ENHANCED})|(?=[^\s0-9]))|: (?=\S)|, (?=ERROR_CODE)|\.(?= [A-Z]))",
    re.IGNORECASE,
)
_BARE = re.compile(rf"(?:^|[\s(\[\"'#:;-])(?P<enhanced>{_ENHANCED})[\])]?:? ")
# Words behind which a remote server speaks.
_SPEAKS = re.compile(
    r"(?:said(?: after| in reply)?[^:\n]{0,30}|respon\w+(?: with)?(?: failure)?|repl(?:y|ied)[^:\n]{0,20}|returned(?: an error)?(?: was)?|<<<|>>>|reason|error(?: message| code)?|failed with|was|server message)"
    r"[:\s'\"(\[#]{1,6}(?:smtp; ?)?$",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:^|\s)(?:reason|cause|error(?: description| details?| message)?|the problem appears to be|problem|details?|technical details of (?:permanent|temporary) failure)\s?:[\s-]+(?=\S)",
    re.IGNORECASE,
)
_ADDED = re.compile(
    r"(?:\(in reply to [^()]{3,60}\)|\(state \d{1,3}\)\.?|Giving up on [0-9a-fA-F.:]{3,45}\.?|\[(?:RCPT_TO|MAIL_FROM|BODY|CONNECT|DATA)\]|I'm not going to try again; this message has been in the queue too long\.|STEP: [A-Z ]{3,30}|hMailServer)$"
)
_ADDITION = 120  # characters of the longest of them
_CODES = 20  # that are looked at


def reply_in(text: str) -> str:
    """The reply, to the end of its paragraph; the whole text where there is none."""
    text = text[: limits.REPLY * 2]
    best, line = _Start(_NOTHING, 0), ""
    for paragraph in _BLANK_LINE.split(text):
        one = _SPACE.sub(" ", paragraph).strip()
        start = _coded(one)
        if start.rank > best.rank:
            best, line = start, one
    if best.rank == _NOTHING:
        line = _SPACE.sub(" ", text).strip()
        best = _uncoded(line)
    reply = line[best.at :]
    for _ in range(4):
        reply = reply.rstrip(" \t*=_-")
        found = _ADDED.search(reply, max(len(reply) - _ADDITION, 0))
        if found is None:
            break
        reply = reply[: found.start()]
    return _unquoted(line, best.at, reply.rstrip())[: limits.REPLY]


def _coded(line: str) -> _Start:
    """Where the reply begins: the one that a remote server speaks, else one with an enhanced code, else the first."""
    first = fine = -1
    for found in islice(_REPLY.finditer(line), _CODES):
        at = found.start("code")
        if first < 0:
            first = at
        if fine < 0 and found["enhanced"]:
            fine = at
        if _SPEAKS.search(line, max(at - 60, 0), at):
            return _Start(_SPOKEN, at)
    if fine >= 0:
        return _Start(_FINE, fine)
    return _Start(_CODED, first) if first >= 0 else _Start(_NOTHING, 0)


def _uncoded(line: str) -> _Start:
    """Without a basic code: from the enhanced one on, or behind "Reason:" and the like."""
    if (bare := _BARE.search(line)) is not None:
        return _Start(_CODED, bare.start("enhanced"))
    label = _LABEL.search(line)
    return _Start(_NOTHING, label.end() if label is not None else 0)


def _unquoted(line: str, start: int, reply: str) -> str:
    """Without the quotation mark or bracket that was opened in front of it, and what follows its closing."""
    if start == 0:
        return reply
    if line.endswith("(reason: ", 0, start):
        return _closed(reply)
    closing = {"'": "'", '"': '"', "[": "]", "(": ")"}.get(line[start - 1])
    if closing is None:
        return reply
    end = reply.rfind(closing)
    return reply[:end].strip() if end > 0 else reply


def has_code(text: str) -> bool:
    """Whether the text is a reply with a code of its own."""
    return _REPLY.match(text) is not None or _BARE.match(text) is not None


def has_status(text: str) -> bool:
    """Whether the reply has an enhanced code, too."""
    found = _REPLY.match(text)
    return bool(found["enhanced"]) if found is not None else _BARE.match(text) is not None


def _closed(reply: str) -> str:
    """Up to the parenthesis that closes what was opened in front of the reply."""
    depth = 0
    for at, char in enumerate(reply):
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return reply[:at]
    return reply
