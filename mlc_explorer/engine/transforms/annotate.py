"""Annotations: hints on a loop or block that later passes of TVM read.

Only keys from a list are taken. Some of TVM's keys compile code given as text (``pragma_import_c``,
``pragma_import_llvm``); a trace comes from anybody, so these are not offered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tvm.s_tir import Schedule

from ...errors import BadTrace
from ...schema.params import Block, Choice, Integer, Kind, Loop, Scalar, checked, param
from .. import paths
from .base import LoopTransform, Moves

# key → what it may hold. The unrolling limit is bounded for the reason that `unroll` is.
LOOP_KEYS: dict[str, Kind] = {
    "pragma_auto_unroll_max_step": Integer(0, 1024),
    "pragma_unroll_explicit": Integer(0, 1),
    "pragma_loop_partition_hint": Integer(0, 1),
}
BLOCK_KEYS: dict[str, Kind] = {"double_buffer_scope": Integer(0, 15)}


@dataclass(frozen=True)
class Annotate(LoopTransform):
    """Puts a hint for later passes on a loop or a block.

    TVM: ``annotate``; Halide has none; MLIR: ``transform.annotate``.

    loop, block: where it goes; exactly one of them is given.
    key: ``pragma_auto_unroll_max_step`` (loop: unroll what is beneath if it makes at most so many statements),
        ``pragma_unroll_explicit`` (loop: 1 writes the copies out, 0 leaves them to LLVM),
        ``pragma_loop_partition_hint`` (loop: 1 splits off the iterations that need a guard),
        ``double_buffer_scope`` (block: position of the written buffer to hold twice).
    value: a whole number.

    ``for i in range(8)`` → ``for i in T.serial(8, annotations={"pragma_unroll_explicit": 1})``
    """

    name: ClassVar[str] = "annotate"
    family: ClassVar[str] = "annotation"
    target: ClassVar[str] = "loop"
    tvm: ClassVar[str] = "annotate"

    key: str = param(Choice((*LOOP_KEYS, *BLOCK_KEYS)))
    value: int | float | str | bool = param(Scalar())
    loop: str | None = param(Loop(), default=None)
    block: str | None = param(Block(), default=None)

    def run(self, sch: Schedule, function: str) -> Moves:
        value = int(self.value) if isinstance(self.value, bool) else self.value
        on_loop = self.key in LOOP_KEYS
        value = checked((LOOP_KEYS if on_loop else BLOCK_KEYS)[self.key], "value", self.name, value)
        place = self.loop if on_loop else self.block
        if place is None or (self.loop is not None and self.block is not None):
            wanted = "loop" if on_loop else "block"
            raise BadTrace(
                f"annotate: '{self.key}' belongs on a {wanted}.",
                hint=f"Give the parameter '{wanted}', and only that.",
                place=wanted, code="annotate_where", params={"key": self.key, "wanted": wanted},
            )
        at = paths.loop_rv(sch, function, place) if on_loop else paths.block_rv(sch, function, place)
        sch.annotate(at, self.key, value)
        return {}
