"""The dashboard's door: who is logged in, how one gets in, and how often one may try.

Guarantees: a session's secret has 192 random bits, is made anew at each log-in, and only its MAC is kept; a session ends with its time,
with its user, and with its user's password. A wrong name, a wrong password and a right one take as long. Guesses are bounded for
an address and for a name; a link logs in once. Log-ins and log-outs stand in the audit log, failed ones in the feed.
"""

import hmac
from collections.abc import Callable

import msgspec

from gatepost import clock as clocks
from gatepost.console import auth, passwords, rates
from gatepost.console import settings as console_settings
from gatepost.model import directory as directories
from gatepost.net import problem
from gatepost.store import credentials, port, sessions

SESSION_S = 7 * 24 * 3600
LINK_S = 24 * 3600
PER_MIN = 10  # log-ins with a password, right or wrong, from an address and for a name
_NUMBERS = -(1 << 40)  # below those of API keys


class Visitor(msgspec.Struct, frozen=True):
    """Who is logged in. token: what a form has to send back, so that nobody else's page can send it."""

    user: directories.User
    session: sessions.Session
    caller: auth.Caller
    token: str


class Parts(msgspec.Struct, frozen=True):
    """What the door is made of. known: the Directory as it is now. failed: told of the address of every wrong password."""

    store: port.Store
    pepper: bytes
    clock: clocks.Clock
    known: Callable[[], directories.Directory]
    failed: Callable[[str], None]


class Entrance:
    """Lets in and out."""

    def __init__(self, parts: Parts, kept: passwords.Passwords) -> None:
        self._p = parts
        self._passwords = kept
        self._by_address = rates.Rates(PER_MIN, parts.clock)
        self._by_name = rates.Rates(PER_MIN, parts.clock)

    async def enter(self, name: str, password: str, ip: str) -> str:
        """A new session's secret. Raises Problem: 401, or 429 for who has tried too often."""
        # Taken before the look, so that many guesses at the same time are counted, too.
        if not (self._by_address.take(ip).allowed and self._by_name.take(name).allowed):
            raise problem.later(429, "there were too many log-ins: wait a minute", 60)
        user = self._named(name)
        right = await self._passwords.matches(user.password_hash if user else "", password)
        if user is None or not right:
            self._p.failed(ip)
            raise problem.problem(401, "that is not the name and password of a user")
        return await self._open(user, ip)

    async def enter_by_link(self, secret: str, ip: str) -> str:
        """A new session's secret, for a link that was not used before. Raises Problem."""
        if self._by_address.empty(ip):
            raise problem.later(429, "there were too many wrong links: wait a minute", 60)
        link = await self._p.store.sessions.take(self._mac(secret))
        user = self._holder(link) if link is not None else None
        if user is None:
            self._by_address.take(ip)
            self._p.failed(ip)
            raise problem.problem(401, "that link was used before, or its time is over")
        return await self._open(user, ip)

    async def who(self, secret: str) -> Visitor | None:
        """Whose session that is."""
        session = await self._p.store.sessions.find(self._mac(secret))
        user = self._holder(session) if session is not None else None
        if session is None or user is None:
            return None
        name = f"user:{user.name}"
        caller = auth.Caller(name, _NUMBERS - user.id, user.role)
        return Visitor(user, session, caller, self.token(secret))

    def token(self, secret: str) -> str:
        """What a form carries beside the cookie with this secret."""
        return self._mac(f"form\0{secret}").hex()

    def fits(self, secret: str, token: str) -> bool:
        """Whether a form came from a page of ours that this cookie's owner was shown."""
        return hmac.compare_digest(self.token(secret).encode(), token.encode("utf-8", "replace"))

    def still(self, visitor: Visitor) -> bool:
        """Whether the user may still do what it may in this session; without a look at the session, which lasts at most ``SESSION_S``."""
        user = self._holder(visitor.session)
        return user is not None and user.role >= visitor.user.role

    async def leave(self, visitor: Visitor, ip: str) -> None:
        """End a session."""
        await self._p.store.sessions.end(visitor.session.mac, f"{visitor.caller.name} from {ip}")

    async def _open(self, user: directories.User, ip: str) -> str:
        secret = credentials.new_secret()
        now = self._p.clock.now_ms()
        session = sessions.Session(self._mac(secret), user.id, now, now + SESSION_S * 1000)
        await self._p.store.sessions.open(session, f"user:{user.name} from {ip}")
        return secret

    def _holder(self, session: sessions.Session) -> directories.User | None:
        if session.expires_at <= self._p.clock.now_ms():
            return None
        found = next((one for one in self._p.known().users if one.id == session.user), None)
        return found if found is not None and found.password_at <= session.opened_at else None

    def _named(self, name: str) -> directories.User | None:
        return next((one for one in self._p.known().users if one.name == name), None)

    def _mac(self, secret: str) -> bytes:
        return credentials.mac(self._p.pepper, f"session\0{secret}".encode("utf-8", "replace"))


def new_link(pepper: bytes, user: directories.User, now_ms: int) -> tuple[str, sessions.Session]:
    """A link's secret, and what the store keeps of it."""
    secret = credentials.new_secret()
    mac = credentials.mac(pepper, f"session\0{secret}".encode())
    return secret, sessions.Session(mac, user.id, now_ms, now_ms + LINK_S * 1000)


def link_address(settings: console_settings.ConsoleSettings, secret: str) -> str:
    """The link as people open it."""
    return f"http{'s' if settings.tls else ''}://{settings.address}/dashboard/login?link={secret}"
