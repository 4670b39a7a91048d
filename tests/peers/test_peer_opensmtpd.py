"""Delivery to a real OpenSMTPD over TLS, in a root directory of its own: nothing is installed, Debian's Postfix stays.

``PEERS_OPENSMTPD`` names an unpacked package; ``.ci/peers`` gets one.
"""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.peers import outsiders, sending
from tests.scenarios import gateway as gateways

from gatepost.model import event as events

pytestmark = [pytest.mark.peers, pytest.mark.long]
State = events.State
_CONF = """
pki mx.test cert "/tls/cert.pem"
pki mx.test key "/tls/key.pem"
table known {{ "known@aliases.test" = "alice" }}
listen on 127.0.0.1 port {port} {tls} hostname mx.test
action "aliases" maildir "/mail" virtual <known>
action "users" maildir "/mail"
match from any for domain "aliases.test" action "aliases"
match from any for domain "users.test" action "users"
"""
_USERS = {"root": 0, "alice": 61100, "nobody": 65534, "opensmtpd": 61101, "opensmtpq": 61102}


def _set_up(unpacked: Path, root: Path, conf: str) -> None:
    shutil.copytree(unpacked, root, symlinks=True, dirs_exist_ok=True)
    used = subprocess.run(["ldd", root / "usr/sbin/smtpd"], capture_output=True, text=True, check=True).stdout
    for library in re.findall(r"/\S+", used):
        (root / library[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, root / library[1:])
    for name in ("dev", "var/lib/opensmtpd/empty", "var/spool/smtpd", "var/run", "tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("var", "var/lib", "var/lib/opensmtpd", "var/spool"):
        (root / name).chmod(0o755)
    (root / "var/lib/opensmtpd/empty").chmod(0o711)
    (root / "var/spool/smtpd").chmod(0o711)
    (root / "dev/null").touch()
    outsiders.certificate(root / "tls", "mx.test")
    (root / "etc/passwd").write_text("".join(f"{n}:x:{i}:{i}::/:/bin/false\n" for n, i in _USERS.items()))
    (root / "etc/group").write_text("".join(f"{n}:x:{i}:\n" for n, i in _USERS.items()))
    (root / "etc/mailname").write_text("mx.test\n")
    (root / "etc/smtpd.conf").write_text(conf)


@contextlib.contextmanager
def opensmtpd(tls: str) -> Iterator[int]:
    """The port of one that has the user alice in users.test, and an alias of hers in aliases.test."""
    unpacked = Path(os.environ.get("PEERS_OPENSMTPD", "/nowhere"))
    if not (unpacked / "usr/sbin/smtpd").exists():
        pytest.skip("no OpenSMTPD: PEERS_OPENSMTPD names no unpacked package: .ci/peers gets one")
    outsiders.need_root("chroot")
    [port] = gateways.free_ports(1)
    with tempfile.TemporaryDirectory(prefix="gatepost-opensmtpd-") as name:
        root = Path(name)
        root.chmod(0o755)
        _set_up(unpacked, root, _CONF.format(port=port, tls=tls))
        chroot = outsiders.program("chroot", "coreutils")
        command = [chroot, str(root), "/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"]
        with outsiders.server(command, port, root / "smtpd.log"):
            yield port


# OpenSMTPD 6.8.0p2 against OpenSSL 3 offers STARTTLS and breaks every handshake ("missing private key"): the mail goes in
# clear then. Later versions agree on TLS 1.3.
@pytest.mark.parametrize(
    ("tls", "agreed"), [("tls pki mx.test", {"none", "TLSv1.3"}), ("", {""})], ids=["starttls", "clear"]
)
async def test_opensmtpds_replies_arrive_as_it_writes_them(
    tmp_path: Path, tls: str, agreed: set[str]
) -> None:
    with opensmtpd(tls) as port:
        async with gateways.running(tmp_path, port) as gateway:
            found = await sending.send(gateway, ["alice@users.test", "gone@users.test"])
            known, unknown = found["alice@users.test"], found["gone@users.test"]
            assert known.state is State.DELIVERED
            assert re.fullmatch(rb"250 2\.0\.0 [0-9a-f]{8} Message accepted for delivery", known.reply)
            # It says the same where it will not relay, so the words alone suppress nobody; that it takes alice's mail tells.
            assert unknown.state is State.BOUNCED
            assert unknown.category in {"unknown.permanent", "recipient.presumed_dead"}
            assert unknown.reply == b"550 Invalid recipient: <gone@users.test>"
            assert {one.tls.split(" ")[0] for one in (known, unknown)} <= agreed
            assert set(await sending.traced(gateway, "gone@users.test")) == {unknown.reply}
            presumed = unknown.category == "recipient.presumed_dead"
            assert await sending.suppressed(gateway) == (["gone@users.test"] if presumed else [])


async def test_an_address_that_opensmtpd_cannot_expand_fails_with_what_it_says(tmp_path: Path) -> None:
    with opensmtpd("") as port:
        async with gateways.running(tmp_path, port) as gateway:
            found = await sending.send(gateway, ["known@aliases.test", "gone@aliases.test"])
            assert found["known@aliases.test"].state is State.DELIVERED
            assert found["gone@aliases.test"].state is State.BOUNCED
            said = [b"524 5.2.4 Mailing list expansion problem: <gone@aliases.test>"]
            assert await sending.traced(gateway, "gone@aliases.test") == said
