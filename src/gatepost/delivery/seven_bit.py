"""A message made fit for a host that takes no 8-bit content, or no internationalised header: by surgery on its bytes.

Guarantees: pure. What is ASCII stays as it is, byte for byte; a part is re-encoded (RFC 2045 §6) only where it has to be, and its
meaning does not change. What is signed (multipart/signed, RFC 1847) or cannot be said in ASCII is never touched: Unconvertible says
why, with the enhanced code for it. Work is linear but for the depth, which is limited. Not here: signing, which comes after.
"""

import base64
import binascii
import re

from gatepost import errors
from gatepost.delivery import header_words
from gatepost.reports import header as headers

DEPTH = 20  # levels of parts
PARTS = 1_000
_DENSE = 5  # with more than one 8-bit octet in so many, base64 is shorter than quoted-printable
_IDENTITY = frozenset({"", "7bit", "8bit", "binary"})
_FIELD = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:([^\n]*\n(?:[ \t][^\n]*\n)*)")
_BLANK = re.compile(rb"(?:\A|(?<=\n))\r\n")
_UNTOUCHABLE = frozenset({"multipart/signed", "multipart/encrypted"})
_EMBEDDED = frozenset({"message/rfc822", "message/global"})


class Unconvertible(errors.GatepostError):
    """The host lacks what the message needs. code: 5.6.3 or 5.6.7 (RFC 3463 §3.7, RFC 6531 §4.2)."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        super().__init__(f"{code} {reason}")


def header_in_ascii(message: bytes) -> bytes:
    """The message with a header in ASCII, its body as it is; for a host without SMTPUTF8. Raises Unconvertible (5.6.7)."""
    head, body = _divided(message)
    return message if head.isascii() else _ascii(head, "5.6.7") + body


def converted(message: bytes) -> bytes:
    """The whole message in ASCII. Raises Unconvertible (5.6.3)."""
    if message.isascii():
        return message
    head, _ = _divided(message)
    found = _Converter().entity(message, 0, kind="text/plain")
    if b"mime-version" in {name.lower() for name, _ in _fields(head)}:
        return found
    return b"MIME-Version: 1.0\r\n" + found


class _Converter:
    """Counts the parts of one message."""

    def __init__(self) -> None:
        self._parts = 0

    def entity(self, raw: bytes, depth: int, kind: str) -> bytes:
        """A message or a part, header and body. kind: what it is where its header does not say."""
        if raw.isascii():
            return raw
        self._parts += 1
        if depth > DEPTH or self._parts > PARTS:
            raise Unconvertible(
                "5.6.3", "the message has too many parts, or too deep ones, to be converted to 7 bits"
            )
        head, body = _divided(raw)
        fields = {name.lower(): value for name, value in reversed(_fields(head))}
        declared = headers.unfolded(fields.get(b"content-type", b""))
        found, parameters = headers.content_type(declared)
        found = found or kind
        if not head.isascii():
            head = _ascii(head, "5.6.3")
        if body.isascii():
            return head + body
        encoding = headers.unfolded(fields.get(b"content-transfer-encoding", b"")).lower()
        if encoding not in _IDENTITY:
            raise Unconvertible(
                "5.6.3", f"a part that calls itself {encoding[:40]!r} has 8-bit content all the same"
            )
        if found in _UNTOUCHABLE:
            raise Unconvertible(
                "5.6.3", f"a part is {found}: a conversion to 7 bits would break its signature"
            )
        if found.startswith("multipart/"):
            return _with_encoding(head, b"7bit") + self._multipart(
                body, parameters.get("boundary", ""), depth, found
            )
        if found in _EMBEDDED:
            return _with_encoding(head, b"7bit") + b"\r\n" + self.entity(body[2:], depth + 1, "text/plain")
        if found.startswith("message/"):
            raise Unconvertible("5.6.3", f"a part is {found[:80]}, which must not be encoded (RFC 2046 §5.2)")
        return _leaf(head, body, text=found.startswith("text/"), declared=bool(declared))

    def _multipart(self, body: bytes, boundary: str, depth: int, kind: str) -> bytes:
        """Its parts converted; what stands before the first and behind the last is nobody's content (RFC 2046 §5.1.1)."""
        mark = re.escape(boundary.encode("utf-8", "replace"))
        lines = (
            list(re.finditer(rb"(?:\A|(?<=\r\n))--" + mark + rb"(--)?[ \t]*(?:\r\n|\Z)", body))
            if boundary
            else []
        )
        if not lines:
            raise Unconvertible("5.6.3", "a part with 8-bit content has no boundary that can be found")
        inner = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        out = [_aside(body[: lines[0].start()])]
        for at, line in enumerate(lines):
            out.append(line[0])
            ended = line[1] is not None
            to = lines[at + 1].start() if at + 1 < len(lines) and not ended else len(body)
            piece = body[line.end() : to]
            if ended:
                out.append(_aside(piece))
                break
            # The CRLF before a boundary belongs to the boundary.
            tail = b"\r\n" if at + 1 < len(lines) and piece.endswith(b"\r\n") else b""
            out += (self.entity(piece[: len(piece) - len(tail)], depth + 1, inner), tail)
        return b"".join(out)


