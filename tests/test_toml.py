"""TOML that people write: every mistake is found, and its line."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost import errors, toml

TEXT = """\
name = "a"
[one]
key = 1
"quoted key" = 2
sub.deep = 3
[[list]]
key = 1
[[list]]
key = 2
[[list.inner]]
key = 3
[[list.inner]]
key = 4
[map."a.b"]
key = 5
"""


@pytest.mark.parametrize(
    ("key", "line"),
    [
        ("name", 1),
        ("one", 2),
        ("one.key", 3),
        ('one."quoted key"', 4),
        ("one.sub.deep", 5),
        ("list[0].key", 7),
        ("list[1].key", 9),
        ("list[1].inner[0].key", 11),
        ("list[1].inner[1].key", 13),
        ('map."a.b".key', 15),
        ("list[0].absent", 6),
        ("one.key[3]", 3),
    ],
)
def test_a_key_is_found_where_it_stands_or_else_its_section(key: str, line: int) -> None:
    assert toml.place(TEXT, "f.toml", key) == f"f.toml:{line}: {key}"


def test_what_the_file_does_not_have_has_no_line() -> None:
    assert toml.place(TEXT, "f.toml", "other.key") == "f.toml: other.key"


def test_a_mistake_of_syntax_names_its_line() -> None:
    with pytest.raises(errors.BadInput) as caught:
        toml.parse("a = 1\nb = \n", "f.toml")
    assert caught.value.place == "f.toml:2"


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: int = 0


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str = ""
    one: Inner = Inner()
    list: tuple[Inner, ...] = ()
    map: dict[str, Inner] = {}


def test_every_mistake_is_told_and_the_rest_is_read() -> None:
    table: dict[str, object] = {
        "name": 3,
        "one": {"key": "x", "other": 1},
        "list": [{"key": 7}, {"key": []}],
        "map": {"good": {"key": 1}, "b.d": {"key": None}, "worse": 3},
    }
    found, problems = toml.convert(table, Outer)
    assert sorted(one.place for one in problems) == [
        "list[1].key",
        'map."b.d".key',
        "map.worse",
        "name",
        "one.key",
        "one.other",
    ]
    assert found == Outer(list=(Inner(7), Inner(0)), map={"good": Inner(1), "b.d": Inner(0)})


_ANY = st.recursive(
    st.integers() | st.text(max_size=4) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["key", "one", "list", "map", "x.y"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["name", "one", "list", "map", "key"]), _ANY, max_size=5))
def test_whatever_a_table_holds_it_is_read_and_all_told(table: dict[str, object]) -> None:
    found, problems = toml.convert(table, Outer)
    assert isinstance(found, Outer)
    assert len({one.place for one in problems}) == len(problems)
