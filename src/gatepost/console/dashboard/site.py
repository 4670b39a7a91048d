"""The dashboard's routes: who may come in, what a form has to prove, and what is shown when something goes wrong.

Guarantees: nothing but the log-in page and the static files is shown to who is not logged in. Every form is refused that does not come
from a page of ours (``Sec-Fetch-Site``, or else ``Origin``) with the token of the same session. Cookies are HttpOnly and
SameSite=Strict, and Secure under TLS, then also bound to the host. After a log-in one is sent only to a page of the dashboard.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec
from starlette import datastructures, requests, responses, routing
from starlette.types import Receive, Scope, Send

from gatepost import log as logs
from gatepost.console import auth, entrance, incoming, operation, rates
from gatepost.console import settings as console_settings
from gatepost.console.dashboard import desk, frame, words
from gatepost.net import problem
from gatepost.store import credentials

_NAME, _PASSWORD, _SECRET = 64, 200, 100  # characters that are read
_OURS = "same-origin"


class Parts(msgspec.Struct, frozen=True):
    """What the site is made of. asked: how often each user may ask."""

    door: entrance.Entrance
    keyring: Callable[[], auth.Keyring]
    operations: Sequence[operation.Operation]
    settings: console_settings.ConsoleSettings
    asked: rates.Rates
    version: str


async def _never() -> bool:
    return False


class Visit(msgspec.Struct, frozen=True):
    """A request of somebody who is logged in. path: what stands in the path; query: of the address; fields: of a form.

    alive: whether the session still is, for what lasts.
    """

    desk: desk.Desk
    visitor: entrance.Visitor
    request: requests.Request
    path: Mapping[str, str]
    query: Sequence[tuple[str, str]] = ()
    fields: Mapping[str, str] = {}
    alive: Callable[[], Awaitable[bool]] = _never

    def asked(self, name: str) -> str:
        """A parameter of the address; empty where there is none."""
        return next((value for key, value in self.query if key == name), "")

    @property
    def where(self) -> list[str]:
        """The conditions in the address, as ``field=value``."""
        return [f"{key}={value}" for key, value in self.query]


Shown = frame.Page | responses.Response
Show = Callable[[Visit], Awaitable[Shown]]


class View(msgspec.Struct, frozen=True):
    """What stands at a path below the dashboard's. item: of the navigation. do: what its form does."""

    path: str
    item: str
    show: Show | None = None
    do: Show | None = None


