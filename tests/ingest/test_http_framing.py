"""Where a request ends is said once, or it is no request: a proxy in front might see another end."""

from pathlib import Path

from tests.ingest import test_http

SECOND = b"GET /v1/health HTTP/1.1\r\nHost: gw\r\n\r\n"


async def test_a_request_with_two_lengths_is_refused_and_nothing_behind_it_is_read(tmp_path: Path) -> None:
    async with test_http.served(tmp_path) as web:
        web.writer.write(
            b"POST /v1/send HTTP/1.1\r\nHost: gw\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            + SECOND
        )
        said = await web.reader.read()
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1


async def test_a_request_in_chunks_is_read(tmp_path: Path) -> None:
    async with test_http.served(tmp_path) as web:
        web.writer.write(
            b"POST /v1/send HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        )
        answer = await web.answer()
    assert answer.status == 401
