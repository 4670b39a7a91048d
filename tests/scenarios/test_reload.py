"""SIGHUP on a running gateway: certificates and limits change for who comes next, nobody is dropped, what is bad is refused."""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from tests.peers import outsiders
from tests.scenarios import gateway as gateways
from tests.scenarios import receiver as receivers

from gatepost import config
from gatepost.model import event as events

pytestmark = pytest.mark.slow
MESSAGE = b"From: News <news@shop.test>\r\nSubject: hello\r\n\r\nGood morning\r\n"
_TLS = """
[[listener]]
name = "secure"
address = "127.0.0.1:{starttls}"
tls = "starttls"
[[listener]]
name = "wrapped"
address = "127.0.0.1:{implicit}"
tls = "implicit"
[tls]
cert = "{cert}"
key = "{key}"
"""


class Office(gateways.Gateway):
    """A gateway with STARTTLS, with TLS from the first byte, and with HTTPS."""

    def __init__(self, path: Path, sink: receivers.Receiver) -> None:
        super().__init__(path, sink.port)
        self.sink_says = sink.says
        self.starttls, self.implicit = gateways.free_ports(2)
        self.cert, self.private = outsiders.certificate(path / "tls", "localhost")
        more = _TLS.format(starttls=self.starttls, implicit=self.implicit, cert=self.cert, key=self.private)
        text = self.toml.read_text().replace("[log]", "tls = true\n[log]")
        self.toml.write_text(text + more)
        self.settings = config.load(self.toml, {})

    def change(self, old: str, new: str) -> None:
        text = self.toml.read_text()
        assert old in text
        self.toml.write_text(text.replace(old, new))

    async def reload(self, said: str) -> str:
        """SIGHUP. The log from then on, once it says that in the parent and, of new settings, in every worker."""
        before = len(self.log.read_text())
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGHUP)
        for _ in range(200):
            news = self.log.read_text()[before:]
            if said in news and (said != "new settings" or news.count(said) >= self.settings.workers):
                return news
            await asyncio.sleep(0.05)
        raise AssertionError(self.log.read_text())

    async def serial(self, port: int, *, starttls: bool = False) -> bytes:
        """The certificate that a new connection is shown."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=None if starttls else context)
        try:
            if starttls:
                await reader.readuntil(b"220 ")
                writer.write(b"EHLO client.test\r\n")
                await reader.readuntil(b"250 ")
                await reader.readline()
                writer.write(b"STARTTLS\r\n")
                assert (await reader.readline()).startswith(b"220 ")
                await writer.start_tls(context)
            found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return found
        finally:
            writer.transport.abort()

    async def shown(self) -> set[bytes]:
        """By every way in."""
        return {
            await self.serial(self.starttls, starttls=True),
            await self.serial(self.implicit),
            await self.serial(self.http),
        }


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with receivers.Receiver() as sink:
        found = Office(tmp_path, sink)
        await found.init()
        await found.start()
        try:
            yield found
        finally:
            found.kill_all()


async def test_a_new_certificate_is_shown_to_who_comes_next_and_drops_nobody(office: Office) -> None:
    [first] = await office.shown()
    context = ssl.create_default_context(cafile=str(office.cert))
    reader, writer = await asyncio.open_connection("localhost", office.implicit, ssl=context)
    assert (await reader.readline()).startswith(b"220")
    outsiders.certificate(office.path / "tls", "localhost")
    await office.reload("new settings")
    [second] = await office.shown()
    assert second != first
    writer.write(b"NOOP\r\n")
    assert (await reader.readline()).startswith(b"250")
    writer.close()


async def test_another_path_is_followed_too(office: Office) -> None:
    [first] = await office.shown()
    cert, key = outsiders.certificate(office.path / "other", "localhost")
    office.change(str(office.cert), str(cert))
    office.change(str(office.private), str(key))
    await office.reload("new settings")
    assert await office.shown() == {ssl.PEM_cert_to_DER_cert(cert.read_text())} != {first}


BROKEN = {
    "a key of another": lambda _cert, key: key.write_bytes(_other_key(key)),
    "half a file": lambda cert, _key: cert.write_bytes(cert.read_bytes()[:200]),
    "no file": lambda cert, _key: cert.unlink(),
}


def _other_key(key: Path) -> bytes:
    return outsiders.certificate(key.parent / "third", "localhost")[1].read_bytes()


@pytest.mark.parametrize("spoil", BROKEN.values(), ids=BROKEN)
async def test_a_broken_certificate_is_refused_in_one_line_and_the_old_one_stays(
    office: Office, spoil: Callable[[Path, Path], object]
) -> None:
    before = await office.shown()
    spoil(office.cert, office.private)
    news = await office.reload("the old one stays")
    assert len(news.splitlines()) == 1, news
    assert "tls." in news
    assert str(office.path / "tls") in news
    assert await office.shown() == before
    assert (await gateways.submit(office.open, MESSAGE, ["ann@rcpt.test"]))[-1].startswith(b"250")


async def test_limits_of_submission_are_taken_by_who_comes_next(office: Office) -> None:
    assert (await gateways.submit(office.open, MESSAGE, ["a@rcpt.test", "b@rcpt.test"]))[-1].startswith(
        b"250"
    )
    office.change("min_free = 0.0", "min_free = 0.0\nmax_recipients = 1")
    await office.reload("new settings")
    said = await gateways.submit(office.open, MESSAGE, ["a@rcpt.test", "b@rcpt.test"])
    assert [one[:3] for one in said[1:3]] == [b"250", b"452"]


async def test_the_answer_names_exactly_what_needs_a_restart(office: Office) -> None:
    office.change("workers = 1", "workers = 2")
    office.change("per_ip_connections = 200", "per_ip_connections = 100")
    office.change("sweep_s = 0.3", "sweep_s = 0.4")
    news = await office.reload("new settings")
    [line] = [line for line in news.splitlines() if "restart" in line]
    assert line.endswith("keys=workers, listener[0].per_ip_connections"), line


async def test_what_needs_a_restart_waits_for_it_even_where_a_worker_starts_again(office: Office) -> None:
    office.change("workers = 1", "workers = 2")
    await office.reload("new settings")
    _, *children = office.pids()
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    await office.wait_ready()
    assert (await gateways.submit(office.open, MESSAGE, ["ann@rcpt.test"]))[-1].startswith(b"250")
    await office.wait_open()  # no slot is without an owner


async def test_a_bad_file_is_refused_with_a_line_for_each_mistake(office: Office) -> None:
    office.change("sweep_s = 0.3", "sweep_s = -1\nport = 0")
    news = await office.reload("delivery.sweep_s")
    first = office.toml.read_text().splitlines().index("sweep_s = -1") + 1
    assert [line.partition("problem=")[2] for line in news.splitlines()] == [
        f"{office.toml}:{first + 1}: delivery.port: 0 is not in 1…65535",
        f"{office.toml}:{first}: delivery.sweep_s: -1.0 is not in 0.05…3600",
    ]
    assert (await gateways.submit(office.open, MESSAGE, ["ann@rcpt.test"]))[-1].startswith(b"250")


_OWN = b"""[[rule]]
id = "own.full"
category = "recipient.over_quota"
match = ["purple elephant"]
examples = ["550 purple elephant"]
"""


async def test_the_operators_rules_are_taken_and_broken_ones_are_refused_with_their_line(
    office: Office,
) -> None:
    folder = office.path / "rules"
    folder.mkdir()
    (folder / "own.toml").write_bytes(_OWN)
    await office.reload("new settings")
    (folder / "own.toml").write_bytes(_OWN.replace(b"over_quota", b"no_such"))
    news = await office.reload("the old one stays")
    assert len(news.splitlines()) == 1, news
    assert f"{folder / 'own.toml'}:1: rule own.full: " in news
    _, *children = office.pids()
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    await office.wait_ready()  # with the rules that were good, not with the broken file
    assert (await gateways.submit(office.open, MESSAGE, ["ann@rcpt.test"]))[-1].startswith(b"250")


_GONE = b"""[[rule]]
id = "own.gone"
version = 7
category = "recipient.disabled"
explicit = true
match = ["purple elephant"]
examples = ["550 purple elephant"]
"""


async def test_after_a_reload_a_reply_is_judged_by_the_operators_own_rule_and_the_suppression_tells_its_version(
    office: Office,
) -> None:
    office.sink_says |= {"ann@rcpt.test": b"550 A purple elephant", "bo@rcpt.test": b"550 A purple elephant"}
    await gateways.submit(office.open, MESSAGE, ["ann@rcpt.test"])
    await office.wait_open()
    (office.path / "rules").mkdir()
    (office.path / "rules" / "own.toml").write_bytes(_GONE)
    await office.reload("new settings")
    await gateways.submit(office.open, MESSAGE, ["bo@rcpt.test"])
    await office.wait_open()
    bounced = [one for one in await office.events() if one.state is events.State.BOUNCED]
    assert [(one.category, one.rule, one.rule_version) for one in bounced] == [
        ("unknown.permanent", "codes.rcpt", 1),
        ("recipient.disabled", "own.gone", 7),
    ]
    async with office.store() as store:
        entries = {entry.target: entry for _, entry in await store.suppressions((), 0, 10)}
    assert (entries["bo@rcpt.test"].rule, entries["bo@rcpt.test"].rule_version) == ("own.gone", 7)
