"""The control socket: one JSON line in, one out, on a Unix socket in the data directory that only its owner may open.

Guarantees: a request that is malformed or fails gets an ``error`` line and harms no other. A call without a running
gateway raises NotRunning.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from types import TracebackType

import msgspec

from gatepost import errors

FILE = "control.sock"
_LIMIT = 16 * 1024 * 1024
_TIMEOUT_S = 60.0


class Request(msgspec.Struct, frozen=True):
    """What is asked. arguments: the verb's own JSON."""

    verb: str
    arguments: msgspec.Raw = msgspec.Raw(b"null")


class Answer(msgspec.Struct, frozen=True):
    """error: one line, or empty. value: the verb's own JSON."""

    error: str = ""
    value: msgspec.Raw = msgspec.Raw(b"null")


Handler = Callable[[bytes], Awaitable[bytes]]


class NotRunning(errors.GatepostError):
    """No gateway answers on this data directory."""


class ControlServer:
    """Answers while its ``async with`` block runs."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> None:
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self._path), limit=_LIMIT)
        finally:
            os.umask(before)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        if self._server is not None:
            self._server.close()
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = await asyncio.wait_for(reader.readline(), _TIMEOUT_S)
            if line:
                writer.write(msgspec.json.encode(await self._answer(line)) + b"\n")
                await writer.drain()
        except (ConnectionError, TimeoutError, ValueError):
            return
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> Answer:
        try:
            request = msgspec.json.decode(line, type=Request)
            handler = self._handlers.get(request.verb)
            if handler is None:
                return Answer(f"{request.verb!r} is no verb of this gateway")
            return Answer(value=msgspec.Raw(await handler(bytes(request.arguments))))
        except (errors.GatepostError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            return Answer(str(error))


async def call(data_dir: Path, verb: str, arguments: bytes) -> bytes:
    """Ask the gateway that runs on a data directory. Raises NotRunning, GatepostError with its answer."""
    try:
        reader, writer = await asyncio.open_unix_connection(str(data_dir / FILE), limit=_LIMIT)
    except OSError:
        raise NotRunning(f"no gateway runs on {data_dir}") from None
    try:
        request = Request(verb, msgspec.Raw(arguments))
        writer.write(msgspec.json.encode(request) + b"\n")
        line = await asyncio.wait_for(reader.readline(), _TIMEOUT_S)
    except (ConnectionError, TimeoutError):
        raise errors.GatepostError("the gateway did not answer on its control socket") from None
    finally:
        writer.close()
    if not line:
        raise errors.GatepostError("the gateway closed its control socket without an answer")
    answer = msgspec.json.decode(line, type=Answer)
    if answer.error:
        raise errors.GatepostError(answer.error)
    return bytes(answer.value)
