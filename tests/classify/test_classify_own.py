"""Replies as servers word them, written by us, with what the table of categories makes of each.

``own/replies.jsonl``: any of the row's categories is right (some replies can fairly be read two ways). ``own/living.jsonl``:
words of dead mailboxes beside words of senders, hosts and policies; none of them may cost an address. ``own/dead.txt``:
plain words about a dead mailbox.
"""

import itertools
from pathlib import Path

import msgspec
import pytest

from gatepost.classify import classifier as classifiers
from gatepost.classify import meanings, rules
from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

OWN = Path(__file__).parent / "own"
DATA = Path(__file__).parents[2] / "src" / "gatepost" / "classify" / "data"


class Row(msgspec.Struct):
    reply: str
    stage: str
    category: tuple[str, ...] = ()
    provider: str = ""
    charset: str = "utf-8"


@pytest.fixture(scope="module")
def classifier() -> classifiers.Classifier:
    return classifiers.Classifier(rules.load({path.name: path.read_bytes() for path in DATA.glob("*.toml")}))


def read(name: str) -> list[Row]:
    return msgspec.json.Decoder(Row).decode_lines((OWN / name).read_bytes())


def judge(
    classifier: classifiers.Classifier, row: Row, stage: replies.Stage | None = None
) -> verdicts.Verdict:
    at = replies.Stage[row.stage.upper()] if stage is None else stage
    reply = replies.Reply(int(row.reply[:3]), row.reply.encode(row.charset), at)
    return classifier.classify(reply, classifiers.Context(provider=row.provider))


def suppresses(verdict: verdicts.Verdict) -> bool:
    return verdict.category in meanings.SUPPRESSING and verdict.outcome is verdicts.Outcome.HARD


def test_each_reply_is_read_as_one_of_its_categories(classifier: classifiers.Classifier) -> None:
    rows = read("replies.jsonl")
    assert len(rows) > 900
    wrong = [
        (row.reply, v.category, v.rule)
        for row in rows
        if (v := judge(classifier, row)).category not in row.category
    ]
    assert wrong == []


def test_no_reply_about_somebody_else_suppresses(classifier: classifiers.Classifier) -> None:
    rows = [row for row in read("replies.jsonl") if not meanings.SUPPRESSING.intersection(row.category)]
    wrong = [row.reply for row in rows if suppresses(judge(classifier, row))]
    assert wrong == []


def test_no_4xx_suppresses(classifier: classifiers.Classifier) -> None:
    assert [
        row.reply
        for row in read("replies.jsonl")
        if row.reply[0] == "4" and suppresses(judge(classifier, row))
    ] == []


def test_words_of_dead_mailboxes_beside_other_words_suppress_nobody(
    classifier: classifiers.Classifier,
) -> None:
    for row in read("living.jsonl"):
        for stage in (replies.Stage[row.stage.upper()], replies.Stage.UNKNOWN):
            if row.stage in ("rcpt", "dot") or stage is not replies.Stage.UNKNOWN:
                assert not suppresses(judge(classifier, row, stage)), row.reply


def test_plain_words_about_a_dead_mailbox_suppress(classifier: classifiers.Classifier) -> None:
    lines = (OWN / "dead.txt").read_text("utf-8").splitlines()
    missed = [line for line in lines if not suppresses(judge(classifier, Row(line, "rcpt")))]
    assert missed == []


# Somebody else's name, a word that would mean a dead mailbox, and the recipient beside both.
OTHERS = (
    "sender;the sender;sending host;the host;your host;client;the domain;your domain;domain of the sender;your IP;[192.0.2.7];"
    "the server;network;policy;the relay;your account;sending account;the sender's mailbox;MAIL FROM;return path;HELO name;"
    "PTR record;SPF record;DKIM key;TLS certificate;the MX;message;attachment;the header;connection;the list;route;gateway;"
    "backend;the user's server;the recipient's domain;recipient mail server;login;credentials;From: address;reply-to address"
)
DEADLY = (
    "is unknown;was not found;does not exist;is invalid;is disabled;has been disabled;suspended;expired;is closed;locked;"
    "is not known;rejected;is blocked;is inactive"
)
BESIDE = ("", "for this recipient", "for user <anna@example.com>", "by the recipient's policy", ": user")
IN_FRONT = ("550 ", "550 5.7.1 ", "550 Recipient <anna@example.com>: ", "554 user mailbox: ")


def test_what_is_said_of_others_beside_the_recipient_suppresses_nobody(
    classifier: classifiers.Classifier,
) -> None:
    texts = (
        f"{front}{who} {word} {beside}"
        for front, who, word, beside in itertools.product(
            IN_FRONT, OTHERS.split(";"), DEADLY.split(";"), BESIDE
        )
    )
    verdicts_of = ((text, judge(classifier, Row(text.strip(), "rcpt"))) for text in texts)
    # For the Bridge alone: "your account is blocked for this recipient" says that the recipient refuses us.
    wrong = [text for text, v in verdicts_of if suppresses(v) and v.category != "recipient.refused"]
    assert wrong == []
