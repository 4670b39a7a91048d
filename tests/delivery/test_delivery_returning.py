"""Which return path and which token a message leaves with."""

import msgspec
import pytest
from tests.delivery import delivery_values as values

from gatepost.delivery import bodies, compose, returning
from gatepost.model import directory as directories
from gatepost.model import message as messages
from gatepost.reports import token as tokens

KEYS = tokens.keys([(1, b"k" * 32, 0)])
SOURCE = directories.Source(3, 2, "out")
PROVED = directories.SenderDomain(
    1, 1, "shop.test", directories.ReturnPath.VERP, "bounce.shop.test", proved_since=5
)


def due(**changes: object) -> messages.Due:
    base = values.due(4099, message=4098)
    fields = {
        "account": 1,
        "sender": b"news@shop.test",
        "sender_domain": "shop.test",
        "expires_at": 72 * 3600_000,
    }
    return msgspec.structs.replace(base, **{**fields, **changes})


def paths(*domains: directories.SenderDomain, marked: bool = False) -> returning.Paths:
    return returning.Paths(domains, KEYS, marked=marked)


def test_a_proved_domain_gets_a_return_path_for_each_delivery() -> None:
    path = paths(PROVED).of(due(), SOURCE)
    assert path is not None
    local, _, domain = path.sender.decode().partition("@")
    assert domain == "bounce.shop.test"
    read = tokens.read(local, KEYS, 0)
    assert (read.standing, read.purpose, read.about) == (
        tokens.Standing.VALID,
        tokens.Purpose.RETURN_PATH,
        4099,
    )
    assert read.expires_at == 72 * 3600_000 + tokens.RETURN_PATH_MS
    [mark] = tokens.in_headers(path.fields)
    marked = tokens.read(mark, KEYS, 0)
    assert (marked.purpose, marked.about) == (tokens.Purpose.DELIVERY, 4099)
    assert marked.expires_at == path.until == 72 * 3600_000 + tokens.HEADER_MS


def test_each_delivery_of_a_message_has_its_own_and_each_try_the_same() -> None:
    made = paths(PROVED)
    first, second = made.of(due(), SOURCE), made.of(due(id=4100), SOURCE)
    assert first is not None
    assert second is not None
    assert first.sender != second.sender
    assert made.of(due(attempts=3, next_at=5), SOURCE) == first


def test_its_groups_are_divided_and_those_of_others_are_not() -> None:
    group = [due(id=n) for n in range(4099, 4102)]
    assert paths(PROVED).divided(group, SOURCE) == [[one] for one in group]
    assert paths(PROVED, marked=True).divided([due(sender_domain="other.test")] * 2, SOURCE) == [
        [due(sender_domain="other.test")] * 2
    ]


@pytest.mark.parametrize(
    ("domain", "changes", "source"),
    [
        pytest.param(msgspec.structs.replace(PROVED, proved_since=0), {}, SOURCE, id="not proved"),
        pytest.param(
            msgspec.structs.replace(PROVED, return_path=directories.ReturnPath.KEEP), {}, SOURCE, id="keep"
        ),
        pytest.param(PROVED, {"sender": b""}, SOURCE, id="the null sender"),
        pytest.param(PROVED, {"account": 2}, SOURCE, id="another account"),
        pytest.param(PROVED, {"sender_domain": "notshop.test"}, SOURCE, id="another domain"),
        pytest.param(
            PROVED, {}, directories.Source(3, 2, "relay", host="relay.test", port=25), id="a smarthost"
        ),
    ],
)
def test_the_submitters_return_path_is_kept(
    domain: directories.SenderDomain, changes: dict[str, object], source: directories.Source
) -> None:
    assert paths(domain).of(due(**changes), source) is None
    path = paths(domain, marked=True).of(due(**changes), source)
    assert path is not None
    assert path.sender == due(**changes).sender
    [mark] = tokens.in_headers(path.fields)
    read = tokens.read(mark, KEYS, 0)
    assert (read.purpose, read.about) == (tokens.Purpose.MESSAGE, due().message)


