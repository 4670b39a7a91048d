"""Ids never repeat and never go back, whatever the clock does; outside they are 13 characters."""

import itertools

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gatepost import errors
from gatepost.model import ids

NOW = 1_700_000_000_000


@hypothesis_settings(max_examples=50)
@given(
    st.integers(0, ids.WORKERS - 1),
    st.lists(
        st.tuples(st.integers(NOW - 5, NOW + 5), st.integers(1, ids.MAX_RANGE)), min_size=2, max_size=30
    ),
)
def test_ranges_rise_and_never_overlap_whatever_the_clock_does(
    worker: int, steps: list[tuple[int, int]]
) -> None:
    maker = ids.IdMaker(worker)
    taken = [(maker.take(now, count), count) for now, count in steps]
    for (first, count), (following, _) in itertools.pairwise(taken):
        assert first + count <= following
    for first, count in taken:
        assert ids.time_ms(first) == ids.time_ms(first + count - 1) >= NOW - 5
        assert 0 < first < 2**63


def test_two_workers_never_make_the_same_id() -> None:
    makers = [ids.IdMaker(0), ids.IdMaker(1), ids.IdMaker(ids.WORKERS - 1)]
    made = [maker.take(NOW) for maker in makers for _ in range(5000)]
    assert len(set(made)) == len(made)


def test_no_id_is_older_than_the_floor() -> None:
    maker = ids.IdMaker(3, floor_ms=NOW)
    assert ids.time_ms(maker.take(NOW - 1000)) == NOW + 1
    assert ids.time_ms(ids.IdMaker(3, floor_ms=NOW).take(NOW)) > NOW


@pytest.mark.parametrize("worker", [-1, ids.WORKERS])
def test_a_worker_number_out_of_range_is_an_error(worker: int) -> None:
    with pytest.raises(ValueError, match="worker number"):
        ids.IdMaker(worker)


def test_the_first_id_of_a_millisecond_is_its_smallest() -> None:
    assert ids.first_at(NOW) <= ids.IdMaker(0).take(NOW) < ids.first_at(NOW + 1)


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
@hypothesis_settings(max_examples=50)
def test_an_ids_text_reads_back_and_sorts_as_the_id(one: int, two: int) -> None:
    texts = ids.to_text(one), ids.to_text(two)
    assert len(texts[0]) == 13
    assert ids.from_text(f" {texts[0].upper()}\n") == one
    assert (texts[0] < texts[1]) is (one < two)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("0" * 12, id="short"),
        pytest.param("0" * 14, id="long"),
        pytest.param("0" * 12 + "u", id="a-letter-that-is-not-used"),
        pytest.param("0" * 12 + "-", id="a-sign"),
        pytest.param("z" * 13, id="too-large"),
        pytest.param("\u0661" * 13, id="foreign-digits"),
    ],
)
def test_what_is_no_id_is_bad_input(text: str) -> None:
    with pytest.raises(errors.BadInput):
        ids.from_text(text)
