"""Mails that a machine wrote about something else than delivery: vacations, challenges, MDNs, DMARC and TLS reports,
and wishes to be left alone. They are never bounces.

RFC 3834 (automatic answers), RFC 8098 (MDN), RFC 7489 §7.2.1.1 (DMARC reports by mail), RFC 8460 §5.3 (TLS reports).
"""

import re

import msgspec

from gatepost.reports import header, report, structure

_VACATION_SUBJECT = re.compile(
    r"^(?:\[?(?:re|aw|sv|fwd?): ?)*(?:auto(?:matic|mated|matisch\w*|matis\w*)?[ -]?(?:repl(?:y|ies)|respon[sd]\w*|antwort|antwoord|r(?:é|e)pon\w*|svar|message|acknowledg\w*)"
    r"|out of (?:the )?office|out[ -]of[ -]office|away from (?:my|the)|on vacation|on leave|vacation|i am (?:away|out)|abwesen|ich bin (?:nicht )?|absence|en vacances|absent du bureau|hors du bureau"
    r"|r(?:é|e)ponse automatique|respuesta autom|fuera de (?:la )?oficina|ausente|resposta autom|fora do escrit|risposta automatica|fuori (?:sede|ufficio)|afwezig|automatisch antwoord"
    r"|autosvar|automatisk svar|automatiskt svar|frånvar|frav(?:æ|ae)r|poissa|automaattinen|automatyczna odpowied|nieobecno|автоответ|автоматический ответ|нет на месте"
    r"|自動(?:返信|応答)|不在|自动(?:回复|答复)|自動(?:回覆|回應)|休暇|자동 ?(?:회신|응답)|부재중|no longer (?:with|at|works|employed)|thank you for (?:your|contacting)|we have received your|ticket (?:received|created))",
    re.IGNORECASE,
)
_CHALLENGE = re.compile(
    r"(?:confirm|verif|authenti)\w{0,15}.{0,60}(?:your (?:e-?mail|message|address|identity)|that you are|you'?re (?:a )?human)|spam ?arrest|boxbe|challenge|requires? (?:sender )?verification|awaiting (?:your )?(?:approval|verification|confirmation)|sender verification|please confirm|bluebottle|earthlink.{0,30}(?:suspect|allowed)",
    re.IGNORECASE,
)
# Each of the above has one of these words.
_CHALLENGING = (
    "confirm",
    "verif",
    "authenti",
    "spam",
    "boxbe",
    "challenge",
    "awaiting",
    "bluebottle",
    "earthlink",
)
_UNSUBSCRIBE = re.compile(
    r"^(?:re: ?)?(?:unsub(?:scribe)?|remove(?: me)?|opt[ -]?out|abmelden|désabonn\w*|desabonner|baja|cancelar(?: suscripci(?:ó|o)n)?|uitschrijven|wypisz|отписаться)\b.{0,200}$",
    re.IGNORECASE,
)
_DMARC_SUBJECT = re.compile(r"report[ -]domain:.{1,253}(?:submitter:|report-id:)", re.IGNORECASE)
_DMARC_FILE = re.compile(
    r"(?<![^\s\"=;\'])[^!\s\"]{1,253}![^!\s\"]{1,253}![0-9]{5,15}![0-9]{5,15}(?:![^\"\s.]{1,60})?\.(?:xml|zip|xml\.gz|gz)",
    re.IGNORECASE,
)
_ATTACHED, _NAMES = 10, 1000  # parts and characters that are looked at for a file name
_REJECTED = re.compile(
    r"\breject(?:ed|ion)\b|\brefused\b|quota exceeded|zurückgewiesen|refus[ée]", re.IGNORECASE
)


class Notice(msgspec.Struct, frozen=True):
    """What was recognised."""

    kind: report.Kind
    word: str


def machine_written(mail: structure.Mail) -> Notice | None:
    """MDNs, DMARC and TLS reports: known by their parts."""
    fields = mail.fields
    kinds = {leaf.kind for leaf in mail.leaves}
    if mdn(mail) is not None:
        return Notice(report.Kind.AUTOREPLY, "mdn")
    if mail.root.params.get("report-type", "").lower() == "tlsrpt" or any(
        kind.startswith("application/tlsrpt") for kind in kinds
    ):
        return Notice(report.Kind.OTHER, "tls-rpt")
    if "tls-report-domain" in fields:
        return Notice(report.Kind.OTHER, "tls-rpt")
    if _is_dmarc(mail):
        return Notice(report.Kind.OTHER, "dmarc")
    return None


def mdn(mail: structure.Mail) -> structure.Part | None:
    """The machine-readable part of a message disposition notification."""
    found = mail.of("message/disposition-notification", "message/global-disposition-notification")
    return found[0] if found else None


def is_rejection(mail: structure.Mail, part: structure.Part, text: str) -> bool:
    """Whether an MDN is how a mail filter refuses a message (Sieve ``reject``, RFC 5429 §2.1.2), and no receipt."""
    fields = header.read(b"From:\n" + part.payload().lstrip(b"\n"))
    if (
        "delete" not in fields.get("disposition").lower()
        and "reject" not in fields.get("disposition").lower()
    ):
        return False
    return (
        "reject" in mail.fields.get("auto-submitted").lower()
        or _REJECTED.search(f"{mail.subject} {text[:400]}") is not None
    )


def written_for_people(mail: structure.Mail, text: str) -> Notice | None:
    """Automatic answers to a message, known by their header and subject, and mails that ask to be unsubscribed."""
    fields, subject = mail.fields, mail.subject
    if _challenges(subject):
        return Notice(report.Kind.AUTOREPLY, "challenge")
    if _VACATION_SUBJECT.search(subject) or _says_automatic(fields):
        challenge = _challenges(text[:600])
        return Notice(report.Kind.AUTOREPLY, "challenge" if challenge else "vacation")
    if _UNSUBSCRIBE.match(subject) or (not subject.strip() and _UNSUBSCRIBE.match(text.strip()[:300])):
        return Notice(report.Kind.UNSUBSCRIBE, "unsubscribe")
    return None


def _challenges(text: str) -> bool:
    lowered = text.lower()
    return any(word in lowered for word in _CHALLENGING) and _CHALLENGE.search(text) is not None


def _says_automatic(fields: header.Fields) -> bool:
    """RFC 3834 §5, and what came before it."""
    submitted = fields.get("auto-submitted").lower()
    if submitted.startswith("auto-replied"):
        return True
    if "auto_reply" in fields.get("precedence").lower() or "auto_reply" in fields.get("x-precedence").lower():
        return True
    if any(
        name in fields
        for name in (
            "x-autoreply",
            "x-autorespond",
            "x-autoresponder",
            "x-auto-reply",
            "x-mail-autoreply",
            "x-vacation",
            "x-ms-exchange-inbox-rules-loop",
        )
    ):
        return fields.get("x-autoreply").lower() not in {"no", "false"}
    return False


def _is_dmarc(mail: structure.Mail) -> bool:
    if _DMARC_SUBJECT.search(mail.subject):
        return True
    return any(
        _DMARC_FILE.search(f"{leaf.params.get('name', '')} {leaf.fields.get('content-disposition')}"[:_NAMES])
        for leaf in mail.leaves[:_ATTACHED]
        if leaf.kind.startswith(("application/", "text/xml"))
    )
