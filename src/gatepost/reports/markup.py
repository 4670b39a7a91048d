"""HTML as a person reads it: text with line ends. Linear, whatever the bytes.

Not here: any understanding of styles; hidden text is text.
"""

import html
import re

_TAG = re.compile(r"<[/!?a-zA-Z][^<>]*>")
_BLOCK = re.compile(
    r"(?:br|p|/p|div|/div|tr|/tr|li|/li|h[1-6]|/h[1-6]|hr|table|/table|pre|/pre|title|/title)\b",
    re.IGNORECASE,
)
_GAPS = re.compile(r"[ \t\xa0]{2,}")
_NUMBER = re.compile(r"&#[0-9a-fA-FxX]{9,};?")
_SILENT = (("<style", "</style"), ("<script", "</script"), ("<!--", "-->"))


def text_of(source: str) -> str:
    """The text."""
    for start, end in _SILENT:
        source = _without(source, start, end)
    source = source.replace("\n", " ") if "<pre" not in source and "<br" in source.lower() else source
    text = _TAG.sub(_instead, source)
    if "&" in text:
        text = html.unescape(_NUMBER.sub(" ", text))
    return _GAPS.sub("  ", text.replace("\xa0", " "))


def _instead(tag: re.Match[str]) -> str:
    inside = tag.group()[1:-1]
    if "@" in inside and inside[0] not in "/!?" and " " not in inside and "=" not in inside:
        return tag.group()  # an address that nobody escaped
    return "\n" if _BLOCK.match(inside) else " " if inside.startswith(("td", "/td", "th")) else ""


def _without(text: str, start: str, end: str) -> str:
    lowered = text.lower()
    if len(lowered) != len(text) or start not in lowered:
        return text
    kept: list[str] = []
    at = 0
    while (begin := lowered.find(start, at)) != -1:
        kept.append(text[at:begin])
        close = lowered.find(end, begin)
        if close == -1:
            return "".join(kept)
        at = lowered.find(">", close) + 1 or len(text)
    kept.append(text[at:])
    return "".join(kept)
