"""What codes and stage alone say, where no text decided (taxonomy: Precedence, 5 and 6).

Guarantees: the enhanced code counts only together with the stage; a basic code alone never names the recipient except
for a storage code at RCPT; what is not known is ``unknown.*``. Not here: text (``rules``).
"""

import msgspec

from gatepost.model import reply as replies
from gatepost.model import verdict as verdicts

Category = verdicts.Category
Confidence = verdicts.Confidence
Stage = replies.Stage


class Coded(msgspec.Struct, frozen=True):
    """A category that codes and stage gave; ``rule`` is its name (``codes.5.1.1``)."""

    category: verdicts.Category
    rule: str
    confidence: verdicts.Confidence


class Said(msgspec.Struct, frozen=True):
    """What is looked at: the codes, when, and by whom."""

    code: int
    enhanced: str
    stage: Stage
    smarthost: bool = False

    @property
    def permanent(self) -> bool:
        """Whether the reply is a 5yz (or, without a basic code, a 5.y.z)."""
        return self.code // 100 == 5 if self.code else self.enhanced.startswith("5")


_BEFORE_MAIL = frozenset({Stage.CONNECT, Stage.GREETING, Stage.EHLO, Stage.STARTTLS})
_OF_RECIPIENT = frozenset({Stage.RCPT, Stage.UNKNOWN})
_OF_MESSAGE = frozenset({Stage.RCPT, Stage.DATA, Stage.DOT, Stage.UNKNOWN})
_OF_SENDER = frozenset({Stage.EHLO, Stage.MAIL, Stage.RCPT, Stage.DATA, Stage.DOT, Stage.UNKNOWN})
_ANY = frozenset(Stage)

# subject.detail → category and the stages at which the code is believed
_ENHANCED: dict[str, tuple[Category, frozenset[Stage]]] = {
    "1.1": (Category.RECIPIENT_UNKNOWN, _OF_RECIPIENT),
    "1.10": (Category.RECIPIENT_UNKNOWN, _OF_RECIPIENT),
    "1.2": (Category.DOMAIN_NOT_FOUND, _OF_RECIPIENT),
    "1.3": (Category.RECIPIENT_BAD_SYNTAX, _OF_RECIPIENT),
    "1.6": (Category.RECIPIENT_MOVED, frozenset({Stage.RCPT})),
    "1.7": (Category.SENDER_ADDRESS, _OF_SENDER),
    "1.8": (Category.SENDER_ADDRESS, _OF_SENDER),
    "2.1": (Category.RECIPIENT_DISABLED, _OF_RECIPIENT),
    "2.2": (Category.RECIPIENT_OVER_QUOTA, _OF_MESSAGE),
    "2.3": (Category.CONTENT_TOO_LARGE, _OF_SENDER),
    "3.1": (Category.DOMAIN_MISCONFIGURED, _ANY),
    "3.4": (Category.CONTENT_TOO_LARGE, _OF_SENDER),
    "4.1": (Category.DOMAIN_UNREACHABLE, _ANY),
    "4.2": (Category.SESSION_TIMEOUT, _ANY),
    "4.4": (Category.DOMAIN_NOT_FOUND, _OF_RECIPIENT),
    "4.6": (Category.DOMAIN_MISCONFIGURED, _ANY),
    "4.7": (Category.SESSION_TIMEOUT, _ANY),
    "5.1": (Category.SESSION_PROTOCOL, _ANY),
    "5.2": (Category.SESSION_PROTOCOL, _ANY),
    "5.3": (Category.SESSION_TOO_MANY_RECIPIENTS, frozenset({Stage.RCPT, Stage.DATA, Stage.UNKNOWN})),
    "5.4": (Category.SESSION_PROTOCOL, _ANY),
    "7.10": (Category.SESSION_TLS, _ANY),
    "7.11": (Category.SESSION_PROTOCOL, _ANY),
    "7.20": (Category.SENDER_AUTH, _OF_MESSAGE),
    "7.21": (Category.SENDER_AUTH, _OF_MESSAGE),
    "7.22": (Category.SENDER_AUTH, _OF_MESSAGE),
    "7.23": (Category.SENDER_AUTH, _OF_SENDER),
    "7.24": (Category.SENDER_AUTH, _OF_SENDER),
    "7.25": (Category.SENDER_IP_CONFIG, _ANY),
    "7.26": (Category.SENDER_AUTH, _OF_MESSAGE),
    "7.28": (Category.RATE_LIMITED, _ANY),
}

