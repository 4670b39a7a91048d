"""What most commands begin with: the configuration, the open store, the directory's names, the operator's verbs.

Guarantees: a command reads the store without holding a snapshot, and closes it however it ends.
"""

import asyncio
import contextlib
import getpass
import os
from collections.abc import AsyncIterator, Coroutine, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import cyclopts

if TYPE_CHECKING:
    from gatepost import config, errors
    from gatepost.app import operate
    from gatepost.model import directory as directories
    from gatepost.store import port

CONFIG_VARIABLE = "GATEPOST_CONFIG"
KEY_VARIABLE = "GATEPOST_KEY"
DEFAULT = Path("gatepost.toml")
_NOT_SETTINGS = frozenset({CONFIG_VARIABLE, KEY_VARIABLE})

Config = Annotated[
    Path,
    cyclopts.Parameter(name=("--config", "-c"), env_var=CONFIG_VARIABLE, help="The configuration file."),
]
Json = Annotated[bool, cyclopts.Parameter(name="--json", negative="", help="JSON lines instead of text.")]
Wheres = Annotated[
    tuple[str, ...],
    cyclopts.Parameter(
        name="--where",
        consume_multiple=True,
        negative="",
        help="Words field=value, all of which must hold.",
    ),
]

_T = TypeVar("_T")


def environment() -> dict[str, str]:
    """The process's environment without the variables that are the command line's own."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_SETTINGS}


def load(path: Path) -> "config.Settings":
    """The settings. Raises BadInput, Unusable."""
    from gatepost import config

    return config.load(path, environment())


def named(problems: "Iterable[errors.BadInput]", path: Path) -> "config.Unusable":
    """Problems with keys, with the line or variable that gave each."""
    from gatepost import config

    return config.named(problems, path, environment())


def load_if_there(path: Path) -> "config.Settings":
    """The settings, or all defaults where the default file is not there: for commands that need no gateway."""
    from gatepost import config

    if path == DEFAULT and not path.exists():
        return config.Settings()
    return load(path)


def run(work: Coroutine[object, object, _T]) -> _T:
    """Run a command's coroutine to its end."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


@contextlib.asynccontextmanager
async def opened(settings: "config.Settings") -> "AsyncIterator[port.Store]":
    """The store of these settings, closed at the end."""
    from gatepost.app import compose

    store = await compose.open_store(settings, None)
    try:
        yield store
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def operated(
    settings: "config.Settings",
) -> "AsyncIterator[tuple[port.Store, operate.Operator]]":
    """The store to read and the operator's verbs: through the running gateway if there is one."""
    from gatepost.app import compose, operate

    async with opened(settings) as store:
        decide = compose.build_decide(settings.policy)
        yield store, await operate.operator(store, Path(settings.data_dir), decide)


async def directory(config: Path) -> "directories.Directory":
    """Who sends, and by what way."""
    async with opened(load(config)) as store:
        return await store.directory()


def now_ms() -> int:
    """The machine's wall time."""
    from gatepost import clock

    return clock.SystemClock().now_ms()


def actor() -> str:
    """Who does it, for the audit log."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):  # a uid without a name
        return f"cli:{os.geteuid()}"
