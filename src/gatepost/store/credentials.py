"""Secrets of Bridges and API keys: how they are made, kept and compared.

Guarantees: a secret has 192 random bits and is kept only as HMAC-SHA-256 under the installation's pepper, so that a
copy of the store gives nobody a password (faults.md P27). A check takes the same time for an unknown name, a wrong
secret and the right one (P26, C04): always one HMAC and one comparison in constant time. argon2id would be for
people's passwords; these cannot be guessed. Not here: where the pepper is kept (``gatepost.app``).
"""

import base64
import hashlib
import hmac
import secrets

KEY_PREFIX = "gp_"  # so that people and secret scanners know an API key when they see one
_RANDOM_BYTES = 24
_NO_MAC = bytes(hashlib.sha256().digest_size)


def new_secret() -> str:
    """An SMTP password: 192 random bits in 32 characters that need no quoting anywhere, and are never taken for an option."""
    return _text(secrets.token_bytes(_RANDOM_BYTES))


def new_key() -> str:
    """An API key: the same behind ``gp_``."""
    return KEY_PREFIX + new_secret()


def new_pepper() -> bytes:
    """The installation's own key, made once and kept outside the store."""
    return secrets.token_bytes(32)


def derived_secret(pepper: bytes, about: bytes) -> str:
    """The same secret for the same request, so that one that is repeated gets the same answer and nothing is kept in clear."""
    return _text(mac(pepper, b"secret of a request\0" + about)[:_RANDOM_BYTES])


def _text(raw: bytes) -> str:
    """As people copy it: without a dash in front, which command lines take for an option."""
    text = base64.urlsafe_b64encode(raw).decode()
    return f"A{text[1:]}" if text.startswith("-") else text


def mac(pepper: bytes, secret: str | bytes) -> bytes:
    """What is kept of a secret: 32 bytes."""
    return hmac.digest(pepper, secret if isinstance(secret, bytes) else secret.encode(), "sha256")


def matches(kept: bytes | None, pepper: bytes, given: str | bytes) -> bool:
    """Whether a secret is the one of which ``kept`` is the MAC; None or empty: there is none, which takes as long."""
    return hmac.compare_digest(kept or _NO_MAC, mac(pepper, given)) and bool(kept)
