"""A request's body and who sent it, read within limits: the same for the API and for the dashboard's forms."""

import asyncio
import urllib.parse

from starlette import requests

from gatepost import errors
from gatepost import log as logs
from gatepost.console import settings as console_settings
from gatepost.net import problem

FORM = "application/x-www-form-urlencoded"
_FIELDS = 2000


async def body_of(
    request: requests.Request, takes: tuple[str, ...], settings: console_settings.ConsoleSettings
) -> bytes:
    """The body, in one of these media, within the limits. Raises Problem."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in takes:
        raise problem.problem(415, f"the body must be {' or '.join(takes)}")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise problem.problem(415, "the body must not be compressed")
    body = bytearray()
    try:
        async with asyncio.timeout(settings.body_timeout_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > settings.max_body:
                    raise problem.problem(413, f"the body is larger than {settings.max_body} bytes")
    except TimeoutError:
        raise problem.problem(408, "the body did not come in time") from None
    return bytes(body)


def fields_of(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form, in order. Raises Problem."""
    try:
        return urllib.parse.parse_qsl(
            body.decode(),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_FIELDS,
        )
    except ValueError:
        raise problem.problem(400, "the form cannot be read") from None


def address_of(request: requests.Request) -> str:
    """The client's address; empty where there is none."""
    return request.client.host if request.client is not None else ""


def failure(error: Exception, request: requests.Request, log: logs.Logger) -> problem.Problem:
    """What to answer where something went wrong; what should not have is logged."""
    match error:
        case requests.ClientDisconnect():
            return problem.problem(408, "the request did not come whole")
        case errors.Outdated():
            return problem.problem(409, "others changed the same meanwhile: try again")
        case TimeoutError() | errors.StoreBusy():
            return problem.later(503, "this takes too long now")
        case errors.StoreUnhealthy():
            return problem.later(503, "the store cannot confirm")
        case errors.BadInput():
            return problem.bad_input([problem.Place(error.place, error.problem)])
        case _:
            log.error("a request failed", path=request.url.path, problem=repr(error))
            return problem.problem(500, "the request could not be handled")
