"""What is kept of a conversation that failed: who said what and when, without the message and without our password."""

from pathlib import Path

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from tests.delivery import scripted
from tests.delivery import working as works

from gatepost.delivery import transcript
from gatepost.model import event as events

Given, working = works.Given, works.working
State = events.State


def lines(text: bytes) -> list[str]:
    """Without the times."""
    return [line[9:].decode("latin-1") for line in text.splitlines()]


async def kept(at: works.Works, state: State = State.DEFERRED) -> list[bytes]:
    """The transcripts of the events in a state."""
    told = await at.events(state)
    found = await at.store.transcripts([one.seq for one in told])
    return [found.get(one.seq, b"") for one in told]


async def test_a_refused_recipient_keeps_the_whole_dialogue(tmp_path: Path) -> None:
    script = {"RCPT": b"451-4.7.1 first\r\n451 4.7.1 later\r\n"}
    async with scripted.serving(script) as server, working(tmp_path, given_ := Given(server.port)) as at:
        at.offer(await at.accept("a@shop.test", provider=given_.provider))
        await at.store.wait_settled(1)
        [text] = await kept(at)
    said = lines(text)
    assert said[:4] == ["< 220 mx.test", "> EHLO gate.test", "< 250-mx.test", "< 250 8BITMIME"]
    assert said[4].startswith("> MAIL FROM:<news@shop.test>")
    assert said[5:] == [
        "< 250 2.1.0 ok",
        "> RCPT TO:<a@shop.test>",
        "< 451-4.7.1 first",
        "< 451 4.7.1 later",
    ]


async def test_what_was_delivered_keeps_nothing(tmp_path: Path) -> None:
    async with scripted.serving() as server, working(tmp_path, given_ := Given(server.port)) as at:
        at.offer(await at.accept("a@shop.test", provider=given_.provider))
        await at.store.wait_settled(1)
        assert await kept(at, State.DELIVERED) == [b""]


async def test_the_message_is_counted_and_not_kept(tmp_path: Path) -> None:
    body = b"Subject: secret\r\n\r\n.dotted and secret\r\n"
    async with (
        scripted.serving({"DOT": b"554 5.7.1 spam\r\n"}) as server,
        working(tmp_path, given_ := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given_.provider, body=body), body)
        await at.store.wait_settled(1)
        [text] = await kept(at, State.BOUNCED)
    assert b"secret" not in text
    assert lines(text)[-3:] == ["< 354 go", f"# {len(body) + 4} octets of the message", "< 554 5.7.1 spam"]


async def test_a_message_in_the_envelopes_own_write_is_not_kept_either(tmp_path: Path) -> None:
    ehlo = {
        "EHLO": b"250-mx.test\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
        "RCPT": b"550 5.1.1 no such user\r\n",
    }
    async with scripted.serving(ehlo) as server:
        given_ = Given(server.port, chunking=("*",))
        async with working(tmp_path, given_) as at:
            body = b"Subject: secret\r\n\r\nsecret\r\n"
            at.offer(await at.accept("a@shop.test", provider=given_.provider, body=body), body)
            await at.store.wait_settled(1)
            [text] = await kept(at, State.BOUNCED)
    assert b"secret" not in text
    assert any(line.endswith("octets of the message") for line in lines(text))


async def test_our_password_is_not_kept(tmp_path: Path) -> None:
    source = msgspec.structs.replace(
        works.SOURCE, host="127.0.0.1", username="us", password="hunter2", tls="never"
    )
    script = {"EHLO": b"250-mx.test\r\n250 AUTH PLAIN LOGIN\r\n", "MAIL": b"451 4.3.0 later\r\n"}
    async with scripted.serving(script) as server:
        given_ = Given(source=msgspec.structs.replace(source, port=server.port))
        async with working(tmp_path, given_) as at:
            at.offer(await at.accept("a@shop.test", provider=f"127.0.0.1:{server.port}"))
            await at.store.wait_settled(1)
            [text] = await kept(at)
    assert "> AUTH ..." in lines(text)
    assert b"hunter2" not in text
    assert b"AHVzAGh1bnRlcjI=" not in text  # the same in base64


