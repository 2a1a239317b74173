"""Layout: how a buffer lies in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tvm.s_tir import Schedule
from tvm.tirx import IndexMap as TvmIndexMap
from tvm.tirx import IntImm

from ...errors import Refused
from ...schema.params import Block, Buffer, IndexMap, param
from .. import paths
from . import buffers, index_map
from .base import LoopTransform, Moves
from .wording import words


@dataclass(frozen=True)
class TransformLayout(LoopTransform):
    """Stores a buffer in another order, for example in panels of 16 columns; every access is rewritten.

    TVM: ``transform_layout``; Halide: ``reorder_storage`` (whole axes only); MLIR:
    ``transform.structured.pack``. An input or output keeps its layout, because callers know it: give it a
    copy with cache_read or cache_write first. The map must be one to one.

    block: a block that writes or reads the buffer.
    buffer: by name, or by position among the buffers that the block writes.
    index_map: old indices → new ones.

    ``B_global[k, j]`` with ``k, j -> j // 16, k, j % 16`` → ``B_global[j // 16, k, j % 16]``
    """

    name: ClassVar[str] = "transform_layout"
    family: ClassVar[str] = "layout"
    target: ClassVar[str] = "block"
    tvm: ClassVar[str] = "transform_layout"

    block: str = param(Block())
    buffer: int | str = param(Buffer("write"))
    index_map: str = param(IndexMap())

    def run(self, sch: Schedule, function: str) -> Moves:
        mapping = index_map.parse(self.index_map)
        block = paths.block_rv(sch, function, self.block)
        access = buffers.role(sch, block, self.buffer)
        index = buffers.position(sch, block, self.buffer, access, self.block)
        buffer = buffers.region(sch, block, index, access)
        self._refuse_parameter(sch.mod[function], buffer)
        self._refuse_unless_one_to_one(buffer, mapping)
        sch.transform_layout(block, (access, index), mapping)
        return {}

    def _refuse_parameter(self, func: Any, buffer: Any) -> None:
        if not any(p.same_as(buffer) or p.name == buffer.name for p in func.params):
            return
        raise Refused(
            **words("layout_of_parameter", buffer=str(buffer.name)), place="buffer", paths=(self.block,)
        )

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
        try:
            TvmIndexMap.from_func(mapping).inverse([int(extent) for extent in shape])
        except Exception as e:  # TVM raises its own kinds; each means that it finds no inverse
            raise Refused(
                **words("layout_not_one_to_one", buffer=str(buffer.name), shape=str(tuple(map(int, shape)))),
                place="index_map",
                detail=str(e),
                paths=(self.block,),
            ) from e
