"""The small parts of submission: who is known, what is remembered, what is asked together."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from gatepost import clock as clocks
from gatepost import errors
from gatepost.ingest import book, failures, gather, places, shortage, space
from gatepost.model import directory as directories
from gatepost.store import credentials, port

PEPPER = b"x" * 32
SOURCE = directories.Source(1, 1, "s")


def directory(*bridges: directories.Bridge, version: int = 1) -> directories.Directory:
    return directories.Directory(
        version=version,
        accounts=(directories.Account(1, "one"), directories.Account(2, "two")),
        bridges=bridges,
        pools=(directories.Pool(1, 1, "p"),),
        sources=(
            SOURCE,
            directories.Source(2, 1, "off", disabled=True),
            directories.Source(3, 1, "zero", weight=0),
        ),
        sender_domains=(
            directories.SenderDomain(1, 1, "a.example"),
            directories.SenderDomain(2, 1, "b.example"),
        ),
    )


def bridge(number: int, account: int = 1, name: str = "shop", **more: object) -> directories.Bridge:
    mac = credentials.mac(PEPPER, f"password-{number}")
    key = credentials.mac(PEPPER, f"key-{number}")
    return directories.Bridge(number, account, name, 1, password_mac=mac, key_mac=key, **more)  # type: ignore[arg-type]


def test_a_bridge_is_found_by_every_name_it_has() -> None:
    found = book.Book(directory(bridge(1)))
    for sending in (
        found.by_id(1),
        found.by_name("shop"),
        found.by_name("one/shop"),
        found.by_password("shop", "password-1", PEPPER),
        found.by_key("key-1", PEPPER),
    ):
        assert sending is not None
        assert sending.sources == (SOURCE,)
        assert sending.domains == {"a.example", "b.example"}


def test_a_bridges_own_domains_replace_its_accounts() -> None:
    sending = book.Book(directory(bridge(1, sender_domains=("b.example",)))).by_id(1)
    assert sending is not None
    assert sending.domains == {"b.example"}


def test_a_name_of_two_accounts_means_neither() -> None:
    found = book.Book(directory(bridge(1), bridge(2, account=2)))
    assert found.by_name("shop") is None
    assert found.by_password("shop", "password-1", PEPPER) is None
    assert found.by_password("two/shop", "password-2", PEPPER) is not None


@pytest.mark.parametrize("name", ["shop", "nobody"])
@pytest.mark.parametrize("password", ["", "password-2", "key-1"])
def test_a_wrong_password_is_nobodys(name: str, password: str) -> None:
    assert book.Book(directory(bridge(1))).by_password(name, password, PEPPER) is None


def test_a_bridge_without_secrets_lets_nobody_in() -> None:
    found = book.Book(directory(directories.Bridge(1, 1, "shop", 1)))
    assert found.by_password("shop", "", PEPPER) is None
    assert found.by_key("", PEPPER) is None


def test_a_grant_ends_with_the_credential_it_was_given_for() -> None:
    grant = book.Grant(1, credentials.mac(PEPPER, "password-1"))
    assert book.Book(directory(bridge(1))).granted(grant) is not None
    assert book.Book(directory(bridge(1, revoked_at=5))).granted(grant) is None
    assert (
        book.Book(directory(directories.Bridge(1, 1, "shop", 1, password_mac=b"new"))).granted(grant) is None
    )
    assert book.Book(directory(directories.Bridge(1, 1, "shop", 1))).granted(book.Grant(1)) is not None


def test_a_shelf_never_goes_back() -> None:
    shelf = book.Shelf(directory(bridge(1), version=2))
    shelf.replace(directory(version=1))
    assert shelf.book().by_id(1) is not None
    shelf.replace(directory(version=3))
    assert shelf.book().by_id(1) is None


def test_secrets_are_long_and_different() -> None:
    assert len({credentials.new_secret() for _ in range(50)}) == 50
    assert len(credentials.new_secret()) == 32


def test_no_secret_is_taken_for_an_option_on_a_command_line() -> None:
    made = [credentials.new_secret() for _ in range(1000)]
    made += [credentials.derived_secret(b"pepper", b"%d" % number) for number in range(1000)]
    assert not [one for one in made if one.startswith("-")]
    assert credentials.new_key().startswith("gp_")


def test_wrong_passwords_are_answered_later_and_later_by_address() -> None:
    clock = clocks.FakeClock()
    counted = failures.Failures(clock, 0.5, lambda _: None)
    assert [counted.add("192.0.2.1", None) for _ in range(8)] == [0, 0, 0.5, 1, 2, 4, 8, 8]
    assert counted.add("192.0.2.2", None) == 0
    clock.advance(failures.FORGET_S + 1)
    assert counted.add("192.0.2.1", None) == 0


def test_a_shortage_is_looked_for_once_a_second() -> None:
    clock = clocks.FakeClock()
    answers = [None, shortage.Shortage.MEMORY, None]
    short = shortage.Watch(lambda: answers.pop(0), clock)
    assert [short(), short()] == [None, None]
    clock.advance(1.0)
    assert short() is shortage.Shortage.MEMORY
    clock.advance(1.0)
    assert short() is None


def test_room_is_measured_on_the_volume(tmp_path: Path) -> None:
    assert space.has_room(str(tmp_path), 0.0, 1)
    assert not space.has_room(str(tmp_path), 0.999999, 1)
    assert not space.has_room(str(tmp_path), 0.0, 2**62)


@pytest.mark.parametrize(
    ("inodes", "free_inodes", "fits"),
    [
        pytest.param(1000, 100, True, id="enough"),
        pytest.param(1000, 99, False, id="too-few"),
        pytest.param(0, 0, True, id="made-as-needed"),
    ],
)
def test_room_is_inodes_too(inodes: int, free_inodes: int, fits: bool) -> None:
    volume = os.statvfs_result((4096, 4096, 1000, 500, 500, inodes, free_inodes, free_inodes, 0, 255))
    assert space.fits(volume, 0.10, 4096) is fits


class Providers:
    """The two verbs that Places uses."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.provider = "google"

    async def provider_of(self, domain: str) -> str:
        self.asked.append(domain)
        return self.provider

    async def lane(self, provider: str, source: int) -> int:
        self.asked.append(f"{provider}/{source}")
        return 7


