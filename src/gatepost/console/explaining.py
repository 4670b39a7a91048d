"""What a reply means and what would follow: ``/v1/explain``. Nothing is written, and nobody's mail is looked at."""

from collections.abc import Awaitable, Callable
from typing import Annotated

import msgspec

from gatepost.console import operation

MOST_REPLY = 8192  # characters: fifteen lines of the longest kind (RFC 5321 §4.5.3.1.5)
_MOST_WORD = 320  # the longest address, and longer than any name

_Word = Annotated[str, msgspec.Meta(max_length=_MOST_WORD)]


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reply as a server gave it, and what is known about the conversation. stage: connect, greeting, ehlo, starttls, auth, mail,
    rcpt, data, dot or unknown. provider: whose server it was, as google. peer: its host name or IP. our_ip, our_host: a
    reply that quotes them speaks of the sender. from_domain: by default that of mail_from. smarthost: it is our relay.
    """

    reply: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_REPLY)]
    stage: _Word = "rcpt"
    provider: _Word = ""
    peer: _Word = ""
    our_ip: _Word = ""
    our_host: _Word = ""
    mail_from: _Word = ""
    from_domain: _Word = ""
    recipient: _Word = ""
    smarthost: bool = False


class Shadowed(msgspec.Struct, frozen=True):
    """A rule that matched too."""

    rule: str
    category: str
    place: str


class Explained(msgspec.Struct, frozen=True):
    """All of it. place: file and line of the rule. matched: the text that the rule found. expires, hint, next_try: seconds, or null.

    next_best: the rule that would speak without the one that did; next_category, next_outcome: what it would say.
    """

    reply: str
    stage: str
    provider: str | None
    category: str
    outcome: str
    fault: str
    action: str
    suppress: bool
    scope: str | None
    provisional: bool
    expires: int | None
    rule: str
    confidence: str
    blocklist: str | None
    place: str | None
    rule_version: int
    matched: str
    claim: str
    nested: bool
    quotes_us: bool
    never: bool
    presumable: bool
    hint: int | None
    next_try: int | None
    next_best: str | None
    next_category: str | None
    next_outcome: str | None
    shadowed: list[Shadowed]


Explain = Callable[[Question], Awaitable[Explained]]  # raises BadInput for an unknown stage


def operations(explain: Explain) -> tuple[operation.Operation, ...]:
    """This one."""

    async def run(_: operation.Call, asked: Question) -> operation.Answer[Explained]:
        return operation.Answer(await explain(asked))

    place = operation.Place(
        "POST", "/v1/explain", "explainReply", "Say what a reply means, by which rule, and what would follow."
    )
    return (operation.telling(place, operation.READ, Question, Explained, run),)
