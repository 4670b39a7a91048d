"""The header of a submitted message, read and edited as bytes, never re-serialised.

Guarantees: the body and every header line that is not ours to change leave as they came; what is added stands at the
top. One header that two readers could read differently (white space before the colon, a bare word among the fields) is
refused, since the sender's right to his From depends on it. Linear time on any input.
Fails with a Refusal that names the header. Not here: line ends and dots (``gatepost.smtp``), signing, MIME.
"""

import email.errors
import email.header
import functools
import re
import unicodedata
from collections.abc import Iterator

import msgspec

from gatepost.ingest import labels, mailbox, refusal, settings
from gatepost.model import address as addresses

MAX_SUBJECT = 200  # characters kept for people
_SUBJECT_BYTES = 1000  # of the raw value that are decoded for it
_SHORT_FROM = 300  # bytes of a From that is worth remembering
_ID_BYTES = 250  # of a Message-ID that are kept

# A line that is neither a field nor a continuation ends the header, as a missing blank line does.
_NO_FIELD = re.compile(rb"\n(?![!-9;-~]+:|[ \t])")
_SPACED_FIELD = re.compile(rb"[!-9;-~]+[ \t]+:")
_FIELD = re.compile(rb"[!-9;-~]+:")
_SPACES = re.compile(rb"[ \t]+")
_PLAIN_FROM = re.compile(
    rb"""[ \t]*(?:(?:"[^"\\]*"|[A-Za-z0-9 !#$%&'*+/=?^_`{|}~.\x80-\xff-]*)[ ]?<([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+)>"""
    rb"""|([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+))[ \t]*"""
)
_LABELS = (b"list", b"campaign", b"tags", b"metadata", b"expires-in")
_CUT = (
    b"\nbcc:",
    b"\nresent-bcc:",
    b"\nx-gatepost-token:",  # another mail's: a report would be tied to that one
    *(b"\nx-gatepost-" + name + b":" for name in _LABELS),
)


class Header(msgspec.Struct, frozen=True, gc=False):
    """What a message's header says, and where it is to be changed.

    end: where the header ends in the message. cuts: spans to leave out. blank_line: whether the line between header
    and body is missing. message_id: None where there is none. from_domains: of every mailbox in From, lower-case
    A-labels; empty: there is no From.
    """

    end: int
    cuts: tuple[tuple[int, int], ...]
    blank_line: bool
    has_date: bool
    message_id: str | None
    from_domains: tuple[str, ...]
    subject: str
    eight_bit: bool
    labels: labels.Labels


class Added(msgspec.Struct, frozen=True, gc=False):
    """Lines for the top of the message. date, message_id, sender: whole values, used only where missing."""

    received: bytes
    date: bytes
    message_id: bytes
    sender: bytes


def read(message: bytes) -> Header:
    """Read the header of a message, or of its first part if that holds the whole header. Raises Refusal."""
    end, blank_line = _end(message)
    head = b"\n" + message[:end]
    _limit(head)
    low = head.lower()
    if low.count(b"\nreceived:") > settings.MAX_HOPS:
        raise refusal.Refusal(
            554, "5.4.6", "Received", f"more than {settings.MAX_HOPS} hops: this mail is in a loop"
        )
    cuts: tuple[tuple[int, int], ...] = ()
    given = labels.NONE
    if b"\nbcc:" in low or b"\nresent-bcc:" in low or b"\nx-gatepost-" in low:
        cuts = tuple(sorted(span for name in _CUT for span in _spans(low, name)))
        given = _labels(message, low)
    return Header(
        end=end,
        cuts=cuts,
        blank_line=blank_line,
        has_date=b"\ndate:" in low,
        message_id=_message_id(message, low),
        from_domains=_from_domains(message, low),
        subject=_subject(message, low),
        eight_bit=not head.isascii(),
        labels=given,
    )


def edit(message: bytes, header: Header, added: Added) -> bytes:
    """The message with what is missing added and what is nobody's business removed: one copy."""
    pieces = [added.received]
    if not header.has_date:
        pieces += (b"Date: ", added.date, b"\r\n")
    if header.message_id is None:
        pieces += (b"Message-ID: ", added.message_id, b"\r\n")
    if not header.from_domains:
        pieces += (b"From: ", added.sender, b"\r\n")
    if not header.cuts and not header.blank_line:
        pieces.append(message)
        return b"".join(pieces)
    at = 0
    for start, end in header.cuts:
        pieces.append(message[at:start])
        at = end
    pieces.append(message[at : header.end])
    if header.blank_line:
        if at < header.end and message[header.end - 2 : header.end] != b"\r\n":
            pieces.append(b"\r\n")
        pieces.append(b"\r\n")
    pieces.append(message[header.end :])
    return b"".join(pieces)


