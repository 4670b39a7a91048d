"""A report that came in elsewhere, as if it had come to the inbound listener: at which of our addresses.

Pure. Guarantees: only what a token of ours says counts; where no address with one is found, the header tokens inside decide alone.
"""

import re
from collections.abc import Iterator

from gatepost import errors
from gatepost.ingest import ours
from gatepost.model import address as addresses

IMPORTED = "imported"  # where a report has no address of ours
_HEAD = 64 * 1024  # octets in which headers are looked for
_NAMED = 50  # addresses that are tried
# Where mail systems write to whom a mail was given; To and Cc name a return path, too, where nobody rewrote them.
_FIELDS = re.compile(
    rb"^(?:Delivered-To|X-Original-To|Envelope-To|X-Envelope-To|X-Delivered-To|To|Cc)[ \t]*:((?:[^\n]|\n[ \t])*)",
    re.IGNORECASE | re.MULTILINE,
)
_SIGNED = re.compile(rb"[bu]\.[A-Za-z0-9.=_-]{1,64}@[A-Za-z0-9.-]{1,255}", re.IGNORECASE)


def place_of(raw: bytes, recipient: str, own: ours.Ours, now_ms: int) -> ours.Place:
    """The address that it came to. recipient: where that is known, else empty. Raises BadInput for one that is no address of ours."""
    if recipient:
        found = own.place(addresses.parse(recipient, utf8=True), now_ms)
        if isinstance(found, bytes):
            raise errors.BadInput("recipient", found.decode().rstrip().partition(" ")[2])
        return found
    expired: ours.Place | None = None
    for place in _places(raw, own, now_ms):
        if place.verified:
            return place
        expired = expired or place
    return expired or ours.Place(IMPORTED, ours.Box.FEEDBACK)


def _places(raw: bytes, own: ours.Ours, now_ms: int) -> Iterator[ours.Place]:
    head = raw[:_HEAD].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    tried = 0
    for field in _FIELDS.finditer(head):
        for found in _SIGNED.finditer(field[1]):
            tried += 1
            if tried > _NAMED:
                return
            try:
                place = own.place(addresses.parse(found[0].decode("ascii")), now_ms)
            except addresses.AddressError:
                continue
            if isinstance(place, ours.Place) and place.read is not None:
                yield place
