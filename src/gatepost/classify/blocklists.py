"""Which blocklist a reply names.

Guarantees: a name only where the text has the list's own name or its DNS zone, "" otherwise; a list that is not known is
named by its zone as the reply writes it; linear. Not here: whether a reply speaks of a listing at all (``rules``), or of
ours (``veto``). The zones and their names are those that each operator publishes; what the letters of Spamhaus's lists
stand for: https://www.spamhaus.org/blocklists/.
"""

import re

# The words in front of the tuple's name; the first that is found counts. Lists that others contain stand behind them.
_KNOWN: tuple[tuple[str, str], ...] = (
    (r"abuseat\.org|\bcbl\b|composite block(?:ing)? list", "CBL"),
    (r"spamcop", "SpamCop"),
    (
        r"barracuda ?(?:central|reputation|networks\.com/reputation)|\bbrbl\b|\brbl barracuda\b",
        "Barracuda BRBL",
    ),
    (r"\bsorbs\b", "SORBS"),
    (r"invaluement|\bivm(?:sip|uri)\b", "Invaluement"),
    (r"(?:ipcheck|dnsbl)\.proofpoint|\bproofpoint dynamic reputation\b|\bpdr\b", "Proofpoint PDR"),
    (r"csi\.cloudmark|cloudmark sender intelligence|\bcloudmark csi\b", "Cloudmark CSI"),
    (r"\bsurbl\b", "SURBL"),
    (r"\buribl\b", "URIBL"),
    (r"\babusix\b|mail-abuse\.abusix", "Abusix"),
    (r"\bmailspike\b", "Mailspike"),
    (r"\bpsbl\b", "PSBL"),
    (r"backscatterer", "Backscatterer"),
    (r"ix\.dnsbl|\bnixspam\b|manitu\.net", "NiX Spam"),
    (r"spamrats", "SpamRATS"),
    (r"spameatingmonkey", "Spam Eating Monkey"),
    (r"hostkarma|junkemailfilter", "Hostkarma"),
    (r"dronebl", "DroneBL"),
    (r"gbudb\.net", "GBUdb Truncate"),
    (r"\b0spam\b", "0Spam"),
    (r"kisa-?rbl", "KISA-RBL"),
    (r"trend micro (?:rbl|email reputation)|mail-abuse\.com|ers\.trendmicro", "Trend Micro ERS"),
    (r"senderbase\.org|talosintelligence", "Cisco Talos"),
    (r"fortiguard", "FortiGuard"),
    (r"\bdnswl\b", ""),  # a list of the good: not being in it is no listing
)
_ANY = re.compile("|".join(f"({words})" for words, _ in _KNOWN))
_SPAMHAUS_LIST = re.compile(r"\b(zen|sbl-xbl|sbl|xbl|pbl|dbl|css)[0-9]{0,8}\b")
_IN_SPAMHAUS = re.compile(
    r"\b(?:listed|found|is|blocked) (?:in|on|by|using|at) (?:the )?(zen|sbl-xbl|sbl|xbl|pbl|dbl)\b"
)
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
    if found := _IN_SPAMHAUS.search(key):
        return f"Spamhaus {found[1].upper()}"
    if "uceprotect" in key:
        level = _UCEPROTECT_LEVEL.search(key)
        return f"UCEPROTECT-{level[1]}" if level else "UCEPROTECT"
    if (known := _ANY.search(key)) and known.lastindex:
        return _KNOWN[known.lastindex - 1][1]
    return _zone(key)


def _zone(key: str) -> str:
    if found := _USING.search(key):
        return found["zone"]
    if (found := _LISTED.search(key)) and _looks_like_a_list(found["zone"]):
        return found["zone"]
    for count, mention in enumerate(_MENTION.finditer(key)):
        if count >= _MOST_MENTIONS:
            break
        if _looks_like_a_list(mention["zone"]):
            return mention["zone"]
    return ""


def _looks_like_a_list(zone: str) -> bool:
    return _LISTS_LABEL.search(zone) is not None
