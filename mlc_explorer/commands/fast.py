"""Making a model fast: the recipes' steps as a trace, their primitives, and why they are what they are."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..schema.recipe import FAST, Explanation
from ..schema.trace import Trace
from ..session import Session
from .given import Answer, workspace
from .printed import step_text


def fast(args: argparse.Namespace) -> Answer:
    """The trace that makes the model, or one function of it, fast: what ``--trace`` of other commands reads.
    ``--unfold`` puts the primitives in the place of each recipe."""
    session, given = _made(args)
    if args.unfold:
        session = session.unfold(given, len(session.history.steps) - given)
    return session.trace.to_json(), _trace_text


def explain(args: argparse.Namespace) -> Answer:
    """Each recipe that would be applied: strategy, numbers, reasons."""
    session, given = _made(args)
    found = []
    for number, step in enumerate(session.history.steps[given:], start=given):
        if step.function is not None:
            found.append(session.goto(number).explain(step, args.target, args.language))
    return found, lambda all_of_them: "\n\n".join(map(_explanation_text, all_of_them))


def _made(args: argparse.Namespace) -> tuple[Session, int]:
    """The workspace with the recipes' steps, and how many steps there were before."""
    session = workspace(args)
    given = len(session.history.steps)
    name = args.recipe or ("" if args.function else FAST["cpu"])
    steps = session.recipe(name, args.function, args.target, _telling(args))
    history = Trace(session.history.model, (*session.trace.steps, *steps))
    return replace(session, history=history, cursor=len(history.steps)), given


def _telling(args: argparse.Namespace) -> Callable[[dict[str, Any]], None] | None:
    if args.json or not sys.stderr.isatty():
        return None
    return lambda p: print(f"\r\033[K{p['stage']} {p.get('detail', '')}", end="", file=sys.stderr)


def _trace_text(trace: dict[str, Any]) -> str:
    rows, group = [], ""
    for number, step in enumerate(trace["steps"], start=1):
        if step.get("group", "") != group:
            group = step.get("group", "")
            rows.append(f"-- {group or 'single steps'}")
        rows.append(f"{number:4d} {step_text(step)}")
    return "\n".join(rows)


def _explanation_text(view: Explanation) -> str:
    rows = [f"{view.function}: {view.title} ({view.recipe})", view.machine]
    rows += [f"  {n}. {sentence}" for n, sentence in enumerate(view.strategy, start=1)]
    rows += [f"  {number.title} = {number.value}: {number.why}" for number in view.numbers]
    return "\n".join(rows)
