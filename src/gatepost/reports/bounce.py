"""Bounces without a delivery-status part: from the header, from fields in the text, from the text itself.

Guarantees: bounded by ``limits``. What the more formal source says stands; the text adds what it lacks.
"""

from itertools import islice

import msgspec

from gatepost.reports import (
    dsn,
    evidence,
    header,
    limits,
    mailbox,
    original,
    phrases,
    prose,
    report,
    structure,
    wording,
)

_STATUS_WITHIN = 600  # characters of a reply in which its code stands
_LINES_ABOUT = 5  # lines that name a recipient, of those that are read for a code
_TEXT_KINDS = ("text/plain", "text/html", "text/enriched", "text/x-markdown")


class Reading(msgspec.Struct, frozen=True):
    """The text of a mail, ready to be read as a bounce."""

    text: str
    section: prose.Section


def reading(mail: structure.Mail) -> Reading:
    """The text parts in front of the original: plain ones, HTML only where they name nobody."""
    texts: list[structure.Part] = []
    for leaf in mail.leaves:
        if leaf.kind in original.KINDS:
            break
        if leaf.kind in _TEXT_KINDS and not _attached(leaf):
            texts.append(leaf)
    plain = "\n\n".join(part.text() for part in texts[: limits.TEXTS] if part.kind != "text/html")
    if "@" not in plain:
        plain = "\n\n".join(
            [plain, *(part.text() for part in texts[: limits.TEXTS] if part.kind == "text/html")]
        )
    return Reading(plain, prose.section(plain))


def _attached(part: structure.Part) -> bool:
    return (
        part.fields.get("content-disposition").lower().startswith("attachment")
        and "filename" in part.fields.get("content-disposition").lower()
    )


def mentions(mail: structure.Mail, read: Reading, returned: report.Original | None) -> list[prose.Mention]:
    """Whom the text names as not reached."""
    return prose.mentions(_for_people(read.section.report), _senders(mail.fields, returned))


def recipients(
    mail: structure.Mail, read: Reading, returned: report.Original | None, found: list[prose.Mention]
) -> tuple[report.Recipient, ...]:
    """Whom the mail says it could not reach, and why. found: the text's mentions."""
    action = evidence.action(mail.subject, read.section.report)
    failed = [address for value in mail.fields.all("x-failed-recipients") for address in mailbox.every(value)]
    if failed:
        return _of_header(failed, found, read, action)
    if not found:
        found = [
            prose.Mention(address, prose.ANY, 0, read.section.report)
            for address in _addressed(mail.fields, returned)
        ]
    replies = _Replies(read.section.report, alone=len(found) == 1)
    return tuple(_recipient(one.address, replies.of(one), action) for one in found[: limits.RECIPIENTS])


def _for_people(text: str) -> str:
    """Exchange tells everything twice: the second time for administrators, with addresses of its own."""
    if not phrases.names_administrators(text):
        return text
    found = phrases.FOR_ADMINISTRATORS.search(text)
    if found is None or not mailbox.ADDRESS.search(text, 0, found.start()):
        return text
    return text[: found.start()]


class _Replies:
    """What was said about each recipient, found once for each text."""

    def __init__(self, report_text: str, *, alone: bool) -> None:
        self._report = report_text
        self._alone = alone
        self._lines = report_text.split("\n", limits.LINES)[: limits.LINES]
        self._known: dict[str, str] = {}

    def of(self, one: prose.Mention) -> str:
        """The reply about one; all of the report is searched for the only one whose own lines tell no code."""
        own = self._reply(one.text)
        if wording.has_status(own):
            return own
        told = self._elsewhere(one.address)
        if wording.has_code(own) and not (wording.has_status(told) and told[:1] == own[:1]):
            return own
        return told or own or self._reply(self._report)

    def _elsewhere(self, address: str) -> str:
        lines = islice((line for line in self._lines if address in line), _LINES_ABOUT)
        found = [reply for line in lines if wording.has_code(reply := self._reply(line[: limits.LINE]))]
        if self._alone and wording.has_code(whole := self._reply(self._report)):
            found.append(whole)
        full = [reply for reply in found if wording.has_status(reply)]
        return (full or found or [""])[-1]

    def _reply(self, text: str) -> str:
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = wording.reply_in(text)
        return known


def _recipient(address: str, text: str, action: report.Action) -> report.Recipient:
    return report.Recipient(
        address=address,
        action=action,
        status=dsn.finer("", text[:_STATUS_WITHIN]),
        reply=text[: limits.REPLY],
    )


def _of_header(
    failed: list[str], found: list[prose.Mention], read: Reading, action: report.Action
) -> tuple[report.Recipient, ...]:
    """X-Failed-Recipients (Exim, Google): the addresses are sure, the text tells why."""
    said = {one.address.lower(): one for one in found}
    text = found[0].text if len(found) == 1 else read.section.report
    names = list(dict.fromkeys(failed))[: limits.RECIPIENTS]
    replies = _Replies(read.section.report, alone=len(names) == 1)
    told = [said.get(name.lower(), prose.Mention(name, prose.ANY, 0, text)) for name in names]
    return tuple(_recipient(name, replies.of(one), action) for name, one in zip(names, told, strict=True))


def _senders(fields: header.Fields, returned: report.Original | None) -> frozenset[str]:
    """Addresses that are not whom it could not reach: the mail's own and the original's sender."""
    values = [
        fields.words(name)
        for name in ("from", "to", "return-path", "reply-to", "sender", "delivered-to", "x-original-to")
    ]
    if returned is not None:
        values += [returned.get(name) for name in ("from", "return-path", "sender", "reply-to", "errors-to")]
    return frozenset(address.lower() for value in values for address in mailbox.every(value))


def _addressed(fields: header.Fields, returned: report.Original | None) -> list[str]:
    """The original's only recipient, where the report names nobody."""
    if returned is None:
        return []
    own = mailbox.every(fields.get("to"))
    for name in ("x-envelope-to", "x-original-to", "delivered-to", "to"):
        named = mailbox.every(returned.get(name))
        if len(named) == 1 and (named[0] not in own or name == "to"):
            return named
    return []
