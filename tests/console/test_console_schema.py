"""Other people's checks of the API against its own document: schemathesis, over a real socket (faults.md G08)."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.console import house as houses


async def _checked(path: Path, key: str, *options: str) -> None:
    async with houses.opened(path / "store", per_min=1_000_000) as house:
        house.hub.stop()  # so that no long poll waits for what will not come
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "schemathesis.cli",
            "run",
            f"{house.base}/v1/openapi.json",
            "--url",
            house.base,
            "--header",
            f"Authorization: Bearer {key}",
            "--no-color",
            "--exclude-operation-id",
            "streamEvents",  # it has no end
            "--exclude-operation-id",
            "importReport",  # it takes a whole mail, which schemathesis cannot make
            *options,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=path,
            env={**os.environ, "NO_COLOR": "1"},
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()[-6000:]


@pytest.mark.slow
@pytest.mark.parametrize("key", [houses.ADMIN, houses.MINE], ids=["admin", "bridge"])
async def test_no_request_that_the_document_allows_or_forbids_is_a_5xx(tmp_path: Path, key: str) -> None:
    (tmp_path / "store").mkdir()
    await _checked(
        tmp_path, key, "--checks", "not_a_server_error", "--phases", "examples,fuzzing", "--max-examples", "5"
    )


@pytest.mark.long
async def test_the_api_is_what_its_document_says(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    checks = ("not_a_server_error", "status_code_conformance", "content_type_conformance")
    conformance = ",".join((*checks, "response_schema_conformance", "response_headers_conformance"))
    await _checked(tmp_path, houses.ADMIN, "--checks", conformance, "--max-examples", "100")
