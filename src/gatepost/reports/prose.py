"""Bounces in prose: whom a text says it could not reach, and what was said about each.

Guarantees: bounded by ``limits``; deterministic. The strongest kind of mention decides: an address that begins a line
(qmail, Postfix, Exim and most others write so), else the one that follows "recipient", "to" and the like, else the only
one there is. Addresses of senders and helpers are no recipients.
Not here: whether the mail is a bounce at all (``evidence``).
"""

import re

import msgspec

from gatepost.reports import limits, mailbox, phrases

_HEAD = re.compile(
    rf"^(?P<indent>[ \t>*|#•–—-]*+)(?:smtp |recipient:|failed recipient:|\d{{1,3}}[.)] )?[ \t]*+"
    rf"(?:\"[^\"\n]{{0,80}}\"[ \t]*<|[<\[(\"'«]{{1,3}}|)(?P<address>{mailbox.PATTERN})(?P<rest>[^\n]*)$",
    re.IGNORECASE,
)
_SENDMAIL = re.compile(
    rf"^[45][0-9][0-9][ -](?:[45]\.\d{{1,3}}\.\d{{1,3}} )?<?(?P<address>{mailbox.PATTERN})>?\.\.\."
)
_CLOSING = re.compile(
    r"^[>\])\"'»\s]*(?:<mailto:[^>\n]*>|\(mailto:[^)\n]*\)|\([^)\s]{0,100}@[^)\s]{0,100}\)|\((?:expanded|(?:ultimately )?generated|forwarded)[^)\n]{0,200}\))*[\s:;,*.-]*"
)
_NO_WORD = re.compile(r"[\W_]+")
_CODE_BEFORE = re.compile(r"\b[45][0-9][0-9](?:[ -][45]\.[0-9]{1,3}\.[0-9]{1,3})?[\s<]*$")
_ORIGIN = re.compile(r"\s*\((?:expanded|(?:ultimately )?generated) from[^)\n]{0,300}\)\s*$")
_AROUND = 30  # lines around an address that are read for what was said
_NAMED_MOST = 200  # addresses within sentences that are looked at
_BEFORE = 45  # characters in front of an address that tell what it is


class Mention(msgspec.Struct, frozen=True):
    """An address, the line it stands in, and what was said with it. rank: how sure it is that it failed."""

    address: str
    rank: int
    line: int
    text: str = ""


HEADS, NAMED, ANY = 3, 2, 1


class _Start(msgspec.Struct, frozen=True):
    """A line that an address begins. rest: what follows the address in it; told: what was said, where that is known."""

    address: str
    line: int
    rest: str
    told: str = ""


class Section(msgspec.Struct, frozen=True):
    """A report without the original behind it. rest: that original, as text."""

    report: str
    rest: str


def section(text: str) -> Section:
    """Where the report ends."""
    text = text[: limits.TEXT]
    mark = phrases.MARK.search(text)
    end = mark.start() if mark is not None else len(text)
    run = phrases.HEADER_RUN.search(text, 0, end)
    end = run.start() if run is not None else end
    return Section(text[:end], text[end:]) if text[:end].strip() else Section(text, "")


def mentions(text: str, senders: frozenset[str]) -> list[Mention]:
    """Who failed, the most certain kind of mention only, each address once, in order. senders: in lower case."""
    lines = [line[: limits.LINE] for line in text.split("\n", limits.LINES)[: limits.LINES]]
    heads = _heads(lines)
    if not heads:
        heads = _named(lines)
    kept: dict[str, Mention] = {}
    strongest = max((_rank(one, senders) for one in heads), default=0)
    for one in heads:
        if strongest and _rank(one, senders) == strongest and one.address.lower() not in kept:
            kept[one.address.lower()] = one
    found = list(kept.values())[: limits.RECIPIENTS]
    return found if strongest > ANY or len(found) == 1 else []


def _rank(one: Mention, senders: frozenset[str]) -> int:
    """A sender's own address is a recipient only where nothing else is (mail to oneself)."""
    if one.address.lower() not in senders:
        return one.rank
    return one.rank - 1 if one.rank == HEADS and one.text else 0


