"""The one table of what happens for each kind of answer: action, schedule, suppression, escalation.

Guarantees: every ``Category`` has exactly one row (checked by a test); docs/categories.md is made from it, and every
decision reads it through ``gatepost.policy.terms``, where an operator's ``[policy]`` may change it.
Not here: which reply belongs to which category (``gatepost.classify``), numbers of the schedules (``settings``).
"""

from types import MappingProxyType

import msgspec

from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import row as rows

Category = rows.Category
Fault = rows.Fault
Action = rows.Action
Scope = rows.Scope
Schedule = rows.Schedule
Escalates = rows.Escalates
Row = rows.Row

_H = 3600
_replace = msgspec.structs.replace

_RECIPIENT = (
    rows.hard(Category.RECIPIENT_UNKNOWN, "The receiver says that there is no such mailbox."),
    rows.hard(Category.RECIPIENT_BAD_SYNTAX, "The receiver says that no mailbox can have this name."),
    rows.hard(Category.RECIPIENT_DISABLED, "The mailbox is disabled, suspended or given up."),
    rows.hard(
        Category.RECIPIENT_MOVED,
        "The mailbox has moved; a new address is shown as text and never written to.",
    ),
    rows.hard(
        Category.RECIPIENT_REFUSED,
        "This recipient refuses this sender. Only this Bridge stops writing; a guess, or an administrator's "
        "transport rule, expires after 30 days.",
        scope=Scope.BRIDGE,
    ),
    _replace(
        rows.hard(
            Category.RECIPIENT_PRESUMED_DEAD,
            "An unmatched no at RCPT from a host that takes others of our mails: for this Bridge and a week; "
            "the second time at least a day later for everyone, 90 days.",
            scope=Scope.BRIDGE,
            days=7,
        ),
        counts="hard rate, unclassified gauge",
    ),
    _replace(
        rows.soft(
            Category.RECIPIENT_OVER_QUOTA,
            Fault.RECIPIENT,
            Schedule.QUOTA,
            "The mailbox is full: retried slowly even when the code is 5xx.",
            counts="soft rate",
        ),
        holds_address=True,
        escalates=Escalates.SOFT,
    ),
    _replace(
        rows.soft(
            Category.RECIPIENT_RATE,
            Fault.RECIPIENT,
            Schedule.STANDARD,
            "The mailbox receives mail too fast: the next try comes an hour later or more, even when the code is 5xx.",
        ),
        holds_address=True,
        gap_s=_H,
    ),
    rows.soft(
        Category.RECIPIENT_UNVERIFIED,
        Fault.DOMAIN,
        Schedule.GREYLIST,
        "The receiver is still checking whether the address exists.",
    ),
    _replace(
        rows.soft(
            Category.RECIPIENT_UNKNOWN_TEMPFAIL,
            Fault.RECIPIENT,
            Schedule.STANDARD,
            "No such user, said with a 4xx: after 48 hours and four such replies it is taken as dead for 30 days; not while the"
            " domain says so of three addresses and takes no mail.",
            counts="hard rate when final",
        ),
        holds_address=True,
        scope=Scope.INSTANCE,
        expires_days=30,
        patience_replies=4,
        patience_s=48 * _H,
        then=Action.SUPPRESS,
        escalates=Escalates.SOFT,
    ),
)