# Of a 4yz these speak of the receiving system (RFC 3463 §3.4, §3.5); of a 5yz they are said of anything.
_ENHANCED_TEMPORARY: dict[str, tuple[Category, frozenset[Stage]]] = {
    "3.0": (Category.DOMAIN_UNREACHABLE, _ANY),
    "3.2": (Category.DOMAIN_UNREACHABLE, _ANY),
    "3.3": (Category.DOMAIN_MISCONFIGURED, _ANY),
    "3.5": (Category.DOMAIN_MISCONFIGURED, _ANY),
    "4.0": (Category.DOMAIN_UNREACHABLE, _ANY),
    "4.3": (Category.DOMAIN_MISCONFIGURED, _ANY),
    "4.5": (Category.DOMAIN_UNREACHABLE, _ANY),
}


def from_enhanced(said: Said) -> Coded | None:
    """What the enhanced code says at this stage, or None."""
    subject = said.enhanced[2:]
    row = (Category.CONTENT_FORMAT, _OF_SENDER) if subject.startswith("6.") else _ENHANCED.get(subject)
    if row is None and not said.permanent:
        row = _ENHANCED_TEMPORARY.get(subject)
    if row is None or said.stage not in row[1]:
        return None
    category = row[0]
    if said.smarthost and category.startswith("recipient."):
        return None  # a relay's own answer is about the relay
    if said.smarthost and category is Category.SENDER_ADDRESS:
        category = Category.SOURCE_REFUSED
    if not said.permanent:
        category = _WHEN_TEMPORARY.get(category, category)
    return Coded(category, f"codes.{said.enhanced}", Confidence.LIKELY)


_WHEN_TEMPORARY = {
    Category.RECIPIENT_UNKNOWN: Category.RECIPIENT_UNKNOWN_TEMPFAIL,
    Category.RECIPIENT_BAD_SYNTAX: Category.RECIPIENT_UNKNOWN_TEMPFAIL,
    Category.RECIPIENT_DISABLED: Category.RECIPIENT_RATE,
}


def from_basic(said: Said) -> Coded:
    """What the basic code says at this stage; ``unknown.*`` at the least."""
    category = _of_stage(said) or _of_code(said)
    if category is None:
        category = Category.UNKNOWN_PERMANENT if said.permanent else Category.UNKNOWN_TEMPORARY
    return Coded(category, f"codes.{said.stage.word}", Confidence.GUESS)


def _of_stage(said: Said) -> Category | None:
    if said.stage is Stage.AUTH or (said.smarthost and said.code in {530, 535}):
        return Category.SOURCE_REFUSED
    if said.stage is Stage.STARTTLS:
        return Category.SESSION_TLS
    if said.stage in _BEFORE_MAIL and said.code // 100 == 4:
        return Category.DOMAIN_UNREACHABLE  # the host is backed off, never the address
    if said.stage in _BEFORE_MAIL and 520 <= said.code <= 599:
        return Category.SENDER_IP_BLOCKLISTED  # a server that wants nothing from this client (RFC 5321 §3.1)
    return None


def _of_code(said: Said) -> Category | None:
    match said.code:
        case code if 200 <= code <= 399 or 500 <= code <= 504:
            return Category.SESSION_PROTOCOL
        case 521 | 556:
            return Category.DOMAIN_MISCONFIGURED  # believed only when our own DNS answer says so too
        case 523:
            return Category.CONTENT_TOO_LARGE
        case 538:
            return Category.SESSION_TLS
        case 552:
            return _of_552(said)
        case _:
            return None


def _of_552(said: Said) -> Category | None:
    """Storage: the mailbox's at RCPT, the message's at MAIL (SIZE); after the final dot it may be either."""
    if said.stage is Stage.RCPT and not said.smarthost:
        return Category.RECIPIENT_OVER_QUOTA
    return Category.CONTENT_TOO_LARGE if said.stage is Stage.MAIL else None
