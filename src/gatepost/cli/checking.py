"""``gatepost check``: the configuration and the rule files, all problems at once; with ``--ledger`` the books."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts
import msgspec

from gatepost.cli import context, show
from gatepost.store import shapes

if TYPE_CHECKING:
    from gatepost.store import port

_COLUMNS = ("accepted", "delivered", "bounced", "rejected", "cancelled", "open")


class Line(msgspec.Struct, frozen=True):
    """One Bridge's books: as kept, as recounted, and whether they agree and add up."""

    bridge: str
    kept: dict[str, int]
    recounted: dict[str, int]
    agrees: bool


def check(
    *,
    ledger: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    json: context.Json = False,
    config: context.Config = context.DEFAULT,
) -> int:
    """Check the configuration and the rule files; with --ledger, that every accepted recipient is accounted for.

    Parameters
    ----------
    ledger
        Recount the books from the events and the open queue, and compare.
    """
    problems = found(config) or context.run(_missing(config))
    for problem in problems:
        print(f"gatepost: {problem}", file=sys.stderr)
    if problems:
        return 1
    if ledger:
        return context.run(_prove(config, json=json))
    if json:
        show.json_line({"config": str(config), "ok": True})
    else:
        show.line(f"{config}: the configuration and the rules are good")
    return 0


def found(config: Path) -> list[str]:
    """Everything that is wrong, one line each."""
    from gatepost import errors
    from gatepost.app import compose, starting

    problems: list[str] = []
    own: dict[str, bytes] = {}
    try:
        settings = context.load(config)
        if wrong := tuple(starting.certificate_problems(settings)):
            problems += str(context.named(wrong, config)).splitlines()
        own = compose.own_rules(settings)
    except errors.BadInput as error:
        named = context.named([error], config) if error.place == "classify.rules" else error
        problems += str(named).splitlines()
    except errors.GatepostError as error:
        problems += str(error).splitlines()
    return problems + _rule_problems(own)


def _rule_problems(own: dict[str, bytes]) -> list[str]:
    """What keeps the rules from being loaded, or else what looks like a mistake in them."""
    from gatepost.app import compose
    from gatepost.classify import lint, rules
    from gatepost.delivery import route

    layers = (compose.shipped_rules(), own)
    return rules.problems(*layers) or lint.problems(rules.load(*layers), route.provider_names())


async def _missing(config: Path) -> list[str]:
    """Listeners that stand for a Bridge that is not in the store, if there is a store yet."""
    from gatepost.app import compose
    from gatepost.ingest import book as books

    settings = context.load(config)
    if not compose.has_store(settings):
        return []
    async with context.opened(settings) as store:
        wrong = list(books.Book(await store.directory()).missing(settings.listener, settings.inbound))
    return str(context.named(wrong, config)).splitlines() if wrong else []


async def _prove(config: Path, *, json: bool) -> int:
    async with context.opened(context.load(config)) as store:
        names = shapes.Names(await store.directory())
        lines = [_line(kept, again, names) for kept, again in await store.ledger()]
    if json:
        for line in lines:
            show.json_line(line)
    else:
        rows = []
        for line in lines:
            verdict = "agrees" if line.agrees else "DIFFERS"
            rows.append([line.bridge, "kept", *line.kept.values(), verdict])
            rows.append(["", "recounted", *line.recounted.values(), ""])
        show.table(("bridge", "", *_COLUMNS, ""), rows)
    differing = [line.bridge for line in lines if not line.agrees]
    if differing:
        print(f"gatepost: the ledger does not hold for {', '.join(differing)}", file=sys.stderr)
    return 1 if differing else 0


def _line(kept: "port.LedgerLine", again: "port.LedgerLine", names: shapes.Names) -> Line:
    return Line(
        bridge=names.bridge.get(kept.bridge, f"#{kept.bridge}" if kept.bridge else "(notices)"),
        kept=_columns(kept),
        recounted=_columns(again),
        agrees=kept == again and kept.holds,
    )


def _columns(line: "port.LedgerLine") -> dict[str, int]:
    return {name: value for name, value in msgspec.structs.asdict(line).items() if name in _COLUMNS}
