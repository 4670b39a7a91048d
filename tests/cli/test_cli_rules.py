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
    assert (found["next_best"], found["next_category"], found["next_outcome"]) == (
        "recipient.unknown",
        "recipient.unknown",
        "hard",
    )
    assert (
        "without it recipient.unknown: hard, by recipient.unknown"
        in gateway.run("explain", "550 5.1.1 no such user").out
    )
    [alone] = gateway.made("explain", "599 zyzzyva")
    assert (alone["next_best"], alone["next_category"], alone["shadowed"]) == (None, None, [])
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


def labelled(gateway: values.Gateway, *lines: str, json: bool = True) -> values.Said:
    file = gateway.path / "labelled.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return gateway.run("rules", "test", str(file), *(("--json",) if json else ()))


GOOD = (
    '{"reply": "550 5.1.1 no such user", "category": "recipient.unknown"}',
    '{"reply": "452 4.2.2 mailbox full", "outcome": "soft"}',
    '{"reply": "250 ok", "category": "delivered"}',
)


def test_rules_test_counts_right_lines_and_shows_none_of_them(gateway: values.Gateway) -> None:
    said = labelled(gateway, *GOOD)
    assert said.status == 0
    [sums] = said.lines
    assert sums == {
        "replies": 3,
        "wrong": 0,
        "dead": 1,
        "missed": 0,
        "living": 2,
        "suppressed": 0,
        "unreadable": 0,
    }


def test_a_missed_dead_address_is_shown_and_is_no_failure(gateway: values.Gateway) -> None:
    said = labelled(gateway, *GOOD, '{"reply": "550 zyzzyva", "outcome": "hard"}')
    wrong, sums = said.lines
    assert (said.status, wrong["line"], wrong["kind"]) == (0, 4, "missed")
    assert (sums["dead"], sums["missed"]) == (2, 1)


def test_a_living_address_that_is_suppressed_is_status_1(gateway: values.Gateway) -> None:
    line = '{"reply": "550 5.1.1 no such user", "outcome": "rejection"}'
    said = labelled(gateway, line, json=False)
    assert said.status == 1
    assert "line 1: LIVING, AND SUPPRESSED: recipient.unknown (recipient.unknown at general.toml:" in said.out
    assert said.out.endswith("living ones wrongly suppressed: 1 of 1\n")


def test_a_line_that_cannot_be_read_is_status_1_and_the_others_count(gateway: values.Gateway) -> None:
    bad = ["no json", '{"reply": "550 x"}', '{"reply": "550 x", "category": "no.such"}']
    said = labelled(gateway, *bad, *GOOD)
    assert said.status == 1
    assert [one["kind"] for one in said.lines[:-1]] == ["unreadable"] * 3
    assert (said.lines[-1]["replies"], said.lines[-1]["dead"]) == (6, 1)
