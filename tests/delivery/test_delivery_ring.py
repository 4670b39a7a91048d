"""The key ring: who signs for a domain, and that a new Directory reads no key again that it has already."""

import msgspec
import pytest
from tests.delivery import signers
from tests.dkim import dkim_values

from gatepost.delivery import ring
from gatepost.dkim import keys
from gatepost.model import directory as directories

DOMAINS = ((1, "shop.test"), (1, "eu.shop.test"), (2, "shop.test"))


def selectors(found: ring.Ring, account: int, domain: str) -> list[str]:
    return [held.entry.selector for held in found.of(account, domain)]


@pytest.mark.parametrize(
    ("account", "domain", "who"),
    [
        (1, "shop.test", ["a"]),
        (1, "x.shop.test", ["a"]),
        (1, "eu.shop.test", ["b"]),
        (1, "news.eu.shop.test", ["b"]),
        (2, "eu.shop.test", ["c"]),
        (3, "shop.test", []),
        (1, "other.test", []),
        (1, "test", []),
        (1, "eshop.test", []),
        (1, "", []),
    ],
)
def test_the_nearest_domain_of_the_account_signs(account: int, domain: str, who: list[str]) -> None:
    key = dkim_values.ed25519_key()
    entries = [signers.entry(n, key, domain=n, selector=name) for n, name in enumerate("abc", 1)]
    assert selectors(signers.ring_of(*entries, domains=DOMAINS), account, domain) == who


def test_rsa_signs_on_top_whatever_was_made_first() -> None:
    first = signers.entry(1, dkim_values.ed25519_key(), selector="ed")
    second = signers.entry(2, dkim_values.rsa_key(), selector="rsa")
    assert selectors(signers.ring_of(first, second), 1, "shop.test") == ["rsa", "ed"]


def test_a_new_directory_keeps_the_keys_that_are_the_same() -> None:
    one, two = signers.BOTH
    old = signers.ring_of(one, two)
    changed = msgspec.structs.replace(two, selector="other")
    domains = (directories.SenderDomain(1, 1, "shop.test"),)
    new = ring.Ring(directories.Directory(2, sender_domains=domains, dkim_keys=(one, changed)), old)
    [kept, read_again] = new.of(1, "shop.test")
    assert kept is old.of(1, "shop.test")[0]
    assert read_again is not old.of(1, "shop.test")[1]
    assert kept.signer().key is kept.signer().key


def test_a_domain_that_changed_its_name_is_signed_for_by_its_new_one() -> None:
    old = signers.ring_of(signers.BOTH[0])
    domains = (directories.SenderDomain(1, 1, "new.test"),)
    new = ring.Ring(directories.Directory(2, sender_domains=domains, dkim_keys=signers.BOTH[:1]), old)
    assert [held.signer().domain for held in new.of(1, "new.test")] == ["new.test"]


def test_a_bad_key_is_named_by_its_place_in_dns() -> None:
    bad = msgspec.structs.replace(signers.BOTH[0], private_key="x")
    with pytest.raises(keys.BadKey, match=r"^s1\._domainkey\.shop\.test: this is no private key"):
        signers.ring_of(bad).of(1, "shop.test")[0].signer()
