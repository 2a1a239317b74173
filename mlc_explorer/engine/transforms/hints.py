"""Hints that TVM's lowering follows to where it fails or computes something else.

Seen in TVM 0.27: ``pragma_loop_partition_hint`` on a loop that is unrolled does not compile, and on one that
feeds a sum it may leave out the sum's beginning.
"""

from __future__ import annotations

from tvm.tirx import ForKind, IterVar, PrimFunc
from tvm.tirx.analysis import undefined_vars

from ...errors import Refused
from .. import paths
from .wording import words

PARTITION = "pragma_loop_partition_hint"


def refuse_misplaced(func: PrimFunc) -> None:
    """Refused if the hint stands on a loop that is not serial, or over which a block sums."""
    places = paths.walk(func)
    hinted = {p.node.loop_var: p for p in places if p.kind == "loop" and PARTITION in p.node.annotations}
    if not hinted:
        return
    for place in hinted.values():
        if int(place.node.kind) != int(ForKind.SERIAL):
            raise Refused(**words("hint_not_serial", key=PARTITION, loop=place.path), paths=(place.path,))
    for block in (p for p in places if p.kind == "block"):
        for axis, value in zip(block.node.iter_vars, block.realize.iter_values):
            summed = hinted.keys() & set(undefined_vars(value))
            if summed and int(axis.iter_type) != IterVar.DataPar:
                loop = hinted[next(iter(summed))].path
                said = words("hint_on_sum", key=PARTITION, loop=loop, block=block.path)
                raise Refused(**said, paths=(loop, block.path))
