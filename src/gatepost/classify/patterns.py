"""The small language that rules are written in, compiled to ``re`` with the literals that must be present.

A pattern is words as they appear in a folded text. ``*`` is a gap of at most 40 characters (a space behind it: the next
word begins there), ``(a|b|)`` one of several
(an empty one makes it optional), and a ``*`` at the very end lets the last word go on (``disabl*``). Everything else is
literal; a pattern starts and ends at the edge of a word.
Guarantees: compiled patterns are linear in the text: no unbounded repetition, at most three gaps. Malformed patterns
raise ``ValueError`` with one line. Not here: what a match means (``rules``).
"""

import re

import msgspec

from gatepost.classify import folding

_TOKEN = re.compile(r"\((?P<any>[^()]*)\)|(?P<gap> ?\* ?)|(?P<text>[^()*]+)")
# A blanked address counts as one character; the run is taken whole, or its splits would multiply.
_GAP = "(?:¤++|[^¤]){0,40}?"
# "* locked" must not find "blocked"; "*blocked" finds "isblocked" for those who write it so.
_WORD_STARTS = "(?<![a-z0-9])"
_MOST_GAPS = 3  # each multiplies the worst case by 40
_SHORTEST_ANCHOR = 3


class Pattern(msgspec.Struct, frozen=True):
    """source: as written. anchors: a match contains at least one of these literals; needs: and one of each of these."""

    source: str
    anchors: tuple[str, ...]
    regex: re.Pattern[str]

    needs: tuple[tuple[str, ...], ...] = ()

    def search(self, key: str) -> re.Match[str] | None:
        """Where it matches. Looks for one literal of each group first: a tenth of the cost of a search in vain."""
        for options in self.needs:
            for option in options:
                if option in key:
                    break
            else:
                return None
        return self.regex.search(key)


def parse(source: str) -> Pattern:
    """A compiled pattern."""
    folded = folding.lower(source)
    tokens = _tokens(folded.removesuffix("*"))
    pieces: list[str] = []
    best: tuple[str, ...] = ()
    needs: list[tuple[str, ...]] = []
    gaps = 0
    for token in tokens:
        if (text := token["text"]) is not None:
            pieces.append(re.escape(text))
            needs.append((text,))
            best = _better(best, (text.strip(),))
        elif token["any"] is not None:
            options = token["any"].split("|")
            pieces.append("(?:" + "|".join(re.escape(option) for option in options) + ")")
            if "" not in options:
                needs.append(tuple(options))
            best = _better(best, tuple(option.strip() for option in options))
        else:
            gaps += 1
            pieces.append(_GAP + _WORD_STARTS if token.group().endswith(" ") else _GAP)
    if gaps > _MOST_GAPS:
        raise ValueError(f"pattern {source!r} has more than {_MOST_GAPS} gaps")
    if not best:
        raise ValueError(f"pattern {source!r} needs a literal of {_SHORTEST_ANCHOR} characters")
    return Pattern(source, best, re.compile(_edged("".join(pieces), folded)), tuple(needs))


def _tokens(folded: str) -> list[re.Match[str]]:
    tokens = list(_TOKEN.finditer(folded))
    if not folded.strip() or sum(len(token.group()) for token in tokens) != len(folded):
        raise ValueError(f"pattern {folded!r} is empty or has an unpaired parenthesis")
    return tokens


def _edged(regex: str, folded: str) -> str:
    before = "" if folded[0] == "*" else r"(?<![a-z0-9])"
    after = "" if folded.endswith("*") else r"(?![a-z0-9])"
    return f"{before}{regex}{after}"


def _better(best: tuple[str, ...], options: tuple[str, ...]) -> tuple[str, ...]:
    """The more selective anchor: a single literal before several, the longer one before the shorter."""
    shortest = min(len(option) for option in options)
    wanted = _SHORTEST_ANCHOR if options[0].isascii() else 2
    if shortest < wanted:
        return best
    if not best or (len(options), -shortest) < (len(best), -min(len(option) for option in best)):
        return options
    return best
