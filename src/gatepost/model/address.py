"""Mail addresses: one parser, and one normal form for queues, limits and suppressions.

Guarantees: ``key`` is the same for every spelling of one address (case, quoting that is not needed, IDNA forms,
a trailing dot), and normalising a key gives the key again. Nothing is folded that could join two people: dots,
``+tags`` and hyphens in the local part stay (faults.md E08, F11).
Fails with ``AddressError``, which says what is wrong without repeating the bytes.
Not here: display names and header lists (``gatepost.ingest``).
"""

import functools
import hashlib
import re
import unicodedata

import idna
import msgspec

from gatepost import errors

MAX_LOCAL = 64  # octets, RFC 5321 §4.5.3.1.1
MAX_DOMAIN = 255  # octets, RFC 5321 §4.5.3.1.2
MAX_ADDRESS = 254  # octets: a path of 256 less its brackets, RFC 5321 §4.5.3.1.3

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(rf"({_ATEXT}+(?:\.{_ATEXT}+)*)@({_LABEL}(?:\.{_LABEL})*)")
_DOT_ATOM = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED = re.compile(r'"((?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*)"')
_UTF8_ATOM = re.compile(rf"(?:{_ATEXT}|[^\x00-\x9f\s])+(?:\.(?:{_ATEXT}|[^\x00-\x9f\s])+)*")
_ASCII_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMERIC = re.compile(r"[0-9.]+")


class AddressError(errors.BadInput):
    """An address that no mail can be sent to, or that RFC 5321 §4.1.2 or RFC 6531 §3.3 forbids."""

    def __init__(self, problem: str, place: str = "address") -> None:
        super().__init__(place, problem)


class Address(msgspec.Struct, frozen=True, gc=False):
    """One mailbox.

    wire: what goes into ``RCPT TO:<…>``: the local part as it was given, the domain as A-labels.
    local: the local part as given, unquoted. domain: lower-case A-labels. key: the normal form of the whole.
    """

    wire: bytes
    local: str
    domain: str
    key: str

    @property
    def needs_utf8(self) -> bool:
        """Whether only SMTPUTF8 (RFC 6531) can carry it."""
        return not self.wire.isascii()


@functools.lru_cache(maxsize=10_000)  # asked for at acceptance, at the hand-out and in the settlement
def hash64(text: str) -> int:
    """A signed 63-bit key of a normal form, for indexes: equal texts, equal keys; the text decides in the end."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def parse(raw: bytes | str, *, utf8: bool = False) -> Address:
    """Read one mailbox, without angle brackets (RFC 5321 §4.1.2, RFC 6531 §3.3).

    utf8: whether a local part beyond ASCII is allowed (SMTPUTF8 was asked for). A domain beyond ASCII is always
    read and becomes A-labels. Raises AddressError.
    """
    text = _decode(raw)
    plain = _PLAIN.fullmatch(text)
    if plain is not None and len(text) <= MAX_ADDRESS:
        local, domain = plain.groups()
        domain = domain.lower()
        if len(local) <= MAX_LOCAL and "xn--" not in domain and not _NUMERIC.fullmatch(domain):
            return Address(f"{local}@{domain}".encode(), local, domain, f"{local.lower()}@{domain}")
    return _parse_slowly(text, utf8=utf8)


def domain_key(raw: str) -> str:
    """The normal form of a domain: lower-case A-labels, no trailing dot (UTS 46 mapping, RFC 5891). Raises AddressError."""
    text = raw.removesuffix(".")
    if not text:
        raise AddressError("the domain is missing")
    if text.startswith("["):
        raise AddressError("address literals are not delivered to")
    try:
        ascii_form = text.lower() if text.isascii() and "xn--" not in text.lower() else _a_labels(text)
    except (idna.IDNAError, UnicodeError):
        raise AddressError("the domain is not a valid name") from None
    if len(ascii_form) > MAX_DOMAIN:
        raise AddressError("the domain is longer than 255 octets")
    if not _ASCII_DOMAIN.fullmatch(ascii_form):
        raise AddressError("the domain is not a valid name")
    if _NUMERIC.fullmatch(ascii_form):
        raise AddressError("the domain is a bare IP address")
    return ascii_form


def _a_labels(text: str) -> str:
    mapped = idna.uts46_remap(text, std3_rules=False, transitional=False).removesuffix(".")
    return idna.encode(mapped).decode("ascii").lower()


def _decode(raw: bytes | str) -> str:
    if isinstance(raw, str):
        return raw
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise AddressError("the address is neither ASCII nor UTF-8") from None


def _parse_slowly(text: str, *, utf8: bool) -> Address:
    """Every form that the fast pattern leaves over: quoted, international, or wrong."""
    if not text:
        raise AddressError("the address is empty")
    if any(ord(c) < 32 or c in "\x7f\x85\u2028\u2029" for c in text):
        raise AddressError("the address contains a control character")
    local_raw, at, domain_raw = text.rpartition("@")
    if not at:
        raise AddressError("the address has no @")
    local = _local_part(local_raw, utf8=utf8)
    domain = domain_key(domain_raw)
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    wire = f"{local_raw}@{domain}".encode()
    if len(wire) > MAX_ADDRESS:
        raise AddressError("the address is longer than 254 octets")
    return Address(wire, local, domain, f"{_quote(folded)}@{domain}")


def _local_part(raw: str, *, utf8: bool) -> str:
    if not raw:
        raise AddressError("the local part is missing")
    if len(raw.encode()) > MAX_LOCAL:
        raise AddressError("the local part is longer than 64 octets")
    if not raw.isascii() and not utf8:
        raise AddressError("the local part is not ASCII, and SMTPUTF8 was not asked for")
    quoted = _QUOTED.fullmatch(raw)
    if quoted is not None:
        local = re.sub(r"\\(.)", r"\1", quoted[1])
        if not local:
            raise AddressError("the local part is empty")
        return local
    if not _UTF8_ATOM.fullmatch(raw):
        raise AddressError("the local part has a character that needs quoting, or a misplaced dot")
    return raw


def _quote(local: str) -> str:
    """Quote a local part only where it must be (RFC 5321 §4.1.2: the quoted and unquoted forms are one mailbox)."""
    if _DOT_ATOM.fullmatch(local) or (not local.isascii() and _UTF8_ATOM.fullmatch(local)):
        return local
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'
