"""The keys that return paths and header tokens are signed with: the first one, the next one, and how they are read.

Guarantees: a new key signs only mail that is accepted ``NOTICE_MS`` after it was made, so that every process of the gateway
knows it before anybody receives its tokens. Keys live in the Directory, so they come with a copy of the store.
"""

import secrets

from gatepost import errors
from gatepost.model import directory as directories
from gatepost.reports import token as tokens
from gatepost.store import port

NOTICE_MS = 60_000


async def ensure(store: port.Store) -> None:
    """Let there be a key."""
    if not (await store.directory()).token_keys:
        await store.change_directory([new_key(0)], "gatepost")


def new_key(since: int) -> directories.TokenKey:
    """A key for mail accepted from ``since`` (ms) on."""
    return directories.TokenKey(0, f"since {since}", secrets.token_bytes(tokens.SECRET_BYTES), since)


def next_key(known: directories.Directory, now_ms: int) -> directories.TokenKey:
    """The one that follows. Raises BadInput where the last one is not even in use yet, or all numbers are taken."""
    newest = max((key.since for key in known.token_keys), default=0)
    if newest > now_ms:
        raise errors.BadInput("token", "a new key was made in the last minute and is not in use yet")
    if max((key.id for key in known.token_keys), default=0) >= tokens.MAX_KEY:
        raise errors.BadInput("token", f"there are {tokens.MAX_KEY} keys already, and no more numbers")
    return new_key(now_ms + NOTICE_MS if known.token_keys else 0)


def keys(known: directories.Directory) -> tokens.Keys:
    """All of them, to sign and to read with."""
    return tokens.keys((key.id, key.secret, key.since) for key in known.token_keys)