async def test_a_connection_that_breaks_says_where(tmp_path: Path) -> None:
    async with (
        scripted.serving({"DATA": scripted.CLOSE}) as server,
        working(tmp_path, given_ := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given_.provider))
        await at.store.wait_settled(1)
        [text] = await kept(at)
    assert lines(text)[-2:] == ["> DATA", "# the connection was closed"]


async def test_a_greeting_that_refuses_is_kept(tmp_path: Path) -> None:
    async with (
        scripted.serving({"GREETING": b"554 5.7.1 not you\r\n"}) as server,
        working(tmp_path, given_ := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", provider=given_.provider))
        await at.store.wait_settled(1)
        [text] = await kept(at, State.DEFERRED) or await kept(at, State.BOUNCED)
    assert lines(text)[0] == "< 554 5.7.1 not you"


async def test_the_recipients_of_one_transaction_share_one(tmp_path: Path) -> None:
    async with (
        scripted.serving({"DOT": b"451 4.7.1 later\r\n"}) as server,
        working(tmp_path, given_ := Given(server.port)) as at,
    ):
        at.offer(await at.accept("a@shop.test", "b@shop.test", provider=given_.provider))
        await at.store.wait_settled(2)
        first, second = await kept(at)
    assert first == second != b""


async def test_the_second_transaction_of_a_connection_has_the_opening_and_itself(tmp_path: Path) -> None:
    script = {"DOT": b"451 4.7.1 later\r\n"}
    async with scripted.serving(script) as server, working(tmp_path, given_ := Given(server.port)) as at:
        at.offer(await at.accept("a@shop.test", provider=given_.provider))
        await at.store.wait_settled(1)
        at.offer(await at.accept("b@shop.test", provider=given_.provider))
        await at.store.wait_settled(2)
        _, second = await kept(at)
        assert server.connections == 1
    assert lines(second)[0] == "< 220 mx.test"
    assert b"a@shop.test" not in second
    assert b"b@shop.test" in second


def test_lines_that_come_in_pieces_are_whole() -> None:
    one = transcript.Transcript(0.0)
    for piece in (b"250", b"-a\r", b"\n250 b\r\n"):
        one.heard(piece, 1.0)
    assert one.written() == b"   1.000 < 250-a\n   1.000 < 250 b\n"


def test_a_long_dialogue_keeps_its_beginning_and_its_end() -> None:
    one = transcript.Transcript(0.0)
    one.begin(0.0)
    one.spoke([b"RCPT TO:<%04d@x.test>\r\n" % n for n in range(1000)], 0, 0.0)
    one.heard(b"550 no\r\n", 0.0)
    text = one.written()
    assert len(text) <= transcript.MOST
    found = lines(text)
    assert (found[0], found[-1]) == ("> RCPT TO:<0000@x.test>", "< 550 no")
    assert any("lines are left out" in line for line in found)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("heard"), st.binary(max_size=20_000)),
            st.tuples(st.just("spoke"), st.binary(max_size=3_000)),
            st.tuples(st.just("begin"), st.just(b"")),
        ),
        max_size=30,
    )
)
def test_whatever_is_said_it_is_bounded_and_in_lines(steps: list[tuple[str, bytes]]) -> None:
    one = transcript.Transcript(0.0)
    for what, data in steps:
        if what == "heard":
            one.heard(data, 0.5)
        elif what == "spoke":
            one.spoke([data], len(data), 0.5)
        else:
            one.begin(0.5)
    text = one.written()
    assert len(text) <= transcript.MOST
    for line in text.split(b"\n")[:-1]:
        assert line[8:9] == b" "
        assert line[9:10] in {b"<", b">", b"#"}
