"""Which TLS is demanded of a host, and by whom."""

import msgspec
import pytest
from tests.delivery import delivery_values as values

from gatepost.delivery import demand
from gatepost.delivery import settings as delivery_settings
from gatepost.delivery.demand import Level
from gatepost.net import mta_sts

Rule = delivery_settings.TlsRule
ENFORCE = mta_sts.Policy(mta_sts.Mode.ENFORCE, ("mx.test",), 9)
TESTING = mta_sts.Policy(mta_sts.Mode.TESTING, ("mx.test",), 9)
RULE = {word: Rule(domain="d.test", tls=word) for word in ("never", "opportunistic", "encrypted", "required")}
BY_RULE, BY_POLICY = "delivery.tls for d.test", "MTA-STS"

CASES: dict[str, tuple[str, delivery_settings.TlsRule | None, mta_sts.Policy | None, Level, str]] = {
    "nothing said": ("opportunistic", None, None, Level.OPPORTUNISTIC, ""),
    "the Source demands": ("required", None, None, Level.REQUIRED, ""),
    "the Source wants none": ("never", None, None, Level.NEVER, ""),
    "a policy in force": ("opportunistic", None, ENFORCE, Level.REQUIRED, BY_POLICY),
    "a policy in trial": ("opportunistic", None, TESTING, Level.OPPORTUNISTIC, ""),
    "a policy, and a Source without TLS": ("never", None, ENFORCE, Level.NEVER, ""),
    "a rule": ("opportunistic", RULE["encrypted"], None, Level.ENCRYPTED, BY_RULE),
    "a rule above a policy": ("opportunistic", RULE["opportunistic"], ENFORCE, Level.OPPORTUNISTIC, BY_RULE),
    "a rule that wants none": ("opportunistic", RULE["never"], None, Level.NEVER, BY_RULE),
    "a rule above a Source without TLS": ("never", RULE["required"], None, Level.REQUIRED, BY_RULE),
    "a Source above a laxer rule": ("required", RULE["never"], None, Level.REQUIRED, ""),
}


@pytest.mark.parametrize(("source", "rule", "policy", "level", "by"), CASES.values(), ids=CASES)
def test_what_is_demanded(
    source: str,
    rule: delivery_settings.TlsRule | None,
    policy: mta_sts.Policy | None,
    level: Level,
    by: str,
) -> None:
    way_out = msgspec.structs.replace(values.SOURCE, tls=source)
    assert demand.of(way_out, rule, policy) == demand.Demand(level, by)


RULES = (
    Rule(domain="exact.test", tls="never"),
    Rule(domain=".below.test", tls="encrypted"),
    Rule(provider="google", domain="shop.test", tls="never"),
    Rule(provider="google", tls="required"),
)
FITS = {
    ("exact.test", "x"): "never",
    ("a.exact.test", "x"): None,
    ("a.below.test", "x"): "encrypted",
    ("below.test", "x"): None,
    ("shop.test", "google"): "never",
    ("shop.test", "x"): None,
    ("other.test", "google"): "required",
}


@pytest.mark.parametrize(("asked", "tls"), FITS.items())
def test_the_first_rule_that_fits_counts(asked: tuple[str, str], tls: str | None) -> None:
    found = demand.rule_for(RULES, *asked)
    assert (found.tls if found is not None else None) == tls
