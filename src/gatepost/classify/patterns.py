"""The small language that rules are written in, and where a pattern stands in a text.

A pattern is words as they appear in a folded text. ``*`` is a gap of at most 40 characters (a space behind it: the next
word begins there), ``(a|b|)`` one of several
(an empty one makes it optional), and a ``*`` at the very end lets the last word go on (``disabl*``). Everything else is
literal; a pattern starts and ends at the edge of a word.

Places in a text are bits of an integer: bit n is the place in front of its character n. A pattern is followed piece by
piece for all places at once, so its cost is a few operations on integers as long as the text, whatever the text says:
nothing is tried again, and nothing has to be compiled.
Guarantees: work is linear in the text. Malformed patterns raise ``ValueError`` with one line. Not here: what a match
means (``rules``), and which patterns are worth looking for (``ruleset``).
"""

import re
from collections.abc import Set

import msgspec

from gatepost.classify import folding

_TOKEN = re.compile(r"\((?P<any>[^()]*)\)|(?P<gap> ?\* ?)|(?P<text>[^()*]+)")
_MOST_GAPS = 3  # more of them say too little
_SHORTEST_SOUGHT = (
    3  # a literal that is worth looking for; of other scripts than the Latin one, 2 characters are
)
# Together 40, the longest gap: places are smeared over it in six steps.
_GAP = (1, 2, 4, 8, 16, 9)
_EDGES = bytes(
    ord("0" if chr(byte) in "abcdefghijklmnopqrstuvwxyz0123456789" else "1") for byte in range(256)
)


class Text:
    """A text that patterns are looked for in. present: which of the sought literals are in it."""

    def __init__(self, key: str, present: Set[str]) -> None:
        self.key = key
        self.present = present
        self._places: dict[str, int] = {}
        edges = key.encode("ascii", "replace").translate(_EDGES)
        self.no_word_behind = int(b"1" + edges[::-1], 2)  # places that no letter or digit follows
        self.no_word_before = self.no_word_behind << 1 | 1

    def places(self, literal: str) -> int:
        """Where it begins."""
        found = self._places.get(literal)
        if found is None:
            found, at = 0, self.key.find(literal)
            while at >= 0:
                found |= 1 << at
                at = self.key.find(literal, at + 1)
            self._places[literal] = found
        return found


class Piece(msgspec.Struct, frozen=True):
    """One of several literals (an empty one: or none). gap: it may stand apart; word: only where a word can begin.

    sought: its literals, if the rule set looks for them beforehand.
    """

    options: tuple[str, ...]
    gap: bool = False
    word: bool = False
    sought: frozenset[str] = frozenset()


class Pattern(msgspec.Struct, frozen=True):
    """source: as written. needed: the literals of which one has to be present, of each piece that is sought."""

    source: str
    pieces: tuple[Piece, ...]
    open_start: bool
    open_end: bool

    @property
    def needed(self) -> list[frozenset[str]]:
        """The most telling first: few literals before many, long ones before short ones."""
        sought = [piece.sought for piece in self.pieces if piece.sought]
        return sorted(sought, key=lambda group: (len(group), -min(map(len, group))))

    def ends(self, text: Text) -> int:
        """The places where it ends: 0 if it is not in the text."""
        return self._ends(text, -1 if self.open_start else text.no_word_before)

    def span(self, text: Text, ends: int) -> tuple[int, int]:
        """Where it stands first, as start and end. ends: not 0."""
        start = _lowest(self._starts(text, ends))
        return start, _lowest(self._ends(text, 1 << start))

    def search(self, key: str) -> tuple[int, int] | None:
        """Where it stands in a text of which nothing is known yet."""
        sought = {literal for piece in self.pieces for literal in piece.sought}
        text = Text(key, {literal for literal in sought if literal in key})
        ends = self.ends(text)
        return self.span(text, ends) if ends else None

    def _ends(self, text: Text, at: int) -> int:
        """The places where it ends that began at these."""
        for piece in self.pieces:
            if piece.gap:
                for step in _GAP:
                    at |= at << step
            if piece.word:
                at &= text.no_word_before
            behind = 0
            for option in _options(piece, text):
                behind |= (at & text.places(option)) << len(option) if option else at
            if not behind:
                return 0
            at = behind
        return at if self.open_end else at & text.no_word_behind

    def _starts(self, text: Text, at: int) -> int:
        """The places where it begins that ends at these."""
        for piece in reversed(self.pieces):
            before = 0
            for option in _options(piece, text):
                before |= (at >> len(option)) & text.places(option) if option else at
            if piece.word:
                before &= text.no_word_before
            if piece.gap:
                for step in _GAP:
                    before |= before >> step
            at = before
        return at if self.open_start else at & text.no_word_before


def _options(piece: Piece, text: Text) -> Set[str] | tuple[str, ...]:
    return piece.sought & text.present if piece.sought else piece.options


def _lowest(bits: int) -> int:
    return (bits & -bits).bit_length() - 1


def parse(source: str) -> Pattern:
    """The pattern that is written so."""
    folded = folding.lower(source)
    pieces: list[Piece] = []
    gap = ""
    for token in _tokens(folded.removesuffix("*")):
        if token["gap"] is not None:
            gap = token["gap"]
            continue
        options = token["any"].split("|") if token["any"] is not None else [token["text"]]
        if token["text"] is not None and pieces and not gap:
            options = [_join(pieces, token["text"])]
        if options != [""]:
            pieces.append(_piece(tuple(options), gap))
        gap = ""
    if folded.removesuffix("*").count("*") > _MOST_GAPS:
        raise ValueError(f"pattern {source!r} has more than {_MOST_GAPS} gaps")
    if not any(piece.sought for piece in pieces):
        raise ValueError(f"pattern {source!r} needs a literal of {_SHORTEST_SOUGHT} characters")
    return Pattern(source, tuple(pieces), folded[0] == "*", folded.endswith("*"))


def _tokens(folded: str) -> list[re.Match[str]]:
    tokens = list(_TOKEN.finditer(folded))
    if not folded.strip() or sum(len(token.group()) for token in tokens) != len(folded):
        raise ValueError(f"pattern {folded!r} is empty or has an unpaired parenthesis")
    return tokens


def _join(pieces: list[Piece], text: str) -> str:
    """Give the space that follows "(a|b)" to a and b, which says more than a space alone; what is left of the text."""
    rest = text.lstrip()
    if space := text[: len(text) - len(rest)]:
        last = pieces.pop()
        pieces.append(_piece(tuple(option + space for option in last.options), _gap_of(last)))
    return rest


def _gap_of(piece: Piece) -> str:
    return ("* " if piece.word else "*") if piece.gap else ""


def _piece(options: tuple[str, ...], gap: str) -> Piece:
    shortest = min(options, key=lambda option: len(option.strip()))
    wanted = _SHORTEST_SOUGHT if shortest.isascii() else 2
    sought = frozenset(options) if len(shortest.strip()) >= wanted else frozenset[str]()
    return Piece(options, bool(gap), gap.endswith(" "), sought)