_DOMAIN = (
    _replace(
        rows.soft(
            Category.DOMAIN_NOT_FOUND,
            Fault.DOMAIN,
            Schedule.DOMAIN,
            "DNS knows no such domain, or neither MX nor address. NXDOMAIN three times over an hour, of two resolvers that know"
            " other names: the address is not written to for 30 days; after another 24 hours the whole domain.",
            counts="hard rate when final",
        ),
        patience_replies=3,
        patience_s=_H,
        then=Action.SUPPRESS,
        scope=Scope.INSTANCE,
        expires_days=30,
    ),
    _replace(
        rows.hard(
            Category.DOMAIN_NULL_MX,
            "The domain's own DNS says that it takes no mail (RFC 7505): the domain is not written to for 30 days.",
            days=30,
        ),
        fault=Fault.DOMAIN,
        kind=suppressions.Kind.DOMAIN,
        holds_address=False,
        escalates=Escalates.NOTHING,
    ),
    _replace(
        rows.soft(
            Category.DOMAIN_TENANT_GONE,
            Fault.DOMAIN,
            Schedule.DOMAIN,
            "The provider has no customer with this domain any more. Said to three recipients over 72 hours, and no mail"
            " taken: the domain is not written to for a week.",
            counts="hard rate when final",
        ),
        patience_replies=3,
        patience_s=72 * _H,
        then=Action.SUPPRESS,
        kind=suppressions.Kind.DOMAIN,
        scope=suppressions.Scope.INSTANCE,
        expires_days=7,
    ),
    rows.soft(
        Category.DOMAIN_UNREACHABLE,
        Fault.NETWORK,
        Schedule.DOMAIN,
        "No MX can be connected to.",
    ),
    rows.soft(
        Category.DOMAIN_MISCONFIGURED,
        Fault.DOMAIN,
        Schedule.DOMAIN,
        "The receiver's own set-up is broken: it relays not even for itself, loops, or its disk is full.",
    ),
)

_SENDER = (
    _replace(
        rows.soft(
            Category.SOURCE_REFUSED,
            Fault.SOURCE,
            Schedule.STANDARD,
            "A smarthost does not take our mail: wrong password, or it will not relay for us.",
            counts="Source",
        ),
        action=Action.HOLD,
    ),
    rows.waits(
        Category.SENDER_IP_BLOCKLISTED,
        Fault.SOURCE,
        Schedule.LANE,
        "The receiver says that our IP address is listed, banned or blocked.",
        counts="lane block rate",
    ),
    rows.soft(
        Category.SENDER_IP_REPUTATION,
        Fault.SOURCE,
        Schedule.RATE,
        "The receiver slows our IP address down for its reputation.",
        counts="lane",
    ),
    rows.waits(
        Category.SENDER_IP_CONFIG,
        Fault.SOURCE,
        Schedule.LANE,
        "Our IP address lacks a PTR record, or our EHLO name is not liked.",
        counts="Source",
    ),
    rows.waits(
        Category.SENDER_DOMAIN_REPUTATION,
        Fault.SENDER,
        Schedule.LANE,
        "The sending domain is listed or has a bad reputation.",
        counts="sender domain",
    ),
    _replace(
        rows.waits(
            Category.SENDER_AUTH,
            Fault.SENDER,
            Schedule.NONE,
            "SPF, DKIM or DMARC did not pass, or is demanded: the mail is held until it is mended, also when the code is 5xx.",
            counts="authentication health",
        ),
        held=True,
    ),
    _replace(
        rows.waits(
            Category.SENDER_ADDRESS,
            Fault.SENDER,
            Schedule.NONE,
            "The receiver does not accept our MAIL FROM, or cannot find its domain: held until our own DNS was asked.",
            counts="authentication health",
        ),
        held=True,
    ),
    rows.soft(
        Category.SENDER_DAILY_LIMIT,
        Fault.RATE,
        Schedule.RATE,
        "The sender has used up its allowance at this provider, whatever the code.",
        counts="lane",
    ),
)

_CONTENT = (
    _replace(
        rows.fails(
            Category.CONTENT_SPAM,
            "This message was taken for spam. The address is kept.",
            counts="content rate, refusals",
        ),
        escalates=Escalates.REFUSED,
    ),
    rows.fails(
        Category.CONTENT_MALWARE,
        "A virus or a forbidden attachment was seen in this message.",
        counts="content rate",
    ),
    rows.fails(Category.CONTENT_FORMAT, "The receiver finds this message malformed."),
    rows.fails(Category.CONTENT_TOO_LARGE, "This message is larger than the receiver takes."),
)

