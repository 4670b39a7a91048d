"""The parts of a mail, as a tree within limits.

Guarantees: any bytes give a tree; at most ``limits.PARTS`` parts and ``limits.DEPTH`` levels; what was left out is named
in ``Mail.problems``. A message inside the mail is a leaf: its own parts are somebody else's report.
Why not the standard library's ``email``: a Content-Type of 20 kB keeps it busy for seconds, and headers alone cost more
than all of this (bench/reports.py).
"""

import binascii
import re

import msgspec

from gatepost.reports import charset, header, limits, markup

_GUESS = re.compile(
    rb"^--([^\s-][^\n]{0,200}|-{2,}[^\s-][^\n]{0,200})\n(?=content-)", re.MULTILINE | re.IGNORECASE
)
_MARKS = 10_000  # lines that begin like the boundary
_PLAIN = re.compile(rb"[A-Za-z0-9+/=\s]+")


class Part(msgspec.Struct, frozen=True):
    """One part. kind: its type, in lower case, ``text/plain`` by default. body: as transferred."""

    fields: header.Fields
    kind: str
    params: dict[str, str]
    body: bytes
    parts: "tuple[Part, ...]" = ()

    def payload(self, most: int = limits.TEXT) -> bytes:
        """The body with its transfer encoding undone, where it really has one; cut at ``most`` bytes."""
        encoding = self.fields.get("content-transfer-encoding").lower()
        # base64 and quoted-printable may be longer than what they say.
        if "base64" in encoding and _PLAIN.fullmatch(self.body[:200]):
            return header.base64(self.body[: most * 2])[:most]
        if "quoted" in encoding:
            return binascii.a2b_qp(self.body[: most * 2])[:most]
        return self.body[:most]

    def text(self) -> str:
        """The text to read, from HTML as well."""
        text = (
            charset.text_of(self.payload(), self.params.get("charset", ""))
            .replace("\r\n", "\n")
            .replace("\r", "\n")
        )
        return markup.text_of(text) if self.kind == "text/html" else text


class Mail(msgspec.Struct, frozen=True):
    """The whole mail. leaves: the parts without parts, in order. sender, subject: From and Subject, decoded."""

    root: Part
    leaves: tuple[Part, ...]
    problems: tuple[str, ...]
    sender: str
    subject: str

    @property
    def fields(self) -> header.Fields:
        """The mail's own header."""
        return self.root.fields

    def of(self, *kinds: str) -> list[Part]:
        """The leaves of these types."""
        return [leaf for leaf in self.leaves if leaf.kind in kinds]


def read(raw: bytes) -> Mail:
    """The mail's parts."""
    reader = _Reader()
    if len(raw) > limits.MAIL:
        reader.note(f"only the first {limits.MAIL} bytes were read")
        raw = raw[: limits.MAIL]
    if b"\r" in raw:
        raw = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    fields, body = header.split(raw)
    root = reader.part(fields, body, 0)
    sender, subject = fields.words("from"), fields.words("subject")
    return Mail(root, tuple(reader.leaves), tuple(reader.problems), sender, subject)


class _Reader:
    """Counts while it reads."""

    def __init__(self) -> None:
        self.leaves: list[Part] = []
        self.problems: list[str] = []
        self._count = 0

    def note(self, problem: str) -> None:
        if problem not in self.problems:
            self.problems.append(problem)

    def part(self, fields: header.Fields, body: bytes, depth: int) -> Part:
        kind, params = header.content_type(fields.get("content-type"))
        self._count += 1
        pieces = self._pieces(kind, params, body, depth)
        if pieces:
            inner = tuple(self.part(*header.split_part(piece), depth + 1) for piece in pieces)
            return Part(fields, kind or "multipart/mixed", params, b"", inner)
        leaf = Part(
            fields, kind if "/" in kind and not kind.startswith("multipart/") else "text/plain", params, body
        )
        self.leaves.append(leaf)
        return leaf

    def _pieces(self, kind: str, params: dict[str, str], body: bytes, depth: int) -> list[bytes]:
        if not kind.startswith("multipart/"):
            return []
        if depth >= limits.DEPTH:
            self.note(f"parts deeper than {limits.DEPTH} levels were not read")
            return []
        room = limits.PARTS - self._count
        boundary = params.get("boundary", "").encode("utf-8", "replace")
        pieces = _cut(body, boundary, room + 1) if boundary else []
        if not pieces:
            # Headers and boundaries that somebody mangled: parts are seen by what they begin with.
            found = _GUESS.search(body[: limits.TEXT])
            pieces = _cut(body, found[1].rstrip(), room + 1) if found is not None else []
        if len(pieces) > room:
            self.note(f"more than {limits.PARTS} parts: the others were not read")
        return pieces[: max(room, 0)]


def _cut(body: bytes, boundary: bytes, most: int) -> list[bytes]:
    """What stands between the boundary's lines (RFC 2046 §5.1.1); the last piece may lack its end."""
    body = b"\n" + body
    mark = b"\n--" + boundary
    pieces: list[bytes] = []
    at, start, lines = 0, -1, 0
    while len(pieces) < most and lines < _MARKS and (at := body.find(mark, at)) != -1:
        after, lines = at + len(mark), lines + 1
        end = body.find(b"\n", after)
        tail = body[after : end if end != -1 else len(body)].strip()
        if tail not in {b"", b"--"}:  # a longer boundary that begins like this one
            at = after
            continue
        if start != -1:
            pieces.append(body[start:at])
        start = -1 if tail == b"--" or end == -1 else end + 1
        if tail == b"--":
            break
        at = after if end == -1 else end
    if start != -1 and len(pieces) < most:
        pieces.append(body[start:])
    return pieces
