"""Which removed lines of a diff came back elsewhere, and which became which added line."""

from __future__ import annotations

import re
from collections import defaultdict
from difflib import SequenceMatcher

Line = tuple[int, str]  # its number, its text

_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"\w+|[^\w\s]")
_TELLING = 3  # words; a line with fewer, such as T.reads(), stands in many places and tells no move
_ALIKE = 0.5  # the share of common tokens from which one line is a change of another
_MOST = 2500  # comparisons of lines in one run; beyond, only lines in the same order are looked at


def moves(removed: list[Line], added: list[Line]) -> dict[int, int]:
    """Old number → new number of the lines that left one place and came back in another, word for word.

    Where a line came back more than once, the one that follows the line before it is taken, else the first.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for number, text in added:
        places[text.strip()].append(number)
    found: dict[int, int] = {}
    for number, text in removed:
        candidates = places[text.strip()]
        if not candidates or len(_WORD.findall(text)) < _TELLING:
            continue
        following = found.get(number - 1, -1) + 1
        found[number] = following if following in candidates else candidates[0]
        candidates.remove(found[number])
    return found


def pairs(removed: list[Line], added: list[Line]) -> dict[int, int]:
    """Old number → new number of the lines that were changed: those most alike, in the same order."""
    if len(removed) * len(added) > _MOST:
        same_place = zip(removed, added)
        return {a[0]: b[0] for a, b in same_place if _likeness(_tokens(a[1]), _tokens(b[1])) >= _ALIKE}
    left = [_tokens(text) for _, text in removed]
    right = [_tokens(text) for _, text in added]
    like = [[_likeness(a, b) for b in right] for a in left]
    best = _best_sums(like)
    found, i, j = {}, 0, 0
    while i < len(left) and j < len(right):
        if like[i][j] >= _ALIKE and best[i][j] == like[i][j] + best[i + 1][j + 1]:
            found[removed[i][0]] = added[j][0]
            i, j = i + 1, j + 1
        elif best[i][j] == best[i][j + 1]:
            j += 1
        else:
            i += 1
    return found


def _best_sums(like: list[list[float]]) -> list[list[float]]:
    """The largest likeness that pairs of rows from i and columns from j on can sum up to, in order."""
    width = len(like[0]) if like else 0
    best = [[0.0] * (width + 1) for _ in range(len(like) + 1)]
    for i in range(len(like) - 1, -1, -1):
        for j in range(width - 1, -1, -1):
            both = like[i][j] + best[i + 1][j + 1] if like[i][j] >= _ALIKE else 0.0
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    return best


def _tokens(line: str) -> list[str]:
    return _TOKEN.findall(line)


def _likeness(a: list[str], b: list[str]) -> float:
    return SequenceMatcher(None, a, b, autojunk=False).ratio()
