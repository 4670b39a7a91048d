"""Bodies are kept within the budget, and for as long as a delivery needs them."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.dkim import verifier

from gatepost.delivery import bodies
from gatepost.dkim import canonical

BODY = bodies.Body((b"Subject: x\r\n", b"\r\nhi\r\n"))
SIZE = 18


def test_a_kept_body_is_given_as_it_was() -> None:
    kept = bodies.Bodies(100)
    kept.keep(1, BODY, 1)
    assert kept.get(1) is BODY
    assert kept.bytes == SIZE


def test_a_body_that_was_never_kept_is_none() -> None:
    kept = bodies.Bodies(100)
    kept.release(1)
    assert (kept.get(1), kept.bytes) == (None, 0)


@pytest.mark.parametrize(("budget", "held"), [(SIZE, True), (SIZE - 1, False), (0, False)])
def test_the_budget_is_bytes_of_all_chunks(budget: int, held: bool) -> None:
    kept = bodies.Bodies(budget)
    kept.keep(1, BODY, 1)
    assert (kept.get(1) is not None, kept.bytes) == (held, SIZE if held else 0)


def test_what_does_not_fit_pushes_nothing_out_and_fits_when_there_is_room() -> None:
    kept = bodies.Bodies(SIZE + 1)
    kept.keep(1, BODY, 1)
    kept.keep(2, BODY, 1)
    assert (kept.get(1), kept.get(2)) == (BODY, None)
    kept.release(1)
    kept.keep(2, BODY, 1)
    assert (kept.get(1), kept.get(2), kept.bytes) == (None, BODY, SIZE)


def test_a_body_leaves_with_the_last_delivery_that_needs_it() -> None:
    kept = bodies.Bodies(100)
    kept.keep(1, BODY, 3)
    kept.release(1)
    kept.release(1)
    assert kept.get(1) is BODY
    kept.release(1)
    assert (kept.get(1), kept.bytes) == (None, 0)


@pytest.mark.parametrize(("uses", "held"), [(2, True), (3, False), (9, False)])
def test_several_may_be_released_at_once(uses: int, held: bool) -> None:
    kept = bodies.Bodies(100)
    kept.keep(1, BODY, 3)
    kept.release(1, uses)
    assert (kept.get(1) is not None, kept.bytes) == (held, SIZE if held else 0)


def test_a_body_kept_twice_is_counted_once() -> None:
    kept = bodies.Bodies(100)
    kept.keep(1, BODY, 1)
    kept.keep(1, BODY, 1)
    assert kept.bytes == SIZE


MESSAGE = b"From: a@shop.test\r\nSubject: x\r\n\r\n one \r\n\r\ntwo\r\n\r\n"


@pytest.mark.parametrize("form", list(canonical.Form))
def test_header_and_hash_do_not_depend_on_where_the_chunks_were_cut(form: canonical.Form) -> None:
    whole = bodies.Body((MESSAGE,))
    assert whole.header == b"From: a@shop.test\r\nSubject: x\r\n"
    want = hashlib.sha256(verifier.canonical_body(MESSAGE.partition(b"\r\n\r\n")[2], form.value)).digest()
    for cut in range(len(MESSAGE) + 1):
        body = bodies.Body((MESSAGE[:cut], MESSAGE[cut:]))
        assert (body.hash(form), body.header, body.size) == (want, whole.header, len(MESSAGE))
    singly = bodies.Body(tuple(MESSAGE[at : at + 1] for at in range(len(MESSAGE))))
    assert (singly.hash(form), singly.header) == (want, whole.header)


@pytest.mark.parametrize("message", [b"From: a@b\r\n\r\n", b"From: a@b\r\n", b"From: a@b"])
def test_a_message_that_is_all_header_has_an_empty_body(message: bytes) -> None:
    body = bodies.Body((message,))
    assert body.header == b"From: a@b\r\n"
    assert body.hash(canonical.Form.RELAXED) == hashlib.sha256(b"").digest()


def test_what_is_computed_once_is_kept() -> None:
    body = bodies.Body((MESSAGE,))
    assert body.hash(canonical.Form.RELAXED) is body.hash(canonical.Form.RELAXED)
    assert body.header is body.header


STEPS = st.lists(st.tuples(st.booleans(), st.integers(1, 4), st.integers(0, 30), st.integers(1, 3)))


@settings(max_examples=50, deadline=None)
@given(STEPS)
def test_the_bytes_are_those_of_what_is_kept_and_never_above_the_budget(
    steps: list[tuple[bool, int, int, int]],
) -> None:
    kept = bodies.Bodies(50)
    for keep, message, size, uses in steps:
        if keep:
            kept.keep(message, bodies.Body((b"x" * size,)), uses)
        else:
            kept.release(message, uses)
        found = [body for one in range(1, 5) if (body := kept.get(one)) is not None]
        assert kept.bytes == sum(body.size for body in found) <= 50
