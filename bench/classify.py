"""``python -m bench.classify``: what a verdict costs, in CPU microseconds, and how long the rules take to load.

Replies are those of the corpus where it is at hand (beside the repository), else the rules' own examples. Each is measured
alone, as the best of many rounds, because neighbours only ever add; mean, median, 95th percentile and maximum are
over the replies. Beside it in the same run stands the plain way: every pattern as a regular expression, tried one after
the other on the same folded text until one matches. The first lines end with a yardstick, the same pure Python work each time
(``bench.parts``): where it takes twice as long, so does the rest.
"""

import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from bench import parts
from gatepost.app import compose, judging
from gatepost.classify import classifier as classifiers
from gatepost.classify import folding, rules, ruleset, template
from gatepost.model import reply as replies

ROUNDS = 40
LOADS = 7
CORPUS = Path(__file__).parents[2] / "shared" / "corpus" / "replies.jsonl"
US = classifiers.Context(
    our_ip="192.0.2.25",
    our_host="mta.sender.example",
    mail_from="news@sender.example",
    from_domain="sender.example",
    recipient="anna@example.com",
)
HOSTILE = {
    "words of rules": "user mailbox recipient unknown does not exist ",
    "gaps without an end": "domain not exist sender ip blocked listed by using reverse ptr ",
    "one word of many rules": "user ",
    "quotations": "said: 550 ",
    "quotations of quotations": "host a said: 550 5.1.1 host b said: 451 4.2.1 ",
    "codes": "550 5.1.1 ",
    "lines": "550-5.1.1 user\r\n",
    "addresses": "a@b.example ",
    "halves of addresses": "a@",
    "brackets": "<",
    "one letter": "x",
    "numbers": "1 2 3 ",
    "waiting times": "retry wait again 5 s ",
    "IPs": "1.2.3.4 ",
    "ids": "1a2b3c4d-",
    "our own IP": "192.0.2.25 ",
    "kanji": "用户不存在",
    "Latin letters with marks": "é x ",
    "wide letters": "\uff55\uff53\uff45\uff52 ",
}
_ADDRESS = re.compile(rb"[\w.+-]+@[\w.-]+\w")
_IP = re.compile(rb"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])")
_TOKEN = re.compile(r"\(([^()]*)\)|( ?\* ?)|([^()*]+)")

Asked = tuple[replies.Reply, classifiers.Context]


def costs(works: Sequence[Callable[[], object]]) -> list[float]:
    """Microseconds of CPU for each. All of them in turn, again and again: a neighbour that is loud for a second spoils none."""
    timed: list[Callable[[], object]] = [int, *works]  # what measuring itself costs is taken off
    best = [1e9] * len(timed)
    for _ in range(ROUNDS):
        for number, work in enumerate(timed):
            began = time.thread_time_ns()
            work()
            best[number] = min(best[number], time.thread_time_ns() - began)
    return [(nanoseconds - best[0]) / 1000 for nanoseconds in best[1:]]


def asked(loaded: ruleset.RuleSet) -> list[Asked]:
    """The replies, each with what a gateway would know of it."""
    if not CORPUS.exists():
        return [_asked(text, rule.provider) for rule in loaded.rules for text in rule.examples]
    rows = [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]
    return [_asked(row["reply"], judging.provider_of(row["provider"], None)) for row in rows]


def _asked(text: str, provider: str) -> Asked:
    context = msgspec.structs.replace(US, provider=provider)
    raw = _ADDRESS.sub(US.recipient.encode(), rules.read_reply(text).raw)
    return replies.Reply(int(text[:3]) if text[:3].isdigit() else 0, raw, replies.Stage.RCPT), context


def another(one: Asked) -> Asked:
    """The same reply to another recipient, with another IP in it."""
    reply, context = one
    raw = _IP.sub(b"198.51.100.207", reply.raw.replace(context.recipient.encode(), b"bo.b@other.example"))
    return replies.Reply(reply.code, raw, reply.stage), msgspec.structs.replace(
        context, recipient="bo.b@other.example"
    )


