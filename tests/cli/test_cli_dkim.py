"""``gatepost dkim``: keys made, imported, activated and retired; what is printed for DNS verifies what they sign."""

import json
from pathlib import Path

import pytest
from tests.cli import cli_values as values
from tests.dkim import dkim_values, verifier

from gatepost.dkim import keys, signature
from gatepost.model import directory as directories
from gatepost.store import port


def stored(gateway: values.Gateway) -> tuple[directories.DkimKey, ...]:
    async def read(store: port.Store) -> tuple[directories.DkimKey, ...]:
        return (await store.directory()).dkim_keys

    found: tuple[directories.DkimKey, ...] = gateway.with_store(read)
    return found


@pytest.mark.parametrize(("algorithm", "kind"), [("rsa-2048", "rsa"), ("ed25519", "ed25519")])
def test_a_new_key_is_staged_and_its_record_verifies_what_it_signs(
    gateway: values.Gateway, algorithm: str, kind: str
) -> None:
    [made] = gateway.made("dkim", "new", "shop.test", "--algorithm", algorithm)
    assert (made["algorithm"], made["state"], made["activated_at"]) == (algorithm, "staged", None)
    assert made["selector"].startswith("gp20")
    assert made["selector"].endswith(f"-{kind}")
    assert made["name"] == f"{made['selector']}._domainkey.shop.test"
    assert ("".join(made["strings"]), max(map(len, made["strings"])) <= 255) == (made["value"], True)
    [key] = stored(gateway)
    signer = signature.Signer("shop.test", made["selector"], keys.load(key.private_key.encode()))
    signed = dkim_values.signed(dkim_values.MESSAGE, None, signer)
    assert len(verifier.verify(signed, {made["name"]: made["value"]})) == 1


def test_a_record_is_printed_as_a_zone_file_has_it(gateway: values.Gateway) -> None:
    said = gateway.run("dkim", "new", "shop.test", "--selector", "S1")
    lines = said.out.splitlines()
    assert lines[0] == "key s1 of shop.test: rsa-2048, staged"
    assert lines[1].endswith("gatepost dkim activate shop.test s1")
    assert gateway.run("dkim", "show", "shop.test").out.splitlines() == lines[2:]
    assert (lines[2], lines[-1]) == ("s1._domainkey.shop.test. IN TXT (", ")")
    strings = [line.strip().strip('"') for line in lines[3:-1]]
    assert [len(one) for one in strings] == [255, len(strings[1])]
    assert verifier.tags_of("".join(strings).encode())["k"] == "rsa"


def test_a_second_key_of_the_month_has_a_name_of_its_own(gateway: values.Gateway) -> None:
    first, second = (gateway.made("dkim", "new", "shop.test", "--algorithm", "ed25519")[0] for _ in range(2))
    assert second["selector"] == f"{first['selector']}-2"


@pytest.mark.slow
def test_keys_are_rotated(gateway: values.Gateway) -> None:
    def states() -> dict[str, str]:
        return {one["selector"]: one["state"] for one in gateway.made("dkim", "list")}

    for selector in ("old", "new"):
        gateway.made("dkim", "new", "shop.test", "--selector", selector)
    gateway.made("dkim", "new", "shop.test", "--selector", "ed", "--algorithm", "ed25519", "--activate")
    gateway.made("dkim", "activate", "shop.test", "old")
    assert states() == {"old": "active", "new": "staged", "ed": "active"}
    said = gateway.run("dkim", "activate", "shop.test", "new", "--replace")
    assert said.out.splitlines() == [
        "key new of shop.test is active",
        "key old of shop.test is retired",
        "shop.test is signed by new, ed",
    ]
    assert states() == {"old": "retired", "new": "active", "ed": "active"}
    assert [one["selector"] for one in gateway.made("dkim", "show", "shop.test")] == ["new", "ed"]
    assert [one["selector"] for one in gateway.made("dkim", "show", "shop.test", "old")] == ["old"]
    gateway.made("dkim", "retire", "shop.test", "ed")
    said = gateway.run("dkim", "retire", "shop.test", "new")
    assert said.out.splitlines()[-1] == "no key of shop.test signs its mail"
    assert gateway.made("dkim", "retire", "shop.test", "new") == []