def _end(message: bytes) -> tuple[int, bool]:
    """Where the header ends (behind its last CRLF), and whether the blank line behind it is missing."""
    if message.startswith(b"\r\n"):
        return 0, False
    if not _FIELD.match(message):
        _refuse_spaced(message, 0)
        return 0, True
    found = message.find(b"\r\n\r\n")
    last = len(message.removesuffix(b"\r\n")) if found < 0 else found
    odd = _NO_FIELD.search(message, 0, last)
    if odd is not None:
        _refuse_spaced(message, odd.end())
        return odd.end(), True
    return (len(message), True) if found < 0 else (found + 2, False)


def _refuse_spaced(message: bytes, at: int) -> None:
    """``From : a@b`` is a field to some readers and text to others: refused, so that nobody is deceived."""
    if _SPACED_FIELD.match(message, at):
        raise refusal.malformed("header", "white space stands before the colon of a field (RFC 5322 §2.2)")


def _limit(head: bytes) -> None:
    if len(head) > settings.HEADER_BYTES:
        raise refusal.Refusal(552, "5.3.4", "header", f"is longer than {settings.HEADER_BYTES} bytes")
    if head.count(b"\n") > settings.HEADER_LINES:
        raise refusal.Refusal(552, "5.3.4", "header", f"has more than {settings.HEADER_LINES} lines")


def _spans(low: bytes, name: bytes) -> Iterator[tuple[int, int]]:
    """Where each field of that name stands in the message, from its first letter to behind its last CRLF."""
    at = low.find(name)
    while at >= 0:
        end = _value_end(low, at + len(name))
        yield at, min(end, len(low) - 1)
        at = low.find(name, end)


def _value_end(low: bytes, at: int) -> int:
    """The index in ``low`` of the CRLF's LF that ends a field's value, or of the text's end."""
    while True:
        at = low.find(b"\n", at)
        if at < 0:
            return len(low)
        if low[at + 1 : at + 2] not in {b" ", b"\t"}:
            return at
        at += 1


def _values(message: bytes, low: bytes, name: bytes) -> list[bytes]:
    """The unfolded values of every field of that name (RFC 5322 §2.2.3)."""
    found: list[bytes] = []
    at = low.find(name)
    while at >= 0:
        start = at + len(name)
        end = _value_end(low, start)
        value = message[start - 1 : end - 1]
        found.append((value.replace(b"\r\n", b"") if b"\r\n" in value else value).strip(b" \t\r"))
        at = low.find(name, end)
    return found


def _message_id(message: bytes, low: bytes) -> str | None:
    found = _values(message, low, b"\nmessage-id:")
    return found[0][:_ID_BYTES].decode("utf-8", "replace") if found else None


def _from_domains(message: bytes, low: bytes) -> tuple[str, ...]:
    values = _values(message, low, b"\nfrom:")
    if len(values) == 1:
        only = values[0]
        return _same_from(only) if len(only) <= _SHORT_FROM else _domains(only)
    return tuple(dict.fromkeys(domain for value in values for domain in _domains(value)))


@functools.lru_cache(maxsize=1024)
def _same_from(value: bytes) -> tuple[str, ...]:
    """As ``_domains``: the messages of an application mostly have one From."""
    return _domains(value)


def _domains(value: bytes) -> tuple[str, ...]:
    plain = _PLAIN_FROM.fullmatch(value)
    if plain is not None:
        return (_domain((plain[1] or plain[2]).decode("ascii")),)
    boxes = mailbox.parse_list(_text(value), "From")
    if not boxes:
        raise refusal.malformed("From", "has no mailbox")
    return tuple(dict.fromkeys(box.address.domain for box in boxes))


def _domain(text: str) -> str:
    try:
        return addresses.parse(text).domain
    except addresses.AddressError as error:
        raise refusal.malformed("From", error.problem) from None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _subject(message: bytes, low: bytes) -> str:
    """The subject for people: decoded (RFC 2047), without control characters, at most 200 characters."""
    found = _values(message, low, b"\nsubject:")
    if not found:
        return ""
    raw = found[0][:_SUBJECT_BYTES]
    text = _text(raw)
    if b"=?" in raw:
        text = decode_words(text)
    text = text[:MAX_SUBJECT]
    return (
        text if text.isprintable() else "".join(" " if unicodedata.category(c)[0] == "C" else c for c in text)
    )


def decode_words(text: str) -> str:
    """Encoded words read (RFC 2047); the text itself where they are broken."""
    try:
        return str(email.header.make_header(email.header.decode_header(text)))
    except (email.errors.HeaderParseError, LookupError, ValueError):
        return text


def _labels(message: bytes, low: bytes) -> labels.Labels:
    given: dict[str, str] = {}
    for name in _LABELS:
        found = _values(message, low, b"\nx-gatepost-" + name + b":")
        if len(found) > 1:
            raise refusal.malformed(f"X-Gatepost-{name.decode().title()}", "is given more than once")
        if found:
            given[name.decode()] = decode_words(_text(_SPACES.sub(b" ", found[0])))
    return labels.from_headers(given) if given else labels.NONE
