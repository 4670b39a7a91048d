"""Each misbehaviour at each stage of the conversation, in clear and inside TLS (faults.md C03, D02): what becomes of the mail.

Two hundred cells; a test is one behaviour with one kind of TLS, its hosts, one for each stage, at once.
"""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from tests.delivery import scripted
from tests.delivery import working as works
from tests.net import authority, dns_server

from gatepost.model.event import State
from gatepost.model.verdict import Outcome

CLEAR = ("GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT", "QUIT")
SECURE = ("GREETING", "EHLO", "STARTTLS", "EHLO2", "MAIL", "RCPT", "DATA", "DOT", "QUIT")
BEHAVIOURS = {
    "4xx": b"451 4.3.0 not now\r\n",
    "5xx": b"554 5.0.0 no\r\n",
    "421": b"421 4.3.2 closing\r\n",
    "closes": scripted.CLOSE,
    "resets": scripted.RESET,
    "silence": scripted.SILENCE,
    "garbage": b"\xff\xfe what is this\r\n",
    "slow bytes": scripted.DRIP,
}
TLS = ("never", "opportunistic", "required")
BY_THE_DEADLINE = {"silence", "slow bytes"}
OFFERED = b"250-mx.test\r\n250 STARTTLS\r\n"


def script(stage: str, said: bytes, tls: str) -> dict[str, scripted.Answer]:
    usual = {"EHLO": OFFERED, "STARTTLS": b"220 go\r\n"} if tls != "never" else {}
    return {**usual, stage: said}


@asynccontextmanager
async def hosts(tmp_path: Path, behaviour: str, tls: str) -> AsyncIterator[works.Works]:
    """One domain for each stage, whose only host misbehaves there."""
    stages = CLEAR if tls == "never" else SECURE
    (tmp_path / "certificates").mkdir()
    makes = authority.Authority(tmp_path / "certificates")
    context = makes.context(*(f"mx.{stage.lower()}.test" for stage in stages))
    zone: dict[tuple[str, str], list[str] | str] = {}
    async with contextlib.AsyncExitStack() as stack:
        port = 0
        for number, stage in enumerate(stages, 1):
            ip, name = f"127.0.1.{number}", f"{stage.lower()}.test"
            zone[name, "MX"], zone[f"mx.{name}", "A"] = [f"10 mx.{name}."], [ip]
            said = script(stage, BEHAVIOURS[behaviour], tls)
            serving = scripted.serving(said, ip=ip, port=port, context=context)
            port = (await stack.enter_async_context(serving)).port
        names = await stack.enter_async_context(dns_server.serving(zone))
        given = works.Given(
            dns=(f"127.0.0.1:{names.port}",),
            mx_port=port,
            source=msgspec.structs.replace(works.SOURCE, tls=tls),
            reply_s=1.0 if behaviour in BY_THE_DEADLINE else 8.0,
            ca=str(makes.path),
        )
        yield await stack.enter_async_context(works.working(tmp_path, given))


def expected(stage: str, behaviour: str, tls: str) -> tuple[State, Outcome]:
    """What has to become of a mail in one cell."""
    taken, waits, ends = (
        (State.DELIVERED, Outcome.DELIVERED),
        (State.DEFERRED, Outcome.SOFT),
        (State.BOUNCED, Outcome.REJECTION),
    )
    if stage == "QUIT":
        return taken
    if stage == "STARTTLS":  # in clear where that may be, else later
        return taken if tls == "opportunistic" else waits
    if (stage, behaviour) == ("EHLO", "5xx"):  # HELO, which has no TLS
        return taken if tls != "required" else waits
    if behaviour != "5xx":
        return waits
    # Before MAIL it is about our address: the mail is held, as for a listing.
    return (State.DEFERRED, Outcome.REJECTION) if stage in {"GREETING", "EHLO2"} else ends


@pytest.mark.slow
@pytest.mark.parametrize("tls", TLS)
@pytest.mark.parametrize("behaviour", BEHAVIOURS)
async def test_a_misbehaviour_has_its_end_at_every_stage_and_suppresses_nobody(
    tmp_path: Path, behaviour: str, tls: str
) -> None:
    stages = CLEAR if tls == "never" else SECURE
    async with hosts(tmp_path, behaviour, tls) as at:
        for stage in stages:
            name = f"{stage.lower()}.test"
            at.offer(await at.accept(f"a@{name}", provider=name))
        await at.store.wait_settled(len(stages))  # within its deadline, whatever the hosts do
        found = await at.events(State.DELIVERED, State.DEFERRED, State.BOUNCED)
        ends = {e.recipient.partition("@")[2].partition(".")[0].upper(): (e.state, e.outcome) for e in found}
        assert ends == {stage: expected(stage, behaviour, tls) for stage in stages}
        assert await at.store.suppressions((), 0, 99) == []
        assert await at.events(State.SUPPRESSED) == []
        if tls == "required":
            assert all(e.tls.startswith("TLSv1") for e in found if e.state is State.DELIVERED)


def test_the_table_is_as_large_as_it_says() -> None:
    assert len(BEHAVIOURS) * (len(CLEAR) + 2 * len(SECURE)) == 200