def _divided(raw: bytes) -> tuple[bytes, bytes]:
    """Header with its last CRLF, and the blank line with the body behind it."""
    found = _BLANK.search(raw)
    if found is None:
        return (raw, b"") if raw.endswith(b"\r\n") else (raw + b"\r\n", b"")
    return raw[: found.start()], raw[found.start() :]


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    return [(name, value.replace(b"\r\n", b"\n")) for name, value in _FIELD.findall(head)]


def _ascii(head: bytes, code: str) -> bytes:
    """Every field that is not ASCII rewritten (RFC 2047)."""
    out: list[bytes] = []
    at = 0
    for found in _FIELD.finditer(head):
        out.append(head[at : found.start()])
        at = found.end()
        field = found[0]
        if not field.isascii():
            written = header_words.field(found[1], found[2])
            if written is None:
                name = found[1].decode("ascii")
                raise Unconvertible(code, f"the header field {name[:80]} cannot be written in ASCII")
            field = written
        out.append(field)
    out.append(head[at:])
    whole = b"".join(out)
    if not whole.isascii():
        raise Unconvertible(code, "the header has 8-bit content outside of its fields")
    return whole


def _aside(text: bytes) -> bytes:
    if not text.isascii():
        raise Unconvertible("5.6.3", "there is 8-bit content outside of the parts")
    return text


def _leaf(head: bytes, body: bytes, *, text: bool, declared: bool) -> bytes:
    """body begins with the blank line."""
    content = body[2:]
    if not declared:
        # RFC 2045 §5.2 would make it US-ASCII, which it is not; RFC 1428 has a name for what nobody told.
        name = b"utf-8" if _is_utf8(content) else b"unknown-8bit"
        head += b"Content-Type: text/plain; charset=%s\r\n" % name
    dense = _DENSE * len(content.translate(None, bytes(range(128)))) > len(content)
    if text and not dense:
        return _with_encoding(head, b"quoted-printable") + b"\r\n" + _quoted(content)
    return _with_encoding(head, b"base64") + b"\r\n" + base64.encodebytes(content).replace(b"\n", b"\r\n")


def _quoted(content: bytes) -> bytes:
    """RFC 2045 §6.7; a "From " or a dot that begins a line is encoded too: some would change it."""
    written = binascii.b2a_qp(content, istext=True)
    if b"\r\n" not in content:
        written = written.replace(b"\n", b"\r\n")
    written = re.sub(rb"(?m)^\.", b"=2E", written)
    return re.sub(rb"(?m)^From ", b"=46rom ", written)


def _with_encoding(head: bytes, encoding: bytes) -> bytes:
    """The header with that Content-Transfer-Encoding, in the place of the one it has."""
    line = b"Content-Transfer-Encoding: %s\r\n" % encoding
    out: list[bytes] = []
    at = 0
    replaced = False
    for found in _FIELD.finditer(head):
        if found[1].lower() == b"content-transfer-encoding":
            out += (head[at : found.start()], b"" if replaced else line)
            at = found.end()
            replaced = True
    out.append(head[at:])
    return b"".join(out) + (b"" if replaced or encoding == b"7bit" else line)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
