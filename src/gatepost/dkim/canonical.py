"""The canonical forms of a header field and of a body, and the body's hash (RFC 6376 §3.4, §3.7).

Guarantees: a body is hashed chunk by chunk in flat memory, and its hash does not depend on where it was cut; only space and
tab are white space, so no other byte is ever changed. Takes CRLF line ends only, as everything that goes on the wire has
(``gatepost.smtp.data``). A body without a last CRLF is hashed as it is sent: with one.
"""

import enum
import hashlib
import re
from typing import Final

_SPACES: Final = re.compile(rb"[ \t]+")
# hashlib gives up the interpreter's lock for 2048 bytes or more. To get it back costs a signing thread more than a small body's
# hash takes (bench/dkim.py: 5 % of an RSA-2048 signature), so that is for large ones alone.
_PIECE: Final = 2047
_LARGE: Final = 16_384
_BLOCK: Final = (
    b"\r\n" * 32_768
)  # empty lines that turn out to be inside the body are hashed in pieces of this size


class Form(enum.StrEnum):
    """How much a relay may change without breaking a signature: nothing, or white space."""

    SIMPLE = "simple"
    RELAXED = "relaxed"


def field(raw: bytes, form: Form) -> bytes:
    """A header field, given with its last CRLF, as it is signed (§3.4.1, §3.4.2)."""
    if form is Form.SIMPLE:
        return raw
    name, _, value = raw[:-2].partition(b":")
    if (
        b"\t" in value or b"  " in value or b"\r\n" in value
    ):  # most fields need no more than their ends trimmed
        value = _SPACES.sub(b" ", value.replace(b"\r\n", b""))
    return b"%s:%s\r\n" % (name.rstrip(b" \t").lower(), value.strip(b" "))


class BodyHash:
    """The SHA-256 of a body in one of its forms. ``feed`` it whole, in order; then ``digest``."""

    __slots__ = ("_any", "_edge", "_form", "_lines", "_sha", "_space")

    def __init__(self, form: Form) -> None:
        self._form = form
        self._sha = hashlib.sha256()
        self._any = False  # whether a line with anything in it came
        # What may yet turn out to be the body's end, which is not signed: line ends, then white space.
        self._edge = b" \t\r\n" if form is Form.RELAXED else b"\r\n"
        self._lines = 0
        self._space = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the body, cut anywhere."""
        core = chunk.lstrip(self._edge)
        self._hold(chunk[: len(chunk) - len(core)])
        if not core:
            return
        self._release()
        inner = core.rstrip(self._edge)
        self._add(_squeezed(inner) if self._form is Form.RELAXED else inner)
        self._hold(core[len(inner) :])

    def digest(self) -> bytes:
        """The hash of what was fed. An empty body is one CRLF in the simple form and nothing in the relaxed one."""
        if self._any or self._form is Form.SIMPLE:
            self._sha.update(b"\r\n")
        return self._sha.digest()

    def _add(self, text: bytes) -> None:
        if len(text) >= _LARGE:
            self._sha.update(text)
        else:
            for at in range(0, len(text), _PIECE):
                self._sha.update(text[at : at + _PIECE])

    def _hold(self, run: bytes) -> None:
        """White space and line ends: white space before a line end is nothing, the rest counts if more comes."""
        if not run:
            return
        found = run.count(b"\n")
        if found:
            self._lines += found
            run = run[run.rfind(b"\n") + 1 :]
            self._space = False
        if self._form is Form.RELAXED and run.strip(b"\r"):
            self._space = True

    def _release(self) -> None:
        """More came: what was held is inside the body."""
        self._any = True
        while self._lines:
            part = min(self._lines, len(_BLOCK) // 2)
            self._sha.update(_BLOCK[: 2 * part])
            self._lines -= part
        if self._space:
            self._sha.update(b" ")
            self._space = False


def _squeezed(text: bytes) -> bytes:
    """Runs of white space as one space, none before a line end (§3.4.4). By whole-text searches, not by lines: see bench/."""
    if b"\t" in text:
        text = text.replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text.replace(b" \r\n", b"\r\n") if b" \r\n" in text else text
