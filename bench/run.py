"""``make bench``: Gatepost and Postfix alternately, same generator, same sink, medians of the ratios.

Needs Debian's ``postfix`` package (``smtp-source`` is the generator) and root for Postfix. Every figure is a ratio against
the peer in the same run: absolute rates depend on the machine and its neighbours. Postfix's figures with bounces include
the bounce messages that it makes.
"""

import json
import os
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from bench import sink

HERE = Path(__file__).parent
PEERS = {"gatepost": HERE / "peer.sh", "postfix": HERE / "postfix.sh"}
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))


class Scenario(msgspec.Struct, frozen=True):
    """What is sent: how many messages of how many bytes, and whether half of the recipients bounce."""

    name: str
    count: int
    size: int
    bounce: bool = False


SCENARIOS = (
    Scenario("4 KiB", 8_000, 4096),
    Scenario("4 KiB, 30 % hard, 20 % soft", 6_000, 4096, bounce=True),
    Scenario("32 KiB", 4_000, 32_768),
)


class Figures(msgspec.Struct, frozen=True):
    """One run: messages a second end to end, and CPU seconds per 1,000 messages."""

    rate: float
    cpu: float


def measure(peer: str, scenario: Scenario, run: Path) -> Figures:
    """Start sink and peer, send, wait for the last answer, stop."""
    env = {**os.environ, "BENCH_RUN": str(run)}
    counts = run / "counts"
    arguments = [sys.executable, "-m", "bench.sink", "2600", str(counts)]
    receiving = subprocess.Popen([*arguments, *(["bounce"] if scenario.bounce else [])], cwd=HERE.parent)
    script = str(PEERS[peer])
    subprocess.run([script, "setup"], env=env, check=True)
    subprocess.run([script, "start"], env=env, check=True)
    try:
        _wait_port(2600)
        _wait_port(2525)
        _send(Scenario("warm-up", 300, scenario.size), "postmaster9@rcpt.test")
        _wait_for(counts, 300)
        before, began, burnt = _counts(counts), time.monotonic(), _cpu(peer, run)
        _send(scenario, "user@rcpt.test")
        last = _wait_for(counts, sum(before[:3]) + scenario.count)
        spent = _cpu(peer, run) - burnt
        return Figures(scenario.count / (last - began), 1000 * spent / scenario.count)
    finally:
        subprocess.run([script, "stop"], env=env, check=False)
        receiving.kill()
        receiving.wait()


def _send(scenario: Scenario, recipient: str) -> None:
    command = ["smtp-source", "-f", "bounces@sender.test", "-M", "client.test", "-d", "-s", "50"]
    numbered = ["-N"] if scenario.bounce else []
    command += ["-l", str(scenario.size), "-m", str(scenario.count), *numbered, "-t", recipient]
    subprocess.run([*command, "127.0.0.1:2525"], check=True)


def _counts(file: Path) -> tuple[int, int, int, float]:
    try:
        taken, hard, soft, last = struct.unpack(sink.FORMAT, file.read_bytes())
    except (OSError, struct.error):
        return 0, 0, 0, 0.0
    return taken, hard, soft, last


def _wait_for(file: Path, wanted: int) -> float:
    """Until so many recipients were answered; when the last one was."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        taken, hard, soft, last = _counts(file)
        if taken + hard + soft >= wanted:
            time.sleep(0.3)
            return last
        time.sleep(0.02)
    raise SystemExit(f"gave up waiting for {wanted} recipients: {_counts(file)}")


def _wait_port(number: int) -> None:
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", number), 1) as sock:
                sock.settimeout(5)
                if sock.recv(100).startswith(b"220"):
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"nothing answers on port {number}")


def _cpu(peer: str, run: Path) -> float:
    """Seconds that the peer's processes have used, ended children included."""
    root = int((run / ("gatepost" if peer == "gatepost" else "postfix-own") / "pid").read_text())
    ticks = 0
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            used[int(entry.name)] = sum(map(int, fields[11:15]))
    for pid, value in used.items():
        at = pid
        while at not in (root, 0, 1):
            at = parents.get(at, 0)
        if at == root:
            ticks += value
    return ticks / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """All scenarios, alternating; prints a line per run and a table of medians."""
    if shutil.which("smtp-source") is None:
        raise SystemExit("bench: smtp-source is missing (Debian: apt-get install postfix)")
    run = Path(os.environ.get("BENCH_RUN", "/tmp/gatepost-bench"))
    run.mkdir(parents=True, exist_ok=True)
    print("| scenario | Gatepost/s | Postfix/s | ratio | Gatepost CPU s/1,000 | Postfix CPU s/1,000 |")
    print("|---|---|---|---|---|---|")
    for scenario in SCENARIOS:
        found: dict[str, list[Figures]] = {peer: [] for peer in PEERS}
        for _ in range(ROUNDS):
            for peer, kept in found.items():
                kept.append(measure(peer, scenario, run))
                print(
                    json.dumps([scenario.name, peer, msgspec.to_builtins(kept[-1])]),
                    file=sys.stderr,
                    flush=True,
                )
        rates = {peer: statistics.median(one.rate for one in kept) for peer, kept in found.items()}
        cpus = {peer: statistics.median(one.cpu for one in kept) for peer, kept in found.items()}
        ratio = rates["gatepost"] / rates["postfix"]
        print(
            f"| {scenario.name} | {rates['gatepost']:,.0f} | {rates['postfix']:,.0f} | {ratio:.1f}× "
            f"| {cpus['gatepost']:.2f} | {cpus['postfix']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
