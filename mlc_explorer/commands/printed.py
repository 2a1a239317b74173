"""Answers as text, a function for each kind."""

from __future__ import annotations

import json
from typing import Any

from ..schema.graph import GraphMatches, GraphView
from ..schema.loops import LoopNode, LoopTree
from ..schema.motion import CacheReport, MotionView
from ..schema.pipeline import PipelineView
from ..schema.text import DiffView


def state_text(info: Any) -> str:
    tensors = [f"input  {t.name} {t.shape} {t.dtype}" for t in info.inputs]
    tensors += [f"output {t.name} {t.shape} {t.dtype}" for t in info.outputs]
    functions = [f"{f.kind:6s} {f.name:32s} {f.summary}" for f in info.functions]
    steps = [
        f"step {i + 1}: changed {', '.join(s.changed) or '-'}; added {', '.join(s.added) or '-'}; "
        f"removed {', '.join(s.removed) or '-'}"
        for i, s in enumerate(info.steps)
    ]
    return "\n".join([info.model, *tensors, *functions, *steps])


def graph_text(view: GraphView) -> str:
    into: dict[str, list[str]] = {}
    for edge in view.edges:
        into.setdefault(edge.target, []).append(edge.source)
    rows = []
    for n in view.nodes:
        sources = f"<- {', '.join(into[n.id])}" if n.id in into else ""
        rows.append(f"{n.id:10s} {n.op:28s} {n.shape:22s} {sources}".rstrip())
    return "\n".join(rows)


def matches_text(found: GraphMatches) -> str:
    rows = [f"{m.id:10s} {m.op:28s} {m.shape:22s} {' > '.join(m.groups)}".rstrip() for m in found.matches]
    return "\n".join([*rows, f"{found.count} found"])


def loops_text(tree: LoopTree) -> str:
    rows: list[str] = []

    def show(node: LoopNode) -> None:
        what = f"{node.extent} {node.axis} {node.mark}" if node.kind == "loop" else "block"
        size = f"{sum(node.footprint.values())} B" if node.footprint else ""
        rows.append(f"{'  ' * node.depth + node.name:32s} {what:28s} {size:>12s}  {node.path}")
        for child in node.children:
            show(child)

    for root in tree.roots:
        show(root)
    return "\n".join(rows)


def motion_text(view: MotionView) -> str:
    rows = [f"{view.block}: {view.iterations} iterations"]
    rows += [f"{loop.var:16s} {loop.extent} {loop.axis} {loop.mark}" for loop in view.loops]
    for access in view.accesses:
        place = "depends on data" if access.indices is None else ", ".join(map(json.dumps, access.indices))
        when = "" if access.guard is None else f" if {json.dumps(access.guard)}"
        rows.append(f"{'write' if access.is_write else 'read':16s} {access.buffer}[{place}]{when}")
    if view.predicate is not None:
        rows.append(f"{'where':16s} {json.dumps(view.predicate)}")
    return "\n".join(rows)


def cache_text(report: CacheReport) -> str:
    """Misses per cache, in all and of each buffer; the numbers of a simulation."""
    run = f"{report.iterations} of {report.of} iterations of {report.block}"
    rows = [f"simulated: {run}, {report.accesses} accesses"]
    for level, (cache, misses) in enumerate(zip(report.caches, report.misses)):
        each = ", ".join(f"{b.buffer} {b.misses[level]}" for b in report.buffers)
        share = misses / max(1, report.accesses)
        rows.append(f"L{cache.level} {cache.size >> 10:6d} KiB {misses:10d} misses {share:7.2%}  {each}")
    return "\n".join(rows)


def pipeline_text(view: PipelineView) -> str:
    """A table: number, own and whole milliseconds, whether anything changed (``*``), name, what changed."""
    rows = [f"{'':4s} {'own ms':>9s} {'ms':>9s}"]
    for p in view.passes:
        times = f"{p.own_seconds * 1e3:9.3f} {p.seconds * 1e3:9.3f}"
        counts = {"changed": p.changed, "added": p.added, "removed": p.removed}
        what = ", ".join(f"{len(names)} {word}" for word, names in counts.items() if names)
        mark = "*" if p.changed_anything else " "
        rows.append(f"{p.index:4d} {times} {mark} {'  ' * p.depth}{p.name:32s} {what}".rstrip())
    some = sum(p.changed_anything for p in view.passes)
    rows.append(
        f"{len(view.passes)} passes, {some} changed something; {view.seconds * 1e3:.1f} ms in all, "
        f"{view.outside_seconds * 1e3:.1f} ms of it outside of passes"
    )
    return "\n".join(rows)


def diff_text(view: DiffView) -> str:
    """A diff, as `diff` prints it; ``~`` marks a line that was only indented anew, and one that moved says
    where it stands in the other text."""
    lines = [view.before[r.old - 1] if r.new is None else view.after[r.new - 1] for r in view.rows]
    came = {"-": "to", "+": "from"}
    moved = [f"   # moved {came[r.op]} line {r.moved}" if r.moved else "" for r in view.rows]
    return "\n".join(f"{row.op} {line}{note}" for row, line, note in zip(view.rows, lines, moved))


def step_text(step: Any) -> str:
    """A JSON step as a call."""
    where = f"{step['function']}: " if step.get("function") else ""
    return f"{where}{step['transform']}({params_text(step['params'])})"


def params_text(params: Any) -> str:
    return ", ".join(f"{k}={v}" for k, v in params.items())
