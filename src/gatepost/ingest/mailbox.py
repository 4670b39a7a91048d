"""Mailboxes as people write them: ``Ada Lovelace <ada@example.com>``, one or a list (RFC 5322 §3.4).

Guarantees: linear time on any text, and no guessing: what is not plainly a list of mailboxes is refused, since a
reading that differs from the receiver's would let a sender forge its From (cpython CVE-2023-27043). Group syntax and
nested comments are refused too. The stdlib's ``email`` is not used.
"""

import re

import msgspec

from gatepost.ingest import refusal
from gatepost.model import address as addresses

MAX_LIST = 64 * 1024  # characters of one header's list

_QUOTED = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_ITEM = re.compile(
    rf"({_QUOTED})"  # 1: quoted text
    r"|(\([^()\\]*(?:\\.[^()\\]*)*\))"  # 2: comment
    rf"|<((?:{_QUOTED}|[^\"<>])*)>"  # 3: address
    r'|([^"()<>,:;]+)'  # 4: plain text
    r"|(,)",  # 5: between two mailboxes
    re.DOTALL,
)
_UNQUOTE = re.compile(r"\\(.)", re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]+")


class Mailbox(msgspec.Struct, frozen=True):
    """An address and the name in front of it, unquoted, or empty."""

    address: addresses.Address
    name: str = ""


class _Draft:
    """The pieces of one mailbox while it is read."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.bare: list[str] = []
        self.plain: list[str] = []
        self.angle: str | None = None

    @property
    def blank(self) -> bool:
        return self.angle is None and not "".join(self.bare).strip()

    def add(self, found: re.Match[str], place: str) -> None:
        if found[2] is not None:
            return
        text = found[0]
        if self.angle is not None:
            if text.strip():
                raise refusal.malformed(place, "there is text behind the address")
        elif found[3] is not None:
            self.angle = found[3]
        elif found[1] is not None:
            self.bare.append(text)
            self.words.append(_UNQUOTE.sub(r"\1", text[1:-1]))
        else:
            self.bare.append(text)
            self.words.append(text)
            self.plain.append(text)

    def mailbox(self, place: str) -> Mailbox:
        raw, name = ("".join(self.bare), "") if self.angle is None else (self.angle, "".join(self.words))
        try:
            address = addresses.parse(raw.strip(), utf8=True)
        except addresses.AddressError as error:
            raise refusal.malformed(place, error.problem) from None
        name = _SPACE.sub(" ", name).strip()
        if self.angle is not None and "@" in "".join(self.plain) and name.lower() != raw.strip().lower():
            raise refusal.malformed(place, "an unquoted name in front of an address has an @")
        return Mailbox(address, name)


def parse_list(text: str, place: str) -> list[Mailbox]:
    """Every mailbox of a comma-separated list; empty members are skipped (RFC 5322 §4.4). Raises Refusal."""
    if len(text) > MAX_LIST:
        raise refusal.malformed(place, f"is longer than {MAX_LIST} characters")
    drafts = [_Draft()]
    at = 0
    while at < len(text):
        found = _ITEM.match(text, at)
        if found is None:
            raise refusal.malformed(place, "is not a list of mailboxes")
        if found[5] is not None:
            drafts.append(_Draft())
        else:
            drafts[-1].add(found, place)
        at = found.end()
    return [draft.mailbox(place) for draft in drafts if not draft.blank]


def parse(text: str, place: str) -> Mailbox:
    """Exactly one mailbox. Raises Refusal."""
    found = parse_list(text, place)
    if len(found) != 1:
        raise refusal.malformed(place, "is not exactly one mailbox")
    return found[0]
