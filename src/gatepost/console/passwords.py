"""People's passwords: argon2id (RFC 9106), and how a password is made where none is given.

Guarantees: the parameters are RFC 9106's second recommended ones (64 MiB, 3 passes), kept with each hash, so that they can be raised
later; a check takes as long where there is no such user, or one without a password; at most ``AT_ONCE`` are
under way, because each takes 64 MiB. Not here: how often somebody may try (``entrance``).
"""

import asyncio
import secrets

import argon2
from argon2 import exceptions, profiles

from gatepost import errors

SHORTEST = (
    12  # characters: NIST SP 800-63B-4 asks for 15 where nothing else is checked, 8 beside a second factor
)
LONGEST = 200
AT_ONCE = 2
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
_GROUPS, _GROUP = 5, 5  # 124 bits


class Passwords:
    """Makes and checks hashes, each in a thread."""

    def __init__(self, parameters: argon2.Parameters = profiles.RFC_9106_LOW_MEMORY) -> None:
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))
        self._free = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """What is kept of a password."""
        async with self._free:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, kept: str, given: str) -> bool:
        """Whether that is the password. kept: empty where there is none, which takes as long."""
        async with self._free:
            right = await asyncio.to_thread(self._verify, kept or self._nobody, given)
        return right and bool(kept)

    def _verify(self, kept: str, given: str) -> bool:
        try:
            return self._hasher.verify(kept, given)
        except (exceptions.VerificationError, exceptions.InvalidHashError):
            return False


def checked(password: str) -> str:
    """A password that somebody chose. Raises BadInput."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise errors.BadInput("password", f"has to have {SHORTEST} to {LONGEST} characters")
    return password


def made() -> str:
    """A new one, of 124 random bits, that can be read and typed."""
    groups = ["".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS)]
    return "-".join(groups)
