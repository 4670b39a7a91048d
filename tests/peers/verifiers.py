"""DKIM verifiers that are not ours, from Debian: dkimpy (python3-dkim) and Mail::DKIM (libmail-dkim-perl), each in a process.

A verifier is asked with a message and what DNS says, and tells of each signature in turn whether it verifies.
"""

import base64
import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from tests.peers import outsiders

_DKIMPY = """
import base64, json, sys, dkim
for line in sys.stdin:
    asked = json.loads(line)
    found = dkim.DKIM(base64.b64decode(asked["message"]))
    count = sum(name.lower() == b"dkim-signature" for name, _ in found.headers)
    def txt(name, timeout=5):
        text = asked["records"].get(name.decode().rstrip("."))
        return text and text.encode()
    said = []
    for number in range(count):
        try:
            said.append(found.verify(idx=number, dnsfunc=txt))
        except dkim.DKIMException as error:
            said.append(str(error))
    print(json.dumps(said), flush=True)
"""
_MAIL_DKIM = r"""
use strict; use warnings; use JSON::PP; use MIME::Base64; use Net::DNS; use Mail::DKIM::Verifier;
$| = 1;
my $records;
no warnings 'redefine';
*Mail::DKIM::DNS::query = sub {
    my ($name) = @_;
    my $text = $records->{lc $name};
    return defined $text ? Net::DNS::RR->new(owner => $name, type => 'TXT', txtdata => [$text]) : ();
};
while (my $line = <STDIN>) {
    my $asked = decode_json($line);
    $records = $asked->{records};
    my $verifier = Mail::DKIM::Verifier->new();
    $verifier->PRINT(decode_base64($asked->{message}));
    $verifier->CLOSE();
    my @said = map { my $s = $_; $s->algorithm =~ /^rsa/ ? ($s->result eq 'pass' ? JSON::PP::true : $s->result_detail) : () } $verifier->signatures;
    print encode_json(\@said), "\n";
}
"""


class Verifier:
    """Asked over a pipe. rsa_only: it knows no Ed25519, and tells nothing of such signatures."""

    def __init__(self, process: "subprocess.Popen[str]", *, rsa_only: bool) -> None:
        self._process = process
        self.rsa_only = rsa_only

    def said(self, message: bytes, records: Mapping[str, str]) -> Sequence[bool | str]:
        """Of each signature: True, or what is wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        asked = {"message": base64.b64encode(message).decode(), "records": dict(records)}
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the verifier ended"
        found: list[bool | str] = json.loads(answer)
        return found


@contextlib.contextmanager
def _running(*command: str, rsa_only: bool) -> Iterator[Verifier]:
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Verifier(process, rsa_only=rsa_only)
        assert process.stdin is not None
        process.stdin.close()


@contextlib.contextmanager
def dkimpy() -> Iterator[Verifier]:
    """Skips where it is absent. Debian's own Python has it."""
    python = "/usr/bin/python3"
    probe = [python, "-c", "import dkim, nacl.signing"]
    if not Path(python).exists() or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(
            "dkimpy is not here: .ci/peers gets it (Debian: apt-get install python3-dkim python3-nacl)"
        )
    with _running(python, "-c", _DKIMPY, rsa_only=False) as found:
        yield found


@contextlib.contextmanager
def mail_dkim() -> Iterator[Verifier]:
    """Skips where it is absent."""
    perl = outsiders.program("perl", "perl")
    probe = [perl, "-MMail::DKIM::Verifier", "-e1"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("Mail::DKIM is not here: .ci/peers gets it (Debian: apt-get install libmail-dkim-perl)")
    with _running(perl, "-e", _MAIL_DKIM, rsa_only=True) as found:
        yield found
