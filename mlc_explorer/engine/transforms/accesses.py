"""What blocks say they touch, where TVM lets them say something wrong."""

from __future__ import annotations

from typing import Any

from tvm.s_tir import Schedule


def say_accesses(sch: Schedule, loop: Any) -> None:
    """Lets the blocks that ``loop_partition`` made say what they touch; `loop` is one of its pieces.

    TVM 0.27 lets the blocks around the pieces say that they touch nothing, so that later steps see no
    dependence on them, and each instance within say that it touches all that its piece does. This function
    uses nothing outside of itself: an exported script carries its text.
    """
    import tvm_ffi
    from tvm.s_tir import SBlock
    from tvm.s_tir.analysis import get_sblock_access_region

    func = next(iter(sch.mod.functions.values()))
    buffers = list(func.params)
    tvm_ffi.structural_walk(func.body, (SBlock, lambda block: buffers.extend(block.alloc_buffers)))
    known = {buffer: buffer for buffer in buffers}

    def saying(block: SBlock) -> SBlock:
        reads, writes, _ = get_sblock_access_region(block, known)
        if block.init is not None:  # a sum need not say that it reads what it adds to
            written = {region.source for region in writes}
            reads = [region for region in reads if region.source not in written]
        inside = (block.body, block.init, block.alloc_buffers, block.match_buffers, block.annotations)
        return SBlock(block.iter_vars, reads, writes, block.name_hint, *inside)

    around_all = sch.get_sref(loop).parent.parent  # the block around this piece, and the one around all
    before: list[SBlock] = []
    after: list[SBlock] = []
    tvm_ffi.structural_walk(around_all.stmt, (SBlock, before.append))
    changed = tvm_ffi.structural_map(around_all.stmt, (SBlock, saying))
    tvm_ffi.structural_walk(changed, (SBlock, after.append))
    sch.state.replace(around_all, changed, dict(zip(before, after)))
