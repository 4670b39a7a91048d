"""What each category that a reply can have says of outcome and fault, whatever the code was.

Guarantees: every ``Category`` has a row (a test checks it). Not here: what is done about it (``gatepost.policy``).
"""

from types import MappingProxyType

from gatepost.model import verdict as verdicts

Category = verdicts.Category
Fault = verdicts.Fault
Outcome = verdicts.Outcome

_BY_OUTCOME: tuple[tuple[Outcome, Fault, tuple[Category, ...]], ...] = (
    (Outcome.DELIVERED, Fault.NONE, (Category.DELIVERED,)),
    (
        Outcome.HARD,
        Fault.RECIPIENT,
        (
            Category.RECIPIENT_UNKNOWN,
            Category.RECIPIENT_BAD_SYNTAX,
            Category.RECIPIENT_DISABLED,
            Category.RECIPIENT_MOVED,
            Category.RECIPIENT_REFUSED,
            Category.RECIPIENT_PRESUMED_DEAD,
        ),
    ),
    (
        Outcome.SOFT,
        Fault.RECIPIENT,
        (Category.RECIPIENT_OVER_QUOTA, Category.RECIPIENT_RATE, Category.RECIPIENT_UNKNOWN_TEMPFAIL),
    ),
    (Outcome.HARD, Fault.DOMAIN, (Category.DOMAIN_NULL_MX,)),
    (
        Outcome.SOFT,
        Fault.DOMAIN,
        (
            Category.RECIPIENT_UNVERIFIED,
            Category.DOMAIN_NOT_FOUND,
            Category.DOMAIN_TENANT_GONE,
            Category.DOMAIN_MISCONFIGURED,
        ),
    ),
    (
        Outcome.SOFT,
        Fault.NETWORK,
        (
            Category.DOMAIN_UNREACHABLE,
            Category.SESSION_NETWORK,
            Category.SESSION_TIMEOUT,
            Category.SESSION_TLS,
        ),
    ),
    (Outcome.SOFT, Fault.SOURCE, (Category.SOURCE_REFUSED, Category.SENDER_IP_REPUTATION)),
    (Outcome.REJECTION, Fault.SOURCE, (Category.SENDER_IP_BLOCKLISTED, Category.SENDER_IP_CONFIG)),
    (
        Outcome.REJECTION,
        Fault.SENDER,
        (Category.SENDER_DOMAIN_REPUTATION, Category.SENDER_AUTH, Category.SENDER_ADDRESS),
    ),
    (
        Outcome.REJECTION,
        Fault.CONTENT,
        (
            Category.CONTENT_SPAM,
            Category.CONTENT_MALWARE,
            Category.CONTENT_FORMAT,
            Category.CONTENT_TOO_LARGE,
        ),
    ),
    (
        Outcome.SOFT,
        Fault.RATE,
        (Category.SENDER_DAILY_LIMIT, Category.RATE_LIMITED, Category.RATE_GREYLISTED),
    ),
    (Outcome.SOFT, Fault.PROTOCOL, (Category.SESSION_TOO_MANY_RECIPIENTS, Category.SESSION_PROTOCOL)),
    (Outcome.SOFT, Fault.GATEWAY, (Category.LOCAL_EXPIRED,)),
    (
        Outcome.REJECTION,
        Fault.GATEWAY,
        (Category.LOCAL_SUPPRESSED, Category.LOCAL_REFUSED, Category.LOCAL_CANCELLED),
    ),
    (Outcome.REJECTION, Fault.UNKNOWN, (Category.UNKNOWN_PERMANENT,)),
    (Outcome.SOFT, Fault.UNKNOWN, (Category.UNKNOWN_TEMPORARY,)),
    (
        Outcome.REJECTION,
        Fault.NONE,
        (
            Category.FEEDBACK_COMPLAINT,
            Category.FEEDBACK_NOT_SPAM,
            Category.FEEDBACK_UNSUBSCRIBE,
            Category.FEEDBACK_AUTOREPLY,
        ),
    ),
)

MEANING: MappingProxyType[Category, tuple[Outcome, Fault]] = MappingProxyType(
    {category: (outcome, fault) for outcome, fault, group in _BY_OUTCOME for category in group}
)

# What writes a suppression: the veto asks explicit words of these (taxonomy: Precedence, 1).
SUPPRESSING = frozenset(
    {
        Category.RECIPIENT_UNKNOWN,
        Category.RECIPIENT_BAD_SYNTAX,
        Category.RECIPIENT_DISABLED,
        Category.RECIPIENT_MOVED,
        Category.RECIPIENT_REFUSED,
        Category.RECIPIENT_UNKNOWN_TEMPFAIL,
    }
)

# What a reply (or the lack of one) may be classified as; the others are ours, or are found out by history.
FROM_REPLIES = frozenset(
    category
    for category in MEANING
    if not category.startswith(("local.", "feedback."))
    and category not in {Category.DELIVERED, Category.RECIPIENT_PRESUMED_DEAD}
)
