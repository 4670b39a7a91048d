"""``python -m bench.dkim``: what signing costs, beside OpenSSL's own limit in the same run.

OpenSSL's limit is the bare RSA-2048 (or Ed25519) signature through ``cryptography``; ``openssl speed`` stands beside it where
that program is there. Everything else is a ratio to the bare signature of the same round: absolute figures depend on the
machine and its neighbours. CPU time is the whole process's; the median of the rounds is shown, with the least and the most.
"""

import asyncio
import gc
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import uvloop
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from bench import pieces
from gatepost.delivery import bodies, ring
from gatepost.dkim import canonical, keys, signature
from gatepost.model import directory as directories

ROUNDS = 9
COUNT = 300  # messages a round
NOW_S = 1_764_000_000
HTML = pieces.MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + b"\t<tr>  <td> cell </td> \t</tr>\r\n" * 1_000
RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()
_LOOK_S = 0.005  # who waits must not take the time that is measured
SIGNED = b"x" * 1_000  # octets that a signature covers: the chosen header fields
MANNER = signature.Manner()

Round = Callable[[], float]


def bare(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> Callable[[], bytes]:
    """One signature, and nothing else."""
    if isinstance(private, rsa.RSAPrivateKey):
        return lambda: private.sign(SIGNED, padding.PKCS1v15(), hashes.SHA256())
    return lambda: private.sign(SIGNED[:32])


def one_by_one(work: Callable[[], object]) -> float:
    """CPU microseconds of each of COUNT calls."""
    began = time.process_time()
    for _ in range(COUNT):
        work()
    return (time.process_time() - began) / COUNT * 1e6


def rate(work: Callable[[], object], threads: int) -> float:
    """Calls a second in so many threads."""

    def run() -> None:
        for _ in range(COUNT):
            work()

    found = [threading.Thread(target=run) for _ in range(threads)]
    began = time.perf_counter()
    for one in found:
        one.start()
    for one in found:
        one.join()
    return COUNT * threads / (time.perf_counter() - began)


def whole(message: bytes, *private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> Callable[[], bytes]:
    """Header, body hash, canonical forms, signatures and fields of a message, as a thread of the gateway does it."""
    signers = [signature.Signer("sender.test", f"s{n}", keys.Key(one)) for n, one in enumerate(private)]

    def work() -> bytes:
        body = bodies.Body((message,))
        return signature.sign(signature.Message(body.header, body.hash(MANNER.body)), signers, MANNER, NOW_S)

    return work


def hashed(message: bytes, form: canonical.Form) -> Callable[[], bytes]:
    """The body's hash alone."""
    return lambda: bodies.Body((message,)).hash(form)


def ring_of(private: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> ring.Ring:
    """One active key for the sender domain."""
    key = keys.Key(private)
    entry = directories.DkimKey(
        1, 1, "s", directories.KeyAlgorithm(key.algorithm.value), key.pem, directories.KeyState.ACTIVE
    )
    owner = directories.SenderDomain(1, pieces.BRIDGE.account, "sender.test")
    return ring.Ring(directories.Directory(1, sender_domains=(owner,), dkim_keys=(entry,)))


async def delivered(office: pieces.Office) -> tuple[float, float]:
    """CPU microseconds a message through the delivery side without socket and store, and messages a second."""
    cpu, began = time.process_time(), time.perf_counter()
    await office.deliver(COUNT, _LOOK_S)
    return (time.process_time() - cpu) / COUNT * 1e6, COUNT / (time.perf_counter() - began)


def show(name: str, found: list[float], unit: str = "") -> None:
    """One line: the median, the least and the most."""
    middle = statistics.median(found)
    print(f"| {name} | {middle:,.2f}{unit} | {min(found):,.2f}–{max(found):,.2f} |", flush=True)


def alone() -> None:
    """Without the gateway around it."""
    raw, small = bare(RSA), bare(ED25519)
    lines: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        limit = one_by_one(raw)
        for name, found, unit in (
            ("bare RSA-2048, CPU µs", limit, 1.0),
            ("bare Ed25519, to it", one_by_one(small), limit),
            ("4 KiB signed by RSA-2048, to it", one_by_one(whole(pieces.MESSAGE, RSA)), limit),
            ("32 KB of indented HTML signed by RSA-2048, to it", one_by_one(whole(HTML, RSA)), limit),
            (
                "4 KiB signed by RSA-2048 and Ed25519, to it",
                one_by_one(whole(pieces.MESSAGE, RSA, ED25519)),
                limit,
            ),
            ("4 KiB signed by Ed25519, to bare RSA-2048", one_by_one(whole(pieces.MESSAGE, ED25519)), limit),
            (
                "relaxed hash of 4 KiB, to it",
                one_by_one(hashed(pieces.MESSAGE, canonical.Form.RELAXED)),
                limit,
            ),
            ("relaxed hash of 32 KB of HTML, to it", one_by_one(hashed(HTML, canonical.Form.RELAXED)), limit),
            ("bare RSA-2048 in two threads, rate to one", rate(raw, 2), rate(raw, 1)),
            (
                "4 KiB signed in two threads, rate to bare in two",
                rate(whole(pieces.MESSAGE, RSA), 2),
                rate(raw, 2),
            ),
        ):
            lines.setdefault(name, []).append(found / unit)
    for name, each in lines.items():
        show(name, each)


async def in_place() -> None:
    """What a signed message costs more than an unsigned one, through lanes, threads and connections; to the bare signature."""
    for name, private in (("RSA-2048", RSA), ("Ed25519", ED25519)):
        added: list[float] = []
        rates: list[float] = []
        least = [float("inf")] * 3
        async with asyncio.TaskGroup() as tasks:
            plain, signing = await pieces.delivering(tasks), await pieces.delivering(tasks, ring_of(private))
            for _ in range(ROUNDS):
                limit, threads = one_by_one(bare(private)), rate(bare(private), 2)
                without, _ = await delivered(plain)
                with_it, a_second = await delivered(signing)
                added.append((with_it - without) / limit)
                least = list(map(min, least, (limit, without, with_it)))
                rates.append(a_second / threads)
            plain.stop()
            signing.stop()
        show(f"added to a delivered message by {name}, CPU to its bare signature", added)
        show("the same, of the least of each", [(least[2] - least[1]) / least[0]])
        show(f"messages a second with {name}, to bare signatures in two threads", rates)


def openssl() -> None:
    """The limit as OpenSSL's own program tells it."""
    program = shutil.which("openssl")
    if program is None:
        return
    command = [program, "speed", "-seconds", "2", "rsa2048"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"rsa +2048 bits +[\d.]+s +[\d.]+s +([\d.]+)", said)
    if found:
        show("openssl speed rsa2048, signatures a second", [float(found[1])])
        show("bare RSA-2048 through cryptography, a second", [rate(bare(RSA), 1) for _ in range(3)])


def main() -> None:
    """Measure everything once."""
    sys.setswitchinterval(0.0005)
    gc.freeze()
    print("| what | median | least–most |\n|---|---|---|")
    openssl()
    alone()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(in_place())


if __name__ == "__main__":
    main()
