"""Whether two ways of indexing name the same elements: what an index map over a block's axes has to do.

TVM takes any map for `reindex_cache_read` and `reindex_cache_write`. If two elements of the buffer then share
a place in the copy, the result is wrong; where several instances of the block touch one element (as in a
convolution), they may share a place, and for a result they must.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...schema.motion import Expression
from .instances import Unknown, array, variables

_MOST = 1 << 20  # combinations of axes that are looked at together: some 50 ms
_LARGEST = 1 << 62


def same_elements(
    places: Sequence[Expression], elements: Sequence[Expression], axes: Mapping[str, int]
) -> tuple[bool, bool]:
    """(each place has one element, each element has one place), for all values of `axes` (name → extent).

    Axes that no index has in common are independent of each other, so that each group of linked axes is
    looked at by itself, whole. Raises Unknown if a group has too many combinations.
    """
    whole, spread = True, True
    for group in _linked([*places, *elements], axes):
        values = _combinations({name: axes[name] for name in group})
        to = _rows([e for e in places if set(variables(e)) & group], values)
        of = _rows([e for e in elements if set(variables(e)) & group], values)
        together = _count(np.concatenate([to, of]))
        whole &= _count(to) == together
        spread &= _count(of) == together
    return whole, spread


def smallest(expression: Expression, axes: Mapping[str, int]) -> int:
    """The least value of `expression`. Raises Unknown if too many would have to be looked at."""
    used = {name: axes[name] for name in variables(expression)}
    return int(array(expression, _combinations(used)).min())


def _linked(expressions: Sequence[Expression], axes: Mapping[str, int]) -> Iterator[set[str]]:
    """The names of `axes` in groups: those that stand in one expression are in one group."""
    groups = [{name} for name in axes]
    for expression in expressions:
        named = set(variables(expression))
        touched = [group for group in groups if group & named]
        groups = [group for group in groups if not group & named]
        if touched:
            groups.append(set().union(*touched))
    yield from groups


def _combinations(axes: Mapping[str, int]) -> Mapping[str, np.ndarray]:
    if int(np.prod(list(axes.values()), dtype=object)) > _MOST:
        raise Unknown("too many combinations")
    if not axes:
        return {"": np.zeros(1, np.int64)}
    names = list(axes)
    grid = np.indices([axes[name] for name in names]).reshape(len(names), -1)
    return dict(zip(names, grid))


def _rows(expressions: Sequence[Expression], values: Mapping[str, np.ndarray]) -> np.ndarray:
    """One row for each expression."""
    rows = [array(e, values) for e in expressions]
    return np.array(rows, np.int64).reshape(len(rows), len(next(iter(values.values()))))


def _count(rows: np.ndarray) -> int:
    """How many different columns `rows` has; one where there is no row."""
    if not len(rows):
        return 1
    keys = np.zeros(rows.shape[1], np.int64)
    size = 1  # keys are below it
    for row in rows - rows.min(axis=1, keepdims=True):
        extent = int(row.max()) + 1
        if size * extent > _LARGEST:  # numbered anew, so that they stay small
            (keys, size), (row, extent) = _ranked(keys), _ranked(row)
        keys, size = keys * extent + row, size * extent
    ordered = np.sort(keys)
    return 1 + int((ordered[1:] != ordered[:-1]).sum())


def _ranked(values: np.ndarray) -> tuple[np.ndarray, int]:
    """The position of each value among the different ones, and how many these are."""
    different, ranks = np.unique(values, return_inverse=True)
    return ranks, len(different)
