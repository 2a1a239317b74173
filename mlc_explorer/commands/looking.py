"""Looking at models, transforming and measuring them."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from .. import session as _session
from ..schema.codec import encode
from ..schema.levels import NAMES
from ..schema.text import TextView
from ..schema.trace import Step
from ..session import Session
from .given import Answer, json_of, workspace
from .printed import (
    cache_text,
    diff_text,
    graph_text,
    loops_text,
    matches_text,
    motion_text,
    pipeline_text,
    state_text,
)

LEVELS = ("graph", "dataflow", "loops", "motion", "cache", "diff", *NAMES)


def samples(args: argparse.Namespace) -> Answer:
    return _session.samples(), lambda ss: "\n".join(f"{s.name:14s} {s.kind:9s} {s.summary}" for s in ss)


def transforms(args: argparse.Namespace) -> Answer:
    specs, _ = _session.transforms()

    def text(_: Any) -> str:
        rows = []
        for s in specs:
            params = ", ".join(p.name if p.required else f"[{p.name}]" for p in s.params)
            rows += [f"{s.name:26s} {s.level:9s} {params}", f"{'':26s} {s.text.get('en', '')}"]
        return "\n".join(rows)

    return specs, text


def open(args: argparse.Namespace) -> Answer:
    session = workspace(args)
    return session.state(), lambda info: f"{state_text(info)}\n{_address(session)}"


def apply(args: argparse.Namespace) -> Answer:
    session = workspace(args)
    if args.step:
        session = session.apply_steps(
            tuple(Step.from_json(json_of(s, "--step"), "--step") for s in args.step)
        )
    info = session.state()
    data = encode(info) | {"trace": session.trace.to_json()}
    return data, lambda _: f"{state_text(info)}\n{_address(session)}"


def _address(session: Session) -> str:
    """Where a running app shows this workspace: both read the same store, so an own file is found too."""
    port = os.environ.get("MLC_EXPLORER_PORT") or "8501"
    return f"look at it (while `make run` serves): http://127.0.0.1:{port}/?w={session.link()}"


def view(args: argparse.Namespace) -> Answer:
    session = workspace(args)
    if args.level == "graph" and args.find is not None:
        return session.graph_search(args.find, args.function), matches_text
    if args.level == "graph":
        return session.graph(args.function, args.open), graph_text
    if args.level == "dataflow":
        return session.dataflow(args.function), graph_text
    if args.level == "loops":
        return session.loop_nest(args.function), loops_text
    if args.level == "motion":
        return session.motion(args.function, args.block), motion_text
    if args.level == "cache":
        return session.cache(args.function, args.block, args.accesses), cache_text
    if args.level == "diff":
        since = None if args.since is None else session.history.upto(args.since)
        return session.diff(args.function, since), diff_text
    view = session.text(args.function, args.level, args.target)
    return _linked(view), lambda _: "\n".join(view.lines)


def pipeline(args: argparse.Namespace) -> Answer:
    session = workspace(args)
    if args.number is None:
        return session.pipeline(args.pipeline, args.target), pipeline_text
    shown = session.pipeline_pass(args.number, args.pipeline, args.target, args.function)
    return shown, lambda d: diff_text(d.diff) if d.diff else f"{d.name} changed no function."


def _linked(view: TextView) -> Any:
    """Lines with what they came from: `tir_line` counts the lines of ``--level tir``. The levels that are
    such text themselves stay as they are."""
    if not view.links:
        return view
    kinds = view.kinds or ("other",) * len(view.lines)
    rows = zip(view.lines, view.links, kinds, strict=True)
    lines = [{"text": text, "tir_line": link, "kind": kind} for text, link, kind in rows]
    return {k: v for k, v in encode(view).items() if k not in ("links", "kinds")} | {"lines": lines}


def measure(args: argparse.Namespace) -> Answer:
    silent = args.json or not sys.stderr.isatty()
    shown = None if silent else lambda p: print(f"\r{p.get('stage', ''):8s}", end="", file=sys.stderr)
    m = workspace(args).measure(args.function, args.target, args.seconds, shown)

    def text(_: Any) -> str:
        others = "".join(f"\n{k} {v:.3f} ms" for k, v in m.others.items())
        start = "" if silent else "\r"
        return (
            f"{start}median {m.median_ms:.4f} ms (p10 {m.p10_ms:.4f}, p90 {m.p90_ms:.4f}, {m.runs} runs, "
            f"{m.threads} threads)\nlargest error against {m.reference}: {m.max_abs_error:.2e} absolute, "
            f"{m.max_rel_error:.2e} relative\ncompiled in {m.compile_s:.2f} s for {m.target}{others}"
        )

    return m, text


def script(args: argparse.Namespace) -> Answer:
    source = workspace(args).script(args.target)
    return {"script": source}, lambda d: d["script"]
