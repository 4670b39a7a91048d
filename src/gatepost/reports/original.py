"""The header of the message that a report is about: from the part that holds it, or from the text behind a mark.

Guarantees: only header fields are kept, each name once, values cut; the body of the message is not looked at.
"""

import re

from gatepost.reports import header, limits, report, structure

KINDS = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global",
    "message/global-headers",
    "text/rfc822",
    "text/rfc822-header",
)
_RUN = re.compile(
    rb"^[ \t>]{0,8}(?:Return-Path|Received|From|To|Subject|Date|Message-Id|X-[A-Za-z-]+|DKIM-Signature|MIME-Version)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)


def of_part(part: structure.Part) -> report.Original | None:
    """The header of an embedded message; None where there is nothing of it."""
    body = part.payload()
    fields, rest = header.split(body.lstrip(b"\n"))
    if fields and "message-id" not in fields and rest:  # a blank line that came into the header
        more, _ = header.split(rest)
        if "message-id" in more:
            fields = header.Fields({**more.raw, **fields.raw})
    return of_fields(fields)


def of_text(text: str) -> report.Original | None:
    """The header in the text behind a bounce: the first run of fields."""
    raw = text[: limits.TEXT].encode("utf-8", "replace")
    found = _RUN.search(raw)
    if found is None:
        return None
    run = raw[found.start() :]
    indent = len(run) - len(run.lstrip(b" \t>"))
    if indent:
        run = re.sub(rb"^" + re.escape(run[:indent]), b"", run, flags=re.MULTILINE)
    fields, _ = header.split(run)
    return of_fields(fields)


def of_fields(fields: header.Fields) -> report.Original | None:
    """The same from fields already split."""
    return report.Original(fields) if fields else None