def test_a_subdomain_is_its_parents() -> None:
    path = paths(PROVED).of(due(sender_domain="mail.shop.test"), SOURCE)
    assert path is not None
    assert path.sender.endswith(b"@bounce.shop.test")


def test_where_nothing_is_wanted_there_is_nothing_to_ask() -> None:
    assert not returning.NONE.active
    assert not paths(msgspec.structs.replace(PROVED, proved_since=0)).active
    assert paths(marked=True).active
    assert not returning.Paths([PROVED], tokens.Keys(()), marked=True).active


def test_what_goes_on_the_wire_has_the_field_on_top_and_says_its_size() -> None:
    job, body = due(size=7), (b"A: b\r\n", b"\r")
    path = paths(PROVED).of(job, SOURCE)
    assert path is not None
    out = compose.outgoing([job], bodies.Body(body), path)
    sent = compose.transaction(out, [job], b"DKIM-Signature: x\r\n")
    assert sent.body == (b"DKIM-Signature: x\r\n" + path.fields, *body)
    assert sent.size == sum(map(len, sent.body))
    assert (sent.sender, out.reports_until) == (path.sender, path.until)
    assert out.header.startswith(path.fields)  # so it is signed
    kept = compose.outgoing([job], bodies.Body(body))
    assert (kept.sender, kept.fields, kept.reports_until) == (b"news@shop.test", b"", 0)


LEAVING = directories.SenderDomain(2, 1, "shop.test", unsubscribe_url="https://news.shop.test/u/")


def leaving(*domains: directories.SenderDomain, signs: bool = True) -> returning.Paths:
    return returning.Paths(
        domains, KEYS, marked=False, signer=lambda account, domain: domain if signs and account else ""
    )


def test_bulk_mail_with_a_list_says_where_its_recipient_may_leave() -> None:
    path = leaving(LEAVING).of(due(list="news"), SOURCE)
    assert path is not None
    assert (path.sender, path.fields) == (b"news@shop.test", b"")
    first, second = path.leave.decode().splitlines()
    assert second == "List-Unsubscribe-Post: List-Unsubscribe=One-Click"
    token = first.removeprefix("List-Unsubscribe: <https://news.shop.test/u/").removesuffix(">")
    read = tokens.read(token, KEYS, 0)
    assert (read.standing, read.purpose, read.about) == (
        tokens.Standing.VALID,
        tokens.Purpose.UNSUBSCRIBE,
        4099,
    )


def test_with_return_paths_of_ours_it_may_be_done_by_mail_too() -> None:
    both = msgspec.structs.replace(PROVED, unsubscribe_url="https://news.shop.test/u/")
    path = leaving(both).of(due(list="news"), SOURCE)
    assert path is not None
    assert b",\r\n <mailto:u." in path.leave
    assert b"@bounce.shop.test?subject=unsubscribe>\r\n" in path.leave


@pytest.mark.parametrize(
    ("changes", "signs"),
    [
        ({"list": ""}, True),
        ({"list": "news", "priority": messages.Priority.TRANSACTIONAL}, True),
        ({"list": "news", "account": 2}, True),
        ({"list": "news", "sender_domain": "other.test"}, True),
        ({"list": "news"}, False),
    ],
    ids=["no list", "transactional", "another account", "another domain", "unsigned"],
)
def test_other_mail_says_nothing_of_it(changes: dict[str, object], *, signs: bool) -> None:
    assert leaving(LEAVING, signs=signs).of(due(**changes), SOURCE) is None


def test_recipients_who_may_each_leave_do_not_share_a_transaction() -> None:
    group = [due(id=n, list="news") for n in (4099, 4100)]
    assert leaving(LEAVING).divided(group, SOURCE) == [[one] for one in group]


