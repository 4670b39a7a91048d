"""For whom an entry blocks, what can block an address, and what makes two entries one."""

import msgspec
import pytest

from gatepost.model import suppression as suppressions

Kind = suppressions.Kind
Scope = suppressions.Scope
SENDER = suppressions.Sender(account=1, bridge=2, list="news")


@pytest.mark.parametrize(
    ("scope", "owner", "listed", "blocks"),
    [
        pytest.param(Scope.INSTANCE, 0, "", True, id="instance"),
        pytest.param(Scope.ACCOUNT, 1, "", True, id="account"),
        pytest.param(Scope.ACCOUNT, 2, "", False, id="another-account"),
        pytest.param(Scope.BRIDGE, 2, "", True, id="bridge"),
        pytest.param(Scope.BRIDGE, 1, "", False, id="another-bridge"),
        pytest.param(Scope.LIST, 1, "news", True, id="list"),
        pytest.param(Scope.LIST, 1, "other", False, id="another-list"),
        pytest.param(Scope.LIST, 2, "news", False, id="another-accounts-list"),
    ],
)
def test_an_entry_blocks_those_of_its_scope(scope: Scope, owner: int, listed: str, *, blocks: bool) -> None:
    entry = suppressions.Suppression(Kind.ADDRESS, "a@b.example", scope, owner, listed)
    assert suppressions.blocks(entry, SENDER, 1000) is blocks


@pytest.mark.parametrize(
    ("expires_at", "blocks"),
    [
        pytest.param(0, True, id="never"),
        pytest.param(1001, True, id="later"),
        pytest.param(1000, False, id="now"),
    ],
)
def test_an_entry_blocks_until_it_expires(expires_at: int, *, blocks: bool) -> None:
    entry = suppressions.Suppression(Kind.ADDRESS, "a@b.example", expires_at=expires_at)
    assert suppressions.blocks(entry, SENDER, 1000) is blocks


def test_an_address_is_blocked_by_itself_its_domain_and_those_above() -> None:
    assert suppressions.targets("a@x.y.example", "x.y.example") == [
        (Kind.ADDRESS, "a@x.y.example"),
        (Kind.DOMAIN, "x.y.example"),
        (Kind.SUBDOMAINS, "x.y.example"),
        (Kind.SUBDOMAINS, "y.example"),
        (Kind.SUBDOMAINS, "example"),
    ]


def test_the_look_up_keys_of_the_kinds_differ() -> None:
    hashes = {suppressions.hash_of(kind, "example.org") for kind in Kind}
    assert len(hashes) == len(Kind)


def test_only_kind_target_scope_owner_and_list_make_an_identity() -> None:
    entry = suppressions.Suppression(Kind.ADDRESS, "a@b.example", Scope.LIST, 1, "news")
    same = msgspec.structs.replace(
        entry, reason="manual", expires_at=5, standing=suppressions.Standing.PROVISIONAL
    )
    assert entry.identity == same.identity
    for change in (
        {"target": "x"},
        {"scope": Scope.ACCOUNT},
        {"owner": 2},
        {"list": "x"},
        {"kind": Kind.DOMAIN},
    ):
        assert msgspec.structs.replace(entry, **change).identity != entry.identity


def test_words_are_small_letters() -> None:
    assert Scope.BRIDGE.word == "bridge"
    assert suppressions.Standing.PROVISIONAL.word == "provisional"


def networks(*targets: str) -> suppressions.Networks:
    return suppressions.Networks([suppressions.Suppression(Kind.NETWORK, one) for one in targets])


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("192.0.2.0/24", "192.0.2.0/24"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.1", "192.0.2.1/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("fe80::1%eth0", "fe80::1/128"),
    ],
)
def test_a_network_has_one_form(text: str, form: str) -> None:
    assert suppressions.network(text) == form
    assert suppressions.network(form) == form


@pytest.mark.parametrize("text", ["192.0.2.1/24", "192.0.2.0/33", "x", "", "192.0.2"])
def test_what_is_no_network_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not appear|host bits|not permitted"):
        suppressions.network(text)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("192.0.2.9", "192.0.2.0/28"),
        ("192.0.2.99", "192.0.2.0/24"),
        ("::ffff:192.0.2.99", "192.0.2.0/24"),
        ("192.0.3.1", ""),
        ("192.0.2.0/26", "192.0.2.0/24"),
        ("192.0.0.0/16", ""),
        ("2001:db8:1::1", "2001:db8::/32"),
        ("2001:db9::1", ""),
        ("mx.test", ""),
    ],
)
def test_the_narrowest_network_explains(asked: str, found: str) -> None:
    entry = networks("192.0.2.0/24", "192.0.2.0/28", "2001:db8::/32").against(asked)
    assert (entry.target if entry else "") == found


def test_no_networks_hold_nobody_up() -> None:
    assert not suppressions.Networks()
    assert suppressions.Networks().against("192.0.2.1") is None
    assert networks("0.0.0.0/0").against("192.0.2.1") is not None