def test_a_key_of_another_program_is_taken_with_its_selector(gateway: values.Gateway, tmp_path: Path) -> None:
    file = tmp_path / "old.pem"
    file.write_text(dkim_values.rsa_key().pem)
    [made] = gateway.made("dkim", "import", "shop.test", str(file), "--selector", "mail", "--activate")
    assert (made["selector"], made["state"]) == ("mail", "active")
    assert made["value"] == dkim_values.rsa_key().record


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("new", "other.test"),
            "domain: other.test is no sender domain of account 'default'; `gatepost domain add",
        ),
        (("new", "not a domain"), "domain: 'not a domain': "),
        (("new", "shop.test", "--account", "x"), "account: there is no account 'x'"),
        (("new", "shop.test", "--selector", "a_b"), "selector: 'a_b' is no selector"),
        (("new", "shop.test", "--selector", "x" * 64), "is no selector"),
        (("new", "shop.test", "--selector", ".".join(["x" * 60] * 4)), "is no selector"),
        (
            ("new", "shop.test", "--algorithm", "ed25519", "--selector", "mine"),
            "selector: shop.test has a key 'mine' already",
        ),
        (("activate", "shop.test", "gone"), "selector: shop.test has no key 'gone'"),
        (("retire", "shop.test", "gone"), "selector: shop.test has no key 'gone'"),
        (("show", "shop.test", "gone"), "selector: shop.test has no key 'gone'"),
        (
            ("import", "shop.test", "gatepost.toml", "--selector", "x"),
            "gatepost.toml: this is no private key in PEM",
        ),
        (("import", "shop.test", "none.pem", "--selector", "x"), "none.pem: No such file"),
    ],
    ids=lambda one: " ".join(one)[:40] if isinstance(one, tuple) else "",
)
def test_what_cannot_be_is_one_line(gateway: values.Gateway, arguments: tuple[str, ...], said: str) -> None:
    gateway.made("dkim", "new", "shop.test", "--selector", "mine", "--algorithm", "ed25519")
    found = gateway.run("dkim", *arguments)
    assert (found.status, found.out, found.err.count("\n")) == (1, "", 1)
    assert said in found.err
    assert len(stored(gateway)) == 1


def test_a_domain_without_keys_says_how_to_make_one(gateway: values.Gateway) -> None:
    found = gateway.run("dkim", "show", "shop.test")
    assert "shop.test has no key; `gatepost dkim new shop.test` makes one" in found.err


def test_no_private_half_leaves_the_store(gateway: values.Gateway) -> None:
    gateway.run("dkim", "new", "shop.test", "--selector", "s1", "--algorithm", "ed25519")
    [key] = stored(gateway)
    secret = "".join(key.private_key.splitlines()[1:-1])
    said = [
        gateway.run("dkim", *verb, *more).out
        for verb in (("list",), ("show", "shop.test"), ("activate", "shop.test", "s1"))
        for more in ((), ("--json",))
    ]
    said.append(gateway.run("events", "--json").out)

    async def audited(store: port.Store) -> str:
        return json.dumps([str(one) for one in await store.feed(0, 100)])

    said.append(gateway.with_store(audited))
    assert "s1._domainkey.shop.test" in said[-1]
    for text in said:
        assert secret not in text
        assert "PRIVATE" not in text


def test_a_key_that_cannot_be_read_is_listed_with_its_problem(gateway: values.Gateway) -> None:
    async def spoil(store: port.Store) -> None:
        domain = (await store.directory()).sender_domains[0]
        bad = directories.DkimKey(0, domain.id, "bad", directories.KeyAlgorithm.RSA, "spoilt")
        await store.change_directory([bad], "test")

    gateway.with_store(spoil)
    [listed] = gateway.made("dkim", "list")
    assert (listed["problem"], listed["value"]) == ("this is no private key in PEM that can be read", "")
    assert gateway.run("dkim", "show", "shop.test").out.startswith("; bad._domainkey.shop.test: this is no")
