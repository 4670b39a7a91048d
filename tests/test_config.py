"""A configuration is usable or refused, and what is wrong names its file and key."""

from collections.abc import Iterable
from pathlib import Path
from typing import cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost import config, errors, toml
from gatepost.delivery import settings as delivery_settings
from gatepost.ingest import settings as ingest_settings
from gatepost.policy import settings as policy_settings
from gatepost.upkeep import settings as upkeep_settings


def load(folder: Path, text: str, **environ: str) -> config.Settings:
    path = folder / config.FILE
    path.write_text(text, "utf-8")
    return config.load(path, environ)


def wrong(folder: Path, text: str) -> tuple[errors.BadInput, ...]:
    with pytest.raises(config.Unusable) as caught:
        load(folder, text)
    return caught.value.problems


def keys(problems: Iterable[errors.BadInput]) -> list[str]:
    return [one.place.rpartition(": ")[2] for one in problems]


def test_an_empty_file_gives_the_defaults_beside_it(tmp_path: Path) -> None:
    found = load(tmp_path, "")
    assert found.data_dir == str(tmp_path / "data")
    assert found.workers >= 1
    assert found.hostname
    assert (found.listener, found.delivery.port, found.log.level) == ((), 25, "info")


def test_paths_are_relative_to_the_file_unless_absolute(tmp_path: Path) -> None:
    found = load(tmp_path, 'data_dir = "/var/x"\n[tls]\ncert = "c.pem"\nkey = "/k.pem"')
    assert (found.data_dir, found.tls.cert, found.tls.key) == ("/var/x", str(tmp_path / "c.pem"), "/k.pem")


REFUSED = {
    "an unknown key": ("colour = 1", ":1: colour", "is no setting"),
    "an unknown key of a section": ("[delivery]\nprot = 25", ":2: delivery.prot", "is no setting"),
    "a wrong type": ("[delivery]\nport = 'x'", ":2: delivery.port", "Expected `int`, got `str`"),
    "a wrong type in a list": (
        "[[listener]]\ntls = 'none'\n[[listener]]\nname = 3\naddress = 'a:1'\ntls = 'none'",
        ":4: listener[1].name",
        "Expected `str`, got `int`",
    ),
    "a section that is none": ("delivery = 3", ":1: delivery", "Expected `object`, got `int`"),
    "a word that is none of a choice": (
        "[[listener]]\ntls = 'ssl'",
        ":2: listener[0].tls",
        "Invalid enum value",
    ),
    "a category that there is not": (
        "[policy.categories.'recipient.unknown']\n[policy.categories.'recipient.dead']\naction = 'fail'",
        ':2: policy.categories."recipient.dead"',
        "Invalid enum value",
    ),
    "a key of one of several categories": (
        "[policy.categories.'recipient.unknown']\n[policy.categories.'recipient.refused']\naction = 'no'",
        ':3: policy.categories."recipient.refused".action',
        "Invalid enum value",
    ),
    "a key that the file does not have": ("[[listener]]", ":1: listener[0].tls", "needs [tls]"),
}


@pytest.mark.parametrize(("text", "place", "said"), REFUSED.values(), ids=REFUSED)
def test_what_is_wrong_names_file_line_and_key(tmp_path: Path, text: str, place: str, said: str) -> None:
    [problem] = wrong(tmp_path, text)
    assert problem.place == f"{tmp_path / config.FILE}{place}"
    assert said in problem.problem


WRONG = {
    "workers": ("workers = -1", "workers"),
    "log": ("[log]\nlevel = 'loud'", "log.level"),
    "a key without its certificate": ("[tls]\nkey = 'k'", "tls.cert"),
    "http in clear": ("[http]\naddress = '0.0.0.0:80'", "http.address"),
    "a limit": ("[ingest]\nmax_batch = 0", "ingest.max_batch"),
    "a listener without a certificate": ("[[listener]]", "listener[0].tls"),
    "a route": ("[[route]]\ndomain = 'a.test'\nto = 'b.test'", "route[0].to"),
    "a way": ("[delivery]\nport = -1", "delivery.port"),
    "a canonical form": ("[dkim]\ncanonicalization = 'loose/loose'", "dkim.canonicalization"),
    "policy": ("[policy]\nlifetime_s = 0", "policy.lifetime_s"),
    "events that go before they are told": ("[retention]\nevents_days = 6", "retention.events_days"),
}


