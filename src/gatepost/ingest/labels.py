"""The names a submitter gives a message (list, campaign, tags, metadata, expires_in), checked in one place.

Guarantees: what comes out is bounded, printable and has no commas in a tag, whether it came as ``X-Gatepost-*``
headers or as JSON fields. Fails with a Refusal that names the header or field.
"""

import re
import zlib

import msgspec

from gatepost.ingest import refusal

MAX_NAME = 100  # characters of a list, campaign or tag
MAX_TAGS = 10  # design.md §1
MAX_METADATA = 4096  # bytes of JSON
MAX_EXPIRES_S = 30 * 24 * 3600

_DURATION = re.compile(r"([0-9]{1,9})\s?([smhd]?)")
_UNIT = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_FLAT = dict[str, str | int | float | bool | None]
_METADATA = msgspec.json.Decoder(_FLAT)


class Labels(msgspec.Struct, frozen=True, gc=False):
    """All of them; empty or 0 where nothing was given. tags: joined by commas. metadata: compact JSON."""

    list: str = ""
    campaign: str = ""
    tags: str = ""
    metadata: str = ""
    expires_in_s: int = 0


NONE = Labels()


def name(text: str, place: str) -> str:
    """A list's or campaign's name: 1…100 printable characters. Raises Refusal."""
    if not text or len(text) > MAX_NAME or not text.isprintable() or text != text.strip():
        raise refusal.malformed(place, f"is not a name of 1 to {MAX_NAME} printable characters")
    return text


def tag(text: str, place: str) -> str:
    """One tag: a name without a comma. Raises Refusal."""
    if "," in text:
        raise refusal.malformed(place, "a tag has no comma")
    return name(text, place)


def tags(texts: list[str], place: str) -> str:
    """Up to ten different tags, joined. Raises Refusal naming the first bad one (``tags[3]``)."""
    unique = list(dict.fromkeys(tag(text, f"{place}[{index}]") for index, text in enumerate(texts)))
    if len(unique) > MAX_TAGS:
        raise refusal.malformed(place, f"more than {MAX_TAGS} tags")
    return ",".join(unique)


def metadata(raw: bytes, place: str) -> str:
    """A flat JSON object of at most 4 KiB, written compactly. Raises Refusal."""
    if len(raw) > MAX_METADATA:
        raise refusal.malformed(place, f"is longer than {MAX_METADATA} bytes")
    try:
        found = _METADATA.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise refusal.malformed(
            place, "is not a flat JSON object of texts, numbers, booleans and nulls"
        ) from None
    return msgspec.json.encode(found).decode() if found else ""


def expires_in(seconds: int, place: str) -> int:
    """How long the message may wait, in seconds from its acceptance: 1 s to 30 days. Raises Refusal."""
    if not 1 <= seconds <= MAX_EXPIRES_S:
        raise refusal.malformed(place, f"is not from 1 to {MAX_EXPIRES_S} seconds")
    return seconds


def duration(text: str, place: str) -> int:
    """``3600``, ``90m``, ``12h`` or ``3d`` in seconds. Raises Refusal."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise refusal.malformed(place, "is not a number of seconds (or 90m, 12h, 3d)")
    return expires_in(int(found[1]) * _UNIT[found[2]], place)


def from_headers(given: dict[str, str]) -> Labels:
    """Labels from the values of ``X-Gatepost-*`` headers, by their lower-case names without the prefix. Raises Refusal."""
    found: dict[str, str] = {}
    expires = 0
    for key, text in given.items():
        place = f"X-Gatepost-{key.title()}"
        match key:
            case "list" | "campaign":
                found[key] = name(text, place)
            case "tags":
                found[key] = tags([part.strip() for part in text.split(",")], place)
            case "metadata":
                found[key] = metadata(text.encode(), place)
            case _:
                expires = duration(text, place)
    return Labels(
        list=found.get("list", ""),
        campaign=found.get("campaign", ""),
        tags=found.get("tags", ""),
        metadata=found.get("metadata", ""),
        expires_in_s=expires,
    )


def default_campaign(list_name: str, subject: str) -> str:
    """The campaign of a message that names none: its list and a hash of its subject (design.md §1)."""
    digest = f"{zlib.crc32(subject.encode('utf-8', 'replace')):08x}"
    return f"{list_name}-{digest}" if list_name else digest
