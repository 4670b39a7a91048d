"""One parser and one normal form for addresses: every spelling of a mailbox is one key, and no two mailboxes are."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gatepost.model import address as addresses

LABEL63 = "d" * 63
LONG = ".".join([LABEL63, LABEL63, LABEL63])  # 191 octets


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        pytest.param("ann@example.org", "ann@example.org", id="plain"),
        pytest.param("Ann@EXAMPLE.org", "ann@example.org", id="case"),
        pytest.param("ann@example.org.", "ann@example.org", id="trailing-dot"),
        pytest.param('"ann"@example.org', "ann@example.org", id="needless-quotes"),
        pytest.param('"a\\nn"@example.org', "ann@example.org", id="needless-escape"),
        pytest.param("ann@exam\u00adple.org", "ann@example.org", id="soft-hyphen"),
        pytest.param("ann@\uff45xample.org", "ann@example.org", id="fullwidth"),
        pytest.param("ann@example\u3002org", "ann@example.org", id="ideographic-stop"),
        pytest.param("ann@B\u00fccher.example", "ann@xn--bcher-kva.example", id="idn"),
        pytest.param("ann@bu\u0308cher.example", "ann@xn--bcher-kva.example", id="idn-decomposed"),
        pytest.param("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example", id="a-label"),
        pytest.param("ann@stra\u00dfe.example", "ann@xn--strae-oqa.example", id="sharp-s-is-kept"),
        pytest.param('"a b"@example.org', '"a b"@example.org', id="quotes-that-are-needed"),
        pytest.param('"A..b"@example.org', '"a..b"@example.org', id="dots-in-quotes"),
        pytest.param('"a\\"b"@example.org', '"a\\"b"@example.org', id="quote-in-quotes"),
        pytest.param('"a@b"@example.org', '"a@b"@example.org', id="at-in-quotes"),
        pytest.param("a.n.n@example.org", "a.n.n@example.org", id="dots-stay"),
        pytest.param("ann+x@example.org", "ann+x@example.org", id="tags-stay"),
        pytest.param("ann-x@example.org", "ann-x@example.org", id="hyphens-stay"),
        pytest.param("postmaster@example.org", "postmaster@example.org", id="postmaster"),
        pytest.param("ann@localhost", "ann@localhost", id="one-label"),
        pytest.param(f"{'a' * 64}@example.org", f"{'a' * 64}@example.org", id="local-of-64"),
        pytest.param(f"{'a' * 62}@{LONG}", f"{'a' * 62}@{LONG}", id="whole-of-254"),
    ],
)
def test_every_spelling_has_one_key(spelling: str, key: str) -> None:
    found = addresses.parse(spelling)
    assert found.key == key
    assert addresses.parse(spelling.encode()) == found
    assert addresses.parse(found.key).key == key


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        pytest.param("J\u00f6rg@example.org", "j\u00f6rg@example.org", id="case"),
        pytest.param("jo\u0308rg@example.org", "j\u00f6rg@example.org", id="decomposed"),
        pytest.param("\u0130ris@example.org", "i\u0307ris@example.org", id="dotted-capital-i"),
        pytest.param('"j\u00f6rg"@example.org', "j\u00f6rg@example.org", id="quoted"),
        pytest.param("stra\u00dfe@example.org", "stra\u00dfe@example.org", id="sharp-s-is-not-ss"),
        pytest.param('"j\u00f6 rg"@example.org', '"j\u00f6 rg"@example.org', id="quotes-that-are-needed"),
    ],
)
def test_an_international_local_part_has_one_key(spelling: str, key: str) -> None:
    found = addresses.parse(spelling, utf8=True)
    assert found.key == key
    assert found.needs_utf8
    assert addresses.parse(key, utf8=True).key == key


def test_what_goes_on_the_wire_is_the_local_part_as_given_and_a_labels() -> None:
    found = addresses.parse('"Ann"@B\u00fccher.Example.')
    assert found.wire == b'"Ann"@xn--bcher-kva.example'
    assert (found.local, found.domain) == ("Ann", "xn--bcher-kva.example")
    assert not found.needs_utf8


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param("ann", "no @", id="no-at"),
        pytest.param("@example.org", "local part is missing", id="no-local"),
        pytest.param("ann@", "domain is missing", id="no-domain"),
        pytest.param("ann@.", "domain is missing", id="root"),
        pytest.param("a b@example.org", "needs quoting", id="space"),
        pytest.param(".ann@example.org", "misplaced dot", id="leading-dot"),
        pytest.param("a..b@example.org", "misplaced dot", id="two-dots"),
        pytest.param("ann(x)@example.org", "needs quoting", id="comment"),
        pytest.param("a@b@example.org", "needs quoting", id="two-ats"),
        pytest.param('""@example.org', "local part is empty", id="empty-quotes"),
        pytest.param('"a@example.org', "needs quoting", id="open-quote"),
        pytest.param("a\r\nRCPT TO:<b@c>@example.org", "control", id="injection"),
        pytest.param("a\x00@example.org", "control", id="nul"),
        pytest.param("ann@[192.0.2.1]", "literals", id="literal"),
        pytest.param("ann@192.0.2.1", "bare IP", id="bare-ip"),
        pytest.param("ann@-x.example", "not a valid name", id="hyphen"),
        pytest.param("ann@a..example", "not a valid name", id="empty-label"),
        pytest.param("ann@a_b.example", "not a valid name", id="underscore"),
        pytest.param("ann@xn--zzzzzz.example", "not a valid name", id="bad-a-label"),
        pytest.param("ann@\u2603\u20dd.example", "not a valid name", id="not-idn"),
        pytest.param(f"{'a' * 65}@example.org", "64 octets", id="local-of-65"),
        pytest.param(f"{'a' * 63}@{LONG}", "254 octets", id="whole-of-255"),
        pytest.param(f"a@{LONG}.{LABEL63}x", "255 octets", id="domain-of-256"),
        pytest.param("j\u00f6rg@example.org", "SMTPUTF8", id="utf8-not-asked-for"),
        pytest.param(b"\xff@example.org", "neither ASCII nor UTF-8", id="bytes"),
    ],
)
def test_a_wrong_address_says_what_is_wrong(raw: str | bytes, problem: str) -> None:
    with pytest.raises(addresses.AddressError, match=problem):
        addresses.parse(raw)


_LOCALS = st.one_of(
    st.from_regex(r"[A-Za-z0-9.+\-]{1,20}", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=8).map(
        lambda inner: f'"{inner}"'
    ),
)
_DOMAINS = st.one_of(
    st.from_regex(r"[A-Za-z0-9]{1,10}(\.[A-Za-z0-9\-]{1,10}){0,2}\.?", fullmatch=True),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=10),
)


@hypothesis_settings(max_examples=100, deadline=None)
@given(_LOCALS, _DOMAINS)
def test_normalising_a_key_gives_the_key_again(local: str, domain: str) -> None:
    try:
        found = addresses.parse(f"{local}@{domain}", utf8=True)
    except addresses.AddressError:
        return
    again = addresses.parse(found.key, utf8=True)
    assert (again.key, again.domain) == (found.key, found.domain)
    assert addresses.parse(found.wire, utf8=True).key == found.key
    assert addresses.domain_key(found.domain) == found.domain
    assert not any(byte < 32 for byte in found.wire)


@hypothesis_settings(max_examples=50, deadline=None)
@given(st.one_of(st.binary(max_size=70), st.text(max_size=70)), st.booleans())
def test_garbage_is_an_address_error_and_nothing_else(raw: str | bytes, utf8: bool) -> None:
    try:
        addresses.parse(raw, utf8=utf8)
    except addresses.AddressError:
        return


def test_equal_keys_have_equal_hashes_that_fit_a_signed_64_bit_integer() -> None:
    assert addresses.hash64("ann@example.org") == addresses.hash64("ann@example.org")
    assert addresses.hash64("ann@example.org") != addresses.hash64("anna@example.org")
    assert all(0 <= addresses.hash64(str(number)) < 2**63 for number in range(200))
