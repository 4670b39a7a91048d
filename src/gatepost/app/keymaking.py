"""New DKIM keys. Here and not in the pure ``gatepost.dkim``, because OpenSSL draws them from the system's randomness."""

from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gatepost.dkim import keys
from gatepost.model import directory as directories

RSA_BITS: Final = (
    2048  # what RFC 8301 §3.2 asks of signers; longer ones cost more and fit into fewer DNS forms
)
_EXPONENT: Final = 65_537


def make(algorithm: keys.Algorithm) -> keys.Key:
    """A new key; an RSA one takes a tenth of a second."""
    if algorithm is keys.Algorithm.ED25519:
        return keys.Key(ed25519.Ed25519PrivateKey.generate())
    return keys.Key(rsa.generate_private_key(_EXPONENT, RSA_BITS))


def entry(domain: int, selector: str, key: keys.Key, now_ms: int) -> directories.DkimKey:
    """The key as a new, staged entry of the Directory."""
    return directories.DkimKey(
        id=0,
        domain=domain,
        selector=selector,
        algorithm=directories.KeyAlgorithm(key.algorithm.value),
        private_key=key.pem,
        created_at=now_ms,
    )


def in_state(key: directories.DkimKey, state: directories.KeyState, now: int) -> directories.DkimKey:
    """The key as it is then; unchanged if it is so already."""
    if key.state is state:
        return key
    if state is directories.KeyState.ACTIVE:
        return msgspec.structs.replace(key, state=state, activated_at=now, retired_at=0)
    return msgspec.structs.replace(key, state=state, retired_at=now)
