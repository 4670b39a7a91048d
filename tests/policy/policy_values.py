"""Values that the policy tests share: one open delivery, its address, and the Results that can end an attempt."""

from typing import Any

import msgspec

from gatepost.model import facts as fact_values
from gatepost.model import message as messages
from gatepost.model import reply as replies
from gatepost.model import result as results
from gatepost.model import settlement as settlements
from gatepost.model import suppression as suppressions
from gatepost.model import verdict as verdicts
from gatepost.policy import categories, settle, terms
from gatepost.policy import settings as policy_settings

Category = verdicts.Category
Outcome = verdicts.Outcome
Stage = replies.Stage

MIN = 60_000
H = 60 * MIN
DAY = 24 * H
NOW = 1_700_000_000_000
TERMS = terms.of(policy_settings.PolicySettings())

DELIVERY = fact_values.OpenDelivery(
    id=1002,
    message=1001,
    account=3,
    bridge=4,
    pool=5,
    source=6,
    lane=7,
    provider="google",
    priority=messages.Priority.BULK,
    status=messages.Status.QUEUED,
    recipient="Ann@Example.org",
    key="ann@example.org",
    domain="example.org",
    sender_domain="shop.example",
    list="news",
    campaign="spring",
    tags="a,b",
    received_at=NOW,
    expires_at=NOW + 72 * H,
    next_at=NOW,
)
RECORD = fact_values.AddressRecord(DELIVERY.key)
ATTEMPT = results.Attempt(
    started_at=NOW - 50,
    duration_ms=50,
    node=1,
    local_ip="192.0.2.1",
    ehlo="out.shop.example",
    provider="google",
    peer_host="mx.example.org",
    peer_ip="198.51.100.9",
    tls="TLSv1.3",
)
CLAIM = results.Claim(1, 1)


def facts(
    record: fact_values.AddressRecord = RECORD,
    entries: tuple[suppressions.Suppression, ...] = (),
    **changes: Any,
) -> fact_values.Facts:
    return fact_values.Facts(msgspec.structs.replace(DELIVERY, **changes), record, entries)


def verdict(category: Category, **changes: Any) -> verdicts.Verdict:
    row = categories.TABLE[category]
    base = verdicts.Verdict(
        category, row.outcome or Outcome.SOFT, row.fault, "test.rule", rule_version=3, explicit=True
    )
    return msgspec.structs.replace(base, **changes)


def answer(
    category: Category,
    code: int = 550,
    stage: Stage = Stage.RCPT,
    *,
    in_doubt: bool = False,
    **changes: Any,
) -> results.Attempted:
    raw = f"{code} {code // 100}.1.1 no".encode() if code else b"connection reset"
    reply = replies.Reply(code, raw, stage)
    return results.Attempted(DELIVERY.id, CLAIM, ATTEMPT, reply, verdict(category, **changes), in_doubt)


def settled(
    result: results.Result,
    known: fact_values.Facts | None = None,
    now_ms: int = NOW,
    jitter: float = 0.5,
    by: terms.Terms = TERMS,
) -> settlements.Settlement:
    return settle.settle(result, known or facts(), now_ms, jitter, by)


DELIVERED = results.Attempted(
    DELIVERY.id, CLAIM, ATTEMPT, replies.Reply(250, b"250 2.0.0 ok", Stage.DOT), verdicts.DELIVERED
)
