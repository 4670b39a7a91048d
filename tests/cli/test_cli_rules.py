"""The operator's own rules on the command line: ``check``, ``explain``, ``classify`` and the ``rules`` commands."""

from pathlib import Path

from tests.cli import cli_values as values

OWN = """[[rule]]
id = "own.elephant"
category = "rate.limited"
version = 3
match = ["no such user"]
examples = ["550 no such user"]
"""


def write_own(gateway: values.Gateway, text: str = OWN) -> Path:
    folder = gateway.path / "rules"
    folder.mkdir(exist_ok=True)
    (folder / "own.toml").write_text(text)
    return folder / "own.toml"


def test_an_own_rule_stands_above_the_shipped_ones_with_its_version_and_place(
    gateway: values.Gateway,
) -> None:
    file = write_own(gateway)
    [found] = gateway.made("explain", "550 5.1.1 no such user")
    assert (found["category"], found["rule"], found["rule_version"]) == ("rate.limited", "own.elephant", 3)
    assert found["place"] == f"{file}:1"
    assert found["next_best"] == "recipient.unknown"
    replies = gateway.path / "replies.jsonl"
    replies.write_text('{"reply": "550 5.1.1 no such user"}\n')
    assert gateway.run("classify", str(replies)).lines[0]["rule"] == "own.elephant"


def test_check_tells_all_errors_of_all_files_with_their_lines(gateway: values.Gateway) -> None:
    file = write_own(gateway, OWN + OWN.replace("rate.limited", "no.such").replace("elephant", "b"))
    (file.parent / "two.toml").write_text("[[rule]\n")
    said = gateway.run("check")
    assert said.status == 1
    first, second = said.err.splitlines()
    assert first.startswith(f"gatepost: {file}:7: rule own.b: ")
    assert second.startswith(f"gatepost: {file.parent}/two.toml:1: ")


def test_check_lints(gateway: values.Gateway) -> None:
    file = write_own(gateway, OWN.replace("id =", 'provider = "gmial"\nid ='))
    said = gateway.run("check")
    assert said.status == 1
    assert said.err.startswith(f"gatepost: {file}:1: rule own.elephant: can never match: provider 'gmial'")


def test_a_folder_that_is_named_and_not_there_is_told_with_its_line(gateway: values.Gateway) -> None:
    with gateway.config.open("a") as file:
        file.write('\n[classify]\nrules = "elsewhere"\n')
    said = gateway.run("check")
    line = gateway.config.read_text().splitlines().index('rules = "elsewhere"') + 1
    folder = gateway.path / "elsewhere"
    assert (said.status, said.err) == (
        1,
        f"gatepost: {gateway.config}:{line}: classify.rules: {folder} is not a folder\n",
    )
