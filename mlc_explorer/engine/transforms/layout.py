"""Layout: how a buffer lies in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import IndexMap as TvmIndexMap
from tvm.tirx import IntImm, const

from ...errors import Refused
from ...schema.params import Block, Buffer, IndexMap, Scalar, param
from .. import paths
from ..views.index_trees import tree
from . import buffers, index_map, sources
from .base import LoopTransform, Moves
from .instances import Unknown
from .one_to_one import same_elements
from .sources import Source
from .wording import words


@dataclass(frozen=True)
class TransformLayout(LoopTransform):
    """Stores a buffer in another order, for example in panels of 16 columns; every access is rewritten.

    TVM: ``transform_layout``; Halide: ``reorder_storage`` (whole axes only); MLIR:
    ``transform.structured.pack``. An input or output keeps its layout, because callers know it: give it a
    copy with cache_read or cache_write first. The map must be one to one.

    block: a block that writes or reads the buffer.
    buffer: by name, or by position (those written first).
    index_map: old indices → new ones.
    pad_value: what the places hold that no element goes to; without it there may be none.

    ``B_global[k, j]`` with ``k, j -> j // 16, k, j % 16`` → ``B_global[j // 16, k, j % 16]``
    """

    name: ClassVar[str] = "transform_layout"
    family: ClassVar[str] = "layout"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "transform_layout"
    proposes: ClassVar[Mapping[str, Source]] = {"buffer": sources.any_buffers}

    block: str = param(Block())
    buffer: int | str = param(Buffer("either"))
    index_map: str = param(IndexMap())
    pad_value: int | float | None = param(Scalar(), default=None)

    def run(self, sch: Schedule, function: str) -> Moves:
        mapping = index_map.for_tvm(self.index_map)
        block = paths.block_rv(sch, function, self.block)
        access, index = buffers.either(sch, block, self.buffer, self.block)
        buffer = buffers.region(sch, block, index, access)
        buffers.refuse_parameter(sch.mod[function], buffer, self.block, "layout_of_parameter")
        self._refuse_unless_one_to_one(buffer, mapping)
        with buffers.within_memory(sch, function, self.block, "index_map"):
            sch.transform_layout(block, (access, index), mapping, self._padding(buffer))
        return {}

    def _padding(self, buffer: Any) -> Any:
        """The value of empty places as a constant of the buffer's own type, as TVM wants it."""
        if self.pad_value is None:
            return None
        dtype = str(buffer.ty.dtype)
        whole = dtype.startswith(("int", "uint"))
        number = isinstance(self.pad_value, int if whole else (int, float))
        if not number or isinstance(self.pad_value, bool) or not math.isfinite(self.pad_value):
            said = words("pad_value_type", buffer=str(buffer.name), dtype=dtype, value=str(self.pad_value))
            raise Refused(**said, place="pad_value", paths=(self.block,))
        return const(self.pad_value, dtype)

    def _refuse_unless_one_to_one(self, buffer: Any, mapping: Any) -> None:
        shape = list(buffer.ty.shape)
        axes = index_map.arity(self.index_map)
        if axes != len(shape):
            raise Refused(
                **words("layout_axes", buffer=str(buffer.name), axes=len(shape), named=axes),
                place="index_map",
                paths=(self.block,),
            )
        if not all(isinstance(extent, IntImm) for extent in shape):
            return
        extents = [int(extent) for extent in shape]
        try:
            if self.pad_value is None:
                TvmIndexMap.from_func(mapping).inverse(extents)
            else:
                TvmIndexMap.from_func(mapping).non_surjective_inverse(extents)
                _check_apart(mapping, extents)
        except Exception as e:  # TVM raises its own kinds; each means that it finds no inverse
            raise Refused(
                **words("layout_not_one_to_one", buffer=str(buffer.name), shape=str(tuple(map(int, shape)))),
                place="index_map",
                detail=str(e),
                paths=(self.block,),
            ) from e


def _check_apart(mapping: Any, extents: list[int]) -> None:
    """Unknown if two elements would share a place (TVM's inverse does not notice), or if none can tell."""
    axes = {str(i): extent for i, extent in enumerate(extents)}
    found = TvmIndexMap.from_func(mapping)
    names = dict(zip(found.initial_indices, axes))
    places = [tree(e, names) for e in found.final_indices]
    if not same_elements(places, list(axes), axes)[0]:
        raise Unknown("two elements share a place")
