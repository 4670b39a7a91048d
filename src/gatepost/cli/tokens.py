"""``gatepost token …``: the keys that return paths and header tokens are signed with."""

from typing import TYPE_CHECKING

import msgspec

from gatepost.cli import context, show
from gatepost.model import directory as directories

if TYPE_CHECKING:
    from gatepost import config as config_values


class KeyShape(msgspec.Struct, frozen=True):
    """A key as scripts see it. since: null for the first one. until: the latest expiry of a token that it vouches for."""

    key: int
    since: str | None
    until: str | None
    signs: bool


def rotate_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Sign with a new key what is accepted from a minute from now on. Tokens of the old ones count until they expire."""
    found = context.run(_rotate(context.load(config)))
    if json:
        show.json_line(found)
    else:
        show.line(f"key {found.key} signs what is accepted from {found.since} on")
    return 0


def list_(*, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """List the keys, without their secrets."""
    found = _shapes(context.run(context.directory(config)))
    if json:
        for one in found:
            show.json_line(one)
    else:
        rows = [(one.key, one.since or "", one.until or "", "yes" if one.signs else "") for one in found]
        show.table(("key", "since", "vouches until", "signs"), rows)
    return 0


async def _rotate(settings: "config_values.Settings") -> KeyShape:
    from gatepost.app import signing

    async with context.operated(settings) as (store, operator):
        fresh = signing.next_key(await store.directory(), context.now_ms())
        known = await operator.change_directory([fresh], context.actor())
    return _shapes(known)[-1]


def _shapes(known: directories.Directory) -> list[KeyShape]:
    from gatepost.app import signing

    keys = signing.keys(known)
    signs = keys.signing(context.now_ms())
    found = []
    for one in sorted(known.token_keys, key=lambda key: key.since):
        key = keys.by_id(one.id)
        until = show.time_or_none(key.until) if key else None
        found.append(KeyShape(one.id, show.time_or_none(one.since), until, key is signs))
    return found
