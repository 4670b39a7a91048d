"""A configuration is usable or refused, and what is wrong names its file and key."""

from pathlib import Path

import pytest

from gatepost import config, errors


def load(folder: Path, text: str, **environ: str) -> config.Settings:
    path = folder / config.FILE
    path.write_text(text, "utf-8")
    return config.load(path, environ)


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
    "an unknown key": ("colour = 1", "", "unknown field `colour`"),
    "an unknown key of a section": ("[delivery]\nprot = 25", ":delivery", "unknown field `prot`"),
    "a wrong type": ("[delivery]\nport = 'x'", ":delivery.port", "Expected `int`, got `str`"),
    "a wrong type in a list": (
        "[[listener]]\n[[listener]]\nname = 3",
        ":listener[1].name",
        "Expected `str`, got `int`",
    ),
    "a section that is none": ("delivery = 3", ":delivery", "Expected `object`, got `int`"),
    "a word that is none of a choice": (
        "[[listener]]\ntls = 'ssl'",
        ":listener[0].tls",
        "Invalid enum value",
    ),
}


@pytest.mark.parametrize(("text", "key", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_read_names_file_and_key(tmp_path: Path, text: str, key: str, said: str) -> None:
    with pytest.raises(errors.BadInput) as caught:
        load(tmp_path, text)
    assert caught.value.place == f"{tmp_path / config.FILE}{key}"
    assert said in caught.value.problem


WRONG = {
    "workers": ("workers = -1", "workers"),
    "log": ("[log]\nlevel = 'loud'", "log.level"),
    "a key without its certificate": ("[tls]\nkey = 'k'", "tls.cert"),
    "http in clear": ("[http]\naddress = '0.0.0.0:80'", "http.address"),
    "a limit": ("[ingest]\nmax_batch = 0", "ingest.max_batch"),
    "a listener without a certificate": ("[[listener]]", "listener[0].tls"),
    "a route": ("[[route]]\ndomain = 'a.test'\nto = 'b.test'", "route[0].to"),
    "policy": ("[policy]\nlifetime_s = 0", "policy.lifetime_s"),
}


@pytest.mark.parametrize(("text", "key"), WRONG.values(), ids=WRONG)
def test_a_value_that_makes_no_sense_names_file_and_key(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(config.Unusable) as caught:
        load(tmp_path, text)
    assert [one.place for one in caught.value.problems] == [f"{tmp_path / config.FILE}:{key}"]


def test_problems_of_all_sections_are_told_at_once_one_a_line(tmp_path: Path) -> None:
    text = "\n".join(text for text, _ in WRONG.values())
    with pytest.raises(config.Unusable) as caught:
        load(tmp_path, text)
    assert {one.place.rpartition(":")[2] for one in caught.value.problems} == {
        key for _, key in WRONG.values()
    }
    assert str(caught.value).count("\n") == len(WRONG) - 1


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / config.FILE
    path.write_bytes(content)
    with pytest.raises(errors.BadInput) as caught:
        config.load(path, {})
    assert caught.value.place == str(path)


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
        pytest.param("GATEPOST_WORKERS", "many", "Expected `int`, got `str`", id="wrong-type"),
        pytest.param("GATEPOST_NODE__NAME", "1", "node is not a section", id="no-section"),
    ],
)
def test_the_environment_is_checked_like_the_file(tmp_path: Path, name: str, value: str, said: str) -> None:
    with pytest.raises(errors.BadInput, match=said):
        load(tmp_path, 'node = "a"', **{name: value})


def test_only_what_differs_and_needs_it_asks_for_a_restart(tmp_path: Path) -> None:
    old = load(tmp_path, "workers = 1")
    assert config.needs_restart(old, old) == []
    new = load(tmp_path, 'workers = 2\nnode = "b"\n[delivery]\nport = 26')
    assert config.needs_restart(old, new) == ["node", "workers"]
