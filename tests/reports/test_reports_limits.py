"""Hostile mails cost little: structure bombs, floods, and what is quadratic elsewhere (faults.md F06).

Work is measured as the ratio between a mail and the same one four times as large: linear work, or work that is cut off,
stays well below what quadratic work would give (16).
"""

import time
import tracemalloc
from collections.abc import Callable

import pytest

from gatepost.reports import limits, parser

HEAD = b"From: MAILER-DAEMON@mx.example.net\nTo: me@shop.example\nSubject: Undelivered mail\n"
REPORT = HEAD + b"Content-Type: multipart/report; boundary=a\n\n"
STATUS = REPORT + b"--a\nContent-Type: message/delivery-status\n\n"
HTML = HEAD + b"Content-Type: text/html\n\n"


def nested(count: int) -> bytes:
    mail = b"text"
    for number in range(count):
        boundary = b"b%d" % number
        head = b'Content-Type: multipart/mixed; boundary="%s"\n\n--%s\n' % (boundary, boundary)
        mail = head + mail + b"\n--%s--\n" % boundary
    return mail


BOMBS: dict[str, Callable[[int], bytes]] = {
    "nested_multiparts": lambda n: HEAD + nested(n // 10),
    "nested_messages": lambda n: HEAD + b"Content-Type: message/rfc822\n\n" * n,
    "one_boundary_at_every_level": lambda n: REPORT + b"--a\nContent-Type: multipart/mixed; boundary=a\n\n" * n,
    "content_type_of_semicolons": lambda n: HEAD + b"Content-Type: " + b";" * n + b"\n\nx",
    "content_type_parameters": lambda n: HEAD + b"Content-Type: text/plain" + b"; a*0*=b" * n + b"\n\nx",
    "parentheses_in_to": lambda n: b"From: a@b.example\nTo: " + b"(" * n + b"\n\nx",
    "thousands_of_parts": lambda n: REPORT + b"--a\n\nx\n" * n,
    "status_blocks": lambda n: STATUS + b"Final-Recipient: rfc822; a@b.example\nAction: failed\n\n" * n,
    "status_blocks_in_one": lambda n: STATUS + b"Final-Recipient: rfc822; a@b.example\n" * n,
    "base64": lambda n: HEAD + b"Content-Transfer-Encoding: base64\n\n" + b"QUJDREVGR0g=\n" * n,
    "longer_boundaries": lambda n: REPORT + b"--ab\n" * n,
    "header_fields": lambda n: HEAD + b"A: b\n" * n + b"\nx",
    "folded_field": lambda n: HEAD + b"X: a\n" + b" x\n" * n + b"\nx",
    "blank_lines": lambda n: b"\n" * n,
    "spaces": lambda n: b" " * n,
    "line_of_dashes": lambda n: HEAD + b"\n" + b"-" * n,
    "lines_of_spaces": lambda n: HEAD + b"\n" + (b" " * 1900 + b"\n") * (n // 100),
    "addresses": lambda n: HEAD + b"\n" + b"".join(b"<a%d@b.example>:\n" % i for i in range(n // 4)),
    "addresses_in_a_line": lambda n: HEAD + b"\n" + b"to a@b.example " * n,
    "half_addresses": lambda n: HEAD + b"\n" + b"a@" * n,
    "quotes": lambda n: HEAD + b"\n" + b'"' * n,
    "tags": lambda n: HTML + b"<a " * n,
    "open_comments": lambda n: HTML + b"<!--" * n,
    "entities": lambda n: HTML + b"&aaaaaaaaaaaaaaaaaaaaaaaaa" * n,
    "number_entity": lambda n: HTML + b"&#" + b"9" * n + b";",
    "words_of_failure": lambda n: HEAD + b"\n" + b"fail" * n,
    "words_of_delivery": lambda n: HEAD + b"\n" + b"delivery " * n,
    "words_of_challenge": lambda n: HEAD.replace(b"Undelivered mail", b"confirm" * (n // 10)) + b"\nx",
    "encoded_words": lambda n: HEAD.replace(b"Undelivered mail", b"=?utf-8?Q?a?= " * n) + b"\nx",
    "codes": lambda n: HEAD + b"\n<a@b.example>:\n" + b"said: 550 5.1.1 " * n,
    "failed_recipients": lambda n: HEAD + b"X-Failed-Recipients: " + b"a@b.example," * n + b"\n\n550 a@b.example",
    "transcript": lambda n: HEAD + b"\n" + b"<<< x\n550 <a@b.example>... no\n" * n,
    "json": lambda n: HEAD + b'\n{"notificationType":' + b"[" * n,
    "utf_7": lambda n: HEAD + b"Content-Type: text/plain; charset=utf-7\n\n" + b"+2AA-" * n,
    "japanese": lambda n: HEAD + b"\n" + b"\x1b$B" * n,
    "long_types": lambda n: STATUS + b"Final-Recipient: " + b"rfc822;" * n + b"\nDiagnostic-Code: " + b"smtp; " * n,
}  # fmt: skip


def seconds(mail: bytes) -> float:
    best = 1e9
    for _ in range(3):
        start = time.process_time()
        parser.parse(mail)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_does_not_go_off(name: str) -> None:
    small, large = BOMBS[name](5000), BOMBS[name](20_000)
    ratio = (seconds(large) + 0.002) / (seconds(small) + 0.002)
    assert ratio < 8, f"{ratio:.1f} times the work for four times the size"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["nested_multiparts", "thousands_of_parts", "status_blocks", "base64", "addresses"]
)
def test_memory_stays_flat(name: str) -> None:
    mail = BOMBS[name](50_000)
    tracemalloc.start()
    parser.parse(mail)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_what_is_left_out_is_said() -> None:
    assert parser.parse(HEAD + b"\n" + b"x" * limits.MAIL).problems == (
        f"only the first {limits.MAIL} bytes were read",
    )
    assert "parts: the others were not read" in parser.parse(BOMBS["thousands_of_parts"](200)).problems[0]
    assert "deeper than" in parser.parse(HEAD + nested(20)).problems[0]
    found = parser.parse(BOMBS["status_blocks"](limits.RECIPIENTS + 1))
    assert len(found.recipients) == limits.RECIPIENTS
    assert found.problems == (f"more than {limits.RECIPIENTS} recipients: the others were not read",)
