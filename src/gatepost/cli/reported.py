"""What a report says and what would follow, in the words of ``gatepost report``.

Guarantees: classifier and policy are the gateway's own; ``suppress`` is said as if a valid token tied the report to that
recipient.
"""

import msgspec

from gatepost.app import judging
from gatepost.classify import classifier as classifiers
from gatepost.model import verdict as verdicts
from gatepost.policy import late
from gatepost.reports import parser, report

Category = verdicts.Category


class Recipient(msgspec.Struct, frozen=True):
    """One recipient. address: null where the report names none. dsn_action: RFC 3464's word, null in a complaint."""

    address: str | None
    dsn_action: str | None
    status: str | None
    reply: str | None
    category: str | None
    outcome: str | None
    suppress: bool
    original_recipient: str | None = None
    remote_mta: str | None = None
    rule: str | None = None


class Original(msgspec.Struct, frozen=True):
    """What was returned of the message: the fields that lead back to it."""

    return_path: str | None
    feedback_id: str | None
    list_id: str | None
    subject: str | None
    to: str | None


class Reported(msgspec.Struct, frozen=True):
    """One mail. number: which one of an mbox. reports: how many feedback reports it holds; the fields are the first one's,
    as given. error: why nothing could be read; problems: what was left out.
    """

    file: str
    kind: str
    recipients: list[Recipient]
    message_id: str | None
    feedback_type: str | None
    number: int = 1
    notice: str | None = None
    sender: str | None = None
    subject: str | None = None
    reporting_mta: str | None = None
    user_agent: str | None = None
    source_ip: str | None = None
    original_mail_from: str | None = None
    original_rcpt_to: list[str] = []
    removal_recipient: list[str] = []
    reported_domain: list[str] = []
    recipient_redacted: bool | None = None
    auth_failure: str | None = None
    reports: int = 0
    original: Original | None = None
    problems: list[str] = []
    error: str | None = None


def of_mail(file: str, number: int, raw: bytes, judge: judging.Judge) -> Reported:
    """The line of one mail."""
    found = parser.parse(raw)
    first = found.feedback[0] if found.feedback else None
    line = Reported(
        file=file,
        kind=found.kind.value,
        recipients=_recipients(found, judge),
        message_id=found.original_message_id or None,
        feedback_type=(first.type or None) if first is not None else None,
        number=number,
        notice=found.notice or None,
        sender=found.sender or None,
        subject=found.subject or None,
        reporting_mta=found.reporting_mta or (first.reporting_mta if first is not None else "") or None,
        original=_original(found.original),
        problems=list(found.problems),
        error=_error(raw, found),
    )
    return line if first is None else _with_feedback(line, first, len(found.feedback))


def _with_feedback(line: Reported, first: report.Feedback, count: int) -> Reported:
    return msgspec.structs.replace(
        line,
        user_agent=first.user_agent or None,
        source_ip=first.source_ip or None,
        original_mail_from=first.original_mail_from,
        original_rcpt_to=list(first.original_rcpt_to),
        removal_recipient=list(first.removal_recipient),
        reported_domain=list(first.reported_domain),
        recipient_redacted=first.redacted,
        auth_failure=first.auth_failure or None,
        reports=count,
    )


def unreadable(file: str, problem: str) -> Reported:
    """The line of a file that could not be read."""
    return Reported(file, report.Kind.OTHER.value, [], None, None, error=problem)


def _error(raw: bytes, found: report.Report) -> str | None:
    if not raw.strip():
        return "the mail is empty"
    if found.kind is report.Kind.OTHER and not (
        found.sender or found.subject or found.to or found.message_id
    ):
        return "this is no mail: no header was found"
    return None


def _recipients(found: report.Report, judge: judging.Judge) -> list[Recipient]:
    failed = [_of_dsn(one, judge) for one in found.recipients]
    return failed + [one for feedback in found.feedback for one in _of_feedback(feedback)]


def _of_dsn(one: report.Recipient, judge: judging.Judge) -> Recipient:
    reply = report.said(one)
    verdict = judge.verdict(reply, classifiers.Context(recipient=one.address, from_dsn=True))
    category: str | None = verdict.category.value
    outcome: str | None = judge.answer(reply, verdict).outcome
    suppress = False
    match one.action:
        case report.Action.FAILED:
            suppress = late.may_suppress(verdict) and judge.answer(reply, verdict).suppress
        case report.Action.DELAYED:  # it is still tried: nothing is final
            outcome = verdicts.Outcome.SOFT.word
        case report.Action.DELIVERED:
            category, outcome = Category.DELIVERED.value, verdicts.Outcome.DELIVERED.word
        case report.Action.RELAYED | report.Action.EXPANDED:
            category, outcome = Category.FEEDBACK_AUTOREPLY.value, None
    return Recipient(
        address=one.address or None,
        dsn_action=one.action.value,
        status=one.status or None,
        reply=one.reply or None,
        category=category,
        outcome=outcome,
        suppress=suppress,
        original_recipient=one.original or None,
        remote_mta=one.remote_mta or None,
        rule=verdict.rule,
    )


_OF_TYPE = {
    "": Category.FEEDBACK_COMPLAINT,
    "abuse": Category.FEEDBACK_COMPLAINT,
    "not-spam": Category.FEEDBACK_NOT_SPAM,
    "opt-out": Category.FEEDBACK_UNSUBSCRIBE,
    "opt-out-list": Category.FEEDBACK_UNSUBSCRIBE,
}
_SUPPRESSING = frozenset({Category.FEEDBACK_COMPLAINT, Category.FEEDBACK_UNSUBSCRIBE})


def _of_feedback(feedback: report.Feedback) -> list[Recipient]:
    """Whoever complained; one without an address where the report withholds it: only a token would tell."""
    category = _OF_TYPE.get(feedback.type)
    if category is None and not feedback.recipients:
        return []
    return [
        Recipient(
            address=address,
            dsn_action=None,
            status=None,
            reply=None,
            category=category.value if category is not None else None,
            outcome=None,
            suppress=category in _SUPPRESSING,
        )
        for address in feedback.recipients or (None,)
    ]


def _original(found: report.Original | None) -> Original | None:
    if found is None:
        return None
    return Original(
        *(found.get(name) or None for name in ("return-path", "feedback-id", "list-id", "subject", "to"))
    )
