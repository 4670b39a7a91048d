"""Tokens: made, read, forged in every way, expired, and read under rotated keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost import errors
from gatepost.reports import token as tokens

Purpose = tokens.Purpose
Standing = tokens.Standing

NOW = 1_800_000_000_000
DAY = 24 * 3600 * 1000
HOUR = 3600 * 1000
KEY = tokens.Key(1, b"k" * 32)
KEYS = tokens.Keys([KEY])
DELIVERY = (NOW << 21) + 4097
TOKEN = tokens.make(Purpose.RETURN_PATH, DELIVERY, NOW + 30 * DAY, KEY)

about = st.integers(0, (1 << 63) - 1)
expiry = st.integers(NOW, NOW + 400 * DAY)


def standing(text: str, keys: tokens.Keys = KEYS, now: int = NOW) -> Standing:
    return tokens.read(text, keys, now).standing


@given(
    st.sampled_from(Purpose),
    about,
    expiry,
    st.integers(0, tokens.MAX_KEY),
    st.binary(min_size=32, max_size=32),
)
def test_what_was_made_is_read_back(
    purpose: Purpose, identity: int, expires_at: int, number: int, secret: bytes
) -> None:
    key = tokens.Key(number, secret)
    text = tokens.make(purpose, identity, expires_at, key)
    read = tokens.read(text, tokens.Keys([key]), NOW - 1)
    assert (read.standing, read.purpose, read.about) == (Standing.VALID, purpose, identity)
    assert 0 <= read.expires_at - expires_at < HOUR


@given(st.sampled_from(Purpose), about, expiry)
def test_it_is_a_local_part_that_every_server_takes(purpose: Purpose, identity: int, expires_at: int) -> None:
    text = tokens.make(purpose, identity, expires_at, KEY)
    assert len(text) == tokens.LENGTH <= 64
    assert text == text.lower()
    assert text.isascii()
    assert ".." not in text
    assert tokens.looks_like(text)


@given(st.data())
def test_the_case_of_its_letters_does_not_matter(data: st.DataObject) -> None:
    upper = data.draw(st.lists(st.booleans(), min_size=len(TOKEN), max_size=len(TOKEN)))
    text = "".join(c.upper() if up else c for c, up in zip(TOKEN, upper, strict=True))
    assert tokens.read(text, KEYS, NOW) == tokens.read(TOKEN, KEYS, NOW)


def test_every_other_bit_flip_is_refused() -> None:
    raw = TOKEN.encode()
    for at in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[at] ^= 1 << bit
            text = changed.decode("latin-1")
            expected = Standing.VALID if text.lower() == TOKEN else Standing.FORGED
            assert standing(text) is expected, text


def test_every_other_character_at_every_place_is_refused() -> None:
    for at, here in enumerate(TOKEN):
        for other in "0123456789abcdefghijklmnopqrstuvwxyz.-_=+ \n":
            if other != here:
                assert standing(TOKEN[:at] + other + TOKEN[at + 1 :]) is Standing.FORGED


@pytest.mark.parametrize("cut", range(len(TOKEN)))
def test_what_is_cut_off_is_refused(cut: int) -> None:
    assert standing(TOKEN[:cut]) is Standing.FORGED
    assert standing(TOKEN[cut + 1 :]) is Standing.FORGED


@given(st.text(max_size=80))
def test_any_other_text_is_forged_and_nothing_is_raised(text: str) -> None:
    assert standing(text) is Standing.FORGED


@pytest.mark.parametrize(
    "text", [TOKEN + "0", "0" + TOKEN, f" {TOKEN}", f"{TOKEN}\n", TOKEN.replace("k", "\u212a")]
)
def test_what_stands_around_it_is_not_overlooked(text: str) -> None:
    assert text == TOKEN or standing(text) is Standing.FORGED


def test_the_parts_of_two_good_tokens_make_no_third() -> None:
    other = tokens.make(Purpose.RETURN_PATH, DELIVERY + 1, NOW + 40 * DAY, KEY)
    mine, theirs = TOKEN.split("."), other.split(".")
    for mask in range(1, 1 << 5):
        mixed = ".".join(b if mask >> n & 1 else a for n, (a, b) in enumerate(zip(mine, theirs, strict=True)))
        if mixed not in {TOKEN, other}:
            assert standing(mixed) is Standing.FORGED


def test_a_token_for_one_purpose_is_none_for_another() -> None:
    for purpose in Purpose:
        if purpose is not Purpose.RETURN_PATH:
            assert standing(purpose.value + TOKEN[1:]) is Standing.FORGED
    assert standing("z" + TOKEN[1:]) is Standing.FORGED


def test_after_its_time_it_is_expired_and_not_forged() -> None:
    until = tokens.read(TOKEN, KEYS, NOW).expires_at
    assert standing(TOKEN, now=until - 1) is Standing.VALID
    assert standing(TOKEN, now=until) is Standing.EXPIRED
    assert tokens.read(TOKEN, KEYS, until).about == DELIVERY
    assert standing(TOKEN[:-1] + ("0" if TOKEN[-1] != "0" else "1"), now=until) is Standing.FORGED


def test_another_installations_key_signs_nothing_here() -> None:
    assert (
        standing(tokens.make(Purpose.RETURN_PATH, DELIVERY, NOW + DAY, tokens.Key(1, b"x" * 32)))
        is Standing.FORGED
    )
    assert (
        standing(tokens.make(Purpose.RETURN_PATH, DELIVERY, NOW + DAY, tokens.Key(2, b"k" * 32)))
        is Standing.FORGED
    )
    assert (
        standing(tokens.make(Purpose.RETURN_PATH, DELIVERY, NOW + DAY, tokens.Key(2, b""))) is Standing.FORGED
    )


ROTATED = tokens.keys([(1, b"k" * 32, 0), (2, b"n" * 32, NOW)])


def test_after_a_rotation_new_mail_is_signed_by_the_new_key_and_the_old_tokens_count_on() -> None:
    old, new = ROTATED.signing(NOW - 1), ROTATED.signing(NOW)
    assert old is not None
    assert new is not None
    assert (old.id, new.id) == (1, 2)
    assert standing(TOKEN, ROTATED) is Standing.VALID
    assert standing(tokens.make(Purpose.RETURN_PATH, DELIVERY, NOW + DAY, new), ROTATED) is Standing.VALID


def test_a_retry_carries_the_token_of_the_first_try_across_a_rotation() -> None:
    before, after = KEYS.signing(NOW - 1), ROTATED.signing(NOW - 1)
    assert before is not None
    assert after is not None
    assert tokens.make(Purpose.RETURN_PATH, 1, NOW, before) == tokens.make(Purpose.RETURN_PATH, 1, NOW, after)


def test_an_old_key_vouches_for_no_token_that_it_can_never_have_signed() -> None:
    until = NOW + tokens.LONGEST_WAIT_MS + tokens.HEADER_MS
    assert standing(tokens.make(Purpose.MESSAGE, 1, until, KEY), ROTATED) is Standing.VALID
    assert standing(tokens.make(Purpose.MESSAGE, 1, until + 2 * HOUR, KEY), ROTATED) is Standing.FORGED
    assert standing(tokens.make(Purpose.MESSAGE, 1, until + 2 * HOUR, KEY), KEYS) is Standing.VALID


def test_without_keys_nothing_is_signed_and_nothing_is_taken() -> None:
    assert not tokens.Keys([])
    assert tokens.Keys([]).signing(NOW) is None
    assert standing(TOKEN, tokens.Keys([])) is Standing.FORGED


@pytest.mark.parametrize(
    ("identity", "expires_at", "number"),
    [(1 << 63, NOW, 1), (-1, NOW, 1), (1, 1 << 62, 1), (1, NOW, 1024)],
)
def test_what_cannot_be_written_is_not_made(identity: int, expires_at: int, number: int) -> None:
    with pytest.raises(errors.BadInput):
        tokens.make(Purpose.MESSAGE, identity, expires_at, tokens.Key(number, b"k"))


def test_header_tokens_are_found_in_a_document_wherever_their_line_stands() -> None:
    other = tokens.make(Purpose.MESSAGE, 5, NOW + DAY, KEY)
    document = (
        b"From: a@b.test\r\n\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nx-gatepost-token: "
        + TOKEN.upper().encode()
        + b" \r\nSubject: hi\r\n\r\n> X-Gatepost-Token: "
        + other.encode()
        + b"\r\nX-Gatepost-Token:"
        + other.encode()
        + b"\n"
    )
    assert tokens.in_headers(document) == [TOKEN.upper(), other]
    assert tokens.in_headers(b"X-Gatepost-Token: " + b"a" * 100_000) == []
