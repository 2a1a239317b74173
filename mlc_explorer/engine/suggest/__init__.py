"""What next? Rules that propose steps for a block, as an engineer would who looks at its loops and at the
machine. Nothing is measured here: each idea is tried on a copy, and one that TVM or the hazard checks
refuse is dropped.

To add an idea: a rule in the file of its kind, a line in `IDEAS`, its words in ``ideas.toml``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tvm
import tvm_ffi
from tvm.tirx import PrimFunc

from ...errors import MlcError
from ...schema.palette import Candidate, Candidates
from ...schema.text import TextView
from ...texts import say
from ..machine import Machine
from ..replay import State
from ..views import describe
from ..views.diff import diff
from ..views.text import text
from . import graph_ideas, memory, placement, ready_made, reductions, registers, threads
from .plan import Idea, Plan
from .sight import Sight

MOST = 10

# In the order in which they are shown until they are measured: what usually brings most comes first.
IDEAS = (
    Idea("register_tile", "tiling", registers.register_tile),
    Idea("packed_tile", "layout", memory.packed_tile),
    Idea("partial_results", "reduction", reductions.partial_results),
    Idea("vectorize", "mapping", threads.vectorize_inner),
    Idea("vectorize_everywhere", "mapping", threads.vectorize_everywhere),
    Idea("reduction_outside", "tiling", threads.reduction_outside),
    Idea("parallel", "mapping", threads.parallel_outer),
    Idea("parallel_everywhere", "mapping", threads.parallel_everywhere),
    Idea("pack_columns", "layout", memory.pack_columns),
    Idea("row_by_row", "compute", placement.row_by_row),
    Idea("inline_everything", "compute", placement.inline_everything),
    Idea("inline_producers", "compute", placement.inline_producers),
    Idea("inline_consumer", "compute", placement.inline_consumer),
    Idea("epilogue_beside", "compute", placement.epilogue_beside),
    Idea("tile_l1", "tiling", memory.tile_for_l1),
    Idea("tile_l2", "tiling", memory.tile_for_l2),
    Idea("pack_rows", "layout", memory.pack_rows),
    Idea("reduction_rule", "rules", ready_made.reduction_rule),
    Idea("gemv_rule", "rules", ready_made.gemv_rule),
    Idea("unroll_short", "mapping", registers.unroll_short),
    Idea("unroll_reduction", "mapping", registers.unroll_reduction),
    Idea("accumulate", "caching", registers.accumulate_in_register),
    Idea("decompose", "reduction", reductions.decompose),
)


def candidates(
    state: State, function: str, path: str | None, target: tvm.target.Target, language: str
) -> Candidates:
    """Up to `MOST` ideas for `function` of `state`, the most promising first.

    They are for the block at `path`, or for the dearest block beneath that loop or of the whole function. A
    graph function gets ideas for the whole model. Raises Refused if nothing is at `path`.
    """
    func = state.mod[function]
    if not isinstance(func, PrimFunc):
        return Candidates(function, None, tuple(_of_graph(state, function, language)))
    sight = Sight(func, function, path, Machine.of(target))
    if sight.block is None:
        return Candidates(function, None, ())
    before = text(state.mod, function, "tir")
    found = tuple(_of_block(sight, before, language))
    return Candidates(function, sight.block.path, found)


def _of_block(sight: Sight, before: TextView, language: str) -> Iterator[Candidate]:
    for idea, plan, after in _distinct(sight):
        values = {"block": sight.block.path if sight.block else "", **plan.values}
        now = text(tvm.IRModule({sight.function: after}), sight.function, "tir")
        yield Candidate(
            idea.name,
            tuple(step.to_json() for step in plan.draft.steps),
            *_words(idea.name, values, language),
            idea.family,
            diff(before, now),
        )


def _distinct(sight: Sight) -> Iterator[tuple[Idea, Plan, PrimFunc]]:
    """The plans that apply; of two that come to the same function the first."""
    seen: list[PrimFunc] = [sight.func]
    for idea in IDEAS:
        if len(seen) > MOST:
            return
        try:
            plan = idea.rule(sight)
            after = plan.draft.finished() if plan is not None else None
        except MlcError:
            continue
        if plan is None or after is None or any(tvm_ffi.structural_equal(after, f) for f in seen):
            continue
        seen.append(after)
        yield idea, plan, after


def _of_graph(state: State, function: str, language: str) -> Iterator[Candidate]:
    before = text(state.mod, function, "relax")
    for name, family, steps, now in graph_ideas.tried(state):
        values: dict[str, Any] = {"steps": ", ".join(step.transform for step in steps)}
        shown = describe.has_function(now.mod, function)
        yield Candidate(
            name,
            tuple(step.to_json() for step in steps),
            *_words(name, values, language),
            family,
            diff(before, text(now.mod, function, "relax")) if shown else None,
        )


def _words(name: str, values: dict[str, Any], language: str) -> tuple[str, str]:
    """Title and reason."""
    title, reason = (say(f"idea.{name}.{part}", language) for part in ("title", "text"))
    return title.format(**values), reason.format(**values)
