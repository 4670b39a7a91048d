"""A DKIM verifier for tests, written from RFC 6376 and RFC 8463 alone: whole messages and regular expressions, no code of ours.

``tests/dkim/test_dkim_oracle.py`` holds it to the RFC's own signed messages.
"""

import base64
import hashlib
import re
from collections.abc import Mapping

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa


class Invalid(Exception):
    """The signature does not verify, and why."""


def verify(message: bytes, records: Mapping[str, str], now_s: int | None = None) -> list[dict[str, str]]:
    """The tags of every DKIM-Signature of a message, which all verify. records: by name in DNS. Raises Invalid."""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = re.split(rb"\r\n(?![ \t])", head)
    own = [at for at, one in enumerate(fields) if _name(one) == b"dkim-signature"]
    found = [_verify_one(fields, at, body, records) for at in own]
    for tags in found:
        if now_s is not None and "x" in tags and int(tags["x"]) <= now_s:
            raise Invalid("expired")
    return found


def _verify_one(fields: list[bytes], at: int, body: bytes, records: Mapping[str, str]) -> dict[str, str]:
    tags = tags_of(fields[at].partition(b":")[2])
    forms = (tags.get("c", "simple") + "/simple").split("/")
    want = base64.b64decode(tags["bh"])
    if hashlib.sha256(canonical_body(body, forms[1])).digest() != want:
        raise Invalid("body hash")
    pools: dict[bytes, list[bytes]] = {}
    for one in [*fields[:at], *fields[at + 1 :]]:
        pools.setdefault(_name(one), []).append(one)
    names = [name.strip().lower().encode() for name in tags["h"].split(":")]
    if b"from" not in names:
        raise Invalid("From is not signed")
    signed = b""
    for name in names:
        if pools.get(name):
            signed += canonical_field(pools[name].pop(), forms[0]) + b"\r\n"
    emptied = re.sub(rb"([;\s]b[ \t\r\n]*=)[^;]*", rb"\1", b";" + fields[at].partition(b":")[2])[1:]
    signed += canonical_field(fields[at].partition(b":")[0] + b":" + emptied, forms[0])
    record = tags_of(records[f"{tags['s']}._domainkey.{tags['d']}"].encode())
    _check(tags["a"], base64.b64decode(record["p"]), base64.b64decode(tags["b"]), signed)
    return tags


def _check(algorithm: str, public: bytes, signature: bytes, signed: bytes) -> None:
    try:
        if algorithm == "rsa-sha256":
            key = serialization.load_der_public_key(public)
            assert isinstance(key, rsa.RSAPublicKey)
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            assert algorithm == "ed25519-sha256"
            digest = hashlib.sha256(signed).digest()
            ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, digest)
    except exceptions.InvalidSignature:
        raise Invalid(f"signature of {algorithm}") from None


def tags_of(text: bytes) -> dict[str, str]:
    """A tag list; white space inside values is dropped, as in all values that we use."""
    pairs = (one.partition(b"=") for one in text.split(b";") if one.strip())
    return {name.strip().decode(): re.sub(rb"\s+", b"", value).decode() for name, _, value in pairs}


def canonical_body(body: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.3 and §3.4.4, for a body as a receiver has it: a last line always ended."""
    if body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    lines = body.split(b"\r\n")[:-1]
    if form == "relaxed":
        lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in lines]
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return b"" if form == "relaxed" else b"\r\n"
    return b"".join(line + b"\r\n" for line in lines)


def canonical_field(field: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.1 and §3.4.2, without the last CRLF."""
    if form == "simple":
        return field
    name, _, value = field.partition(b":")
    value = re.sub(rb"[ \t]+", b" ", re.sub(rb"\r\n(?=[ \t])", b"", value)).strip(b" \t")
    return name.strip(b" \t").lower() + b":" + value


def _name(field: bytes) -> bytes:
    return field.partition(b":")[0].strip(b" \t").lower()
