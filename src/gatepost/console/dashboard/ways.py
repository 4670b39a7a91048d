"""Bridges and Pools: how applications send, and by what way; credentials made, renewed and revoked, each shown once."""

import msgspec

from gatepost.console import bridges, operation
from gatepost.console.dashboard import desk, frame, site
from gatepost.store import directory_shapes

_PLACE = f"{frame.ROOT}/bridges"
_ONE = ("account", "name")


class Secrets(msgspec.Struct, frozen=True):
    """What is shown once. Null for one that stays as it was."""

    name: str
    password: str | None
    api_key: str | None


async def show(visit: site.Visit) -> frame.Page:
    """The page."""
    return await _page(visit, [], None)


async def _page(visit: site.Visit, problems: list[str], secrets: Secrets | None) -> frame.Page:
    ask = visit.desk.ask
    values = {
        "bridges": (await ask("listBridges", operation.Page[directory_shapes.BridgeShape])).items,
        "pools": (await ask("listPools", operation.Page[directory_shapes.PoolShape])).items,
        "domains": (await ask("listDomains", operation.Page[directory_shapes.DomainShape])).items,
        "secrets": secrets,
        "problems": problems,
        "fields": visit.fields,
        "accounts": [one.name for one in visit.desk.known.accounts],
        "may": visit.desk.may("createBridge"),
    }
    return frame.Page("bridges.html", "Bridges and Pools", values, 422 if problems else 200)


async def change(visit: site.Visit) -> site.Shown:
    """Make a Bridge, renew its secrets, or end it."""
    problems: list[str] = []
    secrets: Secrets | None = None
    with desk.Gathered(problems):
        match visit.fields.get("do"):
            case "revoke":
                await visit.desk.ask("revokeBridge", directory_shapes.BridgeShape, _path(visit))
                return site.done(_PLACE, "ended")
            case "rotate":
                secrets = await _rotated(visit)
            case _:
                secrets = await _made(visit)
    return await _page(visit, problems, secrets)


async def _made(visit: site.Visit) -> Secrets:
    given = visit.fields
    body = {
        "name": given.get("name", ""),
        "account": given.get("account", ""),
        "pool": given.get("pool", ""),
        "kind": given.get("kind", ""),
    }
    made = await visit.desk.tell("createBridge", bridges.NewBridge, body, given.get("once", ""))
    return Secrets(made.bridge.name, made.password, made.api_key)


async def _rotated(visit: site.Visit) -> Secrets:
    body = {"what": visit.fields.get("what", "both")}
    path = _path(visit)
    made = await visit.desk.tell("rotateBridge", bridges.Rotated, body, visit.fields.get("once", ""), path)
    return Secrets(path["name"], made.password, made.api_key)


def _path(visit: site.Visit) -> dict[str, str]:
    return {name: visit.fields.get(name, "") for name in _ONE}
