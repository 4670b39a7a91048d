"""What one reply leads to: the action, and the outcome as it stands after everything that tempers a reply.

Guarantees: no 4xx ends a message at its first reply unless its text says that retrying will not succeed; nothing but a
hard verdict suppresses, unless an operator insists; codes alone never suppress where the reply may speak of us
(quoting us, before RCPT, after DATA: faults.md P9); one answer for several recipients suppresses none of them; an
attempt in doubt is tried again.
Not here: when (``retry``), and what is written (``attempted``).
"""

import msgspec

from gatepost.model import event as events
from gatepost.model import facts as fact_values
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import absence
from gatepost.policy import terms as term_values

Action = events.Action
Outcome = verdicts.Outcome

# Where a no speaks of us or of the message, whatever its code (taxonomy of replies by stage).
_NOT_ABOUT_RECIPIENTS = frozenset(
    {
        replies.Stage.CONNECT,
        replies.Stage.GREETING,
        replies.Stage.EHLO,
        replies.Stage.STARTTLS,
        replies.Stage.AUTH,
        replies.Stage.MAIL,
        replies.Stage.DATA,
        replies.Stage.DOT,
    }
)

_OF_ALL = frozenset({replies.Stage.MAIL, replies.Stage.DATA, replies.Stage.DOT})


class Decision(msgspec.Struct, frozen=True):
    """What is done, and what the reply meant in the end."""

    action: Action
    outcome: Outcome


class Known(msgspec.Struct, frozen=True):
    """What was said before. seen: the category on this delivery, this reply included; domain: of everybody there."""

    seen: fact_values.Seen
    domain: fact_values.Streak | None = None


def action(
    result: results.Attempted,
    rule: term_values.Rule,
    known: Known,
    now_ms: int,
    terms: term_values.Terms,
) -> Decision:
    """The action for a reply that is not a delivery."""
    if result.in_doubt:
        return Decision(Action.RETRY, Outcome.SOFT)
    if terms.literal and result.reply.code >= 500:
        return Decision(Action.SUPPRESS, result.verdict.outcome)
    if rule.action is Action.RESPLIT and (
        result.attempt.recipients == 1 or known.seen.count > terms.resplits
    ):
        return Decision(Action.RETRY, result.verdict.outcome)  # one alone cannot be divided
    return _by_rule(result, rule, known, now_ms, terms)


def _by_rule(
    result: results.Attempted,
    rule: term_values.Rule,
    known: Known,
    now_ms: int,
    terms: term_values.Terms,
) -> Decision:
    outcome = result.verdict.outcome
    match rule.action:
        case Action.SUPPRESS:
            return _suppressing(result, rule)
        case Action.FAIL:
            return Decision(Action.RETRY if _may_pass(result) else Action.FAIL, outcome)
        case Action.RESPLIT:
            return Decision(Action.RESPLIT, outcome)
        case Action.RETRY | Action.HOLD:
            return _waiting(result, rule, known, now_ms, terms)
        case Action.NONE:  # a word of our own, that no rule should give a reply: the code decides
            return Decision(Action.FAIL if result.reply.code >= 500 else Action.RETRY, outcome)


def _suppressing(result: results.Attempted, rule: term_values.Rule) -> Decision:
    verdict = result.verdict
    if verdict.outcome is not Outcome.HARD and not rule.insisted:
        return Decision(Action.RETRY if _may_pass(result) else Action.FAIL, verdict.outcome)
    if _of_nobody(result) and not rule.insisted:
        return Decision(Action.RETRY if _may_pass(result) else Action.FAIL, Outcome.REJECTION)
    if _may_pass(result):
        return Decision(Action.RETRY, Outcome.SOFT)
    return Decision(Action.SUPPRESS, verdict.outcome)


def _of_nobody(result: results.Attempted) -> bool:
    """Whether it cannot be told that the reply speaks of this recipient."""
    verdict = result.verdict
    weak = verdict.quotes_us or result.reply.stage in _NOT_ABOUT_RECIPIENTS
    return (weak and not verdict.explicit) or _shared(result)


def _shared(result: results.Attempted) -> bool:
    """One answer for several recipients: whatever it says, whose address it speaks of cannot be told."""
    return result.reply.stage in _OF_ALL and result.attempt.recipients > 1


def _waiting(
    result: results.Attempted,
    rule: term_values.Rule,
    known: Known,
    now_ms: int,
    terms: term_values.Terms,
) -> Decision:
    verdict = result.verdict
    if rule.then is Action.SUPPRESS:
        if _believed(result, rule, known, now_ms, terms) and not _of_nobody(result):
            return Decision(Action.SUPPRESS, Outcome.HARD)
    elif _patience_is_over(result, rule, known.seen, now_ms):
        return Decision(rule.then, Outcome.REJECTION)
    if verdict.never and verdict.category is verdicts.Category.UNKNOWN_TEMPORARY:
        return Decision(Action.FAIL, Outcome.REJECTION)  # its own words are all that is known of it
    return Decision(rule.action, verdict.outcome)


def _believed(
    result: results.Attempted,
    rule: term_values.Rule,
    known: Known,
    now_ms: int,
    terms: term_values.Terms,
) -> bool:
    """Whether a "never" that came as a 4xx, or from DNS, was said often and long enough.

    Of a domain: to several recipients, because no reply alone suppresses a domain. Of an address: not if its domain
    says the same of several and takes no mail, for then its directory is down (taxonomy: recipient.unknown_tempfail).
    """
    if rule.word == absence.WORD:
        return absence.believed(result, rule, known.domain, now_ms)
    said_to = len(known.domain.counted) if known.domain is not None else 0
    if rule.kind is suppressions.Kind.DOMAIN:
        since = known.domain.first_at if known.domain is not None else now_ms
        return said_to >= rule.patience_replies and now_ms - since >= rule.patience
    if said_to >= terms.crowd:
        return False
    return known.seen.count >= rule.patience_replies and now_ms - known.seen.first_at >= rule.patience


def _patience_is_over(
    result: results.Attempted, rule: term_values.Rule, seen: fact_values.Seen, now_ms: int
) -> bool:
    if rule.then is Action.NONE or seen.count < rule.patience_replies:
        return False
    if result.reply.code < 500:
        return False  # garbage and silence end nothing before the window does (faults.md P9)
    return now_ms - seen.first_at >= rule.patience


def _may_pass(result: results.Attempted) -> bool:
    return 400 <= result.reply.code < 500 and not result.verdict.never