@pytest.mark.parametrize(("text", "key"), WRONG.values(), ids=WRONG)
def test_a_value_that_makes_no_sense_names_its_key(tmp_path: Path, text: str, key: str) -> None:
    assert keys(wrong(tmp_path, text)) == [key]


@pytest.mark.parametrize("text", ["expires_s = 60", "threads = 0", "canonicalization = 'relaxed'"])
def test_signatures_that_would_help_nobody_are_refused(tmp_path: Path, text: str) -> None:
    assert keys(wrong(tmp_path, f"[dkim]\n{text}")) == [f"dkim.{text.partition(' ')[0]}"]


@pytest.mark.parametrize("form", ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"])
def test_every_pair_of_canonical_forms_may_be_chosen(tmp_path: Path, form: str) -> None:
    path = tmp_path / config.FILE
    path.write_text(f"[dkim]\ncanonicalization = '{form}'")
    manner = config.load(path, {}).dkim.manner
    assert f"{manner.header}/{manner.body}" == form


def test_problems_of_all_sections_are_told_at_once_one_a_line(tmp_path: Path) -> None:
    text = "colour = 1\nnode = 3\n" + "\n".join(text for text, _ in WRONG.values())
    found = wrong(tmp_path, text)
    assert set(keys(found)) == {"colour", "node", *(key for _, key in WRONG.values())}
    assert str(config.Unusable(found)).count("\n") == len(WRONG) + 1


NUMBERS = sorted(
    {
        **{f"ingest.{name}": 0 for name in ingest_settings.IngestSettings.__struct_fields__},
        **{f"delivery.{name}": 0 for name in delivery_settings.DeliverySettings.__struct_fields__},
        **{f"policy.suppression.{n}": 0 for n in policy_settings.SuppressionSettings.__struct_fields__},
        **{f"policy.escalation.{n}": 0 for n in policy_settings.EscalationSettings.__struct_fields__},
        **{f"policy.hold.{n}": 0 for n in policy_settings.HoldSettings.__struct_fields__},
        **{f"policy.{n}": 0 for n in ("lifetime_s", "last_attempt_s", "resplits", "time_scale")},
        **{f"retention.{n}": 0 for n in upkeep_settings.RetentionSettings.__struct_fields__},
        "dkim.expires_s": 0,
        "dkim.threads": 0,
        "workers": 0,
    }.keys()
    - {"delivery.allow_networks", "delivery.only_networks", "delivery.lane"}
)


@pytest.mark.parametrize("value", ["-1", "1" + "0" * 30])
@pytest.mark.parametrize("key", NUMBERS)
def test_no_number_may_be_below_nothing_or_beyond_measure(tmp_path: Path, key: str, value: str) -> None:
    assert key in keys(wrong(tmp_path, f"{key} = {value}"))


@pytest.mark.parametrize("key", [key for key in NUMBERS if key.endswith(("_s", "min_free", "scale"))])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_no_number_is_infinite_or_none(tmp_path: Path, key: str, value: str) -> None:
    assert keys(wrong(tmp_path, f"{key} = {value}")) == [key]


@pytest.mark.parametrize("name", ["cap_s", "window_s", "factor"])
@pytest.mark.parametrize("value", ["-1", "0", "nan", "inf"])
def test_a_schedules_numbers_are_checked_too(tmp_path: Path, name: str, value: str) -> None:
    assert keys(wrong(tmp_path, f"policy.schedules.S.{name} = {value}"))[0] == f"policy.schedules.S.{name}"


_VALUES = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.text(max_size=20),
    st.lists(st.text(max_size=5), max_size=2),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)


