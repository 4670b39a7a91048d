"""Pages that mostly show: the classifier, what came in, the audit log, and who may come in."""

from gatepost.console import audits, explaining, operation
from gatepost.console import reports as console_reports
from gatepost.console.dashboard import desk, frame, narrowing, site
from gatepost.model import reply as replies
from gatepost.store import directory_shapes, filters

_PAGE = 100
_STAGES = [one.word for one in replies.Stage]
_ASKED = ("reply", "stage", "provider", "peer", "recipient", "mail_from", "our_ip")


async def classifier(visit: site.Visit) -> site.Shown:
    """A reply to paste; with a form, what it means. Nothing is written, so a reader may ask, too."""
    given = {name: visit.fields.get(name, "").replace("\r\n", "\n").strip() for name in _ASKED}
    problems: list[str] = []
    found: explaining.Explained | None = None
    if given["reply"]:
        asked = {name: value for name, value in given.items() if value}
        with desk.Gathered(problems):
            found = await visit.desk.tell("explainReply", explaining.Explained, asked)
    values = {
        "given": given,
        "found": found,
        "parts": parts(found.reply, found.matched) if found else None,
        "problems": problems,
        "stages": _STAGES,
        "most": explaining.MOST_REPLY,
    }
    return frame.Page("classifier.html", "Classifier", values, 422 if problems else 200)


def parts(reply: str, matched: str) -> tuple[str, str, str]:
    """A reply before, within and behind what the rule found."""
    at = reply.lower().find(matched.lower()) if matched else -1
    if at < 0:
        return reply, "", ""
    end = at + len(matched)
    return reply[:at], reply[at:end], reply[end:]


async def reports(visit: site.Visit) -> frame.Page:
    """What came in, the newest first."""
    given = {"after": visit.asked("after"), "limit": str(_PAGE)}
    page = await visit.desk.ask("listReports", operation.Page[console_reports.ReportShape], given=given)
    return frame.Page("reports.html", "Reports", {"page": page})


async def report(visit: site.Visit) -> frame.Page:
    """One mail, escaped."""
    found = await visit.desk.ask("getReport", console_reports.WholeReport, {"report": visit.path["report"]})
    return frame.Page("report.html", f"Report {found.id}", {"found": found})


async def audit(visit: site.Visit) -> site.Shown:
    """Who changed what."""
    moved = narrowing.added(visit, filters.AUDIT)
    if moved is not None:
        return moved
    bar = narrowing.read(visit, filters.AUDIT)
    problems = [text for text in (bar.problem, narrowing.untaken(visit, filters.AUDIT)) if text]
    given = {"after": visit.asked("after"), "limit": str(_PAGE)}
    page = await visit.desk.ask("listAudit", operation.Page[audits.AuditShape], given=given, where=bar.words)
    more = bar.address(after=page.next) if page.next else ""
    return frame.Page("audit.html", "Audit", {"bar": bar, "page": page, "more": more, "problems": problems})


async def settings(visit: site.Visit) -> frame.Page:
    """Users, and for admins the keys to the API."""
    keys = operation.Page[directory_shapes.ApiKeyShape]([], None)
    may = visit.desk.may("listKeys")
    if may:
        keys = await visit.desk.ask("listKeys", operation.Page[directory_shapes.ApiKeyShape])
    users = [directory_shapes.user(one) for one in visit.desk.known.users]
    values = {"users": users, "keys": keys.items, "may": may, "known": visit.desk.known}
    return frame.Page("settings.html", "Settings", values)
