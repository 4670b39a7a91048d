"""The keys of tokens: the first one, and rotation."""

from tests.cli import cli_values as values

from gatepost.app import signing
from gatepost.cli import context
from gatepost.reports import token as tokens
from gatepost.store import port


async def _ensured(store: port.Store) -> None:
    await signing.ensure(store)
    await signing.ensure(store)


def test_a_gateway_has_one_key_from_its_first_start_on(gateway: values.Gateway) -> None:
    assert gateway.made("token", "list") == []
    gateway.with_store(_ensured)
    assert gateway.made("token", "list") == [{"key": 1, "since": None, "until": None, "signs": True}]


def test_a_rotation_begins_a_minute_later_and_the_old_tokens_count_on(gateway: values.Gateway) -> None:
    gateway.with_store(_ensured)
    [made] = gateway.made("token", "rotate")
    assert (made["key"], made["signs"]) == (2, False)
    old, new = gateway.made("token", "list")
    assert (old["signs"], new["signs"]) == (True, False)
    assert old["until"] > new["since"]
    known = signing.keys(gateway.with_store(lambda store: store.directory()))
    first = known.by_id(1)
    assert first is not None
    now = context.now_ms()
    text = tokens.make(tokens.Purpose.MESSAGE, 5, now + tokens.HEADER_MS, first)
    assert tokens.read(text, known, now).standing is tokens.Standing.VALID
    said = gateway.run("token", "rotate")
    assert (said.status, said.err.count("\n")) == (1, 1)


def test_a_secret_stands_neither_in_the_feed_nor_in_the_list(gateway: values.Gateway) -> None:
    gateway.with_store(_ensured)
    directory = gateway.with_store(lambda store: store.directory())
    said = gateway.run("events", "--json").out + gateway.run("token", "list").out
    assert directory.token_keys[0].secret.hex() not in said
    assert "token_key" in said
