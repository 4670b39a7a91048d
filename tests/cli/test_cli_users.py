"""People who log in to the dashboard: user add, list, password, link, remove."""

import asyncio

from tests.cli import cli_values as values

from gatepost.console import passwords


def right(kept: str, given: str) -> bool:
    async def run() -> bool:
        return await passwords.Passwords().matches(kept, given)

    return asyncio.run(run())


def kept(gateway: values.Gateway, name: str) -> str:
    users = gateway.with_store(lambda store: store.directory()).users
    return str(next(one.password_hash for one in users if one.name == name))


def test_a_user_is_added_with_a_password_that_is_shown_once_and_kept_as_argon2id(
    gateway: values.Gateway,
) -> None:
    [made] = gateway.made("user", "add", "ann", "--role", "operator")
    assert made["user"]["role"] == "operator"
    assert kept(gateway, "ann").startswith("$argon2id$")
    assert right(kept(gateway, "ann"), made["password"])
    assert not right(kept(gateway, "ann"), made["password"] + "x")
    assert not right("", "")
    [listed] = gateway.made("user", "list")
    assert (listed["name"], listed["password"]) == ("ann", True)
    assert made["password"] not in gateway.run("audit").out


def test_another_password_takes_the_place_of_the_first(gateway: values.Gateway) -> None:
    [first] = gateway.made("user", "add", "ann")
    [second] = gateway.made("user", "password", "ann")
    assert first["password"] != second["password"]
    assert right(kept(gateway, "ann"), second["password"])


def test_a_removed_user_is_gone(gateway: values.Gateway) -> None:
    gateway.run("user", "add", "ann")
    assert gateway.run("user", "remove", "ann").out == "user ann removed\n"
    assert gateway.made("user", "list") == []


def test_a_link_leads_to_the_log_in(gateway: values.Gateway) -> None:
    gateway.run("user", "add", "ann")
    said = gateway.run("user", "link", "ann")
    assert "/dashboard/login?link=" in said.out
    assert said.out.startswith("http")


def test_what_cannot_be_a_user_is_named(gateway: values.Gateway) -> None:
    gateway.run("user", "add", "ann")
    for arguments, told in (
        (("add", "ann"), "already"),
        (("add", "a/b"), "is not a name"),
        (("remove", "nobody"), "there is no user"),
        (("password", "nobody"), "there is no user"),
        (("link", "nobody"), "there is no user"),
    ):
        said = gateway.run("user", *arguments)
        assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
        assert told in said.err
