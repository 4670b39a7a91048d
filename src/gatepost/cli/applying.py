"""``gatepost apply FILE``: accounts, Pools, Sources, Bridges and sender domains as a TOML file describes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gatepost import errors
from gatepost.cli import context, show

if TYPE_CHECKING:
    from gatepost import config as config_values
    from gatepost.console import planning


def apply(file: Path, /, *, json: context.Json = False, config: context.Config = context.DEFAULT) -> int:
    """Create what is missing and change what differs; what the file does not name stays. A second time changes nothing.

    Parameters
    ----------
    file
        TOML with [[account]], [[pool]], [[source]], [[bridge]] and [[domain]] entries, each with a name.
    """
    return context.run(carry_out(read(file), config, json=json))


def read(file: Path) -> "planning.Plan":
    """The plan in a file. Raises BadInput, Unusable."""
    from gatepost import config, toml
    from gatepost.console import planning

    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise errors.BadInput(str(file), str(error)) from None
    plan, problems = toml.convert(toml.parse(text, str(file)), planning.Plan)
    if problems := [*problems, *_given_twice(plan)]:
        placed = [errors.BadInput(toml.place(text, str(file), one.place), one.problem) for one in problems]
        raise config.Unusable(tuple(placed))
    return plan


def _given_twice(plan: "planning.Plan") -> Iterator[errors.BadInput]:
    for kind in plan.__struct_fields__:
        places: dict[tuple[str, str], str] = {}
        for index, entry in enumerate(getattr(plan, kind)):
            key, place = (getattr(entry, "account", ""), entry.name), f"{kind}[{index}].name"
            if key in places:
                yield errors.BadInput(place, f"{entry.name!r} is {places[key]} already")
            places.setdefault(key, place)


async def carry_out(plan: "planning.Plan", config: Path, *, json: bool) -> int:
    """Follow a plan and say what was done; secrets of new Bridges are shown once."""
    done = await follow(plan, context.load(config))
    if json:
        show.json_line(done)
        return 0
    for line in done.lines or ("nothing to change",):
        show.line(line)
    for secrets in done.secrets:
        tell(secrets)
    return 0


async def follow(plan: "planning.Plan", settings: "config_values.Settings") -> "planning.Done":
    """Carry a plan out, through the running gateway if there is one. Raises BadInput."""
    from gatepost.app import compose
    from gatepost.console import planning

    async with context.operated(settings) as (store, operator):
        maker = planning.Maker(compose.pepper(settings), context.now_ms())
        means = planning.Means(operator.change_directory, context.actor(), maker)
        return await planning.follow(plan, await store.directory(), means)


def tell(secrets: "planning.Secrets") -> None:
    """The secrets of one Bridge, for people."""
    show.line(f"Bridge {secrets.bridge!r}; its secrets are shown only now:")
    for name, value in (("password", secrets.password), ("API key", secrets.key)):
        if value:
            show.line(f"  {name:<9} {value}")
