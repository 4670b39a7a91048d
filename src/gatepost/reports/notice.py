"""Writes the mail that tells a sender what became of his message: a delivery status notification (RFC 3461 §6, RFC 3464, RFC 6522).

Guarantees: pure; nothing that a server, a submitter or a recipient's name holds can begin a field, a part or a line of its own: what
is not printable ASCII is written as ``\\xNN`` in the machine's part, and in the reader's part as text without control characters.
The mail is ASCII but for a message that is returned whole. Not here: who is told of what, and when (``policy.notices``).
"""

import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime

import msgspec

from gatepost.model import notify

REPLY_BYTES = 2048  # of one reply, in each of the two parts; the events have all of it
RECIPIENTS = 500  # of one notice
_LINE = 900  # bytes of a line in the machine's part (RFC 5322 §2.1.1 ends it at 998)
_UNPRINTABLE = re.compile(rb"[^ -~]")
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


class Recipient(msgspec.Struct, frozen=True):
    """What is told of one. address: as in RCPT. orcpt: as given, in xtext, or empty. status: RFC 3463's. reply: as the server said
    it, or empty; then detail tells in our words. at: of the last attempt, until: how long it is tried (ms), 0 for none.
    """

    address: str
    action: notify.Action
    status: str
    orcpt: str = ""
    reply: bytes = b""
    detail: str = ""
    host: str = ""
    ip: str = ""
    at: int = 0
    until: int = 0
    log_id: str = ""


class Notice(msgspec.Struct, frozen=True):
    """A whole notice. sender: From, to: the message's sender; addresses. arrived: when the message was taken (ms). envid: as given,
    in xtext, or empty. original: its header, or all of it. boundary: not in the original.
    """

    hostname: str
    sender: str
    to: str
    message: str
    arrived: int
    recipients: Sequence[Recipient]
    original: bytes
    boundary: str
    envid: str = ""


def write(notice: Notice) -> bytes:
    """The mail, without the fields that every submission gets (Date, Message-ID, Received)."""
    between = b"--%s\r\n" % notice.boundary.encode()
    returned, eight_bit = _returned(notice)
    head = [
        f"From: Mail Delivery System <{notice.sender}>",
        f"To: <{notice.to}>",
        f"Subject: {_subject(notice)}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{notice.boundary}"',
    ]
    if eight_bit:
        head.append("Content-Transfer-Encoding: 8bit")
    parts = (_text(notice), _status(notice), returned)
    return b"".join(
        (
            "\r\n".join(head).encode(),
            b"\r\n\r\n",
            *[between + part + b"\r\n" for part in parts],
            b"--%s--\r\n" % notice.boundary.encode(),
        )
    )


# --- for the reader

_SUBJECTS = {
    notify.Action.FAILED: "Mail could not be delivered",
    notify.Action.DELAYED: "Mail is delayed",
    notify.Action.RELAYED: "Mail was passed on",
}
_WORDS = {
    notify.Action.FAILED: "Your message could not be delivered to the following recipients. It is not tried again.",
    notify.Action.DELAYED: "Your message is not delivered yet. It is tried again; you need not send it anew.",
    notify.Action.RELAYED: "Your message was passed on to servers that do not say whether it arrives.",
}


def _subject(notice: Notice) -> str:
    return _SUBJECTS[min(one.action for one in notice.recipients)]


def _text(notice: Notice) -> bytes:
    lines = [f"This is the mail server {notice.hostname}.", ""]
    for action in notify.Action:
        found = [one for one in notice.recipients if one.action is action]
        if found:
            lines += [_WORDS[action], ""]
            for one in found:
                lines += [*_told(one), ""]
    text = "\n".join([*lines, f"The message is known here as {notice.message}."]) + "\n"
    if _plain(raw := text.replace("\n", "\r\n").encode()):
        return b"Content-Type: text/plain; charset=us-ascii\r\n\r\n" + raw
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head + _quoted(text.encode())


def _plain(raw: bytes) -> bool:
    """Whether it may travel as it is (RFC 2045 §2.7)."""
    return raw.isascii() and max(map(len, raw.split(b"\r\n"))) <= _LINE


