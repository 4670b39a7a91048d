"""Several ways to one end: the first that gets there is taken, and nothing is left of the others."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from gatepost.net import race

FAR_S = 60.0  # no test waits that long: what it is given to is broken off, or woken by what happens


class Track:
    """begun, over, discarded: the names of the ways, in order."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.over: list[str] = []
        self.discarded: list[str] = []

    def way(self, name: str, how: str) -> Callable[[], Awaitable[str]]:
        async def run() -> str:
            self.begun.append(name)
            try:
                if how == "fails":
                    raise OSError(name)
                if how == "bug":
                    raise KeyError(name)
                if how == "hangs":
                    await asyncio.sleep(FAR_S)
                if how == "stubborn":  # gets there although it is broken off
                    try:
                        await asyncio.sleep(FAR_S)
                    except asyncio.CancelledError:
                        return name
                return name
            finally:
                self.over.append(name)

        return run

    async def run(self, *ways: tuple[str, str], gap_s: float = 0.01) -> str:
        return await race.first(
            [self.way(*one) for one in ways], gap_s=gap_s, lost=OSError, discard=self.discarded.append
        )


ENDS = {
    "the first way is enough": ([("a", "works"), ("b", "works")], "a", ["a"]),
    "the next begins when one fails": ([("a", "fails"), ("b", "works"), ("c", "works")], "b", ["a", "b"]),
    "the next begins beside a slow one": ([("a", "hangs"), ("b", "works")], "b", ["a", "b"]),
    "a slow one between": ([("a", "fails"), ("b", "hangs"), ("c", "works")], "c", ["a", "b", "c"]),
}


@pytest.mark.parametrize(("ways", "winner", "begun"), ENDS.values(), ids=ENDS)
async def test_the_first_that_gets_there_is_taken(
    ways: list[tuple[str, str]], winner: str, begun: list[str]
) -> None:
    track = Track()
    assert await track.run(*ways) == winner
    assert (track.begun, sorted(track.over), track.discarded) == (begun, begun, [])


async def test_a_failure_does_not_wait_for_the_gap() -> None:
    track = Track()
    async with asyncio.timeout(5):
        assert await track.run(("a", "fails"), ("b", "works"), gap_s=FAR_S) == "b"


async def test_when_all_fail_the_last_failure_is_raised() -> None:
    track = Track()
    with pytest.raises(OSError, match=r"^b$"):
        await track.run(("a", "fails"), ("b", "fails"))


async def test_what_a_loser_brought_is_discarded() -> None:
    track = Track()
    assert await track.run(("a", "stubborn"), ("b", "works")) == "b"
    assert track.discarded == ["a"]


async def test_a_cancelled_race_leaves_nothing_behind() -> None:
    track = Track()
    running = asyncio.ensure_future(track.run(("a", "stubborn"), ("b", "hangs")))
    while len(track.begun) < 2:  # noqa: ASYNC110 - one way begins after the other
        await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (sorted(track.over), track.discarded) == (["a", "b"], ["a"])


async def test_a_bug_in_one_way_ends_the_race() -> None:
    track = Track()
    with pytest.raises(ExceptionGroup) as caught:
        await track.run(("a", "stubborn"), ("b", "bug"))
    assert caught.group_contains(KeyError)
    assert track.discarded == ["a"]


@pytest.mark.parametrize("hows", list(itertools.product(["works", "fails", "hangs"], repeat=3)), ids="-".join)
async def test_whatever_the_ways_do_all_of_them_are_over_in_the_end(hows: tuple[str, ...]) -> None:
    track = Track()
    if "works" in hows:
        await track.run(*zip("abc", hows, strict=True))
    else:
        with pytest.raises((OSError, TimeoutError)):
            async with asyncio.timeout(0.05):
                await track.run(*zip("abc", hows, strict=True))
    assert sorted(track.begun) == sorted(track.over)
