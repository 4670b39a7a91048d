"""``gatepost classify`` and ``gatepost explain``: the contract of their lines."""

import subprocess
from typing import Any

import msgspec
import pytest
from tests.cli import cli_values as values

ADDED = {
    "category",
    "outcome",
    "fault",
    "action",
    "suppress",
    "scope",
    "provisional",
    "expires",
    "rule",
    "confidence",
    "blocklist",
}


def classified(place: values.Gateway, *lines: dict[str, Any] | str) -> values.Said:
    file = place.path / "replies.jsonl"
    texts = [line if isinstance(line, str) else msgspec.json.encode(line).decode() for line in lines]
    file.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return place.bare("classify", str(file))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            {"reply": "550 5.1.1 no such user", "stage": "rcpt"},
            {"category": "recipient.unknown", "action": "suppress", "suppress": True, "scope": "instance"},
            id="unknown_user",
        ),
        pytest.param(
            {"reply": "452 4.2.2 mailbox full", "stage": "RCPT"},
            {"category": "recipient.over_quota", "action": "retry", "suppress": False, "scope": None},
            id="over_quota",
        ),
        pytest.param(
            {"reply": "451 4.7.1 Greylisted, please try again later", "stage": "HELO"},
            {"category": "rate.greylisted", "action": "retry", "expires": None},
            id="helo_is_ehlo",
        ),
        pytest.param(
            {"reply": "250 2.0.0 Ok: queued", "stage": "DATA"},
            {"category": "delivered", "outcome": "delivered", "action": "none"},
            id="data_is_dot",
        ),
        pytest.param(
            {"reply": "552 5.3.4 Message too big", "stage": "mail"},
            {"category": "content.too_large", "action": "fail", "suppress": False},
            id="too_large",
        ),
        pytest.param(
            {"reply": "554 5.7.1 Client host [192.0.2.7] blocked using zen.spamhaus.org", "stage": "rcpt"},
            {"category": "sender.ip_blocklisted", "suppress": False, "blocklist": "Spamhaus ZEN"},
            id="blocklist",
        ),
        pytest.param(
            {"reply": "421 come back later", "stage": None, "provider": None, "peer": "192.0.2.1"},
            {"outcome": "soft", "action": "retry"},
            id="nulls_and_an_ip",
        ),
    ],
)
def test_a_line_says_what_follows(
    place: values.Gateway, line: dict[str, Any], expected: dict[str, Any]
) -> None:
    said = classified(place, line)
    assert (said.status, said.err) == (0, "")
    [found] = said.lines
    assert set(found) == ADDED | set(line)
    assert {key: found[key] for key in expected} == expected


def test_fields_and_order_of_lines_are_kept(place: values.Gateway) -> None:
    said = classified(place, *({"reply": "550 no", "n": n, "x": {"y": [1.50]}} for n in range(20)))
    assert [line["n"] for line in said.lines] == list(range(20))
    assert '"x":{"y":[1.5' in said.out


@pytest.mark.parametrize(
    ("given", "same"), [("gmail", "google"), ("AOL", "yahoo"), ("Tencent", "qq"), ("GMX/1&1", "gmx")]
)
def test_a_provider_is_known_by_its_other_names(place: values.Gateway, given: str, same: str) -> None:
    reply = "550 5.2.1 The email account that you tried to reach is disabled"
    one, other = classified(
        place, {"reply": reply, "provider": given}, {"reply": reply, "provider": same}
    ).lines
    assert {k: one[k] for k in ADDED} == {k: other[k] for k in ADDED}


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        pytest.param("no json", "JSON", id="no_json"),
        pytest.param('{"stage": "rcpt"}', "reply", id="no_reply"),
        pytest.param('{"reply": "550 x", "stage": "lunch", "id": 4}', "lunch", id="no_stage"),
        pytest.param('{"reply": 550}', "str", id="no_text"),
        pytest.param("[1]", "object", id="no_object"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_judged(place: values.Gateway, bad: str, word: str) -> None:
    said = classified(place, {"reply": "550 5.1.1 no such user"}, bad, {"reply": "250 ok"})
    assert said.status == 1
    assert said.err.count("\n") == 1
    first, second, third = said.lines
    assert "error" not in first
    assert "error" not in third
    assert second["error"].startswith("line 2: ")
    assert word in second["error"]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b'{"reply": "550 5.1.1 user unknown \xff"}', id="raw_byte"),
        pytest.param(b'{"reply": "550 5.1.1 user unknown \\udcff"}', id="surrogate"),
        pytest.param(b'{"reply": "550 5.1.1 user unknown \\ud800"}', id="half_a_pair"),
    ],
)
def test_a_reply_that_is_no_utf8_is_judged_all_the_same(place: values.Gateway, line: bytes) -> None:
    file = place.path / "replies.jsonl"
    file.write_bytes(line + b"\n")
    said = place.bare("classify", str(file))
    assert (said.status, said.lines[0]["category"]) == (0, "recipient.unknown")


def test_quoting_us_takes_the_suppression_away(place: values.Gateway) -> None:
    reply = "550 5.1.1 rejected: 192.0.2.7"
    alone, quoting = classified(place, {"reply": reply}, {"reply": reply, "our_ip": "192.0.2.7"}).lines
    assert (alone["suppress"], quoting["suppress"]) == (True, False)


@pytest.mark.slow
def test_standard_input_is_read_without_a_file(place: values.Gateway) -> None:
    given = b'{"reply":"550 5.1.1 no such user \xc3\xa9"}\n'
    command = place.command("classify")
    command = [*command[:3], *command[5:]]
    done = subprocess.run(
        command,
        input=given,
        capture_output=True,
        check=True,
        cwd=place.path,
        env=values.without_settings(),
    )
    assert values.DECODE(done.stdout)["category"] == "recipient.unknown"


def test_explain_tells_rule_place_span_and_action(place: values.Gateway) -> None:
    said = place.bare(
        "explain",
        "550-5.1.1 The email account that you tried to reach does not exist.",
        "--provider",
        "gmail",
        "--json",
    )
    [found] = said.lines
    assert (said.status, found["category"], found["action"]) == (0, "recipient.unknown", "suppress")
    file, _, line = found["place"].partition(":")
    assert (file, line.isdigit()) == ("google.toml", True)
    assert "does not exist" in found["matched"]
    assert [one["rule"] for one in found["shadowed"]] == ["recipient.unknown"]


def test_explain_says_when_it_would_be_tried_again(place: values.Gateway) -> None:
    said = place.bare("explain", "451 4.7.1 Greylisted, try again later")
    assert said.status == 0
    assert "retry: tried again after" in said.out


def test_explain_shows_no_control_character(place: values.Gateway) -> None:
    said = place.bare("explain", "550 \x1b[2Jgone\x07")
    assert "\x1b" not in said.out
    assert "\\x1b[2Jgone\\x07" in said.out


def test_explain_refuses_an_unknown_stage(place: values.Gateway) -> None:
    said = place.bare("explain", "550 no", "--stage", "lunch")
    assert (said.status, said.out, said.err.count("\n")) == (1, "", 1)
    assert said.err.startswith("gatepost: stage: 'lunch'")


def test_the_policy_of_the_configuration_counts(gateway: values.Gateway) -> None:
    with gateway.config.open("a") as file:
        file.write('\n[policy.categories."recipient.disabled"]\nexpires_days = 90\n')
    reply = "550 5.2.1 The account is disabled"
    [found] = gateway.run("explain", reply, "--json").lines
    assert (found["category"], found["provisional"], found["expires"]) == (
        "recipient.disabled",
        True,
        90 * 86_400,
    )
