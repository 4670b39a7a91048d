"""``gatepost rules unknown`` and ``replay``: what the store's replies teach, and what a draft would change."""

import tomllib

import msgspec
import pytest
from tests.cli import cli_values as values
from tests.store import store_values

from gatepost.classify import rules
from gatepost.model import event as events
from gatepost.model import reply as replies
from gatepost.store import port

ODD = "550 5.7.9 <{}>: zyzzyva quota of the moon exceeded (id 77si{}abc.2) [192.0.2.77]"


def refused(
    n: int, text: str, category: str, *, provider: str = "mx.test", at: int = store_values.NOW
) -> events.Event:
    return events.Event(
        at=at,
        state=events.State.BOUNCED,
        message=1,
        delivery=2 + n,
        attempt=1,
        provider=provider,
        recipient=f"r{n}@rcpt.test",
        category=category,
        stage=replies.Stage.RCPT,
        code=int(text[:3]),
        reply=text.encode(),
        flags=events.Flag.OUTSIDE,
    )


@pytest.fixture
def told(gateway: values.Gateway) -> values.Gateway:
    """A store with five odd replies of two Providers, a temporary one, one of a known user, and an expiry."""
    odd = [
        refused(
            n,
            ODD.format(f"r{n}@rcpt.test", 1000 + n),
            "unknown.permanent",
            provider="google" if n == 0 else "mx.test",
        )
        for n in range(5)
    ]
    others = [
        refused(7, "451 4.0.0 blorb", "unknown.temporary"),
        refused(8, "550 5.1.1 no such user", "recipient.unknown"),
        msgspec.structs.replace(refused(9, "550 5.0.0 blorb", "unknown.permanent"), code=0),
    ]

    async def work(store: port.Store) -> None:
        await store.note([*odd, *others])

    gateway.with_store(work)
    return gateway


def test_unknown_replies_are_grouped_with_counts_per_provider(told: values.Gateway) -> None:
    first, second = told.made("rules", "unknown")
    assert (first["number"], first["count"], first["providers"]) == (1, 5, {"mx.test": 4, "google": 1})
    assert "r0@rcpt.test" not in first["template"]
    assert (second["count"], second["category"]) == (1, "unknown.temporary")
    said = told.run("rules", "unknown")
    assert "(mx.test 4, google 1)" in said.out.splitlines()[0]


def test_since_leaves_the_older_ones_out(told: values.Gateway) -> None:
    assert told.made("rules", "unknown", "--since", "2100-01-01") == []


def test_a_draft_loads_matches_and_names_nobody(told: values.Gateway) -> None:
    said = told.run("rules", "unknown", "--draft", "1")
    assert (said.status, said.err) == (0, "")
    [rule] = tomllib.loads(said.out)["rule"]
    assert rules.problems({"draft.toml": said.out.encode()}) == []
    assert rule["category"] == "unknown.permanent"
    assert rule["match"] == ["zyzzyva quota of the moon exceeded"]
    assert "rcpt.test" not in said.out
    assert "192.0.2.77" not in said.out


def test_a_draft_of_one_provider_is_for_that_provider(told: values.Gateway) -> None:
    said = told.run("rules", "unknown", "--draft", "2")
    assert tomllib.loads(said.out)["rule"][0]["provider"] == "mx.test"


@pytest.mark.parametrize("number", ["3", "-1"])
def test_a_draft_of_no_group_is_one_clear_line(told: values.Gateway, number: str) -> None:
    said = told.run("rules", "unknown", "--draft", number)
    assert (said.status, said.out) == (1, "")
    assert said.err == f"gatepost: --draft: {number} is not in 1…2\n"


def replayed(told: values.Gateway, category: str, match: str, example: str) -> list[dict[str, object]]:
    file = told.path / "draft.toml"
    explicit = "explicit = true\n" if category.startswith("recipient.") else ""
    file.write_text(
        f'[[rule]]\nid = "draft"\ncategory = "{category}"\n{explicit}'
        f'match = ["{match}"]\nexamples = ["{example}"]\n'
    )
    return told.made("rules", "replay", "--since", "2020-01-01", str(file))


def test_replay_shows_verdicts_that_change_and_suppressions_that_come(told: values.Gateway) -> None:
    change, sums = replayed(told, "recipient.unknown", "quota of the moon", "550 quota of the moon")
    assert (change["count"], change["rule"]) == (5, "draft")
    assert change["place"] == f"{told.path / 'draft.toml'}:1"
    assert (change["before"], change["after"]) == ("unknown.permanent, fail", "recipient.unknown, suppress")
    assert (sums["replies"], sums["changed"]) == (7, 5)
    assert (sums["added"], sums["removed"]) == ([f"r{n}@rcpt.test" for n in range(5)], [])


def test_replay_shows_suppressions_that_go(told: values.Gateway) -> None:
    [_, sums] = replayed(told, "rate.limited", "no such user", "550 no such user")
    assert (sums["added"], sums["removed"]) == ([], ["r8@rcpt.test"])


def test_replay_changes_nothing_in_the_store(told: values.Gateway) -> None:
    before = told.made("events")
    replayed(told, "recipient.unknown", "quota of the moon", "550 quota of the moon")
    assert told.made("events") == before
    assert told.made("suppress", "list") == []


def test_a_broken_draft_is_refused_with_its_line(told: values.Gateway) -> None:
    file = told.path / "draft.toml"
    file.write_text('[[rule]]\nid = "x"\ncategory = "no.such"\n')
    said = told.run("rules", "replay", "--since", "7d", str(file))
    assert (said.status, said.out) == (1, "")
    assert f"{file}:1: rule x: " in said.err
