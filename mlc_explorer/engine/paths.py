"""Paths of loops and blocks: the one place that knows how a place in a PrimFunc is named.

The scheme is in `schema.loops`. A path is made from the tree as it is (`walk`), found again in it
(`find`), and turned into the random variable that a schedule wants (`loop_rv`, `block_rv`).
"""

from __future__ import annotations

import difflib
import functools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tvm.s_tir import Schedule
from tvm.tirx import PrimFunc
from tvm_ffi.access_path import AccessPath

from ..errors import Refused

NO_BLOCK = "_"  # stands for the block in the path of a loop with no block beneath it (lowered code)


@dataclass(frozen=True, eq=False)
class Place:
    """A loop or block of a function.

    `node` is the For or SBlock, `realize` the SBlockRealize around a block (None for a loop), `parent` the
    index in `walk`'s result of the place that encloses it (None at the top), `depth` the number of loops
    outside, `access` the node's path relative to the function, `blocks` the names (with ``#n``) of all blocks
    beneath, itself included.
    """

    path: str
    kind: str
    name: str
    node: Any
    realize: Any
    depth: int
    parent: int | None
    access: AccessPath
    blocks: tuple[str, ...]


@functools.lru_cache(maxsize=64)  # a step asks for the same function's places again and again
def walk(func: PrimFunc) -> tuple[Place, ...]:
    """All loops and blocks of `func` in the order of its text; the implicit root block is left out."""
    raw = list(_visit(func.body, AccessPath.root().attr("body"), None, 0, is_root=True, found=[]))
    names = _unique_block_names(raw)
    beneath: list[list[str]] = [[] for _ in raw]
    for i, item in enumerate(raw):
        if item.realize is not None:
            j: int | None = i
            while j is not None:
                beneath[j].append(names[i])
                j = raw[j].parent
    paths = []
    for i, item in enumerate(raw):
        first = beneath[i][0] if beneath[i] else NO_BLOCK
        paths.append(names[i] if item.realize is not None else f"{first}/{_name(item)}")
    return tuple(
        Place(
            path,
            "loop" if item.realize is None else "block",
            _name(item),
            item.node,
            item.realize,
            item.depth,
            item.parent,
            item.access,
            tuple(blocks),
        )
        for item, path, blocks in zip(raw, _numbered(paths), beneath)
    )


def beneath(places: tuple[Place, ...], top: Place) -> list[Place]:
    """`top`, which is one of `places`, and what stands in it, in the order of the text."""
    inside = {i for i, place in enumerate(places) if place.path == top.path}
    for i, place in enumerate(places):
        if place.parent in inside:
            inside.add(i)
    return [places[i] for i in sorted(inside)]


def around(places: tuple[Place, ...], path: str) -> list[Place]:
    """The loops and blocks that enclose the place `path` of `places`, outermost first."""
    found = []
    parent = next((p.parent for p in places if p.path == path), None)
    while parent is not None:
        found.append(places[parent])
        parent = places[parent].parent
    return found[::-1]


def find(func: PrimFunc, path: str) -> Place:
    """The place that `path` names; Refused, naming what exists, if there is none.

    A loop may be named through any block beneath it: ``matmul_init/i`` and ``matmul/i`` are one loop while
    both blocks stand under it.
    """
    places = walk(func)
    for place in places:
        if place.path == path:
            return place
    head, slash, tail = path.rpartition("/")
    if slash:
        name, _, number = tail.partition("#")
        around = [p for p in places if p.kind == "loop" and p.name == name and head in p.blocks]
        if number.isdigit() and 1 <= int(number) <= len(around):
            return around[int(number) - 1]
        if not number and around:
            return around[0]
    raise _missing(path, places)


def block_rv(sch: Schedule, function: str, path: str) -> Any:
    """The schedule's variable for the block `path` of `function`."""
    place = find(sch.mod[function], path)
    if place.kind != "block":
        raise Refused(
            f"'{path}' is a loop, and a block is needed.",
            hint=f"Choose a block, for example '{place.blocks[0] if place.blocks else ''}'.",
            place=path,
            code="not_a_block",
            params={"path": path},
            paths=(place.path,),
        )
    same_name = sum(p.kind == "block" and p.name == place.name for p in walk(sch.mod[function]))
    if same_name == 1:
        return sch.get_sblock(place.name, function)
    return _search(sch, sch.get_sblock("root", function), place.node)


