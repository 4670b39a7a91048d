"""Private keys that sign, and what DNS says of them (RFC 6376 §3.6.1, RFC 8301, RFC 8463).

Guarantees: a key that was loaded can sign; its private half is in no text and in no error. OpenSSL does the arithmetic and
gives up the interpreter's lock meanwhile, so threads sign side by side (docs/decisions/0007).
Fails with BadKey. Not here: making keys (that needs randomness) and where they are kept.
"""

import base64
import enum
import hashlib
from typing import Final

from cryptography import exceptions
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from gatepost import errors

LEAST_BITS: Final = 1024  # RFC 8301 §3.2: signers must use no less, and should use 2048
MOST_BITS: Final = 4096  # and verifiers need not take more
_PADDING: Final = padding.PKCS1v15()
_SHA256: Final = hashes.SHA256()
_STRING: Final = 255  # octets of one string of a TXT record (RFC 1035 §3.3)


class Algorithm(enum.StrEnum):
    """The key's kind, as ``k=`` in DNS and before ``-sha256`` in ``a=``."""

    RSA = "rsa"
    ED25519 = "ed25519"


class BadKey(errors.GatepostError):
    """What is wrong with a key, in one line without any of its bytes."""


class Key:
    """One private key."""

    __slots__ = ("_private", "algorithm", "bits")

    def __init__(self, private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> None:
        """Raises BadKey for a size that verifiers refuse."""
        self._private = private
        if isinstance(private, rsa.RSAPrivateKey):
            self.algorithm = Algorithm.RSA
            self.bits = private.key_size
            if not LEAST_BITS <= self.bits <= MOST_BITS:
                raise BadKey(f"an RSA key of {self.bits} bits, not of {LEAST_BITS} to {MOST_BITS} (RFC 8301)")
        else:
            self.algorithm = Algorithm.ED25519
            self.bits = 256

    def sign(self, signed: bytes) -> bytes:
        """The signature of these bytes."""
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(signed, _PADDING, _SHA256)
        # RFC 8463 §3: what an Ed25519 key signs is the hash.
        return self._private.sign(hashlib.sha256(signed).digest())

    @property
    def word(self) -> str:
        """``rsa-2048``, ``ed25519``: as people write it."""
        return f"rsa-{self.bits}" if self.algorithm is Algorithm.RSA else self.algorithm.value

    @property
    def record(self) -> str:
        """The TXT record's text that lets others verify (§3.6.1; of an Ed25519 key the bare 32 bytes, RFC 8463 §4)."""
        public = self._private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            raw = public.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        else:
            raw = public.public_bytes_raw()
        return f"v=DKIM1; k={self.algorithm.value}; p={base64.b64encode(raw).decode()}"

    @property
    def pem(self) -> str:
        """The private key as it is kept: PKCS #8, in clear."""
        return self._private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()


def load(pem: bytes, *, known: bool = False) -> Key:
    """A key from its PEM (PKCS #8 or PKCS #1), without a passphrase. Raises BadKey.

    known: it was loaded in full before. OpenSSL then does not prove the primes of an RSA key again, for which it holds the
    interpreter's lock (2048 bits: 50 ms); that both halves belong together is still tried.
    """
    try:
        found = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=known)
    except TypeError:
        raise BadKey("the key is encrypted: take the passphrase off first") from None
    except (ValueError, exceptions.UnsupportedAlgorithm):
        raise BadKey("this is no private key in PEM that can be read") from None
    if not isinstance(found, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise BadKey("the key is neither RSA nor Ed25519")
    key = Key(found)
    if known:
        _try(found)
    return key


def _try(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> None:
    """A signature of its own verifies. Raises BadKey."""
    try:
        if isinstance(private, rsa.RSAPrivateKey):
            private.public_key().verify(private.sign(b"", _PADDING, _SHA256), b"", _PADDING, _SHA256)
        else:
            private.public_key().verify(private.sign(b""), b"")
    except (exceptions.InvalidSignature, ValueError):
        raise BadKey("its private and its public half do not belong together") from None


def strings(text: str) -> tuple[str, ...]:
    """A TXT record's text in the strings that DNS carries, each at most 255 octets."""
    return tuple(text[at : at + _STRING] for at in range(0, len(text), _STRING))