async def test_a_place_is_remembered_for_a_while() -> None:
    store, clock = Providers(), clocks.FakeClock()
    found = places.Places(cast("port.Store", store), clock, None)
    assert found.known("x.example", SOURCE) is None
    assert (await found.find("x.example", SOURCE)).provider == "google"
    assert found.known("x.example", SOURCE) is not None
    clock.advance(places.KEEP_S)
    store.provider = "yahoo"
    assert found.known("x.example", SOURCE) is None
    assert (await found.find("x.example", SOURCE)).provider == "yahoo"
    assert store.asked == ["x.example", "google/1", "x.example", "yahoo/1"]


async def test_a_fixed_provider_asks_no_one() -> None:
    store = Providers()
    found = places.Places(
        cast("port.Store", store), clocks.FakeClock(), lambda _domain, source: f"sink:{source.id}"
    )
    assert (await found.find("x.example", SOURCE)).provider == "sink:1"
    assert store.asked == ["sink:1/1"]


async def test_wishes_of_one_turn_share_a_call() -> None:
    calls: list[int] = []
    answers: list[object] = []

    async def double(wishes: Sequence[int]) -> Sequence[int]:
        calls.append(len(wishes))
        return [2 * wish for wish in wishes]

    async with asyncio.TaskGroup() as tasks:
        asked: gather.Gather[int, int] = gather.Gather(double, tasks)
        for wish in range(150):
            asked.ask(wish, answers.append)
        assert not answers
        await asyncio.sleep(0)
    assert calls == [100, 50]
    assert answers == [2 * wish for wish in range(150)]


@pytest.mark.parametrize("error", [errors.StoreUnhealthy("x"), ValueError("a bug")], ids=["known", "bug"])
async def test_a_failed_call_is_told_to_everybody(error: Exception) -> None:
    answers: list[object] = []

    async def fail(_wishes: Sequence[int]) -> Sequence[int]:
        raise error

    async with asyncio.TaskGroup() as tasks:
        asked: gather.Gather[int, int] = gather.Gather(fail, tasks)
        asked.ask(1, answers.append)
        asked.ask(2, answers.append)
        await asyncio.sleep(0)
    assert answers == [error, error]
