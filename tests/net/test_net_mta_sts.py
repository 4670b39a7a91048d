"""The TXT record and the policy of a domain, read as RFC 8461 says and no laxer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.net import mta_sts

Mode = mta_sts.Mode
RECORDS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "as in the RFC": (("v=STSv1; id=20160831085700Z;",), "20160831085700Z"),
    "without the last semicolon": (("v=STSv1; id=a1",), "a1"),
    "without blanks": (("v=STSv1;id=a1;",), "a1"),
    "with an extension": (("v=STSv1; id=a1; x=y;",), "a1"),
    "among other texts": (("hello", "v=STSv1; id=a1"), "a1"),
    "none": ((), None),
    "only other texts": (("v=spf1 -all",), None),
    "two": (("v=STSv1; id=a1", "v=STSv1; id=a2"), None),
    "another version": (("v=STSv2; id=a1",), None),
    "without an id": (("v=STSv1;",), None),
    "an id with other signs": (("v=STSv1; id=a-1",), None),
    "an id too long": (("v=STSv1; id=" + "a" * 33,), None),
    "the id first": (("id=a1; v=STSv1",), None),
}


@pytest.mark.parametrize(("texts", "number"), RECORDS.values(), ids=RECORDS)
def test_the_id_in_a_record(texts: tuple[str, ...], number: str | None) -> None:
    assert mta_sts.record_id(texts) == number


GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
POLICIES: dict[str, tuple[bytes, Mode, tuple[str, ...], int]] = {
    "as in the RFC": (GOOD, Mode.ENFORCE, ("mail.example.com", "*.example.net"), 604800),
    "with bare line feeds": (
        GOOD.replace(b"\r\n", b"\n"),
        Mode.ENFORCE,
        ("mail.example.com", "*.example.net"),
        604800,
    ),
    "testing": (b"version: STSv1\nmode: testing\nmx: a.b\nmax_age: 1", Mode.TESTING, ("a.b",), 1),
    "none, without an mx": (b"version: STSv1\nmode: none\nmax_age: 86400\n", Mode.NONE, (), 86400),
    "an unknown field": (b"version: STSv1\nx: y\nmode: none\nmax_age: 9\n", Mode.NONE, (), 9),
    "a field twice: the first": (
        b"version: STSv1\nmode: none\nmode: enforce\nmax_age: 9\nmax_age: 10",
        Mode.NONE,
        (),
        9,
    ),
    "in capitals": (
        b"version: STSv1\nmode: enforce\nmx: MX.Example\nmax_age: 9",
        Mode.ENFORCE,
        ("mx.example",),
        9,
    ),
}


@pytest.mark.parametrize(("body", "mode", "mx", "age"), POLICIES.values(), ids=POLICIES)
def test_a_policy_is_read(body: bytes, mode: Mode, mx: tuple[str, ...], age: int) -> None:
    assert mta_sts.read("text/plain", body) == mta_sts.Policy(mode, mx, age)


BAD = {
    "empty": (b"", "version"),
    "another version": (GOOD.replace(b"STSv1", b"STSv9"), "version"),
    "an unknown mode": (GOOD.replace(b"enforce", b"strict"), "mode"),
    "no mode": (GOOD.replace(b"mode: enforce\r\n", b""), "mode"),
    "no max_age": (GOOD.replace(b"max_age: 604800\r\n", b""), "max_age"),
    "a negative max_age": (GOOD.replace(b"604800", b"-1"), "max_age"),
    "a max_age of years": (GOOD.replace(b"604800", b"99999999"), "max_age"),
    "Arabic digits": (GOOD.replace(b"604800", "٦٠".encode()), "max_age"),
    "no mx": (b"version: STSv1\nmode: enforce\nmax_age: 9", "no mx"),
    "a star inside": (GOOD.replace(b"*.example.net", b"a.*.net"), "mx"),
    "a star alone": (GOOD.replace(b"*.example.net", b"*"), "mx"),
    "a line without a colon": (GOOD + b"what\r\n", "colon"),
    "not UTF-8": (GOOD + b"\xff", "UTF-8"),
    "a page": (b"<html><body>Not: found</body></html>", "version"),
}


@pytest.mark.parametrize(("body", "says"), BAD.values(), ids=BAD)
def test_what_is_no_policy_says_why(body: bytes, says: str) -> None:
    with pytest.raises(mta_sts.BadPolicy, match=says):
        mta_sts.read("text/plain", body)


def test_a_document_of_another_kind_is_no_policy() -> None:
    with pytest.raises(mta_sts.BadPolicy, match="text/plain"):
        mta_sts.read("text/html", GOOD)


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_policy_or_none(body: bytes) -> None:
    try:
        policy = mta_sts.read("text/plain", body)
    except mta_sts.BadPolicy:
        return
    assert policy.mx or policy.mode is Mode.NONE


HOSTS = {
    "mail.example.com": True,
    "MAIL.Example.com.": True,
    "a.example.net": True,
    "example.net": False,
    "a.b.example.net": False,
    "evil-example.net": False,
    "mail.example.com.evil.test": False,
    "": False,
}


@pytest.mark.parametrize(("host", "allowed"), HOSTS.items())
def test_a_pattern_stands_for_one_label(host: str, allowed: bool) -> None:
    assert mta_sts.allows(mta_sts.read("text/plain", GOOD), host) is allowed
