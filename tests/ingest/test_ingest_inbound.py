"""The inbound listener: what it takes, what it refuses, and what follows from what it took."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.ingest import mailroom, office

from gatepost.ingest import shortage as shortages
from gatepost.model import event as events
from gatepost.model import late
from gatepost.reports import token as tokens

Purpose = tokens.Purpose
State = events.State
Room = mailroom.Room
BOUNCE = mailroom.BOUNCE
DSN = b"Subject: dsn 550 5.1.1 no such user\r\n\r\n"


@contextlib.asynccontextmanager
async def dialled(room: Room) -> AsyncIterator[office.Client]:
    """A client that has said EHLO and MAIL FROM:<>."""
    async with office.dial(room.port) as client:
        assert (await client.reply()).startswith(b"220 ")
        hello = await client.say(b"EHLO mx.peer.test")
        assert b"AUTH" not in hello
        assert (await client.say(b"MAIL FROM:<>")).startswith(b"250 ")
        yield client


async def bring(room: Room, to: str, mail: bytes) -> bytes:
    """One mail over a connection of its own; the reply that decided."""
    async with dialled(room) as client:
        said = await client.say(b"RCPT TO:<%s>" % to.encode())
        if not said.startswith(b"250"):
            return said
        said = await client.say(b"DATA")
        if not said.startswith(b"354"):
            return said
        return await client.say(mail + b".")


async def test_a_bounce_to_a_return_path_suppresses_whom_the_mail_went_to(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("Ann@rcpt.test")
        assert (await bring(room, f"{room.token(delivery).upper()}@{BOUNCE}", DSN)).startswith(b"250 2.0.0 ")
        assert await room.suppressed() == ["ann@rcpt.test"]
        assert (await room.states(delivery))[-2:] == [State.BOUNCED, State.SUPPRESSED]
        [filed] = await room.store.reports(0, 10)
        assert (filed.kind, filed.standing, filed.delivery) == (
            late.Kind.BOUNCE,
            late.Standing.VERIFIED,
            delivery,
        )


@pytest.mark.parametrize("subject", ["dsn 550 5.1.1 no such user", "abuse", "opt-out", "unsubscribe"])
async def test_the_same_mail_twice_has_one_effect(tmp_path: Path, subject: str) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        address = f"{room.token(delivery)}@{BOUNCE}"
        mails = [b"Subject: %s\r\n\r\n%d\r\n" % (subject.encode(), n) for n in (1, 1, 2)]
        said = await asyncio.gather(*(bring(room, address, mail) for mail in mails))
        assert all(one.startswith(b"250") for one in said)
        states = await room.states(delivery)
        assert states.count(State.SUPPRESSED) == 1
        assert len(await room.suppressed()) == 1
        assert len(await room.store.reports(0, 10)) == 2


@pytest.mark.parametrize(
    ("subject", "state"),
    [
        ("delayed", State.REPORTED),
        ("vacation", State.REPORTED),
        ("not-spam", State.REPORTED),
        ("fraud", State.REPORTED),
        ("bomb", State.REPORTED),
        ("hello", State.REPORTED),
        ("dsn 552 5.2.2 mailbox full", State.BOUNCED),
        ("dsn 550 4.4.7 expired", State.BOUNCED),
        ("dsn 550 5.7.1 spam", State.BOUNCED),
    ],
)
async def test_what_is_no_dead_address_suppresses_nobody(tmp_path: Path, subject: str, state: State) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        mail = b"Subject: %s\r\n\r\n" % subject.encode()
        assert (await bring(room, f"{room.token(delivery)}@{BOUNCE}", mail)).startswith(b"250")
        assert await room.suppressed() == []
        assert (await room.states(delivery))[-1] is state
        assert room.intake.figures["unparsed"] == (subject == "bomb")


async def test_a_complaint_is_tied_by_the_token_in_the_header_of_the_mail_complained_of(
    tmp_path: Path,
) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        mark = room.token(delivery, Purpose.DELIVERY).encode()
        mail = (
            b"Subject: abuse\r\nOriginal-Rcpt-To: victim@else.test\r\n\r\nX-Gatepost-Token: %s\r\n\r\n" % mark
        )
        assert (await bring(room, f"feedback@{BOUNCE}", mail)).startswith(b"250")
        assert await room.suppressed() == ["ann@rcpt.test"]
        assert State.COMPLAINT in await room.states(delivery)


async def test_a_messages_token_names_its_recipient_only_where_there_is_one(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [single] = await room.delivered("ann@rcpt.test")
        several = await room.delivered("bob@rcpt.test", "eve@rcpt.test", maker=2)
        for delivery in (single, several[0]):
            mark = room.token(delivery - 1, Purpose.MESSAGE).encode()
            mail = b"Subject: abuse\r\n\r\nX-Gatepost-Token: %s\r\n" % mark
            assert (await bring(room, f"feedback@{mailroom.HOST}", mail)).startswith(b"250")
        assert await room.suppressed() == ["ann@rcpt.test"]


@pytest.mark.parametrize("subject", ["dsn 550 5.1.1 no such user", "abuse"])
async def test_a_report_that_comes_before_our_own_commit_waits_for_it(tmp_path: Path, subject: str) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.accepted("ann@rcpt.test")
        mail = f"Subject: {subject}\r\n\r\n".encode()
        bringing = room.tasks.create_task(bring(room, f"{room.token(delivery)}@{BOUNCE}", mail))
        await room.reading.wait()
        await room.settle_delivered([delivery])
        assert (await bringing).startswith(b"250 ")
        assert await room.suppressed() == ["ann@rcpt.test"]
        [filed] = await room.store.reports(0, 10)
        assert (filed.standing, filed.delivery) == (late.Standing.VERIFIED, delivery)


@pytest.mark.slow
@pytest.mark.parametrize("subject", ["dsn 550 5.1.1 no such user", "abuse"])
async def test_a_report_about_a_mail_that_is_still_to_be_delivered_is_put_off_and_acts_later(
    tmp_path: Path, subject: str
) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.accepted("ann@rcpt.test")
        address, mail = f"{room.token(delivery)}@{BOUNCE}", f"Subject: {subject}\r\n\r\n".encode()
        assert (await bring(room, address, mail)).startswith(b"451 4.3.0 ")
        assert await room.store.reports(0, 10) == []
        assert await room.suppressed() == []
        assert State.REPORTED not in await room.states(delivery)
        await room.settle_delivered([delivery])
        assert (await bring(room, address, mail)).startswith(b"250 ")
        assert await room.suppressed() == ["ann@rcpt.test"]


async def test_who_leaves_is_followed_although_the_delivery_is_still_open(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.accepted("ann@rcpt.test")
        address = f"{room.token(delivery, Purpose.UNSUBSCRIBE)}@{BOUNCE}"
        assert (await bring(room, address, b"\r\n")).startswith(b"250 ")
        assert (await room.states(delivery))[-2:] == [State.UNSUBSCRIBED, State.SUPPRESSED]
        assert await room.store.open_delivery(delivery) is not None


async def test_an_unsubscribe_address_is_followed_whatever_is_written_to_it(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        address = f"{room.token(delivery, Purpose.UNSUBSCRIBE)}@{BOUNCE}"
        assert (await bring(room, address, b"\r\n")).startswith(b"250")
        assert (await room.states(delivery))[-2:] == [State.UNSUBSCRIBED, State.SUPPRESSED]


async def test_without_a_token_a_report_is_kept_and_changes_nothing(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        for subject in (b"abuse", b"dsn 550 5.1.1 x", b"unsubscribe"):
            mail = b"Subject: %s\r\nTo: ann@rcpt.test\r\n\r\n" % subject
            assert (await bring(room, f"feedback@{BOUNCE}", mail)).startswith(b"250")
        assert await room.suppressed() == []
        assert {one.standing for one in await room.store.reports(0, 10)} == {late.Standing.UNVERIFIED}
        told = [e for e in await room.store.feed(0, 100) if e.state is State.REPORTED]
        assert len(told) == 3
        assert all("unverified" in e.detail and not e.delivery for e in told)
        assert State.REPORTED not in await room.states(delivery)


async def test_an_expired_token_is_taken_and_changes_nothing(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        address = f"{room.token(delivery)}@{BOUNCE}"
        room.clock.advance(31 * 24 * 3600)
        assert (await bring(room, address, DSN)).startswith(b"250")
        assert await room.suppressed() == []
        [filed] = await room.store.reports(0, 10)
        assert filed.standing is late.Standing.EXPIRED


async def test_a_forged_return_path_is_refused_at_rcpt_and_counted(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        good = room.token(delivery)
        key = tokens.Key(1, b"another installation")
        forgeries = [
            good[:-1] + ("0" if good[-1] != "0" else "1"),
            good[:-1],
            good[:20],
            "b.",
            "b.1",
            "u." + good[2:],
            tokens.make(Purpose.RETURN_PATH, delivery, room.clock.now_ms() + mailroom.DAY, key),
            room.token(delivery, Purpose.DELIVERY).replace("h.", "b.", 1),
        ]
        for local in forgeries:
            said = await bring(room, f"{local}@{BOUNCE}", DSN)
            assert said.startswith((b"550 5.1.1 ", b"501 ")), (local, said)
        assert room.intake.figures["forged"] == len(forgeries) - 1  # "b." is no address at all
        assert await room.store.reports(0, 10) == []
        assert not room.read


RELAYS = [
    "x@external.test",
    "@shop.test:x@external.test",
    "x%external.test@shop.test",
    "external.test!x@shop.test",
    '"x@external.test"@shop.test',
    '"x@external.test"',
    "x@[192.0.2.9]",
    "x@[IPv6:::1]",
    "x@shop.test@external.test",
    "x@external.test.",
    "X@EXTERNAL.TEST",
    "news@shop.test",
    "ann@rcpt.test",
    "feedback@external.test",
    "feedback@shop.test",
    "postmaster@external.test",
    "abuse@sub.shop.test",
    "postmaster+x@shop.test",
    "bounce@bounce.shop.test",
    "h.0000000000001.gyh4.01.7by9gfeqwt3e9nbz@bounce.shop.test",
]


@pytest.mark.parametrize("address", RELAYS)
async def test_it_is_no_relay(tmp_path: Path, address: str) -> None:
    async with mailroom.opened(tmp_path) as room:
        said = await bring(room, address, b"Subject: hi\r\n\r\n")
        assert said.startswith((b"550 5.7.1 ", b"501 ", b"553 ")), said
        assert await room.store.last_seq() == await room.store.last_seq()
        assert not room.read


async def test_a_valid_token_is_good_at_a_domain_that_was_ours_and_forged_elsewhere_is_relaying(
    tmp_path: Path,
) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        assert (await bring(room, f"{room.token(delivery)}@old-bounce.test", DSN)).startswith(b"250")
        said = await bring(room, "b.0000000000001.gyh4.01.7by9gfeqwt3e9nbz@old-bounce.test", DSN)
        assert said.startswith(b"550 5.7.1")


@pytest.mark.parametrize(
    "address", ["postmaster@shop.test", "ABUSE@bounce.shop.test", "postmaster", "Abuse@gw.shop.test"]
)
async def test_mail_to_the_operator_is_kept_and_forwarded(tmp_path: Path, address: str) -> None:
    async with mailroom.opened(tmp_path) as room:
        assert (await bring(room, address, b"Subject: hello\r\n\r\nhi\r\n")).startswith(b"250")
        assert len(room.forwarded) == 1
        [filed] = await room.store.reports(0, 10)
        assert (filed.kind, filed.size) == (late.Kind.NOTICE, 22)


async def test_a_complaint_to_abuse_acts_and_is_not_forwarded(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        mark = room.token(delivery, Purpose.DELIVERY).encode()
        mail = b"Subject: abuse\r\n\r\nX-Gatepost-Token: %s\r\n" % mark
        assert (await bring(room, "abuse@shop.test", mail)).startswith(b"250")
        assert await room.suppressed() == ["ann@rcpt.test"]
        assert room.forwarded == []


async def test_several_recipients_in_one_mail_are_each_settled(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        deliveries = await room.delivered("ann@rcpt.test", "bob@rcpt.test")
        async with dialled(room) as client:
            for delivery in deliveries:
                said = await client.say(b"RCPT TO:<%s@%s>" % (room.token(delivery).encode(), BOUNCE.encode()))
                assert said.startswith(b"250")
            assert (await client.say(b"RCPT TO:<x@external.test>")).startswith(b"550 5.7.1")
            await client.say(b"DATA")
            assert (await client.say(DSN + b".")).startswith(b"250")
        assert sorted(await room.suppressed()) == ["ann@rcpt.test", "bob@rcpt.test"]


async def test_mail_without_a_valid_token_is_put_off_above_its_rate_and_reports_are_not(
    tmp_path: Path,
) -> None:
    async with mailroom.opened(tmp_path, unverified_per_min=3) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        mails = [
            await bring(room, f"feedback@{BOUNCE}", b"Subject: abuse\r\n\r\n%d\r\n" % n) for n in range(5)
        ]
        assert [one[:3] for one in mails] == [b"250"] * 3 + [b"451"] * 2
        for n in range(5):
            said = await bring(room, f"{room.token(delivery)}@{BOUNCE}", DSN + b"%d\r\n" % n)
            assert said.startswith(b"250")
        room.clock.advance(61)
        assert (await bring(room, f"feedback@{BOUNCE}", b"Subject: abuse\r\n\r\n9\r\n")).startswith(b"250")


async def test_above_the_budget_a_mail_is_put_off_and_the_session_goes_on(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path, max_size=4096, budget=4096) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        address = f"{room.token(delivery)}@{BOUNCE}"
        room.gate.clear()
        waiting = asyncio.get_running_loop().create_task(bring(room, address, DSN + b"x" * 3000 + b"\r\n"))
        await room.reading.wait()
        async with dialled(room) as client:
            rcpt = b"RCPT TO:<%s>" % address.encode()
            await client.say(rcpt)
            await client.say(b"DATA")
            assert (await client.say(DSN + b"y" * 3000 + b"\r\n.")).startswith(b"451 4.3.2")
            room.gate.set()
            assert (await waiting).startswith(b"250")
            await client.say(b"MAIL FROM:<>")
            await client.say(rcpt)
            await client.say(b"DATA")
            assert (await client.say(DSN + b"y" * 3000 + b"\r\n.")).startswith(b"250")


async def test_too_large_a_report_is_refused_for_good(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path, max_size=2048) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        said = await bring(room, f"{room.token(delivery)}@{BOUNCE}", DSN + b"x\r\n" * 2000)
        assert said.startswith(b"552 5.3.4")
        async with office.dial(room.port) as client:
            await client.reply()
            await client.say(b"EHLO mx.peer.test")
            assert (await client.say(b"MAIL FROM:<> SIZE=5000")).startswith(b"552 5.3.4")


async def test_load_is_answered_with_421_or_451_and_never_5xx(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path, max_connections=2) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        address = f"{room.token(delivery)}@{BOUNCE}"
        room.overloaded = True
        assert (await bring(room, address, DSN)).startswith(b"451 4.3.2")
        room.overloaded = False
        async with dialled(room), dialled(room), office.dial(room.port) as third:
            assert (await third.reply()).startswith(b"421 4.3.2")
        room.short = shortages.Shortage.SPACE
        async with office.dial(room.port) as client:
            await client.reply()
            await client.say(b"EHLO mx.peer.test")
            assert (await client.say(b"MAIL FROM:<>")).startswith(b"452 4.3.1")
        room.short = None
        assert (await bring(room, address, DSN)).startswith(b"250")


async def test_two_thousand_forgeries_suppress_nobody(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path, unverified_per_min=100_000) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        good = room.token(delivery)
        others = [
            tokens.make(Purpose.RETURN_PATH, n, room.clock.now_ms(), tokens.Key(1, b"%d" % n))
            for n in range(2000)
        ]
        forged = [good[: -2 - n % 15] + other[-2 - n % 15 :] for n, other in enumerate(others)]
        forged = [one for one in forged if one != good]  # two characters are right by chance now and then
        async with dialled(room) as client:
            for start in range(0, len(forged), 40):
                batch = forged[start : start + 40]
                lines = [b"RCPT TO:<%s@%s>\r\n" % (local.encode(), BOUNCE.encode()) for local in batch]
                client.writer.write(b"".join(lines) + b"RSET\r\nMAIL FROM:<>\r\n")
                said = [await client.reply() for _ in range(len(batch) + 2)]
                assert {one[:9] for one in said[: len(batch)]} == {b"550 5.1.1"}
        fake = tokens.make(
            Purpose.DELIVERY, delivery, room.clock.now_ms() + mailroom.DAY, tokens.Key(1, b"x")
        )
        for n in range(20):
            mail = b"Subject: abuse\r\n\r\nX-Gatepost-Token: %s\r\n%d\r\n" % (fake.encode(), n)
            assert (await bring(room, f"feedback@{BOUNCE}", mail)).startswith(b"250")
        assert await room.suppressed() == []


async def test_an_exempt_bridges_complaints_suppress_nobody(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        room.exempt = {7}
        assert (await bring(room, f"{room.token(delivery)}@{BOUNCE}", b"Subject: abuse\r\n\r\n")).startswith(
            b"250"
        )
        assert await room.suppressed() == []
        assert State.COMPLAINT in await room.states(delivery)
