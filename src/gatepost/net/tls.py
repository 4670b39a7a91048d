"""TLS contexts, a certificate for a first start, and what was agreed on a connection.

Guarantees: TLS 1.2 or newer everywhere. A certificate or key that cannot be used is a BadInput that names the file and
what is wrong with it; nothing asks the terminal for a passphrase.
Not here: handshakes (``connect``), and what a failed one means (``gatepost.delivery``).
"""

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gatepost import errors

_CERT, _KEY, _CA = "tls.cert", "tls.key", "delivery.tls_ca"  # the settings that name the files


def client_context(*, verify: bool, ca_path: str = "") -> ssl.SSLContext:
    """For outgoing connections. verify: the host's certificate has to be good; else any will do (RFC 7435).

    ca_path: a PEM file of certificates that are trusted beside the machine's own. Raises BadInput.
    """
    context = ssl.create_default_context()
    if ca_path:
        try:
            context.load_verify_locations(ca_path)
        except (OSError, ssl.SSLError) as error:
            said = (
                error.strerror
                if not isinstance(error, ssl.SSLError)
                else "it holds no certificate in PEM form"
            )
            raise errors.BadInput(_CA, f"{ca_path} cannot be used: {said}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        # The other choice is no encryption at all, so a weak key or cipher is better (RFC 7435 §3).
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


def server_context(cert_path: str, key_path: str) -> ssl.SSLContext:
    """For a listener: a PEM chain, its leaf first, and the key. Raises BadInput."""
    _check_certificate(cert_path)
    _check_key(key_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(
            cert_path, key_path, password=""
        )  # without one, OpenSSL would ask the terminal
    except ssl.SSLError as error:
        if "MISMATCH" in str(error.reason or ""):
            raise errors.BadInput(
                _KEY, f"{key_path} does not belong to the certificate {cert_path}"
            ) from None
        raise errors.BadInput(_CERT, f"{cert_path} is not usable: {error.reason or error}") from None
    return context


def renew(context: ssl.SSLContext, cert_path: str, key_path: str) -> None:
    """Give a listener's context another certificate, for every handshake from now on. Raises BadInput: nothing changed.

    Not by loading it into the context itself: a key that does not fit would leave that one broken.
    """
    newer = server_context(cert_path, key_path)

    def choose(session: ssl.SSLObject, _name: str | None, _first: ssl.SSLContext) -> None:
        session.context = newer  # OpenSSL asks this with or without a server name

    context.sni_callback = choose


def self_signed(hostname: str, *, now: dt.datetime, days: int) -> tuple[bytes, bytes]:
    """A certificate for ``hostname`` and its key, as PEM. Raises BadInput for what cannot be in one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])] if hostname else [])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))  # for peers whose clock is behind ours
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([_alternative(hostname)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def problem(error: OSError) -> str:
    """Why a handshake failed, in a few words out of a bounded vocabulary: nothing in it was written by the peer."""
    match error:
        case ssl.SSLCertVerificationError():
            return error.verify_message
        case ssl.SSLError():
            reason: str | None = getattr(error, "reason", None)  # absent where OpenSSL did not raise it
            return (reason or str(error.args[-1])).lower().replace("_", " ")
        case TimeoutError():
            return "no answer"
        case ConnectionError():
            return "the connection was closed"
        case _:
            return error.strerror or str(error)


def describe(transport: asyncio.BaseTransport) -> str:
    """``TLSv1.3 TLS_AES_256_GCM_SHA384``, or empty for a connection in clear."""
    agreed = transport.get_extra_info("ssl_object")
    cipher = agreed.cipher() if isinstance(agreed, ssl.SSLObject) else None
    # The cipher's own version is the one that brought it in ("TLSv1.2" for what 1.3 shares), so ask the connection.
    return f"{agreed.version()} {cipher[0]}" if cipher else ""


def _alternative(hostname: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(hostname))
    except ValueError:
        pass  # a name, then
    try:
        return x509.DNSName(hostname)
    except ValueError:
        raise errors.BadInput("hostname", f"{hostname!r} cannot be named in a certificate") from None


def _check_certificate(path: str) -> None:
    try:
        x509.load_pem_x509_certificates(_read(_CERT, path))
    except ValueError:
        raise errors.BadInput(_CERT, f"{path} holds no certificate in PEM form") from None


def _check_key(path: str) -> None:
    try:
        serialization.load_pem_private_key(_read(_KEY, path), password=None)
    except TypeError:
        raise errors.BadInput(_KEY, f"{path} is locked with a passphrase; it must have none") from None
    except (ValueError, UnsupportedAlgorithm):
        raise errors.BadInput(_KEY, f"{path} holds no private key in PEM form") from None


def _read(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise errors.BadInput(key, f"{path} cannot be read: {error.strerror}") from None
