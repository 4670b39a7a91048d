"""``gatepost dns check``: status, lines for people, lines for scripts."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import dns.message
import dns.rcode
from tests.cli import cli_values as values
from tests.net import dns_server


class Broken(dns_server.Server):
    """SERVFAIL to everything."""

    def _answers(self, data: bytes, by: str) -> list[bytes]:
        del by
        reply = dns.message.make_response(dns.message.from_wire(data))
        reply.set_rcode(dns.rcode.SERVFAIL)
        return [reply.to_wire()]


@contextmanager
def broken() -> Iterator[str]:
    """In a loop of its own: the command has its."""
    loop = asyncio.new_event_loop()
    endpoint = loop.create_datagram_endpoint(lambda: Broken({}, 0), local_addr=("127.0.0.1", 0))
    udp, _ = loop.run_until_complete(endpoint)
    serving = threading.Thread(target=loop.run_forever)
    serving.start()
    try:
        yield f"127.0.0.1:{udp.get_extra_info('sockname')[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        serving.join()
        udp.close()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()


@contextmanager
def asking(gateway: values.Gateway, server: str) -> Iterator[None]:
    text = gateway.config.read_text()
    gateway.config.write_text(f'{text}\n[dns]\nserver = "{server}"\n')
    yield
    gateway.config.write_text(text)


def test_a_domain_that_is_no_sender_domain_is_refused_in_one_line(gateway: values.Gateway) -> None:
    said = gateway.run("dns", "check", "nobody.test")
    assert (said.status, said.out) == (1, "")
    assert (
        said.err
        == "gatepost: domain: 'nobody.test' is no sender domain; `gatepost domain add` makes it one\n"
    )


def test_where_dns_does_not_answer_nothing_is_called_wrong(gateway: values.Gateway) -> None:
    gateway.made("domain", "add", "news.test")
    gateway.made("dkim", "new", "news.test", "--selector", "s1", "--activate")
    with broken() as server, asking(gateway, server):
        said = gateway.run("dns", "check", "news.test", "--json")
        assert said.status == 1
        found = {(line["check"], line["severity"]) for line in said.lines}
        assert {("dkim", "unknown"), ("spf", "unknown"), ("dmarc", "unknown"), ("mx", "unknown")} <= found
        shown = gateway.run("dns", "check", "news.test")
        assert "unknown dkim    s1._domainkey.news.test: DNS did not tell: " in shown.out
