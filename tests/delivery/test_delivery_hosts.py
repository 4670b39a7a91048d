"""What a host takes, it is given: recipients in a transaction, messages on a connection, size and kind of content."""

import email
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.delivery import scripted
from tests.delivery import working as works

from gatepost.delivery import settings as delivery_settings
from gatepost.model import event as events
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

State = events.State
Given, working = works.Given, works.working
ONE = delivery_settings.LaneOverride(connections=1)


def ehlo(*extensions: bytes) -> dict[str, scripted.Answer]:
    return {"EHLO": b"".join(b"250-%s\r\n" % line for line in (b"mx.test", *extensions)) + b"250 HELP\r\n"}


def names(count: int, domain: str = "shop.test") -> list[str]:
    return [f"a{number}@{domain}" for number in range(count)]


def sizes(server: scripted.Server) -> list[int]:
    return [len(one) for one in server.transactions]


class Crowded:
    """Takes so many recipients a transaction."""

    def __init__(self, most: int, refusal: bytes = b"452 4.5.3 Too many recipients\r\n") -> None:
        self._most = most
        self._refusal = refusal
        self._left = 0

    async def mail(self, _: bytes) -> bytes:
        self._left = self._most
        return scripted.USUAL["MAIL"]

    async def rcpt(self, _: bytes) -> bytes:
        self._left -= 1
        return scripted.USUAL["RCPT"] if self._left >= 0 else self._refusal

    @property
    def script(self) -> dict[str, scripted.Answer]:
        return {"MAIL": self.mail, "RCPT": self.rcpt}


