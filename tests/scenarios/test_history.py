"""Verdicts that depend on what only the gateway knows: who else that host took mail for."""

from pathlib import Path

import pytest
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost.model import event as events
from gatepost.model import suppression as suppressions

State = events.State
Standing = suppressions.Standing
MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\n\r\nbye\r\n"
UNKNOWN = b"550 5.1.1 no such user here"
# An address that ever took mail is then as dead at its first no as one that never did.
NO_MERCY = "[policy.suppression]\ndelivered_within_days = 0\n"


async def _send(gateway: gateways.Gateway, *recipients: str) -> None:
    for recipient in recipients:
        said = await gateways.submit(gateway.open, MESSAGE, [recipient])
        assert said[-1].startswith(b"250")
    await gateway.wait_open()


async def _entries(gateway: gateways.Gateway) -> dict[str, suppressions.Suppression]:
    async with gateway.store() as store:
        return {entry.target: entry for _, entry in await store.suppressions((), 0, 100)}


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_provider_that_suddenly_knows_nobody_is_believed_provisionally(
    tmp_path: Path, workers: int
) -> None:
    users = [f"u{n}@rcpt.test" for n in range(6)]
    async with (
        receivers.Receiver() as sink,
        gateways.running(tmp_path, sink.port, policy=NO_MERCY, workers=workers) as gateway,
    ):
        await _send(gateway, *users)
        sink.says = dict.fromkeys(users, UNKNOWN)
        await _send(gateway, *users[:4])
        assert {one.standing for one in (await _entries(gateway)).values()} == {Standing.CONFIRMED}
        await _send(gateway, *users[4:])
        found = await _entries(gateway)
        assert {one.standing for one in found.values()} == {Standing.PROVISIONAL}
        assert set(found) == set(users)
        assert len({one.incident for one in found.values()}) == 1
        [told] = [event for event in await gateway.events() if event.state is State.INCIDENT]
        assert "5 addresses" in told.detail


async def test_a_mail_taken_between_keeps_the_verdicts_confirmed(tmp_path: Path) -> None:
    users = [f"u{n}@rcpt.test" for n in range(6)]
    async with (
        receivers.Receiver() as sink,
        gateways.running(tmp_path, sink.port, policy=NO_MERCY) as gateway,
    ):
        await _send(gateway, *users)
        sink.says = dict.fromkeys(users, UNKNOWN)
        await _send(gateway, *users[:4], "living@rcpt.test", *users[4:])
        assert {one.standing for one in (await _entries(gateway)).values()} == {Standing.CONFIRMED}


async def test_a_bare_no_is_presumed_to_mean_a_dead_address_where_others_get_their_mail(
    tmp_path: Path,
) -> None:
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        sink.says = {f"{name}@rcpt.test": b"550 Nope" for name in ("early", "odd")}
        await _send(gateway, "early@rcpt.test")  # nobody else was asked about yet
        await _send(gateway, "living@rcpt.test", "odd@rcpt.test")
        [entry] = (await _entries(gateway)).values()
        assert (entry.target, entry.category) == ("odd@rcpt.test", "recipient.presumed_dead")
        assert (entry.scope, entry.standing) == (suppressions.Scope.BRIDGE, Standing.PROVISIONAL)
        bounced = {e.recipient: e.category for e in await gateway.events() if e.state is State.BOUNCED}
        assert bounced == {
            "early@rcpt.test": "unknown.permanent",
            "odd@rcpt.test": "recipient.presumed_dead",
        }
        asked = sink.asked["odd@rcpt.test"]
        await _send(gateway, "odd@rcpt.test")
        assert sink.asked["odd@rcpt.test"] == asked


async def test_a_host_that_says_the_same_to_everybody_is_not_believed(tmp_path: Path) -> None:
    users = [f"u{n}@rcpt.test" for n in range(4)]
    async with receivers.Receiver() as sink, gateways.running(tmp_path, sink.port) as gateway:
        await _send(gateway, "living@rcpt.test")
        sink.says = dict.fromkeys(users, b"550 Nope")
        await _send(gateway, *users)
        assert await _entries(gateway) == {}
        released = [e.recipient for e in await gateway.events() if e.state is State.UNSUPPRESSED]
        assert released == users[:2]


async def test_the_preset_literal_5xx_takes_every_5xx_for_a_dead_address(tmp_path: Path) -> None:
    answers = {
        "full@rcpt.test": b"552 5.2.2 mailbox full",
        "listed@rcpt.test": b"550 5.7.1 Client host [192.0.2.1] blocked using zen.spamhaus.org",
        "spam@rcpt.test": b"554 5.7.1 Message rejected as spam",
    }
    async with (
        receivers.Receiver() as sink,
        gateways.running(tmp_path, sink.port, policy='preset = "literal-5xx"\n') as gateway,
    ):
        sink.says = {**answers, "slow@rcpt.test": b"450 4.2.1 later please"}
        async with gateway.store() as store:
            for recipient in sink.says:
                await gateways.submit(gateway.open, MESSAGE, [recipient])
            await gateway.wait_open(1)
            found = {entry.target: entry for _, entry in await store.suppressions((), 0, 100)}
        assert set(found) == set(answers)
        assert {entry.standing for entry in found.values()} == {Standing.CONFIRMED}
        assert found["listed@rcpt.test"].category == "sender.ip_blocklisted"