def plain(loaded: ruleset.RuleSet) -> Callable[[str], object]:
    """The plain way: regular expressions, one after the other."""
    made = [re.compile(_regex(p.source)) for rule in loaded.rules for p in rule.patterns]
    return lambda key: next((found for regex in made if (found := regex.search(key))), None)


def _regex(source: str) -> str:
    lowered = folding.lower(source)
    made = "" if lowered.startswith("*") else "(?<![a-z0-9])"
    for options, gap, text in _TOKEN.findall(lowered.removesuffix("*")):
        if gap:
            made += ".{0,40}?" + ("(?<![a-z0-9])" if gap.endswith(" ") else "")
        else:
            made += re.escape(text) if text else f"(?:{'|'.join(map(re.escape, options.split('|')))})"
    return made + ("" if lowered.endswith("*") else "(?![a-z0-9])")


def show(name: str, found: Iterable[float]) -> None:
    """One line of the table."""
    by_cost = sorted(found)
    figures = (
        statistics.mean(by_cost),
        statistics.median(by_cost),
        by_cost[int(len(by_cost) * 0.95)],
        by_cost[-1],
    )
    print(f"{name:34}" + "".join(f"{figure:9.1f}" for figure in figures) + _yardstick(), flush=True)


def _yardstick() -> str:
    return f"{parts.per_message(parts.yardstick):9.1f}"


def new(loaded: ruleset.RuleSet, one: Asked) -> Callable[[], object]:
    """Classify with nothing known."""
    return lambda: classifiers.Classifier(loaded).classify(*one)


def load() -> None:
    """Read the shipped rules and an operator's file as a worker does when it starts, and print the milliseconds."""
    own = b'[[rule]]\nid = "own"\ncategory = "content.spam"\nmatch = ["purple elephant"]\nexamples = ["550 purple elephant"]\n'
    began = time.process_time()
    compose.build_classifier({"own.toml": own})
    print((time.process_time() - began) * 1000)


def main() -> None:
    """Measure and print."""
    loaded = rules.load(compose.shipped_rules())
    found = asked(loaded)
    warm = classifiers.Classifier(loaded)
    for one in found:
        warm.classify(*one)
    others = [another(one) for one in found]
    shared = sum(
        warm.classify(*one) is warm.classify(*other) for one, other in zip(found, others, strict=True)
    )
    print(
        f"{len(loaded.rules)} rules, {len(found)} replies, {shared} of them known with another recipient and IP"
    )
    print(
        f"{'CPU µs a reply':34}"
        + "".join(f"{word:>9}" for word in ("mean", "median", "p95", "max", "yardst."))
    )
    show("known", costs([partial(warm.classify, *one) for one in found]))
    show("known, but for what varies", costs([partial(warm.classify, *one) for one in others]))
    show("new", costs([new(loaded, one) for one in found]))
    loop, keys = plain(loaded), [template.folded(reply).key for reply, _ in found]
    show("(regular expressions in a loop)", costs([partial(loop, key) for key in keys]))
    print(f"{'hostile, 4096 bytes':34}{'new':>9}{'known':>9}{'(loop)':>9}")
    bad = [
        (replies.Reply(451, f"451 {text * 4096}".encode()[:4096], replies.Stage.RCPT), US)
        for text in HOSTILE.values()
    ]
    for one in bad:
        warm.classify(*one)
    figures = zip(
        HOSTILE,
        costs([new(loaded, one) for one in bad]),
        costs([partial(warm.classify, *one) for one in bad]),
        costs([partial(loop, template.folded(reply).key) for reply, _ in bad]),
        strict=True,
    )
    for name, *three in figures:
        print(f"{name:34}" + "".join(f"{figure:9.1f}" for figure in three))
    arguments = [sys.executable, "-c", "from bench import classify; classify.load()"]
    took = sorted(
        float(subprocess.run(arguments, check=True, capture_output=True).stdout) for _ in range(LOADS)
    )
    print(f"loading: {statistics.median(took):.0f} ms CPU in a fresh process [{took[0]:.0f}-{took[-1]:.0f}]")


if __name__ == "__main__":
    main()
