"""The common reasons for which TVM refuses, told by the words of its message.

What a person reads of each stands in the texts (``errors.<code>``).
"""

from __future__ import annotations

import re

# code → what TVM says; the first that is found wins.
REASONS: dict[str, str] = {
    "reduction_axis": r"is not a data parallel block iter|\"bind\" cannot be fulfilled",
    "partition_too_long": r"sum of factors is larger",
    "merge_depth": r"nesting depth must be same",
    "merge_extent": r"Merge loop's `extent` must be same",
    "merge_scope": r"Merge loop|lowest common ancestor",
    "axes_mixed": r"more than one type of original iter",
    "not_blockizable": r"can not be blockized",
    "axes_not_plain": r"binding values of .* are not variables of outer loops",
    "blocks_apart": r"Target blocks must be consecutive",
    "blocks_share_loop": r"Cannot find the BlockRealize",
    "intrinsic_differs": r"doesn't match the tensor intrin",
    "loops_not_nested": r"is not the parent of the inner loop|not in a chain because they are not",
    "nest_imperfect": r"is not the only child|not in a chain because",
    "loop_twice": r"appears in the input array for multiple times",
    "loop_depends": r"dependent on an inner loop",
    "factors_too_small": r"product of factors is not larger",
    "number_too_large": r"exceeds range of",
    "inline_reduction": r"has init statement",
    "output_block": r"is an output block",
    "producer_not_single": r"required to have only a single producer",
    "inline_pattern": r"body pattern does not meet the condition for inlining",
    "consumers_outside": r"requires all the consumer",
    "producers_outside": r"requires all the producer",
    "insertion_point": r"Cannot find the insertion point",
    "scope_mismatch": r"under the same block scope",
    "loop_below_reduction": r"higher than all the loops related to reduce",
    "loop_not_around": r"required to be an ancestor",
    "not_a_reduction": r"is not a reduction block",
    "not_padding": r"match padding pattern",
    "not_complete": r"is not a complete block|compact dataflow|neither a local complete|stage pipeline",
    "not_affine": r"quasi-affine|affine binding|not variables of outer loops",
    "loop_annotated": r"has annotation or thread binding",
    "rfactor_spatial": r"required not to be touched by any data parallel",
    "several_blocks": r"required to have only one child block",
    "several_writers": r"expected to be written by single block",
    "factor_axis_range": r"`factor_axis`",
    "map_axes_differ": r"the block itervar \S+ appears",
    "not_single_point": r"is not a single point",
    "map_not_from_zero": r"is_zero\(range->min\)",
    "one_index": r"A SeqStmt of length 1",
    "index_of_inner_loop": r"key is not in Map",
    "nest_shared": r"outer->body\.get\(\) == inner",
    "read_among_writes": r"[rw]_pos\.empty\(\) \|\|",
    "padding_place": r"in_bound_filling_pos",
    "rolling_output": r"only RAW dependencies",
    "no_indices": r"An empty SeqStmt",
    "not_allocated": r"is not allocated by a block",
    "rolling_needs_loop": r"lca of the access location",
    "rolling_no_overlap": r"matches a rolling pattern",
    "not_einsum": r"Einsum pattern",
}

OTHER = "tvm_refused"


def code_for(message: str) -> str:
    """The code of the reason that TVM's `message` tells, or `OTHER`."""
    return next((code for code, said in REASONS.items() if re.search(said, message, re.DOTALL)), OTHER)
