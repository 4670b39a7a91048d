"""The log: one JSON object (or one plain line) a record on standard error, whatever stands in the values.

Guarantees: control characters, quotes and bytes from outside are escaped, so a record is always one line (faults.md
G14). Callers pass no credentials, header values or bodies (P27).
Not here: events. What happened to mail is in the store's feed, not in the log.
"""

import sys
from collections.abc import MutableMapping
from typing import Protocol, cast

import msgspec
import structlog

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}
_MAX_VALUE = 500  # characters of one value: a peer's text must not fill the log


class Logger(Protocol):
    """What the rest of the program uses of structlog."""

    def debug(self, event: str, **fields: object) -> None:
        """For developers."""
        ...

    def info(self, event: str, **fields: object) -> None:
        """Normal and rare."""
        ...

    def warning(self, event: str, **fields: object) -> None:
        """Somebody should look when they have time."""
        ...

    def error(self, event: str, **fields: object) -> None:
        """Something failed."""
        ...


def configure(level: str, *, json: bool) -> None:
    """Set the process's log up, once, at its start. ``level``: ``debug``, ``info``, ``warning`` or ``error``."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _as_json if json else _as_text,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


def get(name: str) -> Logger:
    """The log of one part of the program."""
    return cast("Logger", structlog.get_logger(part=name))


def _plain(value: object) -> object:
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = value.decode("ascii", "backslashreplace") if isinstance(value, bytes) else str(value)
    return text if len(text) <= _MAX_VALUE else text[:_MAX_VALUE] + "…"


def _as_json(_logger: object, _method: str, fields: MutableMapping[str, object]) -> str:
    ordered = {key: fields.pop(key) for key in ("timestamp", "level", "part", "event") if key in fields}
    return msgspec.json.encode({k: _plain(v) for k, v in {**ordered, **fields}.items()}).decode()


def _as_text(_logger: object, _method: str, fields: MutableMapping[str, object]) -> str:
    """For people at a terminal: time, level, part, what, then fields; nothing in it can move the cursor."""
    time = str(fields.pop("timestamp", ""))[11:19]
    level, part = fields.pop("level", ""), fields.pop("part", "")
    what = fields.pop("event", "")
    rest = " ".join(f"{k}={_visible(_plain(v))}" for k, v in fields.items())
    return f"{time} {level!s:<7} {part}: {_visible(what)}{'  ' + rest if rest else ''}"


def _visible(value: object) -> str:
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
