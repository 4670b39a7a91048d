"""Webhooks: how far each is, what its receiver said, and telling it once more or for a test."""

from gatepost.console import operation, webhooks
from gatepost.console.dashboard import desk, frame, site
from gatepost.store import webhook_shapes

_PLACE = f"{frame.ROOT}/webhooks"
_TRIES = 50
_FRESH_S = 5


async def listed(visit: site.Visit) -> frame.Page:
    """All of them."""
    return await _listed(visit, [], None)


async def _listed(visit: site.Visit, problems: list[str], made: webhooks.NewWebhook | None) -> frame.Page:
    found = await visit.desk.ask("listWebhooks", operation.Page[webhooks.Shape])
    values = {
        "hooks": found.items,
        "problems": problems,
        "made": made,
        "fields": visit.fields,
        "bridges": [one.name for one in visit.desk.known.bridges if not one.revoked_at],
        "may": visit.desk.may("createWebhook"),
    }
    status = 422 if problems else 200
    return frame.Page("webhooks.html", "Webhooks", values, status, 0 if made or problems else _FRESH_S)


async def create(visit: site.Visit) -> site.Shown:
    """Make one, and show its secret once."""
    given = visit.fields
    body = {
        "name": given.get("name", ""),
        "url": given.get("url", "").strip(),
        "bridge": given.get("bridge") or None,
        "dialect": given.get("dialect", "events"),
    }
    problems: list[str] = []
    made: webhooks.NewWebhook | None = None
    with desk.Gathered(problems):
        made = await visit.desk.tell("createWebhook", webhooks.NewWebhook, body, given.get("once", ""))
    return await _listed(visit, problems, made)


async def show(visit: site.Visit) -> frame.Page:
    """One, with its last requests."""
    return await _one(visit, [], None)


async def _one(visit: site.Visit, problems: list[str], tested: webhook_shapes.TryShape | None) -> frame.Page:
    path = {"webhook": visit.path["webhook"]}
    ask = visit.desk.ask
    failed = visit.asked("failed") == "true"
    given = {"limit": str(_TRIES), "failed": "true" if failed else "false"}
    tries = await ask("listWebhookTries", operation.Page[webhook_shapes.TryShape], path, given)
    dead = await ask(
        "listDeadRequests", operation.Page[webhook_shapes.DeadShape], path, {"limit": str(_TRIES)}
    )
    hook = await ask("getWebhook", webhooks.Shape, path)
    values = {
        "hook": hook,
        "tries": tries.items,
        "dead": dead.items,
        "failed": failed,
        "tested": tested,
        "problems": problems,
        "may": visit.desk.may("testWebhook"),
    }
    status = 422 if problems else 200
    return frame.Page("webhook.html", f"Webhook {hook.name}", values, status)


async def change(visit: site.Visit) -> site.Shown:
    """Test it, or tell it once more."""
    path, problems = {"webhook": visit.path["webhook"]}, list[str]()
    tested: webhook_shapes.TryShape | None = None
    given = visit.fields
    with desk.Gathered(problems):
        if given.get("do") == "test":
            tested = await visit.desk.tell("testWebhook", webhook_shapes.TryShape, {}, path=path)
        else:
            await visit.desk.tell("replayWebhook", webhooks.Shape, _range(visit), path=path)
            return site.done(f"{_PLACE}/{visit.path['webhook']}", "replayed")
    return await _one(visit, problems, tested)


def _range(visit: site.Visit) -> dict[str, object]:
    given = visit.fields
    if given.get("do") == "dead":
        return {"dead": True}
    found: dict[str, object] = {}
    for name in ("after", "until"):
        text = given.get(name, "").strip()
        if text:
            found[name] = int(text) if text.isascii() and text.isdigit() else text
    return found
