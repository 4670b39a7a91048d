"""What several files of tests share."""

import datetime as dt
import ssl

import pytest

from gatepost.net import tls


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    path = tmp_path_factory.mktemp("tls")
    cert, key = tls.self_signed("gw.example", now=dt.datetime.now(dt.UTC), days=2)
    (path / "cert.pem").write_bytes(cert)
    (path / "key.pem").write_bytes(key)
    context = tls.server_context(str(path / "cert.pem"), str(path / "key.pem"))
    return context, tls.client_context(verify=False)
