"""Contexts refuse what is old or broken, and say which file it is."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from gatepost import errors
from gatepost.net import tls

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    certificate, key = tls.self_signed("mx.test", now=NOW, days=30)
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "other.pem").write_bytes(tls.self_signed("mx.test", now=NOW, days=30)[1])
    (tmp_path / "text.pem").write_text("hello\n")
    (tmp_path / "broken.pem").write_bytes(certificate[:100] + b"\n-----END CERTIFICATE-----\n")
    locked = serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked.pem").write_bytes(locked)
    return tmp_path


def test_a_good_pair_makes_a_context_from_tls_1_2_on(files: Path) -> None:
    context = tls.server_context(str(files / "cert.pem"), str(files / "key.pem"))
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("cert", "key", "said"),
    [
        ("none.pem", "key.pem", r"tls\.cert: .*/none\.pem cannot be read: No such file"),
        ("cert.pem", "none.pem", r"tls\.key: .*/none\.pem cannot be read: No such file"),
        (".", "key.pem", r"tls\.cert: .* cannot be read: Is a directory"),
        ("text.pem", "key.pem", r"tls\.cert: .*/text\.pem holds no certificate in PEM form"),
        ("broken.pem", "key.pem", r"tls\.cert: .*/broken\.pem holds no certificate in PEM form"),
        ("key.pem", "key.pem", r"tls\.cert: .*/key\.pem holds no certificate in PEM form"),
        ("cert.pem", "text.pem", r"tls\.key: .*/text\.pem holds no private key in PEM form"),
        ("cert.pem", "cert.pem", r"tls\.key: .*/cert\.pem holds no private key in PEM form"),
        ("cert.pem", "locked.pem", r"tls\.key: .*/locked\.pem is locked with a passphrase"),
        ("cert.pem", "other.pem", r"tls\.key: .*/other\.pem does not belong to the certificate .*/cert\.pem"),
    ],
)
def test_what_is_wrong_with_which_file_is_said(files: Path, cert: str, key: str, said: str) -> None:
    with pytest.raises(errors.BadInput, match=said):
        tls.server_context(str(files / cert), str(files / key))


def test_clients_verify_or_only_encrypt_but_never_below_tls_1_2() -> None:
    strict, loose = tls.client_context(verify=True), tls.client_context(verify=False)
    assert (strict.verify_mode, strict.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert (loose.verify_mode, loose.check_hostname) == (ssl.CERT_NONE, False)
    assert strict.minimum_version is loose.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize(
    ("hostname", "kind"),
    [("mx.test", x509.DNSName), ("192.0.2.1", x509.IPAddress), ("a" * 63 + "." + "b" * 63, x509.DNSName)],
)
def test_a_self_signed_certificate_names_its_host_and_its_time(
    hostname: str, kind: type[x509.DNSName] | type[x509.IPAddress]
) -> None:
    pem, _ = tls.self_signed(hostname, now=NOW, days=30)
    certificate = x509.load_pem_x509_certificate(pem)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names if isinstance(name, kind)] == [hostname]
    assert certificate.not_valid_before_utc <= NOW - dt.timedelta(hours=1)
    assert certificate.not_valid_after_utc == NOW + dt.timedelta(days=30)


def test_a_name_that_no_certificate_can_carry_is_bad_input() -> None:
    with pytest.raises(errors.BadInput, match=r"hostname: 'é\.test' cannot be named"):
        tls.self_signed("é.test", now=NOW, days=30)


def handshake_error(context: ssl.SSLContext, answer: bytes) -> ssl.SSLError:
    """What the client's side says of an answer that is none."""
    incoming = ssl.MemoryBIO()
    incoming.write(answer)
    client = context.wrap_bio(incoming, ssl.MemoryBIO(), server_hostname="mx.test")
    with pytest.raises(ssl.SSLError) as caught:
        client.do_handshake()
    return caught.value


def test_a_broken_handshake_is_told_in_a_few_words() -> None:
    loose = tls.client_context(verify=False)
    assert tls.problem(handshake_error(loose, b"220 mx.test ESMTP\r\n")) == "wrong version number"
    verifying = ssl.SSLCertVerificationError(1, "[SSL] certificate verify failed")
    verifying.verify_message = "self-signed certificate"
    assert tls.problem(verifying) == "self-signed certificate"
    assert tls.problem(TimeoutError()) == "no answer"
    assert tls.problem(ConnectionResetError()) == "the connection was closed"
    assert tls.problem(OSError(113, "No route to host")) == "No route to host"
    assert tls.problem(ssl.SSLError("no name")) == "no name"
