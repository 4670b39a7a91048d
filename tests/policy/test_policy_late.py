"""What a late bounce may suppress: words about the mailbox, and three codes."""

import pytest

from gatepost.model import verdict as verdicts
from gatepost.policy import late

Category = verdicts.Category


@pytest.mark.parametrize(
    ("category", "outcome", "fault", "rule", "suppresses"),
    [
        (Category.RECIPIENT_UNKNOWN, "HARD", "RECIPIENT", "recipient.unknown", True),
        (Category.RECIPIENT_REFUSED, "HARD", "RECIPIENT", "recipient.blocked_sender", True),
        (Category.RECIPIENT_UNKNOWN, "HARD", "RECIPIENT", "codes.5.1.1", True),
        (Category.RECIPIENT_BAD_SYNTAX, "HARD", "RECIPIENT", "codes.5.1.3", True),
        (Category.RECIPIENT_DISABLED, "HARD", "RECIPIENT", "codes.5.2.1", True),
        (Category.RECIPIENT_UNKNOWN, "HARD", "RECIPIENT", "codes.5.1.10", False),
        (Category.RECIPIENT_OVER_QUOTA, "SOFT", "RECIPIENT", "codes.5.2.2", False),
        (Category.RECIPIENT_UNKNOWN_TEMPFAIL, "SOFT", "RECIPIENT", "recipient.unknown", False),
        (Category.DOMAIN_NULL_MX, "HARD", "DOMAIN", "domain.null_mx", False),
        (Category.SESSION_TIMEOUT, "SOFT", "NETWORK", "codes.4.4.7", False),
        (Category.CONTENT_SPAM, "REJECTION", "CONTENT", "content.spam", False),
    ],
)
def test_only_sure_words_about_the_recipient_suppress(
    category: verdicts.Category, outcome: str, fault: str, rule: str, suppresses: bool
) -> None:
    verdict = verdicts.Verdict(category, verdicts.Outcome[outcome], verdicts.Fault[fault], rule)
    assert late.may_suppress(verdict) is suppresses
