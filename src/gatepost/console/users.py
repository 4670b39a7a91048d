"""Who may log in to the dashboard: what changes them. The roles are those of API keys."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from gatepost import errors
from gatepost.console import operation, planning
from gatepost.model import directory as directories

RoleWord = Literal["read", "operator", "admin"]


class NewUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A user that is wanted."""

    name: operation.Name
    role: RoleWord = "read"


def new_user(
    wanted: NewUser, password_hash: str, known: directories.Directory, now_ms: int
) -> list[directories.Change]:
    """The entry for a user that is wanted. Raises BadInput."""
    if planning.find(known.users, wanted.name) is not None:
        raise errors.BadInput("user", f"there is a user {wanted.name!r} already")
    role = directories.Role[wanted.role.upper()]
    return [directories.User(0, wanted.name, role, password_hash, now_ms, now_ms)]


def with_password(
    name: str, password_hash: str, users: Sequence[directories.User], now_ms: int
) -> list[directories.Change]:
    """Another password, which ends every session of that user. Raises BadInput."""
    found = named(name, users)
    return [msgspec.structs.replace(found, password_hash=password_hash, password_at=now_ms)]


def removed(name: str, users: Sequence[directories.User]) -> list[directories.Change]:
    """What ends a user. Raises BadInput."""
    return [msgspec.structs.replace(named(name, users), removed=True)]


def named(name: str, users: Sequence[directories.User]) -> directories.User:
    """The user of that name. Raises BadInput."""
    found = planning.find(users, name)
    if found is None:
        raise errors.BadInput("user", f"there is no user {name!r}")
    return found
