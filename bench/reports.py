"""How many reports a second one core reads: ``python -m bench.reports [FOLDER]``.

FOLDER: mails (.eml, .txt), by default the corpus beside the project where there is one, else the tests' fixtures. The
standard library's ``email`` reads the same mails in the same run, for comparison: its tree and the text of its parts,
without any understanding of what they report. Rates are mails per CPU second, the best of the rounds.
"""

import argparse
import email
import sys
import time
from collections.abc import Callable, Sequence
from email import policy
from pathlib import Path

from gatepost.cli import classifying, context, reported
from gatepost.reports import parser

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus" / "mails"
FIXTURES = ROOT / "tests" / "reports" / "fixtures"
ROUNDS = 7


def main(arguments: Sequence[str]) -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("folder", nargs="?", type=Path, default=CORPUS if CORPUS.exists() else FIXTURES)
    folder = options.parse_args(arguments).folder
    mails = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in {".eml", ".txt"}]
    if not mails:
        print(f"bench.reports: no mails in {folder}", file=sys.stderr)
        return 1
    size = sum(map(len, mails))
    print(f"{len(mails)} mails, {size // len(mails)} bytes on average, best of {ROUNDS} rounds")
    for name, rate in measured(mails):
        print(f"{name:<46}{rate:>8.0f} mails/s")
    slowest = max(seconds(parser.parse, mail) for mail in mails)
    print(f"{'the slowest mail':<46}{slowest * 1000:>8.1f} ms")
    return 0


def measured(mails: Sequence[bytes]) -> list[tuple[str, float]]:
    """What is measured, and its rate."""

    def known() -> Callable[[bytes], object]:
        judge = classifying.new_judge(context.DEFAULT)
        return lambda raw: reported.of_mail("", 1, raw, judge)

    def fresh() -> list[tuple[str, Callable[[bytes], object]]]:
        return [("read", parser.parse), ("read and judged, diagnostics seen before", known())]

    found = [(name, rate(work, mails)) for name, work in fresh()]
    judges = [known() for _ in range(ROUNDS)]
    found.append(("read and judged, every diagnostic new", max(once(work, mails) for work in judges)))
    found.append(("standard library, compat32 (tree and texts)", rate(of_library, mails)))
    return found


def rate(work: Callable[[bytes], object], mails: Sequence[bytes]) -> float:
    """Mails per CPU second, best of the rounds, after one to warm up."""
    once(work, mails)
    return max(once(work, mails) for _ in range(ROUNDS))


def once(work: Callable[[bytes], object], mails: Sequence[bytes]) -> float:
    """Mails per CPU second in one round."""
    start = time.process_time()
    for mail in mails:
        work(mail)
    return len(mails) / (time.process_time() - start)


def seconds(work: Callable[[bytes], object], mail: bytes) -> float:
    """CPU seconds of one mail, the least of three."""
    return min(1 / once(work, [mail]) for _ in range(3))


def of_library(raw: bytes) -> list[bytes]:
    """The texts of a mail, as ``email`` finds them."""
    message = email.message_from_bytes(raw, policy=policy.compat32)
    texts = []
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            texts.append(payload)
    return texts


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
