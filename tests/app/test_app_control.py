"""The control socket: one line in, one line out; what is malformed harms nobody else."""

import asyncio
import stat
from pathlib import Path

import msgspec
import pytest

from gatepost import errors
from gatepost.app import control


async def echo(arguments: bytes) -> bytes:
    return arguments


async def refuse(arguments: bytes) -> bytes:
    raise errors.GatepostError(f"cannot do that with {arguments.decode()}")


async def reads_a_number(arguments: bytes) -> bytes:
    return str(msgspec.json.decode(arguments, type=int) + 1).encode()


HANDLERS = {"echo": echo, "refuse": refuse, "next": reads_a_number}


def serving(folder: Path) -> control.ControlServer:
    return control.ControlServer(folder / control.FILE, HANDLERS)


async def raw(folder: Path, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(str(folder / control.FILE))
    writer.write(line)
    writer.write_eof()
    async with asyncio.timeout(5):
        said = await reader.read()
    writer.close()
    return said


@pytest.mark.parametrize("value", [b"null", b'{"a":[1,2,"\xc3\xa9"]}', b'"' + b"x" * 1_000_000 + b'"'])
async def test_a_verb_is_answered_with_its_handlers_json(tmp_path: Path, value: bytes) -> None:
    async with serving(tmp_path):
        assert await control.call(tmp_path, "echo", value) == value


@pytest.mark.parametrize(
    ("verb", "arguments", "said"),
    [
        pytest.param("refuse", b"7", r"^cannot do that with 7$", id="a-handler-that-refuses"),
        pytest.param("fly", b"null", r"^'fly' is no verb of this gateway$", id="an-unknown-verb"),
        pytest.param("next", b'"one"', r"Expected `int`, got `str`", id="arguments-of-another-type"),
    ],
)
async def test_what_cannot_be_done_is_an_error_of_one_line(
    tmp_path: Path, verb: str, arguments: bytes, said: str
) -> None:
    async with serving(tmp_path):
        with pytest.raises(errors.GatepostError, match=said) as caught:
            await control.call(tmp_path, verb, arguments)
        assert "\n" not in str(caught.value)
        assert await control.call(tmp_path, "next", b"1") == b"2"


MALFORMED = {
    "no JSON": b"hello\n",
    "no object": b"[1]\n",
    "no verb": b"{}\n",
    "a verb that is no text": b'{"verb":1}\n',
    "no line end": b'{"verb":"fly"}',
    "an empty line": b"\n",
}


@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_request_gets_an_error_line_and_harms_no_other(tmp_path: Path, line: bytes) -> None:
    async with serving(tmp_path):
        said = await raw(tmp_path, line)
        assert said.endswith(b"\n")
        assert msgspec.json.decode(said, type=control.Answer).error
        assert await control.call(tmp_path, "echo", b"1") == b"1"


async def test_who_says_nothing_gets_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path):
        assert await raw(tmp_path, b"") == b""


async def test_without_a_gateway_a_call_says_so(tmp_path: Path) -> None:
    with pytest.raises(control.NotRunning, match="no gateway runs on"):
        await control.call(tmp_path, "echo", b"1")


async def test_only_the_owner_may_open_the_socket_and_it_leaves_with_its_server(tmp_path: Path) -> None:
    path = tmp_path / control.FILE
    async with serving(tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()
    with pytest.raises(control.NotRunning):
        await control.call(tmp_path, "echo", b"1")


async def test_a_socket_left_by_a_crash_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / control.FILE).touch()
    async with serving(tmp_path):
        assert await control.call(tmp_path, "echo", b"1") == b"1"


async def test_calls_at_once_get_each_their_own_answer(tmp_path: Path) -> None:
    async with serving(tmp_path):
        found = await asyncio.gather(*(control.call(tmp_path, "next", b"%d" % n) for n in range(20)))
    assert found == [b"%d" % (n + 1) for n in range(20)]
