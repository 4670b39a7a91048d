"""Keys and messages that the DKIM tests share. The keys are made once: an RSA key takes a tenth of a second."""

import functools

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from gatepost.dkim import canonical, keys, signature

NOW_S = 1_700_000_000
MESSAGE = (
    b"Received: from app.test by gw.test;\r\n\tFri, 15 Jan 2027 08:00:00 +0000\r\n"
    b"From: News <news@shop.test>\r\n"
    b"To: Ann <ann@x.test>,\r\n  Bob <bob@y.test>\r\n"
    b"Subject:  Spring\t sale \r\n"
    b"Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    b"Message-ID: <1@shop.test>\r\n"
    b"List-Unsubscribe: <https://shop.test/u/1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"\r\n"
    b"Hello  there\r\n\r\n. and\tmore \r\n\r\n\r\n"
)


@functools.cache
def rsa_key(bits: int = 2048) -> keys.Key:
    return keys.Key(rsa.generate_private_key(65537, bits))


@functools.cache
def ed25519_key() -> keys.Key:
    return keys.Key(ed25519.Ed25519PrivateKey.generate())


@functools.cache
def signers() -> tuple[signature.Signer, ...]:
    """One of each kind."""
    return (
        signature.Signer("shop.test", "r", rsa_key()),
        signature.Signer("shop.test", "e", ed25519_key()),
    )


def records(*these: signature.Signer) -> dict[str, str]:
    """What DNS says of them."""
    return {f"{one.selector}._domainkey.{one.domain}": one.key.record for one in these or signers()}


def signed(
    message: bytes, manner: signature.Manner | None = None, *these: signature.Signer, cut: int | None = None
) -> bytes:
    """The message with its signatures; its body fed in two pieces where it is ``cut``."""
    manner = manner or signature.Manner()
    head, _, body = message.partition(b"\r\n\r\n")
    made = canonical.BodyHash(manner.body)
    for piece in (body,) if cut is None else (body[:cut], body[cut:]):
        made.feed(piece)
    given = signature.Message(head + b"\r\n", made.digest())
    return signature.sign(given, these or signers(), manner, NOW_S) + message


MANNERS = [signature.Manner(header, body) for header in canonical.Form for body in canonical.Form]