def _heads(lines: list[str]) -> list[Mention]:
    """Addresses that begin a line, each with the text up to the next one."""
    starts: list[_Start] = []
    indent, open_block = 0, False
    for number, line in enumerate(lines):
        if not line.strip():
            open_block = False
            continue
        if "@" not in line:
            continue
        if len(starts) > limits.RECIPIENTS:
            break
        if (transcript := _SENDMAIL.match(line)) is not None:
            starts.append(
                _Start(mailbox.trimmed(transcript["address"]), number, "", _transcript(lines, number))
            )
            continue
        found = _HEAD.match(line)
        own = len(line) - len(line.lstrip(" \t"))
        # Deeper in an open block: a folded diagnostic that happens to break in front of an address.
        if found is None or (open_block and own > indent) or _is_sender(lines, number, found):
            continue
        rest = _CLOSING.sub("", found["rest"], count=1)
        starts.append(_Start(mailbox.trimmed(found["address"]), number, rest))
        indent, open_block = own, True
    ends = [start.line for start in starts[1:]] + [len(lines)]
    return [
        Mention(start.address, HEADS, start.line, start.told or _said(lines, start, end))
        for start, end in zip(starts, ends, strict=False)
    ]


def _transcript(lines: list[str], number: int) -> str:
    """Sendmail's own line about a recipient, or what the other server said just before it."""
    at, first = number - 1, max(number - _AROUND, 0)
    while at >= first and lines[at].lstrip().startswith("<<<"):
        at -= 1
    return _joined(lines[at + 1 : number]) or _joined(lines[number : number + 1])


def _is_sender(lines: list[str], number: int, found: re.Match[str]) -> bool:
    """Whether the words in front, perhaps on the line before, speak of a sender or a helper."""
    before = lines[number][: found.start("address")]
    if number and not before.strip(" \t<>*-"):
        before = f"{lines[number - 1][-_BEFORE:]} {before}"
    return _last_words(before).endswith(phrases.NOT_TO)


def _last_words(before: str) -> str:
    """What stands in front of an address: words alone, in lower case, a blank in front."""
    return " " + _NO_WORD.sub(" ", before[-_BEFORE:].lower()).strip()


def _said(lines: list[str], start: _Start, end: int) -> str:
    """What stands with an address: in its own paragraph; else up to the next address; else in front of it."""
    own = [start.rest] if start.rest.strip() else []
    for line in lines[start.line + 1 : min(end, start.line + _AROUND)]:
        if not line.strip():
            break
        if not _ORIGIN.match(line):
            own.append(line)
    after = lines[start.line + 1 : min(end, start.line + _AROUND)]
    told = _joined(own) or _joined(after)
    if told or end < len(lines):
        return told
    return _joined(lines[max(start.line - _AROUND, 0) : start.line])


def _joined(lines: list[str]) -> str:
    """As text; blank lines still divide it."""
    return "\n".join(line.strip() for line in lines).strip()[: limits.REPLY]


def _named(lines: list[str]) -> list[Mention]:
    """Addresses within sentences."""
    found: list[Mention] = []
    looked_at = 0
    for number, line in enumerate(lines):
        if "@" not in line or phrases.SENDER_LINE.match(line) is not None:
            continue
        for match in mailbox.ADDRESS.finditer(line):
            looked_at += 1
            if looked_at > _NAMED_MOST:
                return found
            if rank := _rank_in_line(lines, number, match.start()):
                around = _joined(lines[max(number - 1, 0) : number + _AROUND])
                found.append(Mention(mailbox.trimmed(match.group()), rank, number, around))
    return found


def _rank_in_line(lines: list[str], number: int, start: int) -> int:
    """How the words in front of an address speak of it; 0 where it is a sender's, a helper's or part of a link."""
    before = lines[number][max(start - _BEFORE, 0) : start]
    if start < _BEFORE and number:
        before = f"{lines[number - 1].strip()[-_BEFORE:]} {before}"
    if "://" in before[-_BEFORE:].rpartition(" ")[2]:
        return 0
    words = _last_words(before)
    if words.endswith(phrases.NOT_TO) and not words.endswith(" generated by"):  # Exim, of an alias
        return 0
    return NAMED if words.endswith(phrases.TO) or _CODE_BEFORE.search(before) else ANY
