"""One gateway that runs: ``serve``, and the commands that go through it."""

import signal
import socket
import subprocess
from typing import Any

import pytest
from tests.cli import cli_values as values


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@pytest.mark.slow
def test_a_message_that_was_sent_is_queued_traced_and_cancelled(place: values.Gateway) -> None:
    key = place.init("--domain", "shop.test")["api_key"]
    smtp, other, http, nobody = free_ports(4)
    text = place.config.read_text().replace("127.0.0.1:2525", f"127.0.0.1:{smtp}")
    text = text.replace("0.0.0.0:587", f"127.0.0.1:{other}").replace("127.0.0.1:8025", f"127.0.0.1:{http}")
    text = text.replace("workers = 0", "workers = 1")
    route = f'[[route]]\ndomain = "."\nto = "127.0.0.1:{nobody}"\n'
    place.config.write_text(f'{text}\n{route}[delivery]\nallow_networks = ["127.0.0.0/8"]\n')
    with subprocess.Popen(
        place.command("serve"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=values.without_settings(),
    ) as process:
        try:
            assert process.stdout is not None
            assert f"HTTP 127.0.0.1:{http}".encode() in process.stdout.readline()
            place.made("suppress", "add", "dead@rcpt.test")
            sent = _send(place, key, "dead@rcpt.test", "ann@rcpt.test")
            assert [one["state"] for one in sent["recipients"]] == ["rejected", "queued"]
            assert place.made("queue", "cancel", "--now", sent["recipients"][1]["id"]) == [{"cancelled": 1}]
            told = place.made("trace", sent["id"])
            assert {one["node"] for one in told if one["state"] == "received"} == {"node1"}
            states = [one["state"] for one in told]
            assert states[:3] == ["received", "rejected", "queued"]
            assert states[-1] == "rejected"
            refused = _refused(place, key)
            assert (refused.status, refused.err.count("\n")) == (1, 1)
            assert "may not send from that domain" in refused.err
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert place.run("check", "--ledger").status == 0


def _send(place: values.Gateway, key: str, *to: str) -> dict[str, Any]:
    return place.made("send", "--from", "news@shop.test", "--to", *to, "--text", "hi", "--key", key)[0]


def _refused(place: values.Gateway, key: str) -> values.Said:
    return place.run("send", "--from", "a@other.test", "--to", "b@rcpt.test", "--text", "hi", "--key", key)
