"""Keys: from PEM and back, what DNS says of them, and what is refused."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from tests.dkim import dkim_values as values

from gatepost.dkim import keys

# RFC 8463 Appendix A.2: the seed and the public key.
SEED = base64.b64decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
RECORD = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def pem(private: object, how: serialization.PrivateFormat, secret: bytes = b"") -> bytes:
    assert isinstance(
        private,
        rsa.RSAPrivateKey
        | ed25519.Ed25519PrivateKey
        | ec.EllipticCurvePrivateKey
        | ed448.Ed448PrivateKey
        | dsa.DSAPrivateKey,
    )
    lock = serialization.BestAvailableEncryption(secret) if secret else serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, how, lock)


def test_an_ed25519_key_has_the_record_that_the_rfc_gives_it() -> None:
    key = keys.Key(ed25519.Ed25519PrivateKey.from_private_bytes(SEED))
    assert (key.record, key.word) == (RECORD, "ed25519")


def test_an_rsa_record_is_the_public_key_that_any_library_reads() -> None:
    key = values.rsa_key()
    head, _, public = key.record.partition("; p=")
    assert (head, key.word) == ("v=DKIM1; k=rsa", "rsa-2048")
    found = serialization.load_der_public_key(base64.b64decode(public))
    assert isinstance(found, rsa.RSAPublicKey)
    assert found.key_size == 2048


@pytest.mark.parametrize("key", [values.rsa_key(), values.ed25519_key()], ids=lambda key: key.word)
def test_a_kept_key_is_the_same_key(key: keys.Key) -> None:
    again = keys.load(key.pem.encode())
    assert (again.record, again.sign(b"text")) == (key.record, key.sign(b"text"))


@pytest.mark.parametrize(
    "how", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]
)
def test_both_usual_kinds_of_pem_are_read(how: serialization.PrivateFormat) -> None:
    private = rsa.generate_private_key(65537, 1024)
    assert keys.load(pem(private, how)).word == "rsa-1024"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "no private key in PEM"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key in PEM"),
        (
            pem(ec.generate_private_key(ec.SECP256R1()), serialization.PrivateFormat.PKCS8),
            "neither RSA nor Ed25519",
        ),
        (pem(ed448.Ed448PrivateKey.generate(), serialization.PrivateFormat.PKCS8), "neither RSA nor Ed25519"),
        (pem(ed25519.Ed25519PrivateKey.generate(), serialization.PrivateFormat.PKCS8, b"x"), "is encrypted"),
    ],
    ids=["empty", "broken", "ecdsa", "ed448", "encrypted"],
)
def test_what_cannot_sign_is_refused_in_one_line_without_its_bytes(raw: bytes, said: str) -> None:
    with pytest.raises(keys.BadKey) as caught:
        keys.load(raw)
    assert said in str(caught.value)
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize("key", [values.rsa_key(), values.ed25519_key()], ids=lambda key: key.word)
def test_a_key_known_to_be_good_is_loaded_without_proof_and_signs_the_same(key: keys.Key) -> None:
    assert keys.load(key.pem.encode(), known=True).sign(b"text") == key.sign(b"text")


def test_a_known_key_that_rotted_is_refused_before_it_signs() -> None:
    numbers = pem(rsa.generate_private_key(65537, 1024), serialization.PrivateFormat.PKCS8)
    der = bytearray(base64.b64decode(b"".join(numbers.splitlines()[1:-1])))
    der[80] ^= 1  # in the modulus: the public half is another one now
    text = base64.encodebytes(bytes(der))
    with pytest.raises(keys.BadKey, match=r"do not belong together|no private key"):
        keys.load(b"-----BEGIN PRIVATE KEY-----\n" + text + b"-----END PRIVATE KEY-----\n", known=True)


@pytest.mark.slow
def test_an_rsa_key_larger_than_verifiers_take_is_refused() -> None:
    with pytest.raises(keys.BadKey, match="an RSA key of 5120 bits, not of 1024 to 4096"):
        keys.Key(rsa.generate_private_key(65537, 5120))


@pytest.mark.parametrize(("size", "parts"), [(0, []), (255, [255]), (256, [255, 1]), (600, [255, 255, 90])])
def test_a_record_is_cut_into_the_strings_that_dns_carries(size: int, parts: list[int]) -> None:
    text = "x" * size
    found = keys.strings(text)
    assert (list(map(len, found)), "".join(found)) == (parts, text)
