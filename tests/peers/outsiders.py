"""Programs that are not ours, started for one test: servers on a free port of loopback, and how tests skip without them.

``eval "$(.ci/peers)"`` gets them all. Programs come from ``PATH`` and from two directories that need no installation:
``PEERS_OPENSMTPD`` (an unpacked opensmtpd package), ``PEERS_NODE`` (where ``npm install nodemailer`` was run).
"""

import contextlib
import datetime as dt
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from gatepost.net import tls

_PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def program(name: str, package: str) -> str:
    """Its path; skips the test where it is absent."""
    found = shutil.which(name, path=_PLACES)
    if found is None:
        pytest.skip(f"{name} is not here: .ci/peers gets it (Debian: apt-get install {package})")
    return found


def need_root(why: str) -> None:
    """Skips the test for anybody else."""
    if os.geteuid() != 0:
        pytest.skip(f"needs root: {why}")


def certificate(path: Path, hostname: str) -> tuple[Path, Path]:
    """A self-signed one and its key, as files."""
    path.mkdir(parents=True, exist_ok=True)
    names = path / "cert.pem", path / "key.pem"
    now = dt.datetime.now(dt.UTC)
    for name, pem in zip(names, tls.self_signed(hostname, now=now, days=2), strict=True):
        name.write_bytes(pem)
        name.chmod(0o600)
    return names


def wait_listening(port: int, why_not: Path, seconds: float = 20) -> None:
    """Until something takes connections; what it wrote instead, if it does not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(why_not.read_text(errors="replace") if why_not.exists() else "it never listened")


@contextlib.contextmanager
def server(command: Sequence[str | Path], port: int, log: Path) -> Iterator[None]:
    """A program that stays in the foreground: listening inside the block, gone behind it."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        wait_listening(port, log)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
