"""The machine-readable part of a DSN, as the standard has it and as real MTAs write it."""

import pytest
from tests.reports import report_values as values

from gatepost.reports import dsn, mailbox, report


def test_a_dsn_of_postfix_tells_everything() -> None:
    found = values.parsed("dsn-postfix")
    assert found.kind is report.Kind.DSN
    assert values.told(found) == [("anna@example.org", "failed", "5.1.1")]
    one = found.recipients[0]
    assert one.reply == "550 5.1.1 <anna@example.org>: Recipient address rejected: User unknown"
    assert (one.original, one.remote_mta) == ("anna@example.org", "mx.example.org")
    assert found.reporting_mta == "mx.example.net"
    assert found.original_message_id == "order-1@shop.example"
    assert found.original is not None
    assert found.original.get("return-path") == "<b.7f3k2@bounce.shop.example>"
    assert found.original.get("feedback-id") == "spring:app:gatepost"


def test_every_action_is_told_as_it_is() -> None:
    assert values.told(values.parsed("dsn-all-actions")) == [
        ("a@example.org", "failed", "5.1.1"),
        ("b@example.org", "delayed", "4.2.2"),
        ("c@example.org", "delivered", "2.1.5"),
        ("d@example.org", "relayed", "2.0.0"),
        ("team@example.org", "expanded", "2.0.0"),
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dsn-no-blank-lines", [("a@example.org", "failed", "5.2.2"), ("b@example.org", "failed", "5.1.1")]),
        ("dsn-blank-line-inside", [("a@example.org", "failed", "5.1.1")]),
        ("dsn-utf8", [("müller@exämple.org", "failed", "5.1.1")]),
        ("dsn-fields-missing", [("anna@example.org", "failed", "5.1.1")]),
        ("dsn-status-alone", [("anna@example.org", "failed", "4.4.7")]),
        ("dsn-headers-only", [("anna@example.org", "failed", "5.1.1")]),
        ("dsn-wrapped", [("anna@example.org", "failed", "5.1.1")]),
    ],
)
def test_recipients_are_told_apart_in_any_form(name: str, expected: list[tuple[str, str, str]]) -> None:
    found = values.parsed(name)
    assert found.kind is report.Kind.DSN
    assert values.told(found) == expected


def test_a_forwarding_target_does_not_hide_whom_we_wrote_to() -> None:
    (one,) = values.parsed("dsn-forwarded").recipients
    assert one.address == one.final == "anna@elsewhere.example"
    assert one.original == "anna+news@example.org"  # xtext undone


def test_the_name_of_a_delivery_program_is_no_address() -> None:
    (one,) = values.parsed("dsn-local-final").recipients
    assert one.address == "anna@example.org"


@pytest.mark.parametrize(
    ("name", "status"),
    [("dsn-expired", "4.2.0"), ("dsn-redirected-status", "5.2.2"), ("dsn-forwarded", "5.7.1")],
)
def test_the_refusing_servers_own_code_stands(name: str, status: str) -> None:
    assert values.parsed(name).recipients[0].status == status


@pytest.mark.parametrize(
    ("stated", "text", "status"),
    [
        ("5.0.0", "no such user", "5.0.0"),
        ("5.3.0", "550 5.0.0 no", "5.3.0"),
        ("", "550 5.0.0 no", "5.0.0"),
        ("5.0.0", "over quota (#5.2.2)", "5.2.2"),
        ("4.0.0", "it was 5.1.1", "4.0.0"),
        ("", "over quota (#5.2.2)", "5.2.2"),
    ],
)
def test_a_status_that_says_nothing_gives_way(stated: str, text: str, status: str) -> None:
    assert dsn.finer(stated, text) == status


def test_what_the_fields_lack_the_text_adds() -> None:
    (one,) = values.parsed("dsn-fields-missing").recipients
    assert one.reply == "550 5.1.1 No such user"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("rfc822; anna@example.org", "anna@example.org"),
        ("RFC822;<anna@example.org>", "anna@example.org"),
        ("anna@example.org", "anna@example.org"),
        ("rfc822; rfc822;anna@example.org (Anna)", "anna@example.org"),
        ('rfc822; "anna maria"@example.org', '"anna maria"@example.org'),
        ("rfc822;anna+40example.org", "anna@example.org"),
        ("rfc822; anna+tag@example.org", "anna+tag@example.org"),
        ("utf-8; \\x{D800}anna@example.org", "\\x{D800}anna@example.org"[8:]),
        ("rfc822; anna@[192.0.2.1]", "anna@[192.0.2.1]"),
        ("local; anna", "anna"),
        ("x400; /G=Anna/S=Example/", ""),
        ("rfc822;", ""),
        ("", ""),
    ],
)
def test_recipient_fields_give_the_bare_address(value: str, address: str) -> None:
    assert mailbox.typed(value) == address


@pytest.mark.parametrize(
    ("word", "status", "action"),
    [
        ("failed", "", "failed"),
        ("Failed (mailbox full)", "", "failed"),
        ("failure", "", "failed"),
        ("delayed", "4.4.1", "delayed"),
        ("deliverable", "2.1.5", "delivered"),
        ("delivered", "2.0.0", "delivered"),
        ("relayed", "", "relayed"),
        ("expanded", "", "expanded"),
        ("", "2.0.0", "delivered"),
        ("", "5.1.1", "failed"),
        ("bogus", "", "failed"),
    ],
)
def test_actions_are_read_by_their_beginning(word: str, status: str, action: str) -> None:
    assert dsn.action_of(word, status).value == action


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("5.1.1", "5.1.1"),
        ("5.1.1 (bad destination)", "5.1.1"),
        ("550 5.7.1 refused", "5.7.1"),
        ("smtp;5.7.515", "5.7.515"),
        ("10.5.1.1", ""),
        ("192.0.2.1 5.1.1.4", ""),
        ("none", ""),
    ],
)
def test_a_dotted_quad_is_no_status(text: str, status: str) -> None:
    assert dsn.status_in(text) == status


def test_fields_within_a_text_count_too() -> None:
    found = values.parsed("prose-forwarded-by-a-person")
    assert values.told(found) == [("anna@example.org", "failed", "5.1.1")]
