"""The common reasons for which TVM refuses, told by the words of its message; each has a code and a hint.

The texts in `mlc_explorer/texts` (``errors.<code>``) say the same in the person's language.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """`pattern` is searched in TVM's message; the first that is found wins."""

    code: str
    pattern: str
    hint: str


REASONS = (
    Reason("reduction_axis", r"is not a data parallel block iter|\"bind\" cannot be fulfilled",
           "Iterations of a reduction loop add into the same element. Take a spatial loop, or make the reduction "
           "spatial first with rfactor."),
    Reason("loops_not_nested", r"is not the parent of the inner loop|not in a chain|not under the same scope",
           "Name loops of one nest, each directly inside the one before, with nothing else between them."),
    Reason("nest_imperfect", r"is not the only child|non-single-branch|not only-branch",
           "Something else stands between these loops. Move it away (compute_at, decompose_reduction further out) "
           "or split the nest differently."),
    Reason("loop_twice", r"appears in the input array for multiple times", "Name each loop once."),
    Reason("loop_depends", r"dependent on an inner loop|depends on", "Keep the loop that the bound uses outside."),
    Reason("factors_too_small", r"product of factors is not larger",
           "The factors' product must reach the loop's extent. Leave one factor open (null) to have it computed."),
    Reason("number_too_large", r"exceeds range of|overflow", "Take a smaller number."),
    Reason("inline_reduction", r"has init statement",
           "A reduction can't be written into another expression. Use compute_at or reverse_compute_at instead."),
    Reason("output_block", r"is an output block",
           "This block writes the function's output, which must exist. Work on its producer instead "
           "(reverse_compute_at, reverse_compute_inline)."),
    Reason("producer_not_single", r"required to have only a single producer",
           "It can be inlined only into one block that nobody else reads and that is no reduction; after a "
           "reduction use reverse_compute_at."),
    Reason("inline_pattern", r"body pattern does not meet the condition for inlining",
           "Only a block that stores one element computed from others can be inlined."),
    Reason("consumers_outside", r"requires all the consumer",
           "Choose a loop that stands around all blocks that read the result."),
    Reason("producers_outside", r"requires all the producer",
           "Choose a loop that stands around all blocks whose results it reads."),
    Reason("insertion_point", r"Cannot find the insertion point",
           "A producer would come after its consumer. Choose a loop further out."),
    Reason("scope_mismatch", r"under the same block scope",
           "The loop must belong to another block's nest, not to the block's own."),
    Reason("loop_below_reduction", r"higher than all the loops related to reduce",
           "Choose a loop outside of all reduction loops, or reorder the reduction loops further in."),
    Reason("loop_not_around", r"required to be an ancestor", "Choose one of the loops around this block."),
    Reason("not_a_reduction", r"is not a reduction block",
           "Choose a block that accumulates (one with T.init()); its initial value may have been taken out "
           "already."),
    Reason("not_complete", r"is not a complete block|compact dataflow|neither a local complete|stage pipeline",
           "TVM can prove this only for blocks that write each element once and are their buffer's only writer. "
           "Apply it before decompose_reduction."),
    Reason("not_affine", r"quasi-affine|affine binding|not variables of outer loops",
           "The block's axes must be simple expressions of the loops. Apply this before splits that do not divide "
           "the extent."),
    Reason("loop_annotated", r"has annotation or thread binding",
           "Do this before the loop gets its annotation or thread."),
    Reason("loop_start", r"does not start with 0|only supports loop\s+starting with 0",
           "Only loops that count from 0 can be changed."),
    Reason("layout_padding", r"would introduce padding",
           "Choose a number that divides the axis, so that no place stays empty."),
    Reason("scope_unknown", r"storage scope .* is invalid", "Take global, local or shared."),
)

OTHER = Reason("tvm_refused", "", "TVM's own words are the reason; the details show the place.")


def reason_for(message: str) -> Reason:
    """The reason that `message` tells, or `OTHER`."""
    return next((r for r in REASONS if re.search(r.pattern, message, re.DOTALL)), OTHER)