def loop_rv(sch: Schedule, function: str, path: str) -> Any:
    """The schedule's variable for the loop `path` of `function`."""
    place = find(sch.mod[function], path)
    if place.kind != "loop":
        raise Refused(
            f"'{path}' is a block, and a loop is needed.",
            hint="Choose one of the loops around it.",
            place=path,
            code="not_a_loop",
            params={"path": path},
            paths=(place.path,),
        )
    if not place.blocks:
        raise Refused(
            f"The loop '{path}' has no block beneath it, so it can't be scheduled.",
            hint="The function is lowered already. Go back to a step before that.",
            place=path,
            code="loop_without_block",
            params={"path": path},
            paths=(place.path,),
        )
    for loop in sch.get_loops(block_rv(sch, function, place.blocks[0])):
        if sch.get(loop).same_as(place.node):
            return loop
    raise _missing(path, walk(sch.mod[function]))


@dataclass(frozen=True, eq=False)
class _Item:
    node: Any
    realize: Any
    depth: int
    parent: int | None
    access: AccessPath


def _name(item: _Item) -> str:
    return str(item.node.loop_var.name if item.realize is None else item.node.name_hint)


def _visit(
    stmt: Any, access: AccessPath, parent: int | None, depth: int, *, is_root: bool, found: list[_Item]
) -> list[_Item]:
    """Appends to `found` in the order of the text; the tree is walked by statement kind."""
    kind = type(stmt).__name__
    if kind == "For":
        found.append(_Item(stmt, None, depth, parent, access))
        _visit(stmt.body, access.attr("body"), len(found) - 1, depth + 1, is_root=False, found=found)
    elif kind == "SBlockRealize":
        block, at = stmt.block, access.attr("block")
        inside = parent
        if not (is_root and not block.iter_vars and block.name_hint == "root"):
            found.append(_Item(block, stmt, depth, parent, at))
            inside = len(found) - 1
        if block.init is not None:
            _visit(block.init, at.attr("init"), inside, depth, is_root=False, found=found)
        _visit(block.body, at.attr("body"), inside, depth, is_root=False, found=found)
    else:
        for child, at in _children(stmt, access):
            _visit(child, at, parent, depth, is_root=is_root and kind != "SeqStmt", found=found)
    return found


def _children(stmt: Any, access: AccessPath) -> Iterator[tuple[Any, AccessPath]]:
    if type(stmt).__name__ == "SeqStmt":
        for i, child in enumerate(stmt.seq):
            yield child, access.attr("seq").array_item(i)
        return
    for name in ("then_case", "else_case", "body"):
        child = getattr(stmt, name, None)
        if child is not None:
            yield child, access.attr(name)


def _unique_block_names(items: list[_Item]) -> dict[int, str]:
    blocks = [i for i, item in enumerate(items) if item.realize is not None]
    return dict(zip(blocks, _numbered([str(items[i].node.name_hint) for i in blocks])))


def _numbered(names: list[str]) -> list[str]:
    """Repeated names get ``#2``, ``#3`` in order, so that a path names one place."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return out


def _search(sch: Schedule, block: Any, node: Any) -> Any:
    for child in sch.get_child_blocks(block):
        if sch.get(child).same_as(node):
            return child
        deeper = _search(sch, child, node)
        if deeper is not None:
            return deeper
    return None


def _missing(path: str, places: tuple[Place, ...]) -> Refused:
    known = [p.path for p in places]
    close = difflib.get_close_matches(path, known, 3, 0.4) or known[:8]
    return Refused(
        f"There is no loop or block '{path}' here.",
        hint=f"There are: {', '.join(close)}." if close else "The function has no loops.",
        place=path,
        code="path_missing",
        params={"path": path, "known": ", ".join(close)},
    )
