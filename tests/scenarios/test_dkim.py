"""DKIM end to end: a running gateway, keys made by its commands, and what arrives verified by the records that they printed."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.peers import verifiers
from tests.scenarios import signing

from gatepost.model import event as events

pytestmark = pytest.mark.slow


@pytest.fixture
async def works(tmp_path: Path) -> AsyncIterator[signing.Works]:
    async with signing.working(tmp_path) as made:
        yield made


async def test_what_arrives_verifies_by_the_records_that_the_commands_printed(works: signing.Works) -> None:
    await works.dkim("new", "shop.test", "--selector", "r1", "--activate")
    await works.dkim("new", "shop.test", "--selector", "e1", "--algorithm", "ed25519", "--activate")
    await works.wait_signed_by("r1", "e1")
    for name, message in signing.MESSAGES.items():
        await works.send(message, f"{name}@rcpt.test", f"{name}-too@rcpt.test")
    await works.gateway.wait_open()
    for name, message in signing.MESSAGES.items():
        received = works.receiver.received(f"{name}@rcpt.test")
        assert await works.selectors(f"{name}@rcpt.test") == ["r1", "e1"]
        assert received.endswith(message)
        assert works.receiver.received(f"{name}-too@rcpt.test") == received
    assert len(works.receiver.received("large@rcpt.test")) > 1_000_000


async def test_mail_that_waited_is_signed_by_the_key_of_its_last_attempt(works: signing.Works) -> None:
    await works.dkim("new", "shop.test", "--selector", "old", "--activate")
    await works.wait_signed_by("old")
    await works.send(signing.MESSAGES["plain"], "wait@rcpt.test")
    while not works.receiver.asked["wait@rcpt.test"]:  # noqa: ASYNC110 - the receiver has no bell
        await asyncio.sleep(0.05)
    await works.dkim("new", "shop.test", "--selector", "new")
    states = await works.dkim("activate", "shop.test", "new", "--replace")
    assert [(one["selector"], one["state"]) for one in states] == [("new", "active"), ("old", "retired")]
    await works.wait_signed_by("new")
    works.receiver.closed = False
    await works.gateway.wait_open()
    assert await works.selectors("wait@rcpt.test") == ["new"]


async def test_without_a_key_and_after_the_last_one_mail_goes_out_as_it_came(works: signing.Works) -> None:
    await works.send(signing.MESSAGES["dotted"], "before@rcpt.test")
    await works.gateway.wait_open()
    assert await works.selectors("before@rcpt.test") == []
    await works.dkim("new", "shop.test", "--selector", "s", "--activate")
    await works.wait_signed_by("s")
    await works.dkim("retire", "shop.test", "s")
    await works.wait_signed_by()
    told = [one.detail for one in await works.gateway.events() if one.state is events.State.CHANGED]
    assert sum("s._domainkey.shop.test" in one for one in told) == 2


@pytest.mark.peers
async def test_verifiers_that_are_not_ours_agree_about_what_arrived(tmp_path: Path) -> None:
    with verifiers.dkimpy() as dkimpy, verifiers.mail_dkim() as mail_dkim:
        async with signing.working(tmp_path) as works:
            await works.dkim("new", "shop.test", "--selector", "r1", "--activate")
            await works.dkim("new", "shop.test", "--selector", "e1", "--algorithm", "ed25519", "--activate")
            await works.wait_signed_by("r1", "e1")
            for name, message in signing.MESSAGES.items():
                await works.send(message, f"{name}@rcpt.test")
            await works.gateway.wait_open()
        for name in signing.MESSAGES:
            received = works.receiver.received(f"{name}@rcpt.test")
            assert dkimpy.said(received, works.records) == [True, True]
            assert mail_dkim.said(received, works.records) == [True]