async def test_no_transaction_has_more_recipients_than_the_server_announced(tmp_path: Path) -> None:
    async with (
        scripted.serving(ehlo(b"LIMITS RCPTMAX=2")) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        at.offer(await at.accept(*names(5), provider=given.provider))
        await at.store.wait_settled(5)
        assert (sizes(server), server.connections) == ([2, 2, 1], 1)
        assert [e.attempt for e in await at.events(State.DELIVERED)] == [1] * 5


async def test_a_connection_ends_after_as_many_messages_as_the_server_announced(tmp_path: Path) -> None:
    async with (
        scripted.serving(ehlo(b"LIMITS MAILMAX=2")) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        for number in range(1, 6):
            at.offer(await at.accept("a@shop.test", provider=given.provider))
            await at.store.wait_settled(number)
        assert (sizes(server), server.connections) == ([1] * 5, 3)
        assert sum(line.startswith(b"QUIT") for line in server.heard) == 2


REFUSALS = [b"452 4.5.3 Too many recipients\r\n", b"552 5.5.3 Too many recipients\r\n"]


@pytest.mark.parametrize("refusal", REFUSALS, ids=["452", "552"])
async def test_recipients_that_were_too_many_go_at_once_in_groups_of_what_was_taken(
    tmp_path: Path, refusal: bytes
) -> None:
    async with (
        scripted.serving(Crowded(3, refusal).script) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        at.offer(await at.accept(*names(8), provider=given.provider))
        await at.store.wait_settled(13)
        assert sizes(server) == [8, 3, 2]
        assert [e.attempt for e in await at.events(State.DELIVERED)] == [1] * 3 + [2] * 5
        again = await at.events(State.DEFERRED)
        assert {(e.category, e.action) for e in again} == {
            ("session.too_many_recipients", events.Action.RESPLIT)
        }


async def test_what_a_host_took_is_remembered_for_its_next_connections(tmp_path: Path) -> None:
    short = delivery_settings.LaneOverride(connections=1, per_connection=1)
    async with (
        scripted.serving(Crowded(3).script) as server,
        working(tmp_path, given := Given(server.port, limits=short)) as at,
    ):
        for settled, domain in ((5, "one.test"), (9, "two.test")):
            at.offer(await at.accept(*names(4, domain), provider=given.provider))
            await at.store.wait_settled(settled)
        assert (sizes(server), server.connections) == ([4, 1, 3, 1], 4)


async def test_where_nobody_was_taken_the_groups_become_smaller_until_they_are(tmp_path: Path) -> None:
    async def dot(_: bytes) -> bytes:
        taken = len(server.transactions[-1]) < 3
        return scripted.USUAL["DOT"] if taken else b"552 5.5.3 Too many recipients\r\n"

    async with (
        scripted.serving({"DOT": dot}) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        at.offer(await at.accept(*names(7), provider=given.provider))
        await at.store.wait_settled(7 + 3 + 7)
        assert sizes(server) == [7, 3, 1, 1, 1, 1, 1, 1, 1]
        assert len(await at.events(State.DELIVERED)) == 7


async def test_one_recipient_alone_is_not_too_many_and_is_not_tried_again_at_once(tmp_path: Path) -> None:
    async with (
        scripted.serving(Crowded(0).script) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        [deferred] = await at.events(State.DEFERRED)
        assert (deferred.action, deferred.next_at > at.clock.now_ms()) == (events.Action.RETRY, True)


async def test_mail_that_goes_in_clear_because_tls_broke_says_so_in_its_event(tmp_path: Path) -> None:
    script = {**ehlo(b"STARTTLS"), "STARTTLS": b"220 go\r\n"}
    wanting = msgspec.structs.replace(works.SOURCE, tls="opportunistic")
    async with (
        scripted.serving(script) as server,
        working(tmp_path, given := Given(server.port, source=wanting)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        [delivered] = await at.events(State.DELIVERED)
        assert delivered.tls.startswith("none (STARTTLS: handshake failed: ")
        assert (delivered.attempt, server.connections) == (1, 2)


# --- content that the host does not take


LACKING: dict[str, tuple[tuple[bytes, ...], dict[str, bool], str, str]] = {
    "larger than it takes": ((b"SIZE 10",), {}, "content.too_large", "5.3.4"),
}


@pytest.mark.parametrize(("extensions", "needs", "category", "status"), LACKING.values(), ids=LACKING)
async def test_what_a_host_cannot_take_is_not_sent_and_ends_as_a_rejection_that_suppresses_nobody(
    tmp_path: Path, extensions: tuple[bytes, ...], needs: dict[str, bool], category: str, status: str
) -> None:
    async with (
        scripted.serving(ehlo(*extensions)) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        at.offer(await at.accept("a@shop.test", "b@shop.test", provider=given.provider, **needs))
        await at.store.wait_settled(2)
        found = await at.events(State.BOUNCED, State.SUPPRESSED, State.DEFERRED)
        assert {(e.state, e.category, e.outcome, e.enhanced) for e in found} == {
            (State.BOUNCED, category, verdicts.Outcome.REJECTION, status)
        }
        assert {(e.stage, e.code, e.action) for e in found} == {(replies.Stage.MAIL, 0, events.Action.FAIL)}
        assert all(e.detail.startswith(f"{status} the server ") for e in found)
        assert (server.transactions, await at.store.suppressions((), 0, 9)) == ([], [])
        assert at.deliverer.depth()["connections"] == 1


async def test_a_connection_on_which_one_message_could_not_go_carries_the_next(tmp_path: Path) -> None:
    async with (
        scripted.serving(ehlo()) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        for settled, needs in enumerate(({"utf8": True, "sender": "é@us.test".encode()}, {}), 1):
            at.offer(await at.accept("a@shop.test", provider=given.provider, **needs))
            await at.store.wait_settled(settled)
        assert (len(await at.events(State.DELIVERED)), server.connections) == (1, 1)


@pytest.mark.parametrize("said", [b"500 5.5.1 what\r\n", b"502 no\r\n", b"554 no\r\n"])
async def test_a_server_without_esmtp_is_greeted_with_helo_and_gets_its_mail(
    tmp_path: Path, said: bytes
) -> None:
    async with (
        scripted.serving({"EHLO": said}) as server,
        working(tmp_path, given := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given.provider))
        await at.store.wait_settled(1)
        assert server.heard[:3] == [
            b"EHLO gate.test\r\n",
            b"HELO gate.test\r\n",
            b"MAIL FROM:<news@shop.test>\r\n",
        ]
        assert len(await at.events(State.DELIVERED)) == 1


EIGHT_BIT = "Subject: Grüße\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode()


async def test_a_message_is_converted_for_a_host_without_8bitmime_and_sent_as_it_is_to_others(
    tmp_path: Path,
) -> None:
    """faults.md B21; a large one in a thread like a small one."""
    for offered in ((), (b"8BITMIME",)):
        folder = tmp_path / str(len(offered))
        folder.mkdir()
        async with (
            scripted.serving(ehlo(*offered)) as server,
            working(folder, given := Given(server.port, limits=ONE)) as at,
        ):
            for number, body in enumerate((EIGHT_BIT, EIGHT_BIT + "é\r\n".encode() * 99_000)):
                jobs = await at.accept("a@shop.test", provider=given.provider, eight_bit=True, body=body)
                at.offer(jobs, body)
                await at.store.wait_settled(1 + number)
                [sent] = server.bodies[number:]
                assert (
                    email.message_from_bytes(sent).get_payload(decode=True) == body.partition(b"\r\n\r\n")[2]
                )
                assert (sent.isascii(), sent == body) == (not offered, bool(offered))
            mails = [line for line in server.heard if line.startswith(b"MAIL")]
            assert [b"BODY=8BITMIME" in line for line in mails] == [bool(offered)] * 2
            assert server.connections == 1


SIGNED = EIGHT_BIT.replace(b"text/plain; charset=utf-8", b"multipart/signed; boundary=b")


@pytest.mark.parametrize(
    ("recipients", "body", "changes", "told"),
    [
        (["a@shop.test"], SIGNED, {"eight_bit": True}, {"a@shop.test": "5.6.3 "}),
        (["é@shop.test", "b@shop.test"], works.BODY, {"utf8": True}, {"é@shop.test": "5.6.7 "}),
        (
            ["a@shop.test"],
            works.BODY,
            {"utf8": True, "sender": "é@us.test".encode()},
            {"a@shop.test": "5.6.7 "},
        ),
        (["a@shop.test"], EIGHT_BIT, {"utf8": True, "eight_bit": True}, {}),
    ],
    ids=["signed", "one recipient", "sender", "header"],
)
async def test_what_cannot_be_converted_fails_with_its_reason_and_suppresses_nobody(
    tmp_path: Path, recipients: list[str], body: bytes, changes: dict[str, Any], told: dict[str, str]
) -> None:
    async with (
        scripted.serving(ehlo()) as server,
        working(tmp_path, given := Given(server.port, limits=ONE)) as at,
    ):
        jobs = await at.accept(*recipients, provider=given.provider, body=body, **changes)
        at.offer(jobs, body)
        await at.store.wait_settled(len(recipients))
        bounced = await at.events(State.BOUNCED)
        assert {one.recipient: one.detail[:6] for one in bounced} == told
        assert {one.category for one in bounced} <= {verdicts.Category.CONTENT_FORMAT.value}
        assert await at.events(State.SUPPRESSED) == []
        left = [one for one in recipients if one not in told]
        assert [one.recipient for one in await at.events(State.DELIVERED)] == left
        assert all(sent.isascii() for sent in server.bodies)
        at.offer(await at.accept("next@shop.test", provider=given.provider))  # the connection is free again
        await at.store.wait_settled(len(recipients) + 1)
        assert server.connections == 1


@pytest.mark.parametrize(
    ("wanted", "offered", "verb"),
    [
        (("*",), True, b"BDAT"),
        (("127.0.0.1",), True, b"DATA"),  # another Provider
        (("*",), False, b"DATA"),
        ((), True, b"DATA"),
    ],
)
async def test_chunks_are_sent_to_a_provider_for_which_they_are_switched_on_and_that_offers_them(
    tmp_path: Path, wanted: tuple[str, ...], offered: bool, verb: bytes
) -> None:
    script = ehlo(b"PIPELINING", b"CHUNKING") if offered else ehlo(b"PIPELINING")
    async with (
        scripted.serving(script) as server,
        working(tmp_path, given := Given(server.port, limits=ONE, chunking=wanted)) as at,
    ):
        for number in range(2):
            at.offer(await at.accept(f"a{number}@shop.test", provider=given.provider))
            await at.store.wait_settled(1 + number)
        assert [line[:4] for line in server.heard if line[:4] in (b"BDAT", b"DATA")] == [verb] * 2
        assert server.bodies == [works.BODY] * 2
        assert (server.connections, len(await at.events(State.DELIVERED))) == (1, 2)
