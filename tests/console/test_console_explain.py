"""``POST /v1/explain``: the same as the command says, over HTTP."""

import asyncio

import msgspec
import pytest
from tests.console import house as houses

from gatepost import clock as clocks
from gatepost import config
from gatepost.app import explaining as explanations
from gatepost.console import explaining
from gatepost.policy import settings as policy_settings

_RULE = b"""[[rule]]
id = "own.moon"
category = "content.spam"
match = ["moon is full"]
examples = ["550 5.7.1 the moon is full"]
"""
ASKED = {"reply": "550 5.1.1 <ann@rcpt.test>: Recipient address rejected: User unknown", "stage": "rcpt"}


async def test_a_pasted_reply_is_explained(house: houses.House) -> None:
    said = await house.ask("POST", "/v1/explain", ASKED, key=houses.READ)
    assert said.status == 200, said.text
    told = said.json
    assert (told["category"], told["action"], told["suppress"]) == ("recipient.unknown", "suppress", True)
    assert "user unknown" in told["matched"]
    assert ".toml:" in told["place"]


async def test_what_the_gateway_would_know_is_taken_into_account(house: houses.House) -> None:
    asked = {"reply": "550 5.4.1 Recipient address rejected: Access denied", "provider": "Outlook"}
    told = (await house.ask("POST", "/v1/explain", asked)).json
    assert (told["provider"], told["category"]) == ("microsoft", "recipient.unknown")
    asked = {"reply": "550 5.1.1 192.0.2.7 is not welcome", "our_ip": "192.0.2.7"}
    told = (await house.ask("POST", "/v1/explain", asked)).json
    assert (told["quotes_us"], told["suppress"]) == (True, False)


@pytest.mark.parametrize(
    ("asked", "place"),
    [
        pytest.param({"reply": ""}, "reply", id="empty"),
        pytest.param({"reply": "x" * (explaining.MOST_REPLY + 1)}, "reply", id="too_long"),
        pytest.param({"reply": "550 no", "stage": "lunch"}, "stage", id="unknown_stage"),
        pytest.param({"reply": "550 no", "peers": "mx.rcpt.test"}, "peers", id="unknown_field"),
    ],
)
async def test_what_does_not_fit_is_named(house: houses.House, asked: object, place: str) -> None:
    said = await house.ask("POST", "/v1/explain", asked)
    assert said.status == 422
    assert place in said.text


async def test_the_longest_reply_takes_no_longer_than_another(house: houses.House) -> None:
    hostile = ("550-" + "user.blocked host [192.0.2.1] said: " * 200)[: explaining.MOST_REPLY]
    async with asyncio.timeout(5):
        assert (await house.ask("POST", "/v1/explain", {"reply": hostile})).status == 200
        assert (await house.ask("POST", "/v1/explain", {"reply": "5\r\n" * 2700})).status == 200
        assert (await house.ask("POST", "/v1/explain", {"reply": "\ud800 550"})).status in {200, 400, 422}


async def test_new_rules_and_another_policy_count_from_the_reload_on() -> None:
    explainer = explanations.Explainer(config.Settings(), {}, clocks.SystemClock())
    asked = explaining.Question("550 5.7.1 the moon is full")
    told = await explainer.explain(asked)
    assert (told.category, told.suppress) == ("unknown.permanent", False)
    explainer.take(config.Settings(), {"own.toml": _RULE})
    told = await explainer.explain(asked)
    assert (told.category, told.place) == ("content.spam", "own.toml:1")
    literal = policy_settings.PolicySettings(preset="literal-5xx")
    explainer.take(msgspec.structs.replace(config.Settings(), policy=literal), {"own.toml": _RULE})
    assert (await explainer.explain(asked)).suppress