def _told(one: Recipient) -> list[str]:
    """One recipient, and below it what was said of it."""
    place = f"{one.host} [{one.ip}]" if one.host and one.ip else one.host or one.ip
    address = _visible(f"<{one.address}>")
    if one.reply:
        said = one.reply[:REPLY_BYTES].decode("utf-8", "backslashreplace").split("\n")
        place = _visible(place) or "the last server asked"
        return [f"{address}: {place} said:", *(f"    {_visible(line.rstrip(chr(13)))}" for line in said)]
    words = one.detail or ("passed on" if one.action is notify.Action.RELAYED else "no server answered")
    return [f"{address}:", f"    {_visible(words)}"]


def _visible(text: str) -> str:
    shown = _INVISIBLE.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
    return shown.encode("utf-8", "backslashreplace").decode()


def _quoted(text: bytes) -> bytes:
    """Quoted-printable, with CRLF line ends."""
    return binascii.b2a_qp(text, istext=True).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


# --- for the machine


def _status(notice: Notice) -> bytes:
    groups = [
        [
            *_field("Reporting-MTA", f"dns; {notice.hostname}"),
            *_field("Original-Envelope-Id", notify.plain(notice.envid)),
            *_field("Arrival-Date", _date(notice.arrived)),
            *_field("X-Gatepost-Message", notice.message),
        ],
        *[_group(one) for one in notice.recipients],
    ]
    return b"Content-Type: message/delivery-status\r\n\r\n" + b"\r\n".join(
        [b"".join(fields) for fields in groups]
    )


def _group(one: Recipient) -> list[bytes]:
    """The fields of one recipient (RFC 3464 §2.3)."""
    kind, _, named = one.orcpt.partition(";")
    remote = f"dns; {one.host}" if one.host else f"dns; [{one.ip}]" if one.ip else ""
    if one.reply:
        diagnostic = b"smtp; " + one.reply[:REPLY_BYTES]
    else:
        diagnostic = f"X-Gatepost; {one.detail}".encode("utf-8", "replace") if one.detail else b""
    return [
        *_field("Original-Recipient", f"{kind}; {notify.plain(named)}" if named else ""),
        *_field("Final-Recipient", _typed(one.address)),
        *_field("Action", one.action.word),
        *_field("Status", one.status),
        *_field("Remote-MTA", remote),
        *_field("Diagnostic-Code", diagnostic),
        *_field("Last-Attempt-Date", _date(one.at) if one.at else ""),
        *_field("Will-Retry-Until", _date(one.until) if one.until else ""),
        *_field("Final-Log-ID", one.log_id),
    ]


def _field(name: str, value: str | bytes) -> list[bytes]:
    """One field, each line of the value on a line of its own; none for an empty value."""
    raw = value.encode("utf-8", "replace") if isinstance(value, str) else value
    if not raw.strip():
        return []
    lines: list[bytes] = []
    for line in raw.replace(b"\r\n", b"\n").split(b"\n"):
        safe = _UNPRINTABLE.sub(lambda found: b"\\x%02x" % found[0][0], line).strip()
        lines += [safe[at : at + _LINE] for at in range(0, len(safe), _LINE)]
    return [name.encode() + b": " + b"\r\n ".join([line for line in lines if line.strip()]) + b"\r\n"]


def _typed(address: str) -> str:
    """With its type; an internationalised one in the form that fits into ASCII (RFC 6533 §3)."""
    if address.isascii():
        return f"rfc822; {address}"
    return "utf-8; " + "".join(one if one.isascii() else f"\\x{{{ord(one):X}}}" for one in address)


def _date(ms: int) -> str:
    return format_datetime(datetime.fromtimestamp(ms // 1000, UTC))


# --- what comes back


def _returned(notice: Notice) -> tuple[bytes, bool]:
    """The third part, and whether it is 8-bit. A message comes back whole only with a failure (RFC 3461 §4.3)."""
    original = notice.original
    end = original.find(b"\r\n\r\n")
    failed = any(one.action is notify.Action.FAILED for one in notice.recipients)
    if end >= 0 and failed:
        eight_bit = not original.isascii()
        encoding = b"Content-Transfer-Encoding: 8bit\r\n" if eight_bit else b""
        tail = b"" if original.endswith(b"\r\n") else b"\r\n"
        return b"Content-Type: message/rfc822\r\n" + encoding + b"\r\n" + original + tail, eight_bit
    header = original[: end + 2] if end >= 0 else original
    kind = b"Content-Type: text/rfc822-headers\r\n"
    if _plain(header):
        return kind + b"\r\n" + header, False
    return kind + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + _quoted(header), False
