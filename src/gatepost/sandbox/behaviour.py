"""How the simulated providers answer: by the recipient's name, or else by chance from a fixed seed. Pure.

Guarantees: the same seed, recipient and number of tries give the same answer. The texts are worded as the providers word
theirs, with example data. Shares are chosen so that a campaign ends as a good sender's does.
"""

import enum
import hashlib

import msgspec


class Act(enum.Enum):
    """What a server does with a recipient."""

    TAKE = enum.auto()
    SAY = enum.auto()  # a reply to RCPT
    SAY_AT_DOT = enum.auto()  # a reply to the message
    DROP = enum.auto()  # closes the connection
    HANG = enum.auto()  # says nothing more


class Kind(enum.StrEnum):
    """Why; also the local part that asks for it: ``unknown.7@…``."""

    ACCEPT = "accept"
    UNKNOWN = "unknown"
    GREYLIST = "greylist"
    RATE = "rate"
    FULL = "full"
    OVERFULL = "overfull"
    SPAM = "spam"
    BLOCKED = "blocked"
    DKIM = "dkim"
    DROP = "drop"
    HANG = "hang"


# Of all recipients; what is left is taken at once.
SHARES = (
    (Kind.UNKNOWN, 0.015),
    (Kind.GREYLIST, 0.012),
    (Kind.RATE, 0.004),
    (Kind.FULL, 0.002),
    (Kind.OVERFULL, 0.002),
    (Kind.SPAM, 0.022),
    (Kind.BLOCKED, 0.006),
)
_RECOVERS = {
    Kind.GREYLIST: 1,
    Kind.RATE: 1,
    Kind.FULL: 1,
    Kind.OVERFULL: 1,
    Kind.DROP: 1,
    Kind.HANG: 1,
    Kind.BLOCKED: 2,
}
_AT_DOT = frozenset({Kind.SPAM, Kind.DKIM})


class Provider(msgspec.Struct, frozen=True):
    """A provider: its MX host and address, whether it offers TLS, the recipients' share, and how it words each kind."""

    name: str
    host: str
    ip: str
    domains: tuple[str, ...]
    share: float
    texts: dict[Kind, str]
    tls: bool = False


class Answer(msgspec.Struct, frozen=True):
    """What a server does, and the reply that goes with it."""

    act: Act
    reply: bytes = b""
    kind: Kind = Kind.ACCEPT


def kind_of(recipient: str, seed: int) -> Kind:
    """What awaits this recipient."""
    word = recipient.partition("@")[0].partition(".")[0]
    if word in Kind.__members__.values():
        return Kind(word)
    digest = hashlib.blake2b(f"{seed} {recipient}".encode(), digest_size=8).digest()
    drawn = int.from_bytes(digest, "big") / 2**64
    for kind, share in SHARES:
        if drawn < share:
            return kind
        drawn -= share
    return Kind.ACCEPT


def answer(provider: Provider, recipient: str, nth: int, seed: int, *, dkim_refused: bool) -> Answer:
    """What the provider does at this recipient's ``nth`` try (from 1). dkim_refused: it does not trust the sender's domain."""
    kind = Kind.DKIM if dkim_refused else kind_of(recipient, seed)
    if kind is Kind.ACCEPT or nth > _RECOVERS.get(kind, 1 << 30):
        return Answer(Act.TAKE)
    match kind:
        case Kind.DROP:
            return Answer(Act.DROP, kind=kind)
        case Kind.HANG:
            return Answer(Act.HANG, kind=kind)
        case _:
            text = (provider.texts.get(kind) or GENERIC[kind]).format(recipient=recipient)
            said = text.replace("\n", "\r\n").encode() + b"\r\n"
            return Answer(Act.SAY_AT_DOT if kind in _AT_DOT else Act.SAY, said, kind)


GENERIC = {
    Kind.UNKNOWN: "550 5.1.1 <{recipient}>: Recipient address rejected: User unknown in virtual mailbox table",
    Kind.GREYLIST: "450 4.2.0 <{recipient}>: Recipient address rejected: Greylisted, try again in 300 seconds",
    Kind.RATE: "450 4.7.1 Error: too much mail from this host, please slow down",
    Kind.FULL: "452 4.2.2 <{recipient}>: Mailbox full, try again later",
    Kind.OVERFULL: "552 5.2.2 <{recipient}>: Quota exceeded (mailbox for user is full)",
    Kind.SPAM: "554 5.7.1 Message rejected: it looks like spam (score 9.2)",
    Kind.BLOCKED: "554 5.7.1 Service unavailable; Client host blocked using zen.example.net; listed as a spam source",
    Kind.DKIM: "550 5.7.20 DKIM signature did not verify; message not accepted",
}

_G = (
    "550-5.1.1 The email account that you tried to reach does not exist. Please try\n"
    "550-5.1.1 double-checking the recipient's email address for typos or\n"
    "550 5.1.1 unnecessary spaces. k18si123456wrs.123 - gsmtp"
)
_G_RATE = (
    "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from\n"
    "421 4.7.28 your IP address. To protect our users, it has been rate limited. - gsmtp"
)
_G_FULL = (
    "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n"
    "452 4.2.2 recipient to free some. k18si123456wrs.123 - gsmtp"
)
_G_SPAM = (
    "550-5.7.1 Our system has detected that this message is likely unsolicited mail. To\n"
    "550 5.7.1 reduce the amount of spam, this message has been blocked. - gsmtp"
)
_G_DKIM = (
    "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n"
    "550 5.7.26 DKIM = did not pass. SPF [acme-news.test] = did not pass. - gsmtp"
)

PROVIDERS = (
    Provider(
        "google",
        "mx.google-like.test",
        "127.0.10.1",
        ("gmail-like.test",),
        0.34,
        {Kind.UNKNOWN: _G, Kind.RATE: _G_RATE, Kind.FULL: _G_FULL, Kind.SPAM: _G_SPAM, Kind.DKIM: _G_DKIM},
        tls=True,
    ),
    Provider(
        "microsoft",
        "mx.outlook-like.test",
        "127.0.10.2",
        ("outlook-like.test", "hotmail-like.test"),
        0.24,
        {
            Kind.UNKNOWN: "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)",
            Kind.RATE: "451 4.7.500 Server busy. Please try again later from [192.0.2.25]. (S77719)",
            Kind.BLOCKED: "550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. Please contact your "
            "Internet service provider since part of their network is on our block list (S3140).",
            Kind.SPAM: "550 5.7.1 Message rejected as spam by Content Filtering.",
        },
        tls=True,
    ),
    Provider(
        "yahoo",
        "mx.yahoo-like.test",
        "127.0.10.3",
        ("yahoo-like.test", "aol-like.test"),
        0.14,
        {
            Kind.UNKNOWN: "554 30 Sorry, your message to {recipient} cannot be delivered. This mailbox is disabled (554.30).",
            Kind.RATE: "421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due to unexpected volume",
        },
        tls=True,
    ),
    Provider("gmx", "mx.gmx-like.test", "127.0.10.4", ("gmx-like.test", "web-like.test"), 0.08, {}, tls=True),
    Provider("apple", "mx.icloud-like.test", "127.0.10.5", ("icloud-like.test",), 0.06, {}),
    Provider(
        "hosting",
        "mx.hosting.test",
        "127.0.10.6",
        tuple(f"firm{n}.test" for n in range(1, 31)),
        0.10,
        {},
    ),
    Provider(
        "campus", "mx.campus.test", "127.0.10.7", tuple(f"campus{n}.test" for n in range(1, 11)), 0.04, {}
    ),
)
