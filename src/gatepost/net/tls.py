"""TLS contexts and certificates. Guarantees: TLS 1.2 or newer everywhere."""

import asyncio
import datetime as dt
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gatepost import errors


def client_context(*, verify: bool) -> ssl.SSLContext:
    """For outgoing connections. verify: the host's certificate has to be good; else any will do (RFC 7435)."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def server_context(cert_path: str, key_path: str) -> ssl.SSLContext:
    """For a listener. Raises BadInput that names the file."""
    for key, path in (("tls.cert", cert_path), ("tls.key", key_path)):
        try:
            Path(path).read_bytes()
        except OSError as error:
            raise errors.BadInput(key, f"{path} cannot be read: {error.strerror}") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(cert_path, key_path)
    except ssl.SSLError as error:
        mismatch = "MISMATCH" in str(error.reason or "")
        problem = "does not belong to the certificate" if mismatch else "is not usable PEM"
        raise errors.BadInput(
            "tls.key" if mismatch else "tls.cert", f"{key_path if mismatch else cert_path} {problem}"
        ) from None
    return context


def self_signed(hostname: str, *, now: dt.datetime, days: int) -> tuple[bytes, bytes]:
    """A certificate for ``hostname`` and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def describe(transport: asyncio.BaseTransport) -> str:
    """``TLSv1.3 TLS_AES_256_GCM_SHA384``, or empty for a connection in clear."""
    cipher = transport.get_extra_info("cipher")
    return f"{cipher[1]} {cipher[0]}" if cipher else ""
