"""The classifier's answer to one reply: what it means, whose problem it is, and how that was found.

The outcome belongs to the reply; what is done about it is policy's (``gatepost.policy``), never said here.
"""

import enum

import msgspec


class Outcome(enum.IntEnum):
    """What an answer meant for the delivery."""

    DELIVERED = 1
    SOFT = 2
    HARD = 3
    REJECTION = 4

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Fault(enum.IntEnum):
    """Whose problem a reply speaks of."""

    NONE = 0
    RECIPIENT = 1
    DOMAIN = 2
    NETWORK = 3
    SOURCE = 4
    SENDER = 5
    CONTENT = 6
    RATE = 7
    PROTOCOL = 8
    GATEWAY = 9
    UNKNOWN = 10

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Confidence(enum.IntEnum):
    """How sure the rule is."""

    GUESS = 1
    LIKELY = 2
    CERTAIN = 3

    @property
    def word(self) -> str:
        """As written outside the code."""
        return self.name.lower()


class Category(enum.StrEnum):
    """What a reply is about: one word per kind of answer (the whole table: docs/categories.md)."""

    DELIVERED = "delivered"
    RECIPIENT_UNKNOWN = "recipient.unknown"
    RECIPIENT_BAD_SYNTAX = "recipient.bad_syntax"
    RECIPIENT_DISABLED = "recipient.disabled"
    RECIPIENT_MOVED = "recipient.moved"
    RECIPIENT_REFUSED = "recipient.refused"
    RECIPIENT_PRESUMED_DEAD = "recipient.presumed_dead"
    RECIPIENT_OVER_QUOTA = "recipient.over_quota"
    RECIPIENT_RATE = "recipient.rate"
    RECIPIENT_UNVERIFIED = "recipient.unverified"
    RECIPIENT_UNKNOWN_TEMPFAIL = "recipient.unknown_tempfail"
    DOMAIN_NOT_FOUND = "domain.not_found"
    DOMAIN_NULL_MX = "domain.null_mx"
    DOMAIN_TENANT_GONE = "domain.tenant_gone"
    DOMAIN_UNREACHABLE = "domain.unreachable"
    DOMAIN_MISCONFIGURED = "domain.misconfigured"
    SOURCE_REFUSED = "source.refused"
    SENDER_IP_BLOCKLISTED = "sender.ip_blocklisted"
    SENDER_IP_REPUTATION = "sender.ip_reputation"
    SENDER_IP_CONFIG = "sender.ip_config"
    SENDER_DOMAIN_REPUTATION = "sender.domain_reputation"
    SENDER_AUTH = "sender.auth"
    SENDER_ADDRESS = "sender.address"
    SENDER_DAILY_LIMIT = "sender.daily_limit"
    CONTENT_SPAM = "content.spam"
    CONTENT_MALWARE = "content.malware"
    CONTENT_FORMAT = "content.format"
    CONTENT_TOO_LARGE = "content.too_large"
    RATE_LIMITED = "rate.limited"
    RATE_GREYLISTED = "rate.greylisted"
    SESSION_NETWORK = "session.network"
    SESSION_TIMEOUT = "session.timeout"
    SESSION_TLS = "session.tls"
    SESSION_TOO_MANY_RECIPIENTS = "session.too_many_recipients"
    SESSION_PROTOCOL = "session.protocol"
    LOCAL_EXPIRED = "local.expired"
    LOCAL_SUPPRESSED = "local.suppressed"
    LOCAL_REFUSED = "local.refused"
    LOCAL_CANCELLED = "local.cancelled"
    UNKNOWN_PERMANENT = "unknown.permanent"
    UNKNOWN_TEMPORARY = "unknown.temporary"
    FEEDBACK_COMPLAINT = "feedback.complaint"
    FEEDBACK_NOT_SPAM = "feedback.not_spam"
    FEEDBACK_UNSUBSCRIBE = "feedback.unsubscribe"
    FEEDBACK_AUTOREPLY = "feedback.autoreply"


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What one reply means.

    claim: what the server said, as code class and enhanced class: ``5/5.7``, ``4/-``.
    rule, rule_version: which rule named the category; ``codes.rcpt`` and the like for codes and stage.
    evidence: the (start, end) span of the matched text in the reply as rules see it (``classify.template.folded``), or (0, 0).
    hint: seconds to wait that the text itself names, or 0.
    nested: the reply quotes another server's; it never acts on a lane, Source or sender domain.
    quotes_us: our own IP, host name, MAIL FROM or From domain stands in it (the veto applied where it mattered).
    explicit: explicit words about the mailbox, not codes and stage alone, gave a recipient category.
    never: the text says that retrying will not succeed.
    blocklist: the list that a refusal of our IP, domain or content names, or empty.
    presumable: a no at RCPT that no rule knew and that speaks of nothing: the address may be dead, if history says so too.
    template: of a reply that no rule knew, else empty.
    """

    category: Category
    outcome: Outcome
    fault: Fault
    rule: str
    confidence: Confidence = Confidence.LIKELY
    claim: str = ""
    rule_version: int = 1
    evidence: tuple[int, int] = (0, 0)
    hint: int = 0
    nested: bool = False
    quotes_us: bool = False
    explicit: bool = False
    never: bool = False
    blocklist: str = ""
    presumable: bool = False
    template: str = ""


DELIVERED = Verdict(
    category=Category.DELIVERED,
    outcome=Outcome.DELIVERED,
    fault=Fault.NONE,
    rule="codes.delivered",
    confidence=Confidence.CERTAIN,
    claim="2/-",
)
