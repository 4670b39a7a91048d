"""MTA-STS (RFC 8461): the TXT record and the policy document, read strictly.

Guarantees: what does not keep to the RFC is no policy, and the error says where it does not.
Not here: fetching and keeping policies (``gatepost.delivery.strict``).
"""

import enum
import re

import msgspec

from gatepost import errors

PATH = "/.well-known/mta-sts.txt"
MAX_BYTES = 64 * 1024  # RFC 8461 §3.3 suggests it
WITHIN_S = 60.0  # RFC 8461 §3.3
MAX_AGE_S = 31_557_600  # a year (RFC 8461 §3.2)
_MAX_MX = 100
_RECORD = re.compile(r"v=STSv1[ \t]*;[ \t]*id=([A-Za-z0-9]{1,32})[ \t]*(?:;.*)?", re.DOTALL)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_PATTERN = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_AGE = re.compile(r"[0-9]{1,10}")


class Mode(enum.StrEnum):
    """What a failure leads to."""

    ENFORCE = "enforce"
    TESTING = "testing"
    NONE = "none"


class Policy(msgspec.Struct, frozen=True):
    """One domain's. mx: patterns, lower-case. max_age_s: how long it may be kept."""

    mode: Mode
    mx: tuple[str, ...]
    max_age_s: int


class BadPolicy(errors.GatepostError):
    """The document is no policy; the text says why."""


def record_name(domain: str) -> str:
    """Where the TXT record of a domain is."""
    return f"_mta-sts.{domain}"


def policy_host(domain: str) -> str:
    """Who serves a domain's policy."""
    return f"mta-sts.{domain}"


def record_id(texts: tuple[str, ...]) -> str | None:
    """The id in a domain's record; None where there is none, or more than one (RFC 8461 §3.1)."""
    found = [text for text in texts if text.startswith("v=STSv1")]
    matched = _RECORD.fullmatch(found[0]) if len(found) == 1 else None
    return matched[1] if matched else None


def read(kind: str, body: bytes) -> Policy:
    """Read a policy document (RFC 8461 §3.2) of a media type. Raises BadPolicy."""
    if kind != "text/plain":
        raise BadPolicy("it is not text/plain")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPolicy("it is not UTF-8") from None
    fields: dict[str, str] = {}
    mx: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        key, colon, value = line.partition(":")
        value = value.strip(" \t")
        if not line.strip():
            continue
        if not colon:
            raise BadPolicy("it has a line without a colon")
        if key == "mx":
            mx.append(value.lower().removesuffix("."))
        else:
            fields.setdefault(key, value)
    return _policy(fields, mx)


def allows(policy: Policy, host: str) -> bool:
    """Whether a host's name matches one of the patterns; ``*`` stands for one label (RFC 8461 §4.1)."""
    name = host.lower().removesuffix(".")
    above = "*." + name.partition(".")[2]
    return any(pattern in (name, above) for pattern in policy.mx)


def _policy(fields: dict[str, str], mx: list[str]) -> Policy:
    if fields.get("version") != "STSv1":
        raise BadPolicy("its version is not STSv1")
    try:
        mode = Mode(fields.get("mode", ""))
    except ValueError:
        raise BadPolicy("its mode is not enforce, testing or none") from None
    age = fields.get("max_age", "")
    if not _AGE.fullmatch(age) or int(age) > MAX_AGE_S:
        raise BadPolicy("its max_age is not a number of seconds up to a year")
    if len(mx) > _MAX_MX or any(not _PATTERN.fullmatch(pattern) for pattern in mx):
        raise BadPolicy("one of its mx lines is not the name of a host")
    if not mx and mode is not Mode.NONE:
        raise BadPolicy("it names no mx")
    return Policy(mode, tuple(mx), int(age))
