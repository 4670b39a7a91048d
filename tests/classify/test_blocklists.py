"""A reply that names a blocklist names it to the operator, too; one that names none invents none."""

import time

import pytest

from gatepost.classify import blocklists, folding, rules, template

NAMED = [
    (
        "554 5.7.1 Client host [192.0.2.5] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.5",
        "Spamhaus ZEN",
    ),
    (
        "550 JunkMail rejected - 192.0.2.5 is in an RBL: https://www.spamhaus.org/sbl/query/SBL123456",
        "Spamhaus SBL",
    ),
    ("554 Connection refused. This IP address is listed on the Spamhaus Block List (SBL).", "Spamhaus SBL"),
    ("554 listed in XBL, see https://www.spamhaus.org/xbl", "Spamhaus XBL"),
    ("550 5.7.1 dynamic address, listed in the PBL", "Spamhaus PBL"),
    ("554 Sender address [a@example.org] blocked using dbl.spamhaus.org", "Spamhaus DBL"),
    ("550 5.7.1 Client host [192.0.2.5] blocked using Spamhaus", "Spamhaus"),
    ("550 5.7.1 192.0.2.5 is refused, listed in zen", "Spamhaus ZEN"),
    ("554 blocked using bl.spamcop.net; Blocked - see https://www.spamcop.net/bl.shtml?192.0.2.5", "SpamCop"),
    ("554 blocked using b.barracudacentral.org", "Barracuda BRBL"),
    (
        "550 blocked using Barracuda Reputation; http://www.barracudanetworks.com/reputation/?ip=192.0.2.5",
        "Barracuda BRBL",
    ),
    ("550 Your server IP address is in the SORBS DNS database", "SORBS"),
    ("550 listed in dnsbl-2.uceprotect.net", "UCEPROTECT-2"),
    ("554 You are listed by UCEPROTECT Level 3", "UCEPROTECT-3"),
    ("554 see https://www.uceprotect.net", "UCEPROTECT"),
    ("550 the sending IP is listed at ivmSIP (Invaluement)", "Invaluement"),
    ("554 5.7.1 Client host [192.0.2.5] blocked using cbl.abuseat.org", "CBL"),
    ("554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.5", "Proofpoint PDR"),
    ("550 blocked, see https://csi.cloudmark.com/en/reset/?ip=192.0.2.5", "Cloudmark CSI"),
    ("550 Message blocked: contains a URL listed on multi.surbl.org", "SURBL"),
    ("550 Blacklisted URL in message, see http://lookup.uribl.com", "URIBL"),
    ("550 192.0.2.5 is listed in ix.dnsbl.manitu.net", "NiX Spam"),
    ("554 blocked using Trend Micro RBL+", "Trend Micro ERS"),
    ("554 5.7.1 Client host [192.0.2.5] blocked using bl.example.net", "bl.example.net"),
    (
        "554 5.7.1 Client host rejected: blocked using mail.lists.example; see http://mail.lists.example/?ip=192.0.2.5",
        "mail.lists.example",
    ),
    ("550 Rejected: 192.0.2.5 listed at all.rbl.example", "all.rbl.example"),
    ("550 mail refused (dnsbl.example.org: open proxy)", "dnsbl.example.org"),
]


@pytest.mark.parametrize(("text", "name"), NAMED, ids=[name + " " + text[4:24] for text, name in NAMED])
def test_the_list_is_named(text: str, name: str) -> None:
    assert blocklists.name(template.folded(rules.read_reply(text)).key) == name


@pytest.mark.parametrize(
    "text",
    [
        "554 5.7.1 Your IP 192.0.2.5 is on our block list",
        "550 Access denied, banned sending IP [192.0.2.5], visit https://sender.office.com/",
        "550 5.7.513 Client host [192.0.2.5] blocked by example.com using Customer Block list",
        "554 mx1.example.com ESMTP not accepting connections",
        "550 5.7.1 refused by policy of mail.example.org",
        "421 IP not in whitelist",
        "550 public bl",
    ],
)
def test_no_list_is_invented(text: str) -> None:
    assert blocklists.name(template.folded(rules.read_reply(text)).key) == ""


@pytest.mark.parametrize("text", ["a." * 2000, "listed in " * 400, "bl." * 1300, "blocked using a-" * 250])
def test_hostile_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    blocklists.name(text[: folding.LIMIT])
    assert time.process_time() - started < 0.05
