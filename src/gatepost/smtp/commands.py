"""The grammar of commands, MAIL, RCPT and EHLO above all: read by the server's side, written by the client's.

Guarantees: what is read has a parsed address or none; a refusal is the whole reply, and repeats no byte of the input.
What is written holds no CR, LF or NUL: else LocalProtocolError, before a byte goes out.
Not here: whether the command is legal now (``states``).
"""

import re
from collections.abc import Sequence
from typing import Final

from gatepost.model import address as addresses
from gatepost.model import notify
from gatepost.smtp import events, replies, states

_SIZE_DIGITS: Final = 20  # RFC 1870 §5
_PATH = rb' ?<([^<>"]*|(?:[^<>"\\]|"(?:[^"\\]|\\.)*")*)>( [ -~]*)?'
_MAIL = re.compile(rb"(?i:FROM):" + _PATH)
_RCPT = re.compile(rb"(?i:TO):" + _PATH)
_BDAT_ENDS: Final[tuple[list[bytes], ...]] = ([], [b"LAST"])
_CONTROL = re.compile(rb"[\0-\x1f\x7f]")
_NO_ARGUMENT: Final = frozenset({b"DATA", b"RSET", b"QUIT", b"STARTTLS"})
_HELLO = re.compile(
    rb"[!-~\x80-\xff]{1,255}"
)  # what clients say here is often no host name; it only gets recorded


def split(line: bytes) -> tuple[bytes, bytes] | bytes:
    """Verb in upper case and argument, or the refusing reply: no control character goes further (faults.md B06, B08)."""
    if _CONTROL.search(line):
        return replies.BAD_CHARACTERS
    verb, _, argument = line.partition(b" ")
    if not verb.isalpha():
        return replies.UNKNOWN_COMMAND if line.isascii() else replies.BAD_CHARACTERS
    verb = verb.upper()
    if argument and verb in _NO_ARGUMENT and argument.strip():
        return replies.NO_ARGUMENT
    return verb, argument


def hello(argument: bytes) -> bytes | None:
    """The name that a client gives itself, or None when it is missing or cannot be recorded."""
    return argument if _HELLO.fullmatch(argument) else None


def mail(argument: bytes, max_size: int, *, dsn: bool = False) -> events.MailGiven | bytes:
    """``FROM:<path> [parameters]``, or the refusing reply (RFC 5321 §4.1.1.2, RFC 1870, RFC 6152, RFC 6531, RFC 3461 §4.3 and 4.4)."""
    found = _MAIL.fullmatch(argument)
    if found is None:
        return replies.BAD_MAIL
    path, tail = found.groups()
    size = 0
    body_8bit = smtputf8 = False
    ret, envid = _NOTHING, ""
    if tail:
        parameters = _parameters(tail, dsn=dsn)
        if isinstance(parameters, bytes):
            return parameters
        size = int(parameters.get(b"SIZE", 0))
        body_8bit = parameters.get(b"BODY", b"").upper() == b"8BITMIME"
        smtputf8 = b"SMTPUTF8" in parameters
        if b"RET" in parameters:
            ret = _RETURNS[parameters[b"RET"].upper()]
        envid = parameters.get(b"ENVID", b"").decode()
        if 0 < max_size < size:
            return replies.TOO_BIG
    if not path:
        return events.MailGiven(None, size, body_8bit, smtputf8, ret, envid)
    sender = _address(path, "5.1.7", smtputf8=smtputf8)
    if isinstance(sender, bytes):
        return sender
    return events.MailGiven(sender, size, body_8bit, smtputf8, ret, envid)


def rcpt(argument: bytes, hostname: str, *, smtputf8: bool, dsn: bool = False) -> events.RcptGiven | bytes:
    """``TO:<path> [parameters]``, or the refusing reply; ``<postmaster>`` is the host's own (RFC 5321 §4.5.1)."""
    found = _RCPT.fullmatch(argument)
    if found is None:
        return replies.BAD_RCPT
    path, tail = found.groups()
    wish = _wish(tail, dsn=dsn) if tail and tail.strip() else None
    if isinstance(wish, bytes):
        return wish
    if path.lower() == b"postmaster":
        path += b"@" + hostname.encode()
    address = _address(path, "5.1.3", smtputf8=smtputf8)
    return address if isinstance(address, bytes) else events.RcptGiven(address, wish)


def bdat(argument: bytes) -> tuple[int, bool] | None:
    """How many octets follow, and whether they are the last (RFC 3030 §2); None for what cannot be read."""
    digits, *rest = argument.split() or [b""]
    if (
        not digits.isdigit()
        or len(digits) > _SIZE_DIGITS
        or [word.upper() for word in rest] not in _BDAT_ENDS
    ):
        return None
    return int(digits), bool(rest)


