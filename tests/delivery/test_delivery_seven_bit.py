"""Messages for hosts without 8BITMIME or SMTPUTF8: re-encoded where they must be, untouched elsewhere, or refused for a reason."""

import contextlib
import email
import email.header
import email.policy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.delivery import seven_bit

TEXT = "Grüße aus Köln\r\n.\r\nFrom here\r\nlast \r\n".encode()
PLAIN = b"MIME-Version: 1.0\r\nSubject: hi\r\nContent-Type: text/plain; charset=utf-8\r\n"


def content(message: bytes) -> bytes:
    found = email.message_from_bytes(message).get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


def parts(message: bytes) -> list[bytes]:
    return [
        payload
        for part in email.message_from_bytes(message).walk()
        if not part.is_multipart() and isinstance(payload := part.get_payload(decode=True), bytes)
    ]


def test_ascii_stays_as_it_is() -> None:
    message = PLAIN + b"\r\nhello\r\n"
    assert seven_bit.converted(message) is message
    assert seven_bit.header_in_ascii(message) is message


def test_a_text_becomes_quoted_printable_in_the_place_of_its_old_encoding() -> None:
    message = PLAIN + b"Content-Transfer-Encoding: 8bit\r\nX-After: 1\r\n\r\n" + TEXT
    found = seven_bit.converted(message)
    head, _, body = found.partition(b"\r\n\r\n")
    assert head == PLAIN + b"Content-Transfer-Encoding: quoted-printable\r\nX-After: 1"
    assert body == (b"Gr=C3=BC=C3=9Fe aus K=C3=B6ln\r\n=2E\r\n=46rom here\r\nlast=20\r\n")
    assert content(found) == TEXT


@pytest.mark.parametrize(
    "text", ["é", "é" * 500, "Привет всем\r\n" * 50, "a" * 5000 + "é", "x\r\n" * 50 + "é"]
)
def test_lines_are_short_and_the_content_the_same(text: str) -> None:
    found = seven_bit.converted(PLAIN + b"\r\n" + text.encode())
    assert found.isascii()
    assert max(map(len, found.split(b"\r\n"))) <= 76
    assert b"\n" not in found.replace(b"\r\n", b"")
    assert content(found).rstrip(b"\r\n") == text.encode().rstrip(b"\r\n")


def test_dense_text_and_what_is_no_text_become_base64() -> None:
    assert b"\r\nContent-Transfer-Encoding: base64\r\n" in seven_bit.converted(
        PLAIN + b"\r\n" + "Ж".encode() * 99
    )
    found = seven_bit.converted(b"MIME-Version: 1.0\r\nContent-Type: image/x\r\n\r\n\xff\xfe\r\n")
    assert content(found) == b"\xff\xfe\r\n"


@pytest.mark.parametrize(("text", "charset"), [("é\r\n".encode(), "utf-8"), (b"\xe9\r\n", "unknown-8bit")])
def test_what_says_nothing_of_itself_is_named(text: bytes, charset: str) -> None:
    found = email.message_from_bytes(seven_bit.converted(b"Subject: x\r\n\r\n" + text))
    assert (found["MIME-Version"], found.get_content_charset()) == ("1.0", charset)
    assert found.get_payload(decode=True) == text


def multipart(*pieces: bytes, kind: bytes = b"mixed", boundary: bytes = b"b") -> bytes:
    head = (
        b"Content-Type: multipart/%s; boundary=%s\r\nContent-Transfer-Encoding: 8bit\r\n\r\npreamble\r\n"
        % (kind, boundary)
    )
    body = b"".join(b"--%s\r\n%s\r\n" % (boundary, piece) for piece in pieces)
    return head + body + b"--%s--\r\nepilogue\r\n" % boundary


def test_only_the_parts_that_need_it_are_touched() -> None:
    ascii_part = b"Content-Type: text/html\r\n\r\n<b>plain   \r\n</b>"
    inner = multipart(b"\r\n" + TEXT, b"Content-Type: image/x\r\n\r\n\xff", boundary=b"inner")
    message = b"MIME-Version: 1.0\r\n" + multipart(ascii_part, inner, kind=b"alternative")
    found = seven_bit.converted(message)
    assert found.isascii()
    assert b"--b\r\n" + ascii_part + b"\r\n--b\r\n" in found
    assert (found.count(b"Content-Transfer-Encoding: 7bit\r\n"), found.count(b": 8bit")) == (2, 0)
    assert b"preamble\r\n--inner\r\n" in found
    assert found.endswith(b"--b--\r\nepilogue\r\n")
    before, after = parts(message), parts(found)
    assert [piece.strip() for piece in after] == [piece.strip() for piece in before]


def test_a_message_within_is_converted_inside() -> None:
    within = b"Content-Type: message/rfc822\r\n\r\nSubject: " + "Ünter".encode() + b"\r\n\r\n" + TEXT
    found = seven_bit.converted(b"MIME-Version: 1.0\r\n" + multipart(within, kind=b"digest"))
    *_, message = email.message_from_bytes(found).walk()
    assert str(email.header.make_header(email.header.decode_header(message["Subject"]))) == "Ünter"
    assert message.get_payload(decode=True) == TEXT


