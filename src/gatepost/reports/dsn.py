"""The machine-readable part of a DSN: RFC 3464 §2, RFC 6533 §3, and what real MTAs make of them.

Guarantees: linear; a block without any recipient gives none. Tolerates status blocks without a blank line between them
or with one inside, fields in any order, missing fields, comments, types left out.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from gatepost.reports import header, limits, mailbox, report

Action = report.Action

# RFC 3464 §2.3: these belong to one recipient; the second of them begins the next recipient.
_OF_RECIPIENT = frozenset(
    {
        "final-recipient",
        "original-recipient",
        "action",
        "status",
        "diagnostic-code",
        "remote-mta",
        "x-actual-recipient",
        "last-attempt-date",
        "final-log-id",
        "will-retry-until",
        "x-display-name",
        "x-supplementary-info",
        "localized-final-recipient",
    }
)
_NAMED = frozenset({"final-recipient", "original-recipient"})
_DONE = frozenset({"action", "status"})
_STATUS = re.compile(r"(?<![0-9.])([245])\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9]|\.[0-9])")
_OWN = re.compile(
    r"(?<![0-9.])[245][0-9][0-9][ -]{1,2}[\"'#(\[]{0,2}(?P<enhanced>[245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9]|\.[0-9])"
)
_DIAGNOSTIC_TYPE = re.compile(
    r"\s*(?:smtp|x-[a-z0-9_-]{1,30}|x400|x500|lmtp|dns|unknown|local|mts)\s*;\s*", re.IGNORECASE
)
_SPACE = re.compile(r"\s+")
_FIELD_LINE = re.compile(
    r"^[> \t|]*(?:Final-Recipient|Original-Recipient|X-Actual-Recipient|Action|Status|Diagnostic-Code|Remote-MTA"
    r"|Reporting-MTA)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_QUOTED = re.compile(r"^[> \t|]+(?=[A-Za-z-]+[ \t]*:)|^[>|]+[ \t]?", re.MULTILINE)


class Status(msgspec.Struct, frozen=True):
    """One delivery-status part."""

    recipients: tuple[report.Recipient, ...]
    reporting_mta: str = ""
    cut: bool = False


_Record = dict[str, str]


def read(block: bytes) -> Status:
    """The recipients of a delivery-status part."""
    records: list[_Record] = []
    of_message: _Record = {}
    for record in _records(block, of_message):
        records.append(record)
        if len(records) > limits.RECIPIENTS:
            break
    found = [one for record in records[: limits.RECIPIENTS] if (one := _recipient(record)) is not None]
    mta = of_message.get("reporting-mta", "")
    return Status(tuple(found), _untyped(mta), cut=len(records) > limits.RECIPIENTS)


def in_text(text: str) -> Status:
    """The same from fields that stand in a text: an MTA that forgot the part, a bounce that somebody forwarded."""
    lowered = text.lower()
    if "final-recipient" not in lowered and "original-recipient" not in lowered:
        return Status(())
    first = _FIELD_LINE.search(text)
    if first is None:
        return Status(())
    block = _QUOTED.sub("", text[first.start() : first.start() + limits.TEXT])
    return read(block.encode("utf-8", "replace"))


def _records(block: bytes, of_message: _Record) -> Iterator[_Record]:
    """One dict of fields for each recipient; what belongs to the message goes into ``of_message``."""
    record: _Record = {}
    for paragraph in block[: limits.STATUS].split(b"\n\n"):
        if not record.keys().isdisjoint(_DONE) and not record.keys().isdisjoint(_NAMED):
            yield record
            record = {}
        for name, value in header.pairs(paragraph.lstrip(b"\n")):
            if name not in _OF_RECIPIENT:
                of_message.setdefault(name, header.unfolded(value))
                continue
            if name in record:
                yield record
                record = {}
            record[name] = header.unfolded(value)
    if record:
        yield record


def _recipient(record: Mapping[str, str]) -> report.Recipient | None:
    final = mailbox.typed(record.get("final-recipient", ""))
    original = mailbox.typed(record.get("original-recipient", ""))
    actual = mailbox.typed(record.get("x-actual-recipient", ""))
    address = next((one for one in (final, original, actual) if _is_outside(one)), "")
    if not address and not final and not original:
        return None
    text = diagnostic(record.get("diagnostic-code", ""))
    stated = status_in(record.get("status", ""))
    return report.Recipient(
        address=address or (final if "@" in final else original if "@" in original else ""),
        action=action_of(record.get("action", ""), stated),
        status=finer(stated, text),
        reply=text[: limits.REPLY],
        original=original,
        final=final,
        remote_mta=_untyped(record.get("remote-mta", "")),
    )


def _is_outside(address: str) -> bool:
    """Whether it is more than the name of a local mailbox or of a delivery program (``user@sims-ms-daemon``)."""
    local, _, domain = address.rpartition("@")
    return bool(local) and ("." in domain or domain.endswith("]"))


def diagnostic(value: str) -> str:
    """The text of a Diagnostic-Code without its type, on one line."""
    text = _SPACE.sub(" ", value).strip()
    return _untyped(_untyped(text)).strip()  # "smtp; smtp; 550 …"


def _untyped(value: str) -> str:
    found = _DIAGNOSTIC_TYPE.match(value)
    return value if found is None else value[found.end() :]


def status_in(text: str) -> str:
    """The first status code in a text (RFC 3463 §2), or empty. Comments and basic codes around it don't matter."""
    found = _STATUS.search(text)
    return found.group() if found is not None else ""


def finer(stated: str, text: str) -> str:
    """The code that the refusing server itself gave; else the statement, else any code in the text.

    Reporting servers put their own view into Status (4.4.7 for whatever did not pass in time), the reply tells why.
    """
    found = _OWN.search(text)
    own = found["enhanced"] if found is not None else ""
    for one in (own, stated):
        if one and not one.endswith(".0.0"):
            return one
    if own:
        return own
    inner = status_in(text)
    return inner if inner and (not stated or inner[0] == stated[0]) else stated


def action_of(value: str, status: str = "") -> Action:
    """RFC 3464 §2.3.3's word, however it is written; by the class of the status where it is missing."""
    word = value.strip().lower()
    for start, action in _ACTIONS:
        if word.startswith(start):
            return action
    return Action.DELIVERED if status.startswith("2") else Action.FAILED


_ACTIONS = (
    ("fail", Action.FAILED),
    ("error", Action.FAILED),
    ("expired", Action.FAILED),
    ("undeliver", Action.FAILED),
    ("delay", Action.DELAYED),
    ("deferred", Action.DELAYED),
    ("deliver", Action.DELIVERED),
    ("relay", Action.RELAYED),
    ("expand", Action.EXPANDED),
)
