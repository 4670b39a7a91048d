"""Which blocklist a reply names.

Guarantees: a name only where the text has the list's own name or its DNS zone, "" otherwise; a list that is not known is
named by its zone as the reply writes it; linear. Not here: whether a reply speaks of a listing at all (``rules``), or of
ours (``veto``). The zones and their names are those that each operator publishes; what the letters of Spamhaus's lists
stand for: https://www.spamhaus.org/blocklists/.
"""

import re

# The list's name, its words, and what a text with them contains: looked for first, as most replies name no list.
# The first that is found counts; lists that others contain stand behind them.
_KNOWN: tuple[tuple[str, re.Pattern[str], tuple[str, ...]], ...] = (
    (
        "CBL",
        re.compile(r"abuseat\.org|\bcbl\b|composite block(?:ing)? list"),
        ("abuseat", "cbl", "composite"),
    ),
    ("SpamCop", re.compile(r"spamcop"), ("spamcop",)),
    (
        "Barracuda BRBL",
        re.compile(r"barracuda ?(?:central|reputation|networks\.com/reputation)|\bbrbl\b|\brbl barracuda\b"),
        ("barracuda", "brbl"),
    ),
    ("SORBS", re.compile(r"\bsorbs\b"), ("sorbs",)),
    ("Invaluement", re.compile(r"invaluement|\bivm(?:sip|uri)\b"), ("invaluement", "ivm")),
    (
        "Proofpoint PDR",
        re.compile(r"(?:ipcheck|dnsbl)\.proofpoint|\bproofpoint dynamic reputation\b|\bpdr\b"),
        ("proofpoint", "pdr"),
    ),
    (
        "Cloudmark CSI",
        re.compile(r"csi\.cloudmark|cloudmark sender intelligence|\bcloudmark csi\b"),
        ("cloudmark",),
    ),
    ("SURBL", re.compile(r"\bsurbl\b"), ("surbl",)),
    ("URIBL", re.compile(r"\buribl\b"), ("uribl",)),
    ("Abusix", re.compile(r"\babusix\b|mail-abuse\.abusix"), ("abusix",)),
    ("Mailspike", re.compile(r"\bmailspike\b"), ("mailspike",)),
    ("PSBL", re.compile(r"\bpsbl\b"), ("psbl",)),
    ("Backscatterer", re.compile(r"backscatterer"), ("backscatterer",)),
    ("NiX Spam", re.compile(r"ix\.dnsbl|\bnixspam\b|manitu\.net"), ("ix.dnsbl", "nixspam", "manitu.net")),
    ("SpamRATS", re.compile(r"spamrats"), ("spamrats",)),
    ("Spam Eating Monkey", re.compile(r"spameatingmonkey"), ("spameatingmonkey",)),
    ("Hostkarma", re.compile(r"hostkarma|junkemailfilter"), ("hostkarma", "junkemailfilter")),
    ("DroneBL", re.compile(r"dronebl"), ("dronebl",)),
    ("GBUdb Truncate", re.compile(r"gbudb\.net"), ("gbudb",)),
    ("0Spam", re.compile(r"\b0spam\b"), ("0spam",)),
    ("KISA-RBL", re.compile(r"kisa-?rbl"), ("kisa",)),
    (
        "Trend Micro ERS",
        re.compile(r"trend micro (?:rbl|email reputation)|mail-abuse\.com|ers\.trendmicro"),
        ("trend micro", "mail-abuse.com", "trendmicro"),
    ),
    ("Cisco Talos", re.compile(r"senderbase\.org|talosintelligence"), ("senderbase", "talosintelligence")),
    ("FortiGuard", re.compile(r"fortiguard"), ("fortiguard",)),
    ("", re.compile(r"\bdnswl\b"), ("dnswl",)),  # a list of the good: not being in it is no listing
)
_SPAMHAUS_LIST = re.compile(r"\b(zen|sbl-xbl|sbl|xbl|pbl|dbl|css)[0-9]{0,8}\b")
_IN_SPAMHAUS = re.compile(
    r"\b(?:listed|found|is|blocked) (?:in|on|by|using|at) (?:the )?(zen|sbl-xbl|sbl|xbl|pbl|dbl)\b"
)
_OF_SPAMHAUS = ("zen", "sbl", "xbl", "pbl", "dbl")
_UCEPROTECT_LEVEL = re.compile(r"\b(?:level[ -]?|dnsbl-|uceprotect-?l?)([1-3])\b")

_HOST = r"(?P<zone>(?:[a-z0-9_-]{1,63}\.){1,6}[a-z]{2,24})(?![a-z0-9.-]*[a-z0-9])"
_USING = re.compile(
    rf"\b(?:blocked|listed|rejected|refused|denied|blacklisted|found) (?:using|via) (?:the )?{_HOST}"
)
_LISTED = re.compile(
    rf"\b(?:blocked|listed|rejected|refused|denied|blacklisted|blocklisted|found|list|rbl|dnsbl)"
    rf" (?:in|on|at|by|from) (?:the |a |rbl |dnsbl |list )?{_HOST}"
)
_LISTS_LABEL = re.compile(
    r"(?:^|[.-])(?:[a-z0-9]{0,12}(?:rbl|dnsbl|bl|blacklist|blocklist)|bl[a-z0-9]{0,3})(?:[.-]|$)"
)
_MENTION = re.compile(rf"(?<![a-z0-9.@/-]){_HOST}")
_MOST_MENTIONS = 8


def name(key: str) -> str:
    """The list that the folded text names: ``Spamhaus ZEN``, ``SpamCop``, ``bl.example.net``; or empty."""
    if "spamhaus" in key:
        found = _SPAMHAUS_LIST.search(key)
        return f"Spamhaus {found[1].upper()}" if found else "Spamhaus"
    if any(one in key for one in _OF_SPAMHAUS) and (found := _IN_SPAMHAUS.search(key)):
        return f"Spamhaus {found[1].upper()}"
    if "uceprotect" in key:
        level = _UCEPROTECT_LEVEL.search(key)
        return f"UCEPROTECT-{level[1]}" if level else "UCEPROTECT"
    for known, words, cues in _KNOWN:
        for cue in cues:
            if cue in key and words.search(key):
                return known
    return _zone(key)


def _zone(key: str) -> str:
    if (" using " in key or " via " in key) and (found := _USING.search(key)):
        return found["zone"]
    mentions = [word for word in key.split(" ") if "bl" in word and "." in word][:_MOST_MENTIONS]
    if mentions and (found := _LISTED.search(key)) and _looks_like_a_list(found["zone"]):
        return found["zone"]
    for mention in mentions:
        found = _MENTION.search(mention)
        if found and _looks_like_a_list(found["zone"]):
            return found["zone"]
    return ""


def _looks_like_a_list(zone: str) -> bool:
    return _LISTS_LABEL.search(zone) is not None