SIGNED = multipart(b"\r\n" + TEXT, b"Content-Type: application/pkcs7-signature\r\n\r\nAA==", kind=b"signed")


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (SIGNED, "multipart/signed"),
        (multipart(SIGNED, boundary=b"outer"), "multipart/signed"),
        (b"Content-Type: multipart/mixed\r\n\r\n\xff\r\n", "no boundary"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\xff--b\r\n", "no boundary"),
        (multipart(b"\r\nx").replace(b"preamble", b"\xff"), "outside of the parts"),
        (multipart(b"\r\nx").replace(b"epilogue", b"\xff"), "outside of the parts"),
        (b"Content-Type: message/delivery-status\r\n\r\n\xff", "must not be encoded"),
        (b"Content-Transfer-Encoding: base64\r\n\r\n\xff", "'base64'"),
        (b"Subject: \xff\r\n\r\nx", "Subject"),
        (b"Message-ID: <\xc3\xa9@x>\r\n\r\nx", "Message-ID"),
        (b"\xc3\xa9\r\n", "outside of its fields"),
        (b"Content-Type: message/rfc822\r\n\r\n" * 30 + b"\xff", "too deep"),
        (multipart(*[b"\r\n\xc3\xa9"] * 1001), "too many parts"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_its_reason(message: bytes, reason: str) -> None:
    with pytest.raises(seven_bit.Unconvertible, match=reason) as error:
        seven_bit.converted(message)
    assert error.value.code == "5.6.3"


def subject(written: bytes) -> str:
    found = email.message_from_bytes(written)["Subject"]
    return str(email.header.make_header(email.header.decode_header(found)))


@pytest.mark.parametrize("text", ["é", "Grüße", "日本語の件名です。" * 12, "a b  c é d", "🎉 " * 30 + "x"])
def test_a_subject_in_encoded_words_reads_the_same(text: str) -> None:
    found = seven_bit.header_in_ascii(b"Subject: " + text.encode() + b"\r\n\r\n\xff")
    assert found.endswith(b"\r\n\r\n\xff")
    head = found.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert max(map(len, head.split(b"\r\n"))) <= 76 + len("Subject: ")
    assert subject(found) == text.strip()


@pytest.mark.parametrize(
    ("name", "value", "mailboxes"),
    [
        ("From", "Jörg <j@x.test>", [("Jörg", "j@x.test")]),
        ("To", '"Müller, Ann" <a@x.test>, b@x.test', [("Müller, Ann", "a@x.test"), ("", "b@x.test")]),
        (
            "Cc",
            "x@münchen.test,\r\n Ann <a@köln.test>",
            [("", "x@xn--mnchen-3ya.test"), ("Ann", "a@xn--kln-sna.test")],
        ),
    ],
)
def test_names_and_domains_of_mailboxes_are_written_in_ascii(
    name: str, value: str, mailboxes: list[tuple[str, str]]
) -> None:
    found = seven_bit.header_in_ascii(f"{name}: {value}\r\n\r\nhi".encode())
    read = email.message_from_bytes(found, policy=email.policy.default)[name]
    assert [(one.display_name, one.addr_spec) for one in read.addresses] == mailboxes


@pytest.mark.parametrize(
    "line",
    [
        "From: jörg@x.test",
        "To: a@x.test, Jörg <jörg@x.test>",
        "Cc: group: Jörg <a@x.test>;",
        "To: (Jörg) a@x.test",
        "To: Jörg <a@x.test> b@x.test",
        "List-Unsubscribe: <https://x.test/é>",
        "Subject: " + "é" * 5000,
        "Subject: a\x1bé",
    ],
)
def test_what_has_no_ascii_form_is_refused_by_its_name(line: str) -> None:
    with pytest.raises(seven_bit.Unconvertible, match=line.partition(":")[0]) as error:
        seven_bit.header_in_ascii(line.encode() + b"\r\n\r\nhi")
    assert error.value.code == "5.6.7"


def test_file_names_are_written_as_rfc_2231_has_them() -> None:
    line = b'Content-Disposition: attachment; size=1; filename="\xc3\xbc b.txt"\r\n'
    found = email.message_from_bytes(seven_bit.header_in_ascii(line + b"\r\nhi"))
    assert found.get_filename() == "ü b.txt"


WORDS = st.sampled_from(
    [b"--b\r\n", b"--b--\r\n", b"\r\n", b"Content-Type: multipart/mixed; boundary=b\r\n", b"\xc3\xa9", b"\xff",
     b"Content-Type: message/rfc822\r\n", b"Subject: ", b"From: ", b"<a@b.test>", b"x", b"=", b" ", b"\t", b'"']
)  # fmt: skip


@given(st.lists(WORDS | st.binary(max_size=6), max_size=30))
@settings(max_examples=200)
def test_any_bytes_become_ascii_or_are_refused(pieces: list[bytes]) -> None:
    message = b"".join(pieces)
    with contextlib.suppress(seven_bit.Unconvertible):
        assert seven_bit.converted(message).isascii()
    with contextlib.suppress(seven_bit.Unconvertible):
        seven_bit.header_in_ascii(message)
