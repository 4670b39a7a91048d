"""Where a recipient leaves over the web (RFC 8058)."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.ingest import mailroom

from gatepost.ingest import gather, leaving
from gatepost.model import event as events
from gatepost.model import late
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.net import problem
from gatepost.reports import token as tokens

Purpose = tokens.Purpose
State = events.State


def page(room: mailroom.Room) -> leaving.Leaving:
    async def settle(batch: Sequence[results.Reported]) -> Sequence[settlements.Settlement | None]:
        return await room.store.settle(batch, room.decide)

    asked = gather.Gather(settle, room.tasks)
    return leaving.Leaving(lambda: room.keys, asked.ask, room.clock)


async def test_get_shows_a_button_and_changes_nothing(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        for method in ("GET", "HEAD"):
            answer = await page(room).answer(method, room.token(delivery, Purpose.UNSUBSCRIBE), "::1")
            assert answer.status == 200
            assert b'<form method="post">' in answer.body
            assert b"<script" not in answer.body
            policy = dict(answer.headers)[b"content-security-policy"]
            assert policy.startswith(b"default-src 'none'")
        assert await room.suppressed() == []


async def test_post_unsubscribes_from_the_list_at_once_and_again_without_effect(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        for _ in range(2):
            answer = await page(room).answer("POST", room.token(delivery, Purpose.UNSUBSCRIBE).upper(), "::1")
            assert (answer.status, b"Unsubscribed" in answer.body) == (200, True)
        [(_, entry)] = await room.store.suppressions((), 0, 10)
        assert (entry.target, entry.scope.word, entry.list) == ("ann@rcpt.test", "list", "news")
        assert (await room.states(delivery)).count(State.UNSUBSCRIBED) == 1
        [filed] = await room.store.reports(0, 10)
        assert (filed.kind, filed.peer_ip) == (late.Kind.UNSUBSCRIBE, "::1")


async def test_who_was_released_and_asks_again_is_followed_again(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        link = room.token(delivery, Purpose.UNSUBSCRIBE)
        await page(room).answer("POST", link, "::1")
        await room.store.release([entry for _, entry in await room.store.suppressions((), 0, 10)], "test")
        room.clock.advance(61)
        answer = await page(room).answer("POST", link, "::1")
        assert (answer.status, await room.suppressed()) == (200, ["ann@rcpt.test"])
        assert (await room.states(delivery)).count(State.UNSUBSCRIBED) == 2


async def test_who_asks_for_mail_that_nobody_knows_any_more_is_not_told_that_it_is_done(
    tmp_path: Path,
) -> None:
    async with mailroom.opened(tmp_path) as room:
        await room.delivered("ann@rcpt.test")
        answer = await page(room).answer("POST", room.token(4096, Purpose.UNSUBSCRIBE), "::1")
        assert (answer.status, b"Unsubscribed" in answer.body) == (410, False)
        assert await room.suppressed() == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_token_that_is_none_leads_nowhere(tmp_path: Path, method: str) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        good = room.token(delivery, Purpose.UNSUBSCRIBE)
        wrong = [
            "",
            "x",
            "../../live",
            good[:-1],
            "<script>",
            room.token(delivery),
            room.token(delivery, Purpose.DELIVERY),
        ]
        for text in wrong:
            answer = await page(room).answer(method, text, "::1")
            assert (answer.status, b"script" in answer.body) == (404, False)
        room.clock.advance(31 * 24 * 3600)
        assert (await page(room).answer(method, good, "::1")).status == 410
        assert await room.suppressed() == []


async def test_a_store_that_cannot_keep_it_says_later(tmp_path: Path) -> None:
    async with mailroom.opened(tmp_path) as room:
        [delivery] = await room.delivered("ann@rcpt.test")
        await room.store.close()
        with pytest.raises(problem.Problem) as raised:
            await page(room).answer("POST", room.token(delivery, Purpose.UNSUBSCRIBE), "::1")
        assert raised.value.response.status == 503
