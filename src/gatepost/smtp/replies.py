"""What the server's side says: the fixed replies, and the one way to write any other.

Guarantees: every reply is printable ASCII with a strict code, one code on all its lines, within RFC 5321's line
limit; nothing that a peer sent is in it unescaped.
Not here: reading replies (``lines``), and what they mean.
"""

import re
from collections.abc import Sequence
from typing import Final

_PRINTABLE = re.compile(rb"[ -~]*")
_LINE_LIMIT: Final = 500  # octets of text; RFC 5321 §4.5.3.1.5 allows 512 with code and CRLF
_REFUSAL = re.compile(rb"(?:([45][0-9][0-9])-[ -~]*\r\n(?=\1))*[45][0-9][0-9] [ -~]*")

ACCEPTED_SENDER: Final = b"250 2.1.0 Ok\r\n"
ACCEPTED_RECIPIENT: Final = b"250 2.1.5 Ok\r\n"
OK: Final = b"250 2.0.0 Ok\r\n"
GO_AHEAD: Final = b"354 End data with <CR><LF>.<CR><LF>\r\n"
BYE: Final = b"221 2.0.0 Bye\r\n"
HELP: Final = b"214 2.0.0 See RFC 5321\r\n"
CANNOT_VRFY: Final = b"252 2.5.2 Cannot VRFY, but will take a message and try to deliver it\r\n"
NOT_IMPLEMENTED: Final = b"502 5.5.1 Command not implemented\r\n"
UNKNOWN_COMMAND: Final = b"500 5.5.2 Command not recognised\r\n"
BAD_CHARACTERS: Final = b"501 5.5.2 Command with characters that are not allowed\r\n"
LINE_TOO_LONG: Final = b"500 5.5.2 Line too long\r\n"
BARE_NEWLINE: Final = b"501 5.5.2 Lines end with CR LF; a CR or LF alone is not allowed\r\n"
NO_ARGUMENT: Final = b"501 5.5.4 This command takes no argument\r\n"
NOT_SMTP: Final = b"521 5.5.1 This is a mail server\r\n"
EARLY_TALK: Final = b"554 5.5.0 Wait for the greeting\r\n"
UNAUTHORISED_PIPELINING: Final = b"554 5.5.0 Commands sent where the reply has to be awaited\r\n"

BAD_HELLO: Final = b"501 5.5.4 EHLO and HELO need a host name or address literal\r\n"
HELLO_FIRST: Final = b"503 5.5.1 Send EHLO first\r\n"
MAIL_FIRST: Final = b"503 5.5.1 Send MAIL first\r\n"
NESTED: Final = b"503 5.5.1 Not during a mail transaction\r\n"
NO_RECIPIENTS: Final = b"554 5.5.1 No valid recipients\r\n"
AUTH_REQUIRED: Final = b"530 5.7.0 Authentication required\r\n"

TLS_GO: Final = b"220 2.0.0 Ready to start TLS\r\n"
TLS_ACTIVE: Final = b"503 5.5.1 TLS is active already\r\n"
AUTH_NEEDS_TLS: Final = b"538 5.7.11 Encryption is required for authentication\r\n"
AUTH_TWICE: Final = b"503 5.5.1 Already authenticated\r\n"
AUTH_UNKNOWN: Final = b"504 5.5.4 Authentication mechanism not supported\r\n"
AUTH_CANCELLED: Final = b"501 5.7.0 Authentication cancelled\r\n"
AUTH_MALFORMED: Final = b"501 5.5.2 Credentials cannot be decoded\r\n"
AUTH_TOO_LONG: Final = b"500 5.5.6 Authentication line too long\r\n"
AUTH_ACCEPTED: Final = b"235 2.7.0 Authentication successful\r\n"
AUTH_REFUSED: Final = b"535 5.7.8 Authentication credentials invalid\r\n"
AUTH_UNAVAILABLE: Final = b"454 4.7.0 Temporary authentication failure\r\n"
ASK_PLAIN: Final = b"334 \r\n"
ASK_USER: Final = b"334 VXNlcm5hbWU6\r\n"
ASK_PASSWORD: Final = b"334 UGFzc3dvcmQ6\r\n"

BAD_MAIL: Final = b"501 5.5.4 Syntax: MAIL FROM:<address> [parameters]\r\n"
BAD_RCPT: Final = b"501 5.5.4 Syntax: RCPT TO:<address>\r\n"
BAD_PARAMETER: Final = b"501 5.5.4 Malformed parameter\r\n"
UNKNOWN_PARAMETER: Final = b"555 5.5.4 Parameter not supported\r\n"
NEEDS_SMTPUTF8: Final = b"553 5.6.7 Internationalised addresses need SMTPUTF8\r\n"
TOO_MANY_RECIPIENTS: Final = b"452 4.5.3 Too many recipients\r\n"

BAD_BDAT: Final = b"501 5.5.4 Syntax: BDAT octets [LAST]\r\n"
CHUNKS_BEGUN: Final = b"503 5.5.1 The message was begun with BDAT: go on with BDAT\r\n"
TOO_BIG: Final = b"552 5.3.4 Message too big\r\n"
TEXT_LINE_TOO_LONG: Final = b"500 5.5.2 Text line too long\r\n"
BARE_NEWLINE_IN_BODY: Final = b"550 5.5.2 Message with a bare CR, bare LF or NUL\r\n"

TOO_MANY_ERRORS: Final = b"421 4.7.0 Too many errors\r\n"
TOO_MUCH_JUNK: Final = b"421 4.7.0 Too many commands without a message\r\n"
OVERFLOW: Final = b"421 4.7.0 Too much data before a reply\r\n"
TIMED_OUT: Final = b"421 4.4.2 Timed out\r\n"
SHUTTING_DOWN: Final = b"421 4.3.2 Shutting down, try again\r\n"


def clean(text: str | bytes) -> bytes:
    """Text as printable ASCII for a reply's line: anything else is written ``\\xNN``; cut at the line limit."""
    raw = text.encode() if isinstance(text, str) else text
    if _PRINTABLE.fullmatch(raw):
        return raw[:_LINE_LIMIT]
    shown = b"".join(b"%c" % c if 32 <= c < 127 else b"\\x%02x" % c for c in raw[:_LINE_LIMIT])
    return shown[:_LINE_LIMIT]


def build(code: int, enhanced: str, *texts: str | bytes) -> bytes:
    """One reply, CRLF included, with the enhanced code on each line (RFC 2034 §4); empty: none is written."""
    head = enhanced.encode() + b" " if enhanced else b""
    if len(texts) == 1:
        return b"%d %s%s\r\n" % (code, head, clean(texts[0]))
    return lines(code, [head + clean(text) for text in texts])


def lines(code: int, texts: Sequence[bytes]) -> bytes:
    """One reply of ready texts, CRLF included (RFC 5321 §4.2.1)."""
    last = len(texts) - 1
    return b"".join(b"%d%c%s\r\n" % (code, b" -"[n < last], text) for n, text in enumerate(texts))


def is_refusal(reply: bytes) -> bool:
    """Whether the bytes (without the last CRLF) are a 4yz or 5yz reply that may go on the wire."""
    return _REFUSAL.fullmatch(reply) is not None
