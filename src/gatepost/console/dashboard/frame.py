"""How a page is rendered: Jinja2 with everything escaped, in the frame with the navigation, under a strict policy.

Guarantees: no byte from outside becomes markup: there is no ``safe`` in the templates, no script or style inside a page, and a
browser is told to run nothing else, to build nothing from strings, and to show the page in nobody's frame.
"""

import hashlib
import importlib.resources
from collections.abc import Mapping, Sequence

import jinja2
import msgspec
from starlette import responses

from gatepost.console import entrance
from gatepost.console.dashboard import words
from gatepost.store import credentials

ROOT = "/dashboard"
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # so that the browser names the origin of our own forms
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_MEDIA = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class Item(msgspec.Struct, frozen=True):
    """A page in the navigation. key: the letter behind ``g`` that opens it."""

    name: str
    title: str
    key: str

    @property
    def path(self) -> str:
        """Where it is."""
        return f"{ROOT}/{self.name}" if self.name != "overview" else ROOT


ITEMS: Sequence[Item] = (
    Item("overview", "Overview", "o"),
    Item("live", "Live", "l"),
    Item("messages", "Messages", "m"),
    Item("bounces", "Bounces", "b"),
    Item("sources", "Sources", "s"),
    Item("queues", "Queues", "q"),
    Item("suppressions", "Suppressions", "u"),
    Item("bridges", "Bridges", "p"),
    Item("webhooks", "Webhooks", "w"),
    Item("classifier", "Classifier", "c"),
    Item("reports", "Reports", "r"),
    Item("audit", "Audit", "a"),
    Item("settings", "Settings", "e"),
)


class Page(msgspec.Struct, frozen=True):
    """What is shown: a template with its values. fresh: the page renews the parts of it that change, every so many seconds."""

    template: str
    title: str
    values: Mapping[str, object] = {}
    status: int = 200
    fresh: int = 0


class Frame:
    """Renders pages. version: of the program."""

    def __init__(self, version: str) -> None:
        package = importlib.resources.files("gatepost.console.dashboard")
        self.files = {
            one.name: (one.read_bytes(), _MEDIA[f".{one.name.rpartition('.')[2]}"])
            for one in (package / "static").iterdir()
        }
        joined = b"".join(self.files[name][0] for name in sorted(self.files))
        self.digest = hashlib.blake2b(joined, digest_size=8).hexdigest()
        self._version = version
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("gatepost.console.dashboard"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters.update(
            number=words.number,
            percent=words.percent,
            size=words.size,
            clock=words.clock,
            spark=words.spark,
            columns=words.columns,
        )

    def render(
        self, page: Page, visitor: entrance.Visitor | None, place: str, token: str = "", note: str = ""
    ) -> responses.Response:
        """The page as it goes out. place: the item of the navigation that it belongs to. token: of its forms, where nobody is logged in.

        note: what the form before has done.
        """
        text = self._templates.get_template(page.template).render(
            {
                "root": ROOT,
                "static": f"{ROOT}/static/{self.digest}",
                "items": ITEMS,
                "place": place,
                "title": page.title,
                "fresh": page.fresh,
                "version": self._version,
                "user": visitor.user if visitor else None,
                "once": credentials.new_secret(),
                "note": note,
                "token": visitor.token if visitor else token,
                **page.values,
            }
        )
        return responses.HTMLResponse(text, page.status, HEADERS)

    def file(self, digest: str, name: str) -> responses.Response | None:
        """A style, a module or the icons: kept by browsers for good, since its address changes with it."""
        found = self.files.get(name)
        if found is None or digest != self.digest:
            return None
        headers = {**HEADERS, "cache-control": "public, max-age=31536000, immutable"}
        return responses.Response(found[0], headers=headers, media_type=found[1])
