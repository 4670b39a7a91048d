"""Signing at the attempt, with a real store and real sockets: who signs, that what is received verifies, and what a bad key does."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.delivery import scripted, signers
from tests.delivery import working as works
from tests.dkim import dkim_values, verifier

from gatepost.delivery import settings as delivery_settings
from gatepost.model import directive as directives
from gatepost.model import directory as directories
from gatepost.model import event as events
from gatepost.model import result as results
from gatepost.model import suppression as suppressions

State = events.State
entry, ring_of, BOTH, RECORDS = signers.entry, signers.ring_of, signers.BOTH, signers.RECORDS
Given, working = works.Given, works.working
BODY = b"From: News <news@shop.test>\r\nSubject: x\r\n\r\nhi \xe9\r\n.dotted\r\n..twice\r\n\r\n"


async def test_what_is_received_carries_a_signature_of_every_active_key(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(*BOTH)
        jobs = await at.accept("a@x.test", "b@x.test", provider=given.provider, body=BODY, eight_bit=True)
        at.offer(jobs, BODY)
        await at.store.wait_settled(2)
        [received] = server.bodies
        found = verifier.verify(received, RECORDS)
        assert [(one["s"], one["a"], one["d"]) for one in found] == [
            ("s1", "rsa-sha256", "shop.test"),
            ("s2", "ed25519-sha256", "shop.test"),
        ]
        assert received.endswith(BODY)
        assert {one["t"] for one in found} == {str(at.clock.now_ms() // 1000)}
        assert len(await at.events(State.DELIVERED)) == 2


async def test_the_announced_size_has_the_signatures_in_it(tmp_path: Path) -> None:
    script = {"EHLO": b"250-mx.test\r\n250 SIZE 5000000\r\n"}
    async with scripted.serving(script) as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(*BOTH)
        at.offer(await at.accept("a@x.test", provider=given.provider))
        await at.store.wait_settled(1)
        [mail] = [line for line in server.heard if line.startswith(b"MAIL")]
        assert b" SIZE=%d" % len(server.bodies[0]) in mail


@pytest.mark.parametrize(
    ("held", "domains"),
    [
        ([], [(1, "shop.test")]),
        ([entry(1, dkim_values.ed25519_key(), state=directories.KeyState.STAGED)], [(1, "shop.test")]),
        ([entry(1, dkim_values.ed25519_key(), state=directories.KeyState.RETIRED)], [(1, "shop.test")]),
        ([entry(1, dkim_values.ed25519_key())], [(2, "shop.test")]),
        ([entry(1, dkim_values.ed25519_key())], [(1, "news.shop.test")]),
        ([entry(1, dkim_values.ed25519_key(), domain=9)], [(1, "shop.test")]),
    ],
    ids=["none", "staged", "retired", "another account's", "a domain below", "a domain that is gone"],
)
async def test_without_an_active_key_for_it_mail_goes_out_byte_for_byte(
    tmp_path: Path, held: list[directories.DkimKey], domains: list[tuple[int, str]]
) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(*held, domains=tuple(domains))
        at.offer(await at.accept("a@x.test", provider=given.provider, body=BODY), BODY)
        await at.store.wait_settled(1)
        assert server.bodies == [BODY]


async def test_a_domain_without_keys_is_signed_for_by_the_nearest_one_above_it(tmp_path: Path) -> None:
    domains = ((1, "shop.test"), (1, "eu.shop.test"))
    upper, lower = entry(1, dkim_values.ed25519_key()), entry(2, dkim_values.ed25519_key(), domain=2)
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        for number, held in enumerate([(upper,), (upper, lower)], 1):
            at.ring = ring_of(*held, domains=domains)
            jobs = await at.accept("a@x.test", provider=given.provider, sender_domain="news.eu.shop.test")
            at.offer(jobs)
            await at.store.wait_settled(number)
        tags = [
            verifier.tags_of(body.partition(b":")[2].partition(b"\r\nSubject")[0])["d"]
            for body in server.bodies
        ]
        assert tags == ["shop.test", "eu.shop.test"]


async def test_a_key_that_cannot_be_read_defers_with_its_name_and_sends_nothing(tmp_path: Path) -> None:
    bad = msgspec.structs.replace(BOTH[0], private_key="-----BEGIN PRIVATE KEY-----\ngone\n")
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(bad, BOTH[1])
        [due] = await at.accept("a@x.test", provider=given.provider)
        at.offer([due])
        [(result, settlement)] = await at.store.wait_settled(1)
        assert isinstance(result, results.Attempted)
        assert (result.verdict.category.value, result.verdict.rule) == ("sender.auth", "failure.unsigned")
        assert settlement is not None
        assert settlement.reschedule is not None
        [deferred] = await at.events(State.DEFERRED)
        assert deferred.detail.endswith(
            "it cannot be signed: s1._domainkey.shop.test: this is no private key in PEM that can be read"
        )
        assert (server.bodies, server.transactions, await at.events(State.BOUNCED)) == ([], [], [])

        at.ring = ring_of(BOTH[1])  # mended: the same connection carries it, signed anew
        assert await at.store.held_by(directives.AUTHENTICATION, 10) == [due.id]
        await at.store.settle([results.Released(due.id, at.clock.now_ms())], at.parts(given).decide)
        at.deliverer.look_at(due.lane)
        await at.store.wait_settled(3)
        [received] = server.bodies
        assert [one["s"] for one in verifier.verify(received, RECORDS)] == ["s2"]
        assert server.connections == 1


async def test_a_message_that_is_tried_again_is_signed_by_the_key_of_then(tmp_path: Path) -> None:
    script = {"DOT": b"451 4.7.1 later\r\n"}
    async with scripted.serving(script) as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(BOTH[0])
        [due] = await at.accept("a@x.test", provider=given.provider)
        at.offer([due])
        await at.store.wait_settled(1)
        at.ring = ring_of(BOTH[1])
        at.clock.advance(3600 * 2)
        at.deliverer.look_at(due.lane)
        await at.store.wait_settled(2)
        found = [verifier.verify(body, RECORDS) for body in server.bodies]
        assert [[one["s"] for one in tags] for tags in found] == [["s1"], ["s2"]]
        assert int(found[1][0]["t"]) == int(found[0][0]["t"]) + 7200


async def test_a_suppression_is_read_after_the_signature(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(*BOTH)
        jobs = await at.accept("a@x.test", "b@x.test", provider=given.provider)
        stands = suppressions.Suppression(suppressions.Kind.ADDRESS, "a@x.test", reason="manual")
        await at.store.suppress([stands], "me")
        at.offer(jobs)
        await at.store.wait_settled(2)
        assert server.transactions == [[b"b@x.test"]]
        assert len(verifier.verify(server.bodies[0], RECORDS)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
async def test_many_at_once_are_each_signed_once(tmp_path: Path, threads: int) -> None:
    limits = delivery_settings.LaneOverride(connections=20, connections_per_min=0)
    given = Given(limits=limits)
    async with scripted.serving() as server:
        given = msgspec.structs.replace(given, fixed=server.port, threads=threads)
        async with working(tmp_path, given) as at:
            at.ring = ring_of(BOTH[1])
            bodies = [b"From: a@shop.test\r\nSubject: %d\r\n\r\nbody %d\r\n" % (n, n) for n in range(200)]
            for number, body in enumerate(bodies):
                jobs = await at.accept(f"a{number}@x.test", provider=given.provider, body=body)
                at.offer(jobs, body)
            await at.store.wait_settled(len(bodies))
            assert sorted(body[body.index(b"From: a@") :] for body in server.bodies) == sorted(bodies)
            assert all(len(verifier.verify(body, RECORDS)) == 1 for body in server.bodies)


async def being_signed(at: works.Works) -> None:
    """Until something is: a matter of turns of the loop, because the first signature needs a thread to start."""
    async with asyncio.timeout(10):
        while not at.deliverer._handing.busy:  # noqa: ASYNC110 - the threads have no bell
            await asyncio.sleep(0)


async def test_what_is_being_signed_is_under_way(tmp_path: Path) -> None:
    """Else a domain that leaves the lane meanwhile would take it along, and it would be sent twice."""
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(*BOTH)
        [due] = await at.accept("a@x.test", provider=given.provider)
        at.offer([due])
        await being_signed(at)
        desk = at.deliverer._desks.known(due.lane)
        assert [one.id for one in at.deliverer._handing.waiting(desk)] == [due.id]
        assert at.deliverer._under_way(desk, "x.test")
        assert not at.deliverer._under_way(desk, "y.test")
        await at.store.wait_settled(1)
        assert not at.deliverer._under_way(desk, "x.test")


async def test_a_stop_waits_for_what_is_being_signed(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(*BOTH)
        at.offer(await at.accept("a@x.test", provider=given.provider))
        await being_signed(at)
        await at.deliverer.drain(5)
        assert len(await at.events(State.DELIVERED)) == 1
        assert [len(verifier.verify(body, RECORDS)) for body in server.bodies] == [2]


async def test_a_stop_out_of_patience_leaves_what_is_being_signed_as_it_was(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(*BOTH)
        [due] = await at.accept("a@x.test", provider=given.provider)
        at.offer([due])
        await being_signed(at)
        await at.deliverer.drain(0)
        [row] = await at.store.due(due.lane, at.clock.now_ms(), 9)
        assert (row.id, row.attempts, server.bodies) == (due.id, 0, [])


async def test_a_new_manner_is_that_of_the_next_signature(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(BOTH[1])
        for number, form in enumerate(["relaxed/relaxed", "simple/simple"], 1):
            manner = delivery_settings.SigningSettings(canonicalization=form, expires_s=86_400 * number)
            at.deliverer.take(msgspec.structs.replace(at.parts(given), signing=manner))
            at.offer(await at.accept("a@x.test", provider=given.provider))
            await at.store.wait_settled(number)
        found = [verifier.verify(body, RECORDS)[0] for body in server.bodies]
        assert [one["c"] for one in found] == ["relaxed/relaxed", "simple/simple"]
        assert [int(one["x"]) - int(one["t"]) for one in found] == [86_400, 172_800]


async def test_a_signature_that_fails_by_a_mistake_of_ours_is_settled_too(tmp_path: Path) -> None:
    odd = msgspec.structs.replace(BOTH[1], private_key=5)
    async with scripted.serving() as server, working(tmp_path, given := Given(server.port)) as at:
        at.ring = ring_of(odd)
        at.offer(await at.accept("a@x.test", provider=given.provider))
        await at.store.wait_settled(1)
        [deferred] = await at.events(State.DEFERRED)
        assert "it cannot be signed: s2._domainkey.shop.test: AttributeError" in deferred.detail
        assert server.bodies == []
