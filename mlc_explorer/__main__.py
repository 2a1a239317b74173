"""The command line: everything the screen shows, as text or JSON.

Exit status: 0; 1 for a refusal or an error (with ``--json`` as JSON on standard output: error, message, hint,
place, …); 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import session as _session
from .errors import BadTrace, MlcError
from .schema.codec import encode
from .schema.graph import GraphMatches, GraphView
from .schema.levels import NAMES
from .schema.loops import LoopNode, LoopTree
from .schema.motion import CacheReport, MotionView
from .schema.pipeline import NAMES as PIPELINES
from .schema.pipeline import PipelineView
from .schema.text import DiffView, TextView
from .schema.trace import Step, Trace
from .session import Session

LEVELS = ("graph", "dataflow", "loops", "motion", "cache", "diff", *NAMES)


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    args = arguments().parse_args(argv)
    try:
        data, text = args.run(args)
    except MlcError as e:
        _fail(e, args.json)
        return 1
    print(json.dumps(encode(data), ensure_ascii=False) if args.json else text(data))
    return 0


Answer = tuple[Any, Callable[[Any], str]]


def _samples(args: argparse.Namespace) -> Answer:
    return _session.samples(), lambda ss: "\n".join(f"{s.name:14s} {s.kind:9s} {s.summary}" for s in ss)


def _transforms(args: argparse.Namespace) -> Answer:
    specs, _ = _session.transforms()

    def text(_: Any) -> str:
        rows = []
        for s in specs:
            params = ", ".join(p.name if p.required else f"[{p.name}]" for p in s.params)
            rows += [f"{s.name:26s} {s.level:9s} {params}", f"{'':26s} {s.text.get('en', '')}"]
        return "\n".join(rows)

    return specs, text


def _open(args: argparse.Namespace) -> Answer:
    session = _workspace(args)
    return session.state(), lambda info: f"{_state_text(info)}\n{_address(session)}"


def _apply(args: argparse.Namespace) -> Answer:
    session = _workspace(args)
    if args.step:
        session = session.apply_steps(tuple(Step.from_json(_json(s, "--step"), "--step") for s in args.step))
    info = session.state()
    data = encode(info) | {"trace": session.trace.to_json()}
    return data, lambda _: f"{_state_text(info)}\n{_address(session)}"


def _address(session: Session) -> str:
    """Where a running app shows this workspace: both read the same store, so an own file is found too."""
    port = os.environ.get("MLC_EXPLORER_PORT") or "8501"
    return f"look at it (while `make run` serves): http://127.0.0.1:{port}/?w={session.link()}"


def _view(args: argparse.Namespace) -> Answer:
    session = _workspace(args)
    if args.level == "graph" and args.find is not None:
        return session.graph_search(args.find, args.function), _matches_text
    if args.level == "graph":
        return session.graph(args.function, args.open), _graph_text
    if args.level == "dataflow":
        return session.dataflow(args.function), _graph_text
    if args.level == "loops":
        return session.loop_nest(args.function), _loops_text
    if args.level == "motion":
        return session.motion(args.function, args.block), _motion_text
    if args.level == "cache":
        return session.cache(args.function, args.block, args.accesses), _cache_text
    if args.level == "diff":
        since = None if args.since is None else session.history.upto(args.since)
        return session.diff(args.function, since), _diff_text
    view = session.text(args.function, args.level, args.target)
    return _linked(view), lambda _: "\n".join(view.lines)


def _pipeline(args: argparse.Namespace) -> Answer:
    session = _workspace(args)
    if args.number is None:
        return session.pipeline(args.pipeline, args.target), _pipeline_text
    shown = session.pipeline_pass(args.number, args.pipeline, args.target, args.function)
    return shown, lambda d: _diff_text(d.diff) if d.diff else f"{d.name} changed no function."


def _linked(view: TextView) -> Any:
    """Lines with what they came from: `tir_line` counts the lines of ``--level tir``. The levels that are
    such text themselves stay as they are."""
    if not view.links:
        return view
    kinds = view.kinds or ("other",) * len(view.lines)
    rows = zip(view.lines, view.links, kinds, strict=True)
    lines = [{"text": text, "tir_line": link, "kind": kind} for text, link, kind in rows]
    return {k: v for k, v in encode(view).items() if k not in ("links", "kinds")} | {"lines": lines}


def _measure(args: argparse.Namespace) -> Answer:
    silent = args.json or not sys.stderr.isatty()
    shown = None if silent else lambda p: print(f"\r{p.get('stage', ''):8s}", end="", file=sys.stderr)
    m = _workspace(args).measure(args.function, args.target, args.seconds, shown)

    def text(_: Any) -> str:
        others = "".join(f"\n{k} {v:.3f} ms" for k, v in m.others.items())
        start = "" if silent else "\r"
        return (
            f"{start}median {m.median_ms:.4f} ms (p10 {m.p10_ms:.4f}, p90 {m.p90_ms:.4f}, {m.runs} runs, "
            f"{m.threads} threads)\nlargest error against {m.reference}: {m.max_abs_error:.2e} absolute, "
            f"{m.max_rel_error:.2e} relative\ncompiled in {m.compile_s:.2f} s for {m.target}{others}"
        )

    return m, text


def _script(args: argparse.Namespace) -> Answer:
    source = _workspace(args).script(args.target)
    return {"script": source}, lambda d: d["script"]


def _workspace(args: argparse.Namespace) -> Session:
    """The model that was named, after the trace that was given. The named model counts, not the trace's own:
    so a trace can be tried on another model."""
    session = Session.open(args.model)
    if args.trace is None:
        return session
    trace = Trace.loads(_read(args.trace))
    return session.apply_steps(trace.steps)


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise BadTrace(
            f"The trace '{name}' can't be read: {e}.",
            hint="Give the path of a JSON file, or - for standard input.",
            place="--trace",
            code="trace_bad",
            params={"reason": str(e)},
        ) from e


def _json(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as e:
        raise BadTrace(
            f"{place} is not JSON: {e}.",
            hint='Write a step as in a trace: {"transform": "LegalizeOps", "params": {}}.',
            place=place,
            code="trace_bad",
            params={"reason": str(e)},
        ) from e


def _state_text(info: Any) -> str:
    tensors = [f"input  {t.name} {t.shape} {t.dtype}" for t in info.inputs]
    tensors += [f"output {t.name} {t.shape} {t.dtype}" for t in info.outputs]
    functions = [f"{f.kind:6s} {f.name:32s} {f.summary}" for f in info.functions]
    steps = [
        f"step {i + 1}: changed {', '.join(s.changed) or '-'}; added {', '.join(s.added) or '-'}; "
        f"removed {', '.join(s.removed) or '-'}"
        for i, s in enumerate(info.steps)
    ]
    return "\n".join([info.model, *tensors, *functions, *steps])


def _graph_text(view: GraphView) -> str:
    into: dict[str, list[str]] = {}
    for edge in view.edges:
        into.setdefault(edge.target, []).append(edge.source)
    rows = []
    for n in view.nodes:
        sources = f"<- {', '.join(into[n.id])}" if n.id in into else ""
        rows.append(f"{n.id:10s} {n.op:28s} {n.shape:22s} {sources}".rstrip())
    return "\n".join(rows)


def _matches_text(found: GraphMatches) -> str:
    rows = [f"{m.id:10s} {m.op:28s} {m.shape:22s} {' > '.join(m.groups)}".rstrip() for m in found.matches]
    return "\n".join([*rows, f"{found.count} found"])


def _loops_text(tree: LoopTree) -> str:
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


def _motion_text(view: MotionView) -> str:
    rows = [f"{view.block}: {view.iterations} iterations"]
    rows += [f"{loop.var:16s} {loop.extent} {loop.axis} {loop.mark}" for loop in view.loops]
    for access in view.accesses:
        place = "depends on data" if access.indices is None else ", ".join(map(json.dumps, access.indices))
        when = "" if access.guard is None else f" if {json.dumps(access.guard)}"
        rows.append(f"{'write' if access.is_write else 'read':16s} {access.buffer}[{place}]{when}")
    if view.predicate is not None:
        rows.append(f"{'where':16s} {json.dumps(view.predicate)}")
    return "\n".join(rows)


def _cache_text(report: CacheReport) -> str:
    """Misses per cache, in all and of each buffer; the numbers of a simulation."""
    run = f"{report.iterations} of {report.of} iterations of {report.block}"
    rows = [f"simulated: {run}, {report.accesses} accesses"]
    for level, (cache, misses) in enumerate(zip(report.caches, report.misses)):
        each = ", ".join(f"{b.buffer} {b.misses[level]}" for b in report.buffers)
        share = misses / max(1, report.accesses)
        rows.append(f"L{cache.level} {cache.size >> 10:6d} KiB {misses:10d} misses {share:7.2%}  {each}")
    return "\n".join(rows)


def _pipeline_text(view: PipelineView) -> str:
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


def _diff_text(view: DiffView) -> str:
    """A diff, as `diff` prints it; ``~`` marks a line that was only indented anew, and one that moved says
    where it stands in the other text."""
    lines = [view.before[r.old - 1] if r.new is None else view.after[r.new - 1] for r in view.rows]
    came = {"-": "to", "+": "from"}
    moved = [f"   # moved {came[r.op]} line {r.moved}" if r.moved else "" for r in view.rows]
    return "\n".join(f"{row.op} {line}{note}" for row, line, note in zip(view.rows, lines, moved))


def _fail(error: MlcError, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.to_json(), ensure_ascii=False))
        return
    where = f" [{error.place}]" if error.place else ""
    print(f"{error.message}{where}", file=sys.stderr)
    if error.hint:
        print(error.hint, file=sys.stderr)


def arguments() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(prog="python -m mlc_explorer", description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, run: Callable[[argparse.Namespace], Answer], text: str, model: bool = True) -> Any:
        sub = verbs.add_parser(name, help=text, description=text)
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(run=run)
        if model:
            sub.add_argument("model", metavar="MODEL", help="a sample's name, or a model file")
            sub.add_argument("--trace", metavar="T", help="a trace (JSON file, or - for standard input)")
        return sub

    verb("samples", _samples, "the models that ship", model=False)
    verb("transforms", _transforms, "the transforms and their parameters", model=False)
    verb("open", _open, "functions, inputs and outputs of a model")
    apply = verb("apply", _apply, "apply a trace, or single steps, and say what changed")
    apply.add_argument("--step", action="append", metavar="JSON", help="one more step, as in a trace")
    view = verb("view", _view, "what a pane shows")
    view.add_argument("--function", metavar="F", help="default: the entry")
    view.add_argument("--level", choices=LEVELS, default="graph")
    view.add_argument("--open", nargs="+", metavar="ID", help="groups of the graph to open (* for all)")
    view.add_argument("--since", type=int, metavar="N", help="diff: against the state after N steps")
    view.add_argument("--find", metavar="WORDS", help="search the graph: conv, op:add, shape:64, name:lv")
    view.add_argument("--block", metavar="PATH", help="motion and cache: the block, or a loop above it")
    view.add_argument("--accesses", type=int, metavar="N", help="cache: how many to simulate (a million)")
    pipeline = verb("pipeline", _pipeline, "every pass of a pipeline, with its time and what it changed")
    pipeline.add_argument("--pipeline", choices=PIPELINES, default="compile")
    pipeline.add_argument("--pass", dest="number", type=int, metavar="N", help="this pass, before and after")
    pipeline.add_argument("--function", metavar="F", help="one that it changed (default: the entry)")
    measure = verb("measure", _measure, "compile, check and time")
    measure.add_argument("--function", metavar="F", help="one function instead of the whole model")
    measure.add_argument("--seconds", type=float, default=1.0, help="how long to time (default 1)")
    script = verb("script", _script, "a Python script that does it all again with TVM alone")
    for sub in (view, pipeline, measure, script):
        sub.add_argument("--target", metavar="X", default="cpu", help="cpu or generic (default cpu)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
