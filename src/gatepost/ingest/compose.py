"""A message as an application describes it (JSON fields or ready MIME), and the bytes that become of it.

Guarantees: unknown fields are refused; nothing in a field can add a header, a recipient or a part (faults.md B06,
B07); the bytes have CRLF line ends only, no NUL, and no line over RFC 5322's 998 octets unless the submitter's own
MIME has one. Fails with a Refusal whose place is the field (``to[1]``, ``headers.X-Id``).
Not here: Date, Message-ID and Received, which acceptance adds to every message, and whether the sender may send so.
"""

import binascii
import re
from collections.abc import Mapping

import msgspec

from gatepost.ingest import labels, mailbox, refusal, words
from gatepost.model import address as addresses

MAX_LINE = 65_536  # octets of a line of ready MIME, as over SMTP (gatepost.smtp.data)
MAX_HEADERS = 100
_LINE = 990  # octets of a line that needs no transfer encoding: 998 less some air

# What we write ourselves, or what would change what the message is (RFC 5322 §3.6, RFC 2045).
_OURS = frozenset(
    {
        "from",
        "to",
        "cc",
        "bcc",
        "resent-bcc",
        "subject",
        "mime-version",
        "received",
        "return-path",
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
        "content-id",
        "content-description",
    }
)
_MAILBOXES = frozenset(
    {"reply-to", "sender", "mail-reply-to", "mail-followup-to", "disposition-notification-to"}
)
_ASCII = bytes(range(128))
_BREAK = re.compile("\r\n|\r|\n")

_Scalar = str | int | float | bool | None


class Described(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"sender": "from", "list_name": "list"}
):
    """One message in JSON. Either ``raw`` with the envelope in ``from`` and ``to``, or the fields it is built of."""

    sender: str
    to: str | list[str] = []
    cc: str | list[str] = []
    bcc: str | list[str] = []
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    headers: dict[str, str] = {}
    list_name: str | None = None
    campaign: str | None = None
    tags: list[str] = []
    metadata: dict[str, _Scalar] = {}
    expires_in: int | None = None
    raw: str | None = None


class Composed(msgspec.Struct, frozen=True):
    """The message's bytes with its envelope. The recipients are To, Cc and Bcc in this order, each mailbox once."""

    message: bytes
    sender: addresses.Address
    recipients: tuple[addresses.Address, ...]
    labels: labels.Labels
    utf8: bool


def compose(given: Described, max_recipients: int) -> Composed:
    """Build the message. Raises Refusal that names the field."""
    sender = _box(given.sender, "from")
    lists = {name: _boxes(getattr(given, name), name) for name in ("to", "cc", "bcc")}
    recipients = tuple({box.address.key: box.address for found in lists.values() for box in found}.values())
    if not recipients:
        raise refusal.malformed("to", "there is no recipient")
    if len(recipients) > max_recipients:
        raise refusal.Refusal(550, "5.5.3", "to", f"more than {max_recipients} recipients in one message")
    marked = _labels(given)
    if given.raw is None:
        head = _head(given, sender, lists)
        message = head + _content(given)
        utf8 = (
            not head.isascii()
        )  # an international address is in a header: only SMTPUTF8 carries it (RFC 6532)
    else:
        _alone(given)
        message = _ready(given.raw)
        utf8 = False
    utf8 = utf8 or sender.address.needs_utf8 or any(address.needs_utf8 for address in recipients)
    return Composed(message, sender.address, recipients, marked, utf8)


def _box(text: str, place: str) -> mailbox.Mailbox:
    box = mailbox.parse(words.check(text, place), place)
    words.check(box.name, place)
    return box


def _boxes(given: str | list[str], place: str) -> list[mailbox.Mailbox]:
    """One text may hold several mailboxes; in a list, each text is one."""
    if isinstance(given, str):
        return mailbox.parse_list(words.check(given, place), place)
    return [_box(text, f"{place}[{index}]") for index, text in enumerate(given)]


def _labels(given: Described) -> labels.Labels:
    return labels.Labels(
        list=labels.name(given.list_name, "list") if given.list_name is not None else "",
        campaign=labels.name(given.campaign, "campaign") if given.campaign is not None else "",
        tags=labels.tags(given.tags, "tags") if given.tags else "",
        metadata=labels.metadata(msgspec.json.encode(given.metadata), "metadata") if given.metadata else "",
        expires_in_s=labels.expires_in(given.expires_in, "expires_in") if given.expires_in is not None else 0,
    )