@given(
    key=st.sampled_from(
        [*NUMBERS, "hostname", "node", "dns.server", "http.address", "tls.cert", "log.level"]
    ),
    value=_VALUES,
)
def test_whatever_stands_in_a_setting_it_is_used_or_refused_by_name(key: str, value: object) -> None:
    table: dict[str, object] = {}
    *sections, name = key.split(".")
    at = table
    for section in sections:
        at = cast("dict[str, object]", at.setdefault(section, {}))
    at[name] = value
    settings, mistakes = toml.convert(table, config.Settings)
    found = [*mistakes, *config.problems(config.completed(settings, Path()))]
    assert all(one.place.startswith(sections[0] if sections else name) for one in found)
    if not found:  # what is used must reach the other processes as it is
        assert msgspec.json.decode(msgspec.json.encode(settings), type=config.Settings) == settings


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / config.FILE
    path.write_bytes(content)
    with pytest.raises(errors.BadInput) as caught:
        config.load(path, {})
    assert caught.value.place.partition(":")[0] == str(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.BadInput, match="cannot be read: No such file"):
        config.load(tmp_path / "none.toml", {})


def test_the_environment_stands_above_the_file(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "workers = 2\n[delivery]\nport = 25\nmax_hosts = 3",
        GATEPOST_WORKERS="4",
        GATEPOST_DELIVERY__PORT="2525",
        GATEPOST_LOG__LEVEL="debug",
        GATEPOST_DELIVERY__ALLOW_NETWORKS='["10.0.0.0/8"]',
        PATH="/bin",
    )
    assert (found.workers, found.delivery.port, found.delivery.max_hosts) == (4, 2525, 3)
    assert (found.log.level, found.delivery.allow_networks) == ("debug", ("10.0.0.0/8",))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("GATEPOST_COLOUR", "1", "^GATEPOST_COLOUR: names no setting$", id="unknown"),
        pytest.param("GATEPOST_WORKERS", "many", "^GATEPOST_WORKERS: Expected `int`, got", id="wrong-type"),
        pytest.param("GATEPOST_WORKERS", "-3", "^GATEPOST_WORKERS: -3 is not in 1", id="senseless"),
        pytest.param(
            "GATEPOST_DELIVERY",
            "{port = 0}",
            "^GATEPOST_DELIVERY: delivery.port: 0 is not in 1",
            id="section",
        ),
        pytest.param("GATEPOST_NODE__NAME", "1", "node is not a section", id="no-section"),
    ],
)
def test_the_environment_is_checked_like_the_file(tmp_path: Path, name: str, value: str, said: str) -> None:
    with pytest.raises(errors.GatepostError, match=said):
        load(tmp_path, 'node = "a"', **{name: value})


def test_only_what_differs_and_needs_it_asks_for_a_restart(tmp_path: Path) -> None:
    old = load(tmp_path, "workers = 1")
    assert config.needs_restart(old, old) == []
    new = load(tmp_path, 'workers = 2\nnode = "b"\n[delivery]\nport = 26')
    assert config.needs_restart(old, new) == ["node", "workers"]


def test_what_needs_a_restart_is_named_to_the_key(tmp_path: Path) -> None:
    listener = "[[listener]]\ntls = 'none'\nper_ip_connections = "
    old, new = load(tmp_path, f"{listener}1"), load(tmp_path, f"{listener}2\n[http]\naddress = ''")
    assert config.needs_restart(old, new) == ["listener[0].per_ip_connections", "http.address"]
    assert config.needs_restart(old, load(tmp_path, "")) == ["listener"]


def test_a_certificate_may_change_but_not_appear(tmp_path: Path) -> None:
    none, one, other = (
        load(tmp_path, text) for text in ("", "[tls]\ncert='a'\nkey='b'", "[tls]\ncert='c'\nkey='d'")
    )
    assert config.needs_restart(one, other) == []
    assert config.taken(one, other).tls == other.tls
    assert config.needs_restart(none, one) == config.needs_restart(one, none) == ["tls"]
    assert config.taken(none, one).tls == none.tls


def test_what_is_taken_keeps_the_old_where_only_a_restart_changes_it(tmp_path: Path) -> None:
    old, new = load(tmp_path, "workers = 1"), load(tmp_path, "workers = 2\n[delivery]\nport = 26")
    found = config.taken(old, new)
    assert (found.workers, found.delivery.port) == (1, 26)