_SESSION = (
    rows.soft(
        Category.RATE_LIMITED,
        Fault.RATE,
        Schedule.RATE,
        "Too many connections or messages at once, whatever the code. A delay that the text names is followed.",
        counts="lane",
    ),
    rows.soft(
        Category.RATE_GREYLISTED,
        Fault.RATE,
        Schedule.GREYLIST,
        "The receiver asks for a second try from the same address. A delay that the text names is followed.",
    ),
    rows.soft(Category.SESSION_NETWORK, Fault.NETWORK, Schedule.DOMAIN, "The connection failed or broke."),
    rows.soft(
        Category.SESSION_TIMEOUT,
        Fault.NETWORK,
        Schedule.DOMAIN,
        "No answer came in time. After the final dot that may mean a delivery, and is marked so.",
    ),
    rows.soft(
        Category.SESSION_TLS, Fault.NETWORK, Schedule.DOMAIN, "TLS failed, or is demanded and missing."
    ),
    _replace(
        rows.soft(
            Category.SESSION_TOO_MANY_RECIPIENTS,
            Fault.PROTOCOL,
            Schedule.STANDARD,
            "More recipients than this receiver takes in one go: the rest goes on at once.",
        ),
        action=Action.RESPLIT,
    ),
    _replace(
        rows.soft(
            Category.SESSION_PROTOCOL,
            Fault.PROTOCOL,
            Schedule.STANDARD,
            "The two servers do not understand each other: one more try on a new connection; a second 5xx ends the message.",
            counts="fault counter",
        ),
        patience_replies=2,
        then=Action.FAIL,
    ),
)

_UNKNOWN = (
    _replace(
        rows.fails(
            Category.UNKNOWN_PERMANENT,
            "A 5xx that no rule knows: this message fails, the address is kept, the reply is listed for review.",
            counts="unclassified gauge, refusals",
            fault=Fault.UNKNOWN,
        ),
        escalates=Escalates.REFUSED,
    ),
    _replace(
        rows.soft(
            Category.UNKNOWN_TEMPORARY,
            Fault.UNKNOWN,
            Schedule.STANDARD,
            "A 4xx that no rule knows; listed for review.",
            counts="unclassified gauge",
        ),
        escalates=Escalates.SOFT_AT_RCPT,
    ),
)

_OURS = (
    rows.Row(
        Category.DELIVERED,
        verdicts.Outcome.DELIVERED,
        Fault.NONE,
        Action.NONE,
        Schedule.NONE,
        "The receiver took the message.",
    ),
    rows.Row(
        Category.LOCAL_EXPIRED,
        verdicts.Outcome.SOFT,
        Fault.NONE,
        Action.FAIL,
        Schedule.NONE,
        "The window or the message's lifetime ended; the category of the last real reply is kept beside it.",
        counts="soft rate",
    ),
    rows.ours(Category.LOCAL_SUPPRESSED, "The address or its domain is suppressed: nobody was asked."),
    rows.ours(Category.LOCAL_REFUSED, "The gateway itself refused this recipient."),
    rows.ours(Category.LOCAL_CANCELLED, "An operator cancelled the delivery."),
)

_FEEDBACK = (
    rows.Row(
        Category.FEEDBACK_COMPLAINT,
        None,
        Fault.RECIPIENT,
        Action.SUPPRESS,
        Schedule.NONE,
        "The recipient called it spam.",
        counts="complaint rate",
        scope=Scope.ACCOUNT,
        expires_days=0,
    ),
    rows.Row(
        Category.FEEDBACK_NOT_SPAM,
        None,
        Fault.NONE,
        Action.NONE,
        Schedule.NONE,
        "The recipient said that it is no spam; never suppresses.",
    ),
    rows.Row(
        Category.FEEDBACK_UNSUBSCRIBE,
        None,
        Fault.RECIPIENT,
        Action.SUPPRESS,
        Schedule.NONE,
        "The recipient left the list; without a list, the Bridge's bulk mail.",
        counts="unsubscribe rate",
        scope=Scope.LIST,
        expires_days=0,
    ),
    rows.Row(
        Category.FEEDBACK_AUTOREPLY,
        None,
        Fault.NONE,
        Action.NONE,
        Schedule.NONE,
        "An automatic answer: noted, nothing follows.",
    ),
)

ROWS = (*_RECIPIENT, *_DOMAIN, *_SENDER, *_CONTENT, *_SESSION, *_UNKNOWN, *_OURS, *_FEEDBACK)
TABLE = MappingProxyType({row.category: row for row in ROWS})
FIXED = frozenset(row.category for row in (*_OURS, *_FEEDBACK))  # words of our own: no reply gives them
