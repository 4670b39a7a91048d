"""Whether a mail in prose is a bounce: who sends it, what its subject says, how its text begins, whom it names.

The less the sender is known for bounces, the more of the others must agree; an answer that a person's mailer wrote is no
bounce, whatever it says: a vacation note must never end in a suppression.
"""

import enum

import msgspec

from gatepost.reports import mailbox, phrases, prose, report, structure

_OPENING = 2500  # characters of a text that tell what it is


class Sender(enum.IntEnum):
    """Who sends the mail, by its From."""

    SOMEBODY = 0
    MACHINE = 1
    DAEMON = 2


class Found(msgspec.Struct, frozen=True):
    """What the text holds. rank: of the surest mention of a recipient; coded: a reply with a code; returned: an original."""

    rank: int
    coded: bool
    returned: bool


def is_bounce(mail: structure.Mail, text: str, found: Found, *, answer: bool) -> bool:
    """Whether it is one. text: the report without the original. answer: it has the marks of an automatic answer, which
    Postfix and Exim, too, put on their bounces: then all sides must agree.
    """
    fields = mail.fields
    subject = mail.subject.lower()
    titled = _tells(subject)
    sender = _sender(mail)
    if sender is Sender.DAEMON and titled and not answer:
        return True
    worded = _tells(one_line(text[:_OPENING]))
    if "x-failed-recipients" in fields:
        return sender is Sender.DAEMON or titled or worded
    if answer:
        return sender is Sender.DAEMON and titled and worded
    if sender is Sender.DAEMON:
        return worded and (found.rank >= prose.NAMED or found.returned)
    if sender is Sender.MACHINE or not fields:
        return worded and _is_formed(found)
    return (
        titled
        and (worded or found.coded)
        and (found.rank == prose.HEADS or found.returned)
        and _is_formed(found)
    )


def _is_formed(found: Found) -> bool:
    """Whether a text has the form of a bounce, and is not about one: it names recipients, and what was said or sent."""
    if found.rank == prose.HEADS:
        return True
    return found.rank == prose.NAMED and (found.coded or found.returned)


def _sender(mail: structure.Mail) -> Sender:
    """By the address; a name alone is soon written."""
    if not mail.fields:
        return Sender.SOMEBODY
    named = mail.sender.lower()
    address = mailbox.first(named)
    if phrases.DAEMON.search(address or named):
        return Sender.DAEMON
    return (
        Sender.MACHINE if phrases.DAEMON.search(named) or phrases.MACHINE.search(named) else Sender.SOMEBODY
    )


def _tells(text: str) -> bool:
    return phrases.FAILURE.search(text) is not None or phrases.DELAY.search(text) is not None


def one_line(text: str) -> str:
    """Lower case, all white space one blank."""
    return " ".join(text.lower().split())


def action(subject: str, text: str) -> report.Action:
    """What a text says of delivery: that it waits, that it worked, else that it failed."""
    subject, opening = subject.lower(), one_line(text[:_OPENING])
    for place in (subject, opening):
        if phrases.GIVEN_UP.search(place):
            return report.Action.FAILED
        if phrases.DELAY.search(place):
            return report.Action.DELAYED
        if phrases.SUCCESS.search(place):
            return report.Action.DELIVERED
        if phrases.RELAYED.search(place):
            return report.Action.RELAYED
    return report.Action.FAILED