# --- the header


def _head(given: Described, sender: mailbox.Mailbox, lists: Mapping[str, list[mailbox.Mailbox]]) -> bytes:
    """Every field but the content's."""
    fields = [words.mailbox_field("From", [sender])]
    fields += [words.mailbox_field(name.title(), lists[name]) for name in ("to", "cc") if lists[name]]
    if given.subject is not None:
        fields.append(words.text_field("Subject", given.subject, "subject"))
    if len(given.headers) > MAX_HEADERS:
        raise refusal.malformed("headers", f"more than {MAX_HEADERS} fields")
    fields += [_own_field(name, text) for name, text in given.headers.items()]
    fields.append(b"MIME-Version: 1.0\r\n")
    return b"".join(fields)


def _own_field(name: str, text: str) -> bytes:
    place = f"headers.{name}" if words.is_field_name(name) else "headers"
    low = words.field_name(name, place).lower()
    if low in _OURS or low.startswith("x-gatepost-"):
        raise refusal.malformed(place, "this field cannot be set here")
    if low in _MAILBOXES:
        return words.mailbox_field(name, _boxes(text, place))
    return words.text_field(name, text, place)


# --- the content


def _content(given: Described) -> bytes:
    """One part, or both as alternatives (RFC 2046 §5.1.4: the plainest first)."""
    parts = []
    if given.text is not None:
        parts.append(_part("plain", given.text, "text"))
    if given.html is not None:
        parts.append(_part("html", given.html, "html"))
    match parts:
        case []:
            raise refusal.malformed("text", "a message needs text, html or raw")
        case [only]:
            return only
        case _:
            # "=_" stands in no quoted-printable or base64 text, and text that has it is not sent as it is.
            between = b"--=_alternative\r\n"
            return (
                b'Content-Type: multipart/alternative; boundary="=_alternative"\r\n\r\n'
                + b"".join(between + part + b"\r\n" for part in parts)
                + b"--=_alternative--\r\n"
            )


def _part(subtype: str, text: str, place: str) -> bytes:
    lines = _lines(text, place)
    charset = b"us-ascii" if lines.isascii() else b"utf-8"
    encoding, body = _transfer(lines)
    return (
        b"Content-Type: text/%s; charset=%s\r\nContent-Transfer-Encoding: %s\r\n\r\n"
        % (subtype.encode(), charset, encoding)
        + body
    )


def _transfer(lines: bytes) -> tuple[bytes, bytes]:
    """The body with LF line ends as it travels, and how (RFC 2045 §6): as it is, readable, or compact."""
    if lines.isascii() and b"=_" not in lines and max(map(len, lines.split(b"\n"))) <= _LINE:
        return b"7bit", lines.replace(b"\n", b"\r\n")
    if 6 * len(lines[:4096].translate(None, _ASCII)) > len(lines[:4096]):
        coded = binascii.b2a_base64(lines.replace(b"\n", b"\r\n"), newline=False)
        return b"base64", b"".join(coded[at : at + 76] + b"\r\n" for at in range(0, len(coded), 76))
    return b"quoted-printable", binascii.b2a_qp(lines, istext=True).replace(b"\n", b"\r\n")


def _lines(text: str, place: str) -> bytes:
    """UTF-8 with LF line ends, the last line ended, without NUL and lone surrogates. Raises Refusal."""
    if "\0" in text:
        raise refusal.malformed(place, "contains a NUL")
    try:
        found = _BREAK.sub("\n", text).encode()
    except UnicodeEncodeError:
        raise refusal.malformed(place, "contains half of a surrogate pair") from None
    return found if found.endswith(b"\n") else found + b"\n"


def _ready(raw: str) -> bytes:
    """Ready MIME: as it came, but for its line ends. Raises Refusal."""
    lines = _lines(raw, "raw")
    if max(map(len, lines.split(b"\n"))) > MAX_LINE:
        raise refusal.malformed("raw", f"a line is longer than {MAX_LINE} bytes")
    return lines.replace(b"\n", b"\r\n")


def _alone(given: Described) -> None:
    """With ready MIME, the fields that would write it must be absent: nobody should wonder which one counts."""
    for name in ("cc", "bcc", "subject", "text", "html", "headers"):
        if getattr(given, name):
            raise refusal.malformed(name, "cannot be given together with raw")