@pytest.mark.parametrize(
    ("header", "may"),
    [
        (b"From: a@b.test\r\n", True),
        (b"X-List-Unsubscribe: no\r\n", True),
        (b"LIST-unsubscribe: <mailto:x@y.test>\r\nFrom: a@b.test\r\n", False),
        (b"From: a@b.test\r\nList-Unsubscribe-Post: x\r\n", False),
        (b"DKIM-Signature: v=1; h=From:Subject;\r\n b=x\r\nList-Id: x\r\n", True),
        (b"DKIM-Signature: v=1; h=From:List-\r\n\tUnsubscribe:Subject;\r\n b=x\r\n", False),
        (b"From: a\r\nDKIM-Signature: v=1;\r\n h=From : List-Unsubscribe; b=x\r\n", False),
    ],
)
def test_a_way_to_leave_is_added_only_where_the_header_says_nothing_of_it(
    header: bytes, *, may: bool
) -> None:
    assert returning.may_add(b"\n" + header.lower(), b"list-unsubscribe") is may


def test_what_the_message_has_itself_stays() -> None:
    path = leaving(LEAVING).of(due(list="news"), SOURCE)
    plain, own = (b"A: b\r\n\r\nx\r\n",), (b"List-Unsubscribe: <mailto:x@y.test>\r\n\r\nx\r\n",)
    assert path is not None
    assert compose.outgoing([due()], bodies.Body(plain), path).fields == path.leave
    assert compose.outgoing([due()], bodies.Body(own), path).fields == b""


def fed_back(*domains: directories.SenderDomain, keys: tokens.Keys = KEYS) -> returning.Paths:
    return returning.Paths(
        domains,
        keys,
        marked=False,
        signer=lambda account, domain: domain if account == 1 and domain == "shop.test" else "",
        bridges={1: "news"},
    )


def test_what_we_sign_says_of_which_campaign_and_bridge_it_is() -> None:
    path = fed_back().of(due(list="club", campaign="spring sale"), SOURCE)
    assert path is not None
    assert (path.sender, path.fields, path.until) == (b"news@shop.test", b"", 0)
    assert path.feedback == b"Feedback-ID: spring-sale:club:news:shop.test\r\n"


@pytest.mark.parametrize("keys", [KEYS, tokens.Keys(())], ids=["with token keys", "without"])
@pytest.mark.parametrize(
    "changes",
    [{"account": 2}, {"sender_domain": "other.test"}, {"sender": b""}, {"bridge": 2}],
    ids=["another account", "unsigned", "the null sender", "no Bridge"],
)
def test_other_mail_has_no_feedback_id(changes: dict[str, object], keys: tokens.Keys) -> None:
    assert fed_back(keys=keys).of(due(campaign="c", **changes), SOURCE) is None


def test_return_paths_and_ways_to_leave_stand_beside_it() -> None:
    both = msgspec.structs.replace(PROVED, unsubscribe_url="https://news.shop.test/u/")
    path = fed_back(both).of(due(list="club", campaign="c"), SOURCE)
    assert path is not None
    out = compose.outgoing([due()], bodies.Body((b"A: b\r\n\r\nx\r\n",)), path)
    assert out.fields == path.fields + path.leave + b"Feedback-ID: c:club:news:shop.test\r\n"
    own = bodies.Body((b"feedback-ID: 1:2:3:other\r\n\r\nx\r\n",))
    assert compose.outgoing([due()], own, path).fields == path.fields + path.leave


def test_a_signature_that_says_there_is_no_feedback_id_stays_true() -> None:
    path = fed_back().of(due(campaign="c"), SOURCE)
    assert path is not None
    signed = b"DKIM-Signature: v=1; h=From:Feedback-\r\n\tID; b=x\r\n\r\nx\r\n"
    assert compose.outgoing([due()], bodies.Body((signed,)), path).fields == b""
