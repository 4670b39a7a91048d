"""What DNS said, and only that, decides where mail goes: asked of a real server on loopback."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.net import dns_server, loops

from gatepost import clock as clocks
from gatepost import errors
from gatepost.net import questions
from gatepost.net import resolver as resolvers

MX = resolvers.MxKind
LONG = ".".join(["a" * 49, *["b" * 50] * 4])  # 253 characters: with its lengths, the 255 bytes of RFC 1035


def asking(
    server: dns_server.Server, clock: clocks.Clock | None = None, *, lifetime_s: float = 5.0
) -> resolvers.Resolver:
    return resolvers.Resolver(
        (f"127.0.0.1:{server.port}",),
        clock=clock or clocks.FakeClock(),
        shuffle=lambda names: names.reverse(),
        timeout_s=lifetime_s / 2,
        lifetime_s=lifetime_s,
    )


def patience(said: list[str] | str) -> float:
    """Long enough for a slow machine, short where no answer will ever come."""
    return 0.2 if said in ("drop", "rubbish") else 5.0


MEANINGS: dict[str, tuple[list[str] | str, MX, tuple[tuple[int, str], ...]]] = {
    "in order of preference": (
        ["20 b.test.", "10 a.test.", "30 c.test."],
        MX.FOUND,
        ((10, "a.test"), (20, "b.test"), (30, "c.test")),
    ),
    "equal ones shuffled": (
        ["10 b.test.", "10 a.test.", "5 z.test."],
        MX.FOUND,
        ((5, "z.test"), (10, "b.test"), (10, "a.test")),
    ),
    "names fold to lower case": (["10 MX.Test."], MX.FOUND, ((10, "mx.test"),)),
    "a sole null MX": (["0 ."], MX.NULL_MX, ()),
    "a null MX among others": (["0 .", "10 a.test."], MX.FOUND, ((10, "a.test"),)),
    "an IPv4 address as a name": (["5 192.0.2.1.", "10 a.test."], MX.FOUND, ((10, "a.test"),)),
    "nothing but an address as a name": (["5 192.0.2.1."], MX.NO_ADDRESS, ()),
    "an IPv6 address as a name": (["5 2001:db8::1."], MX.NO_ADDRESS, ()),
    "a name with bytes that no host has": ([r"5 a\032b\000.test."], MX.NO_ADDRESS, ()),
    "the longest name": ([f"5 {LONG}.", "10 a.test."], MX.FOUND, ((5, LONG), (10, "a.test"))),
    "the same host twice": (["20 a.test.", "10 a.test."], MX.FOUND, ((10, "a.test"),)),
    "TC: again over TCP": ("truncated", MX.FOUND, ((10, "big.test"),)),
    "forged answers first": ("forged first", MX.FOUND, ((10, "real.test"),)),
    "NXDOMAIN": ("NXDOMAIN", MX.NXDOMAIN, ()),
    "neither MX nor address": ("NODATA", MX.NO_ADDRESS, ()),
    "SERVFAIL": ("SERVFAIL", MX.FAILED, ()),
    "REFUSED": ("REFUSED", MX.FAILED, ()),
    "FORMERR": ("FORMERR", MX.FAILED, ()),
    "no answer": ("drop", MX.FAILED, ()),
    "rubbish": ("rubbish", MX.FAILED, ()),
    "TC over TCP as well": ("always truncated", MX.FAILED, ()),
    "a lame server's referral": ("referral", MX.FAILED, ()),
    "a CNAME loop": ("loop", MX.FAILED, ()),
}


@pytest.mark.parametrize(("said", "kind", "hosts"), MEANINGS.values(), ids=MEANINGS)
async def test_the_meaning_of_an_mx_answer(
    said: list[str] | str, kind: MX, hosts: tuple[tuple[int, str], ...]
) -> None:
    async with dns_server.serving({("d.test", "MX"): said}) as server:
        answer = await asking(server, lifetime_s=patience(said)).mx("d.test")
    assert (answer.kind, answer.hosts) == (kind, hosts)
    assert bool(answer.detail) == (kind is not MX.FOUND)


@pytest.mark.parametrize(
    ("a", "aaaa", "kind"),
    [
        pytest.param(["192.0.2.1"], "NODATA", MX.IMPLICIT, id="A only"),
        pytest.param("NODATA", ["2001:db8::1"], MX.IMPLICIT, id="AAAA only"),
        pytest.param(["192.0.2.1"], "SERVFAIL", MX.IMPLICIT, id="A, and AAAA fails"),
        pytest.param("NODATA", "SERVFAIL", MX.FAILED, id="no A, and AAAA fails"),
        pytest.param("SERVFAIL", "NODATA", MX.FAILED, id="A fails, no AAAA"),
        pytest.param("NODATA", "NODATA", MX.NO_ADDRESS, id="none"),
    ],
)
async def test_without_an_mx_the_address_decides(a: list[str] | str, aaaa: list[str] | str, kind: MX) -> None:
    async with dns_server.serving({("d.test", "A"): a, ("d.test", "AAAA"): aaaa}) as server:
        answer = await asking(server).mx("d.test")
    assert answer.kind is kind
    assert answer.hosts == (((0, "d.test"),) if kind is MX.IMPLICIT else ())


async def test_many_mx_records_are_cut_to_the_best() -> None:
    records = [f"{n} mx{n}.test." for n in range(25, 0, -1)]
    async with dns_server.serving({("d.test", "MX"): records}) as server:
        answer = await asking(server).mx("d.test")
    assert answer.hosts == tuple((n, f"mx{n}.test") for n in range(1, resolvers.MAX_HOSTS + 1))


async def test_addresses_of_both_families_are_found_in_shuffled_order() -> None:
    zone = {("h.test", "A"): ["192.0.2.1", "192.0.2.2"], ("h.test", "AAAA"): ["2001:db8::1"]}
    async with dns_server.serving(zone) as server:
        answer = await asking(server).addresses("h.test")
    assert answer == resolvers.AddressAnswer(
        resolvers.AddressKind.FOUND, ("192.0.2.2", "192.0.2.1"), ("2001:db8::1",)
    )


@pytest.mark.parametrize(
    ("a", "kind", "incomplete"),
    [
        ("NXDOMAIN", resolvers.AddressKind.NONE, False),
        ("NODATA", resolvers.AddressKind.NONE, False),
        ("SERVFAIL", resolvers.AddressKind.FAILED, True),
        ("drop", resolvers.AddressKind.FAILED, True),
    ],
)
async def test_a_host_without_addresses(a: str, kind: resolvers.AddressKind, incomplete: bool) -> None:
    async with dns_server.serving({("h.test", "A"): a}) as server:
        answer = await asking(server, lifetime_s=patience(a)).addresses("h.test")
    assert (answer.kind, answer.incomplete) == (kind, incomplete)


async def test_one_family_found_and_the_other_in_trouble_is_said_to_be_incomplete() -> None:
    zone: dns_server.Zone = {("h.test", "A"): "SERVFAIL", ("h.test", "AAAA"): ["2001:db8::1"]}
    async with dns_server.serving(zone) as server:
        answer = await asking(server).addresses("h.test")
    assert (answer.kind, answer.v4, answer.incomplete) == (resolvers.AddressKind.FOUND, (), True)


@pytest.mark.parametrize(
    ("said", "ttl", "kept_s"),
    [
        pytest.param(["10 a.test."], 300, 300.0, id="as long as DNS says"),
        pytest.param(["10 a.test."], 0, resolvers.LEAST_TTL_S, id="TTL 0"),
        pytest.param(["10 a.test."], 999_999, resolvers.MOST_TTL_S, id="a TTL without end"),
        pytest.param("NXDOMAIN", 3600, resolvers.MOST_NEGATIVE_TTL_S, id="NXDOMAIN shortly"),
        pytest.param("NXDOMAIN", 20, 20.0, id="NXDOMAIN as the SOA says"),
        pytest.param("SERVFAIL", 300, resolvers.FAILED_TTL_S, id="failures for a moment"),
    ],
)
async def test_answers_are_kept_for_their_time(said: list[str] | str, ttl: int, kept_s: float) -> None:
    clock = clocks.FakeClock()
    async with dns_server.serving({("d.test", "MX"): said}, ttl=ttl) as server:
        resolver = asking(server, clock)
        first = await resolver.mx("d.test")
        asked = server.count("d.test", "MX")
        clock.advance(kept_s - 0.5)
        again = await resolver.mx("D.test.")
        assert (again.kind, again.hosts) == (first.kind, first.hosts)
        assert server.count("d.test", "MX") == asked
        clock.advance(1)
        await resolver.mx("d.test")
        assert server.count("d.test", "MX") > asked


async def test_equal_questions_at_once_are_asked_once() -> None:
    async with dns_server.serving({("d.test", "MX"): ["10 a.test."]}) as server:
        resolver = asking(server)
        answers = await asyncio.gather(*(resolver.mx("d.test") for _ in range(50)))
    assert len({answer.hosts for answer in answers}) == 1
    assert server.asked == [("d.test", "MX", "udp")]


async def test_a_cancelled_question_is_asked_by_another_who_waits() -> None:
    async with dns_server.serving({("d.test", "MX"): ["10 a.test."]}) as server:
        resolver = asking(server)
        first, second, third = (asyncio.ensure_future(resolver.mx("d.test")) for _ in range(3))
        await asyncio.sleep(0)
        first.cancel()
        found = await asyncio.gather(first, second, third, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [answer.kind for answer in found[1:] if isinstance(answer, resolvers.MxAnswer)] == [MX.FOUND] * 2
    assert server.count("d.test", "MX") <= 2


async def test_the_second_server_answers_when_the_first_is_down() -> None:
    async with dns_server.serving({("d.test", "MX"): ["10 a.test."]}) as server:
        async with dns_server.serving({}) as closed:
            dead = closed.port
        resolver = resolvers.Resolver(
            (f"127.0.0.1:{dead}", f"127.0.0.1:{server.port}"),
            clock=clocks.FakeClock(),
            shuffle=lambda names: names.reverse(),
            timeout_s=1.0,
            lifetime_s=5.0,
        )
        assert (await resolver.mx("d.test")).kind is MX.FOUND


def asking_several(
    *ports: int, clock: clocks.Clock | None = None, control: str = "known.test"
) -> resolvers.Resolver:
    return resolvers.Resolver(
        tuple(f"127.0.0.1:{port}" for port in ports),
        clock=clock or clocks.FakeClock(),
        shuffle=lambda _: None,
        timeout_s=0.2,
        lifetime_s=5.0,
        control=control,
    )


@pytest.mark.parametrize("trouble", ["drop", "SERVFAIL", "REFUSED", "referral"])
async def test_what_one_server_cannot_tell_another_is_asked(trouble: str) -> None:
    zone: dns_server.Zone = {("d.test", "MX"): ["10 a.test."]}
    async with dns_server.serving({("d.test", "MX"): trouble}) as sick, dns_server.serving(zone) as well:
        answer = await asking_several(sick.port, well.port).mx("d.test")
        assert (answer.kind, len(sick.asked), len(well.asked)) == (MX.FOUND, 1, 1)


async def test_servers_take_turns() -> None:
    async with dns_server.serving({}) as one, dns_server.serving({}) as other:
        resolver = asking_several(one.port, other.port)
        for number in range(4):
            await resolver.texts(f"d{number}.test")
        assert (len(one.asked), len(other.asked)) == (2, 2)


async def test_a_server_that_does_not_answer_is_asked_last_for_a_while() -> None:
    clock = clocks.FakeClock()
    names = [f"d{number}.test" for number in range(8)]
    silent: dns_server.Zone = {(name, "TXT"): "drop" for name in names[:4]}
    async with dns_server.serving(silent) as sick, dns_server.serving({}) as well:
        resolver = asking_several(sick.port, well.port, clock=clock)
        for name in names[:4]:
            await resolver.texts(name)
        assert (len(sick.asked), len(well.asked)) == (1, 4)
        clock.advance(questions.DOWN_S + 1)
        for name in names[4:]:
            await resolver.texts(name)
        assert len(sick.asked) == 3


async def test_a_refusal_is_not_asked_for_again_of_the_same_server() -> None:
    async with dns_server.serving({("d.test", "MX"): "SERVFAIL"}) as server:
        assert (await asking_several(server.port).mx("d.test")).kind is MX.FAILED
        assert len(server.asked) == 1


async def test_a_lost_datagram_is_sent_again() -> None:
    async with dns_server.serving({("d.test", "MX"): "drop"}) as server:
        resolver = asking_several(server.port)
        asked = asyncio.ensure_future(resolver.mx("d.test"))
        while not server.asked:  # noqa: ASYNC110 - one turn of the loop each
            await asyncio.sleep(0)
        server.zone["d.test", "MX"] = ["10 a.test."]
        assert (await asked).kind is MX.FOUND


# --- answers that have run out


async def test_while_dns_is_down_the_last_answer_is_used_for_a_day_and_asked_for_again() -> None:
    clock = clocks.FakeClock()
    async with dns_server.serving({("d.test", "MX"): ["10 a.test."]}, ttl=60) as server:
        resolver = asking(server, clock)
        await resolver.mx("d.test")
        server.zone["d.test", "MX"] = "SERVFAIL"
        clock.advance(61)
        assert (await resolver.mx("d.test")).hosts == ((10, "a.test"),)
        asked = len(server.asked)
        clock.advance(resolvers.STALE_TTL_S - 1)
        assert (await resolver.mx("d.test")).kind is MX.FOUND
        assert len(server.asked) == asked
        clock.advance(2)
        assert (await resolver.mx("d.test")).kind is MX.FOUND
        assert len(server.asked) > asked
        clock.advance(resolvers.MOST_STALE_S)
        assert (await resolver.mx("d.test")).kind is MX.FAILED


async def test_an_absence_that_has_run_out_is_no_answer() -> None:
    clock = clocks.FakeClock()
    async with dns_server.serving({("d.test", "MX"): "NXDOMAIN"}) as server:
        resolver = asking(server, clock)
        assert (await resolver.mx("d.test")).kind is MX.NXDOMAIN
        server.zone["d.test", "MX"] = "SERVFAIL"
        clock.advance(3600)
        assert (await resolver.mx("d.test")).kind is MX.FAILED


async def test_a_domain_that_is_gone_is_not_found_by_an_old_answer() -> None:
    clock = clocks.FakeClock()
    async with dns_server.serving({("d.test", "MX"): ["10 a.test."]}, ttl=60) as server:
        resolver = asking(server, clock)
        await resolver.mx("d.test")
        server.zone["d.test", "MX"] = "NXDOMAIN"
        clock.advance(61)
        assert (await resolver.mx("d.test")).kind is MX.NXDOMAIN


# --- whether a domain is gone

THERE = ["ns.test. host.test. 1 2 3 4 5"]
DENIALS: dict[str, tuple[list[str] | str, list[str] | str, bool]] = {
    "both deny it": ("NXDOMAIN", THERE, True),
    "one knows it": (["10 a.test."], THERE, False),
    "one knows the name, without MX": ("NODATA", THERE, False),
    "one fails": ("SERVFAIL", THERE, False),
    "one is silent": ("drop", THERE, False),
    "one denies what there is as well": ("NXDOMAIN", "NXDOMAIN", False),
    "one cannot find what there is": ("NXDOMAIN", "SERVFAIL", False),
}


@pytest.mark.parametrize(("said", "control", "gone"), DENIALS.values(), ids=DENIALS)
async def test_a_domain_is_gone_only_if_two_servers_that_know_others_say_so(
    said: list[str] | str, control: list[str] | str, gone: bool
) -> None:
    sure: dns_server.Zone = {("d.test", "MX"): "NXDOMAIN", ("known.test", "SOA"): THERE}
    other: dns_server.Zone = {("d.test", "MX"): said, ("known.test", "SOA"): control}
    async with dns_server.serving(sure) as one, dns_server.serving(other) as two:
        resolver = asking_several(one.port, two.port)
        await resolver.mx("d.test")
        assert await resolver.is_gone("d.test") is gone
        assert (one.count("d.test", "MX"), two.count("d.test", "MX")) in {(2, 1), (3, 1)}


async def test_one_server_alone_is_not_believed() -> None:
    zone: dns_server.Zone = {("d.test", "MX"): "NXDOMAIN", ("known.test", "SOA"): THERE}
    async with dns_server.serving(zone) as server:
        assert not await asking_several(server.port).is_gone("d.test")


# --- texts


@pytest.mark.parametrize(
    ("said", "texts", "failed"),
    [
        (['"v=STSv1; " "id=1;"', '"other"'], {"v=STSv1; id=1;", "other"}, False),
        ("NODATA", set(), False),
        ("NXDOMAIN", set(), False),
        ("SERVFAIL", set(), True),
    ],
)
async def test_texts_are_joined_and_their_absence_is_told_from_trouble(
    said: list[str] | str, texts: set[str], failed: bool
) -> None:
    async with dns_server.serving({("d.test", "TXT"): said}) as server:
        answer = await asking(server).texts("d.test")
    assert (set(answer.texts), answer.failed, bool(answer.detail)) == (texts, failed, failed)


@loops.BOTH
def test_the_resolver_works_on_both_loops_over_udp_and_tcp(loop: str) -> None:
    async def main() -> list[MX]:
        zone: dns_server.Zone = {("u.test", "MX"): ["1 a.test."], ("t.test", "MX"): "truncated"}
        async with dns_server.serving(zone) as server:
            resolver = asking(server)
            return [(await resolver.mx(name)).kind for name in ("u.test", "t.test", "n.test")]

    assert loops.run(loop, main()) == [MX.FOUND, MX.FOUND, MX.NO_ADDRESS]


@pytest.mark.parametrize("name", ["a..test", "x" * 64 + ".test", "é" * 80 + ".test"])
async def test_a_name_that_dns_cannot_carry_is_a_failure_and_asks_nobody(name: str) -> None:
    async with dns_server.serving({}) as server:
        assert (await asking(server).mx(name)).kind is MX.FAILED
        assert server.asked == []


@pytest.mark.parametrize(
    "text", ["dns.test", "127.0.0.1:x", "127.0.0.1:0", "127.0.0.1:70000", "[::1", "", "::1]"]
)
def test_a_server_that_is_no_address_is_bad_input(text: str) -> None:
    with pytest.raises(errors.BadInput, match=r"^dns\.server: "):
        resolvers.Resolver((text,), clock=clocks.FakeClock(), shuffle=lambda _: None)


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:5353", "::1", "[::1]", "[::1]:5353"])
def test_servers_are_named_with_or_without_a_port(text: str) -> None:
    resolvers.Resolver((text,), clock=clocks.FakeClock(), shuffle=lambda _: None)


def test_a_name_longer_than_dns_carries_is_no_host() -> None:
    assert resolvers.is_host(LONG)
    assert not resolvers.is_host("a" + LONG)


@given(st.text(max_size=300) | st.text("a0.-_:", max_size=20))
@settings(max_examples=100)
def test_a_host_name_is_never_an_address(name: str) -> None:
    if resolvers.is_host(name):
        assert name.rpartition(".")[2].strip("0123456789")
        assert len(name) <= resolvers.MAX_NAME
        assert ":" not in name