class Site:
    """Answers for all of it."""

    def __init__(self, parts: Parts, views: Sequence[View]) -> None:
        self._p = parts
        self._views = views
        self._frame = frame.Frame(parts.version)
        self._log = logs.get("dashboard")
        self._operations = {one.place.name: one for one in parts.operations}

    def routes(self) -> list[routing.BaseRoute]:
        """Where everything is."""
        root = frame.ROOT
        places: list[tuple[str, Callable[[requests.Request], Awaitable[responses.Response]]]] = [
            ("/", self._home),
            (f"{root}/static/{{digest}}/{{name}}", self._file),
            (f"{root}/login", self._login),
            (f"{root}/logout", self._logout),
            *((f"{root}{view.path}", functools.partial(self._view, view)) for view in self._views),
        ]
        return [routing.Route(path, _Endpoint(self, answer)) for path, answer in places]

    async def answer(
        self,
        run: Callable[[requests.Request], Awaitable[responses.Response]],
        request: requests.Request,
    ) -> responses.Response:
        """The answer, whatever happens."""
        try:
            return await run(request)
        except Exception as error:  # noqa: BLE001 - the top of a request's task
            ended = (
                error if isinstance(error, problem.Problem) else incoming.failure(error, request, self._log)
            )
            return await self._refusal(ended, request)

    # --- who is not logged in

    async def _home(self, request: requests.Request) -> responses.Response:
        _allow(request, "GET", "HEAD")
        return _to(frame.ROOT)

    async def _file(self, request: requests.Request) -> responses.Response:
        _allow(request, "GET", "HEAD")
        found = self._frame.file(request.path_params["digest"], request.path_params["name"])
        if found is None:
            raise problem.problem(404, "there is no such file")
        return found

    async def _login(self, request: requests.Request) -> responses.Response:
        _allow(request, "GET", "HEAD", "POST")
        if request.method == "POST":
            return await self._enter(request)
        secret = self._secret(request) or credentials.new_secret()
        link = request.query_params.get("link", "")[:_SECRET]
        return self._door(request, secret, "", link, request.query_params.get("next", ""))

    async def _enter(self, request: requests.Request) -> responses.Response:
        fields, secret = await self._fields(request)
        ip = incoming.address_of(request)
        link = fields.get("link", "")[:_SECRET]
        try:
            if link:
                opened = await self._p.door.enter_by_link(link, ip)
            else:
                name, password = fields.get("name", "")[:_NAME], fields.get("password", "")[:_PASSWORD]
                opened = await self._p.door.enter(name, password, ip)
        except problem.Problem as ended:
            if ended.response.status not in {401, 429}:
                raise
            said, status = desk.detail_of(ended), ended.response.status
            return self._door(request, secret, said, "", fields.get("next", ""), status)
        response = _to(_ours(fields.get("next", "")))
        self._keep(response, request, opened)
        return response

    def _door(
        self, request: requests.Request, secret: str, said: str, link: str, following: str, status: int = 200
    ) -> responses.Response:
        values = {"said": said, "link": link, "next": _ours(following)}
        page = frame.Page("login.html", "Log in", values, status)
        response = self._frame.render(page, None, "", self._p.door.token(secret))
        if status == 429:
            response.headers["retry-after"] = "60"
        self._keep(response, request, secret)
        return response

    async def _logout(self, request: requests.Request) -> responses.Response:
        _allow(request, "POST")
        _, secret = await self._fields(request)
        visitor = await self._p.door.who(secret)
        if visitor is not None:
            await self._p.door.leave(visitor, incoming.address_of(request))
        response = _to(f"{frame.ROOT}/login")
        response.delete_cookie(_cookie(request), secure=_secure(request), httponly=True, samesite="strict")
        return response

    # --- who is

    async def _view(self, view: View, request: requests.Request) -> responses.Response:
        _allow(request, *(("GET", "HEAD") if view.show else ()), *(("POST",) if view.do else ()))
        secret = self._secret(request)
        visitor = await self._p.door.who(secret) if secret else None
        if visitor is None:
            return self._shut(request)
        left = self._p.asked.take(visitor.caller.name)
        if not left.allowed:
            raise problem.later(429, "you have asked too often", left.reset_s)
        fields: Mapping[str, str] = {}
        show = view.show
        if request.method == "POST":
            fields, _ = await self._fields(request)
            show = view.do
        asking = desk.Desk(
            self._operations,
            visitor,
            self._p.keyring().directory,
            lambda: self._p.door.still(visitor),
            incoming.address_of(request),
        )
        path = {name: str(value) for name, value in request.path_params.items()}
        query = request.query_params.multi_items()

        async def alive() -> bool:
            return await self._p.door.who(secret) is not None

        visit = Visit(asking, visitor, request, path, query, fields, alive)
        shown = await show(visit) if show else None
        if isinstance(shown, frame.Page):
            note = words.note(visit.asked("done"), visit.asked("n"))
            return self._frame.render(shown, visitor, view.item, note=note)
        return shown if shown is not None else _to(frame.ROOT)

    def _shut(self, request: requests.Request) -> responses.Response:
        """For a page: the way to the log-in. For a script's request: 401."""
        if request.method == "POST" or request.headers.get("sec-fetch-mode", "navigate") != "navigate":
            raise problem.problem(401, "you are not logged in")
        query = f"?{request.url.query}" if request.url.query else ""
        login = datastructures.URL(f"{frame.ROOT}/login")
        return _to(str(login.include_query_params(next=f"{request.url.path}{query}")))

    async def _fields(self, request: requests.Request) -> tuple[Mapping[str, str], str]:
        """A form's fields, and the cookie's secret. Raises Problem for a form that is not ours."""
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        here = f"{request.url.scheme}://{request.headers.get('host', '')}"
        if site != _OURS if site is not None else origin != here:
            raise problem.problem(403, "this form was not sent by a page of this dashboard")
        body = await incoming.body_of(request, (incoming.FORM,), self._p.settings)
        fields = dict(incoming.fields_of(body))
        secret = self._secret(request)
        if not secret or not self._p.door.fits(secret, fields.get("token", "")):
            raise problem.problem(403, "this form is too old: load the page again")
        return fields, secret

    async def _refusal(self, ended: problem.Problem, request: requests.Request) -> responses.Response:
        said = msgspec.json.decode(ended.response.body, type=problem.Body)
        values = {"said": said, "path": request.url.path}
        page = frame.Page("problem.html", said.title, values, ended.response.status)
        secret = self._secret(request)
        try:
            visitor = await self._p.door.who(secret) if secret else None
        except Exception as error:  # noqa: BLE001 - the store may be what is broken
            incoming.failure(error, request, self._log)
            visitor = None
        response = self._frame.render(page, visitor, "")
        response.raw_headers.extend(one for one in ended.response.headers if one[0] != b"content-type")
        return response

    def _secret(self, request: requests.Request) -> str:
        return request.cookies.get(_cookie(request), "")[:_SECRET]

    def _keep(self, response: responses.Response, request: requests.Request, secret: str) -> None:
        response.set_cookie(
            _cookie(request),
            secret,
            max_age=entrance.SESSION_S,
            secure=_secure(request),
            httponly=True,
            samesite="strict",
        )


class _Endpoint:
    """One path, as an ASGI application."""

    def __init__(self, site: Site, run: Callable[[requests.Request], Awaitable[responses.Response]]) -> None:
        self._site = site
        self._run = run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._site.answer(self._run, requests.Request(scope, receive))
        await response(scope, receive, send)


def done(place: str, what: str, count: int | None = None) -> responses.Response:
    """To the page that shows what a form has done, in words of ``words.note``."""
    return _to(f"{place}?done={what}" + (f"&n={count}" if count is not None else ""))


def _allow(request: requests.Request, *methods: str) -> None:
    if request.method not in methods:
        allowed = ", ".join(methods)
        headers = ((b"allow", allowed.encode()),)
        raise problem.problem(405, f"only {allowed} is allowed here", headers=headers)


def _secure(request: requests.Request) -> bool:
    return request.url.scheme == "https"


def _cookie(request: requests.Request) -> str:
    """Under TLS a name that browsers take only from this very host, over TLS (RFC 6265bis §4.1.3.2)."""
    return "__Host-gatepost" if _secure(request) else "gatepost"


def _to(place: str) -> responses.Response:
    return responses.RedirectResponse(place, 303, headers=frame.HEADERS)


def _ours(place: str) -> str:
    """A page of the dashboard, and nothing else."""
    root = frame.ROOT
    fits = place == root or place.startswith((f"{root}/", f"{root}?"))
    return place if fits and place.isprintable() and "\\" not in place and "//" not in place else root
