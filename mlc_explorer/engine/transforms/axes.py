"""The axes of a block: their order, and which they are."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import IndexMap as TvmIndexMap
from tvm.tirx import IntImm
from tvm.tirx.analysis import undefined_vars

from ...errors import Refused
from ...schema.params import Block, IndexMap, Integers, param
from .. import paths
from . import index_map
from .base import LoopTransform, Moves
from .scope import Scope
from .sources import Chosen, Source
from .wording import words

_TILES = (8, 16, 4)
_MOST_AXES = 4  # of which all orders are proposed


def _orders(scope: Scope, chosen: Chosen) -> Sequence[list[int]]:
    """The axes in other orders than theirs; of many axes just the reverse."""
    block = scope.at(chosen.get("block")) or scope.block
    axes = list(range(len(block.node.iter_vars))) if block is not None else []
    if len(axes) < 2:
        return []
    every = itertools.permutations(axes) if len(axes) <= _MOST_AXES else [axes[::-1]]
    return [list(order) for order in every if list(order) != axes]


def _axis_maps(scope: Scope, chosen: Chosen) -> Sequence[str]:
    """The last axis in two; the first two axes as one."""
    block = scope.at(chosen.get("block")) or scope.block
    if block is None or not block.node.iter_vars:
        return []
    names = [f"x{i}" for i in range(len(block.node.iter_vars))]
    sizes = [getattr(axis.dom.extent, "value", 0) for axis in block.node.iter_vars]
    left = ", ".join(names)
    maps = [
        f"{left} -> {', '.join([*names[:-1], f'{names[-1]} // {n}', f'{names[-1]} % {n}'])}"
        for n in _TILES
        if sizes[-1] > n and sizes[-1] % n == 0
    ]
    if len(names) > 1 and sizes[1]:
        maps.append(f"{left} -> {', '.join([f'{names[0]} * {sizes[1]} + {names[1]}', *names[2:]])}")
    return maps


@dataclass(frozen=True)
class ReorderBlockIterVar(LoopTransform):
    """Lists a block's axes in another order. Nothing runs otherwise; a pattern to be matched (tensorize) or
    an index map may want them in that order.

    TVM: ``reorder_block_iter_var``; Halide and Exo have none; MLIR: ``transform.structured.interchange``.

    block: the block.
    order: its axes by position, in the order wanted.

    ``vi, vk = T.axis.remap("SR", [i, k])`` with [1, 0] → ``vk, vi = T.axis.remap("RS", [k, i])``
    """

    name: ClassVar[str] = "reorder_block_iter_var"
    family: ClassVar[str] = "axes"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "reorder_block_iter_var"
    proposes: ClassVar[Mapping[str, Source]] = {"order": _orders}

    block: str = param(Block())
    order: tuple[int, ...] = param(Integers(0, 63))

    def run(self, sch: Schedule, function: str) -> Moves:
        block = paths.block_rv(sch, function, self.block)
        axes = sch.get(block).iter_vars
        if sorted(self.order) != list(range(len(axes))):
            names = ", ".join(f"{i}: {axis.var.name}" for i, axis in enumerate(axes))
            said = words("order_wrong", block=self.block, axes=len(axes), known=names)
            raise Refused(**said, place="order", paths=(self.block,))
        sch.reorder_block_iter_var(block, list(self.order))
        return {}


@dataclass(frozen=True)
class TransformBlockLayout(LoopTransform):
    """Gives a block other axes, computed from its own, and one new loop for each of them: axes are joined or
    cut as a whole, for example to make a matrix product of a convolution.

    TVM: ``transform_block_layout``; Halide: ``fuse`` and ``split`` together; MLIR:
    ``transform.structured.flatten_elementwise`` for one case; Exo has none.

    block: a block with one plain loop for each axis and nothing else in these loops. It may store in or read
        from any buffer; these keep their layout.
    index_map: old axes → new ones, one to one. An axis of a sum and another may not be mixed.

    ``for i, j: B[vi, vj] = …`` with ``i, j -> i * 32 + j`` → ``for ax0: B[v0 // 32, v0 % 32] = …``
    """

    name: ClassVar[str] = "transform_block_layout"
    family: ClassVar[str] = "axes"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "transform_block_layout"
    proposes: ClassVar[Mapping[str, Source]] = {"index_map": _axis_maps}

    block: str = param(Block())
    index_map: str = param(IndexMap())

    def run(self, sch: Schedule, function: str) -> Moves:
        mapping = index_map.parse(self.index_map)
        block = paths.block_rv(sch, function, self.block)
        node = sch.get(block)
        self._refuse_unless_one_to_one(node, mapping)
        place = next(p for p in paths.walk(sch.mod[function]) if p.node.same_as(node))
        own = dict(zip([axis.var for axis in node.iter_vars], place.realize.iter_values))
        around = {sch.get(loop).loop_var: sch.get(loop) for loop in sch.get_loops(block)}
        was = {p.node: p.path for p in paths.walk(sch.mod[function])}
        sch.transform_block_layout(block, mapping)
        new = sch.get_loops(block)[-len(_targets(node, mapping)) :]
        moves = {}
        for loop, target in zip(new, _targets(node, mapping)):
            for axis in undefined_vars(target):
                old = around.get(own.get(axis))
                if old is not None:
                    moves.setdefault(was[old], sch.get(loop))
        return moves

    def _refuse_unless_one_to_one(self, block: object, mapping: object) -> None:
        axes = block.iter_vars
        named = index_map.arity(self.index_map)
        if named != len(axes):
            known = ", ".join(str(axis.var.name) for axis in axes)
            said = words("map_axes", block=self.block, axes=len(axes), named=named, known=known)
            raise Refused(**said, place="index_map", paths=(self.block,))
        if not all(isinstance(axis.dom.extent, IntImm) for axis in axes):
            return
        try:
            TvmIndexMap.from_func(mapping).inverse([int(axis.dom.extent) for axis in axes])
        except Exception as e:  # TVM raises its own kinds; each means that it finds no inverse
            sizes = str(tuple(int(axis.dom.extent) for axis in axes))
            said = words("axes_not_one_to_one", block=self.block, sizes=sizes)
            raise Refused(**said, place="index_map", detail=str(e), paths=(self.block,)) from e


def _targets(block: object, mapping: object) -> list[object]:
    """The new axes as expressions of the block's own."""
    return list(mapping(*[axis.var for axis in block.iter_vars]))