def _address(path: bytes, enhanced: str, *, smtputf8: bool) -> addresses.Address | bytes:
    if not smtputf8 and not path.isascii():
        return replies.NEEDS_SMTPUTF8
    try:
        return addresses.parse(path, utf8=smtputf8)
    except addresses.AddressError as error:
        return replies.build(501, enhanced, f"Malformed address: {error.problem}")


def _parameters(tail: bytes, *, dsn: bool) -> dict[bytes, bytes] | bytes:
    """MAIL's parameters by upper-case keyword, each checked, or the refusing reply."""
    found: dict[bytes, bytes] = {}
    for word in tail.split():
        name, equals, value = word.partition(b"=")
        name = name.upper()
        if name in found:
            return replies.BAD_PARAMETER
        match name:
            case b"SIZE":
                well_formed = value.isdigit() and len(value) <= _SIZE_DIGITS
            case b"BODY":
                well_formed = value.upper() in (b"7BIT", b"8BITMIME")
            case b"SMTPUTF8":
                well_formed = not equals
            case b"AUTH":  # RFC 4954 §5: taken by whoever announces AUTH; we trust none but the session's own
                well_formed = bool(value)
            case b"RET" if dsn:
                well_formed = value.upper() in _RETURNS
            case b"ENVID" if dsn:
                well_formed = 0 < len(value) <= _MAX_ENVID and notify.is_xtext(value.decode())
            case _:
                return replies.UNKNOWN_PARAMETER
        if not well_formed:
            return replies.BAD_PARAMETER
        found[name] = value
    return found


_NOTHING: Final = notify.Return.NOTHING
_RETURNS: Final = {b"HDRS": notify.Return.HDRS, b"FULL": notify.Return.FULL}
_WORDS: Final = {
    b"FAILURE": notify.Notify.FAILURE,
    b"DELAY": notify.Notify.DELAY,
    b"SUCCESS": notify.Notify.SUCCESS,
}
_MAX_ENVID: Final = 100  # RFC 3461 §4.4
_MAX_ORCPT: Final = 500  # RFC 3461 §4.2
_ORCPT: Final = re.compile(rb"([A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?);([!-~]+)")


def _wish(tail: bytes, *, dsn: bool) -> notify.Wish | bytes:
    """RCPT's parameters, or the refusing reply (RFC 3461 §4.1, §4.2: each once, NEVER alone)."""
    wanted: notify.Notify | None = None
    orcpt = ""
    for word in tail.split():
        name, _, value = word.partition(b"=")
        match name.upper():
            case b"NOTIFY" if dsn:
                read = _notify(value)
                if read is None or wanted is not None:
                    return replies.BAD_PARAMETER
                wanted = read
            case b"ORCPT" if dsn:
                if orcpt or not _is_orcpt(value):
                    return replies.BAD_PARAMETER
                orcpt = value.decode()
            case _:
                return replies.UNKNOWN_PARAMETER
    return notify.Wish(wanted or notify.Notify.NOTHING, orcpt)


def _notify(value: bytes) -> notify.Notify | None:
    value = value.upper()
    if value == b"NEVER":
        return notify.Notify.NEVER
    found = notify.Notify.NOTHING
    for word in value.split(b","):
        one = _WORDS.get(word)
        if one is None or one in found:
            return None
        found |= one
    return found


def _is_orcpt(value: bytes) -> bool:
    found = _ORCPT.fullmatch(value) if len(value) <= _MAX_ORCPT else None
    return found is not None and notify.is_xtext(found[2].decode())


def write_mail(sender: bytes, parameters: Sequence[bytes] = ()) -> bytes:
    """MAIL's line, CRLF included."""
    return b"MAIL FROM:<%s>%s\r\n" % (sender, b"".join([b" " + word for word in parameters]))


def write_rcpts(recipients: Sequence[bytes], parameters: Sequence[bytes] = ()) -> bytes:
    """One RCPT line for each, CRLF included. parameters: of each, with a space before every one; or none for all."""
    if parameters:
        pairs = zip(recipients, parameters, strict=True)
        return b"".join([b"RCPT TO:<%s>%s\r\n" % (recipient, words) for recipient, words in pairs])
    return b"RCPT TO:<" + b">\r\nRCPT TO:<".join(recipients) + b">\r\n"


def check(block: bytes, count: int) -> bytes:
    """The block itself, if it holds that many lines and no more. Raises LocalProtocolError (faults.md B06)."""
    if block.count(b"\n") != count or block.count(b"\r") != count or b"\0" in block:
        raise states.LocalProtocolError("an address with CR, LF or NUL was to be sent")
    return block
