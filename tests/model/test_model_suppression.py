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
