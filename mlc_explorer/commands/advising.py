"""What can be done now: the palette, a preview, why not, what next, sweeps, steps from elsewhere."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from ..schema.advice import Advice
from ..schema.palette import Candidates, Diagnosis, Offer, Palette, Point
from ..schema.sweep import Sweep
from ..schema.trace import Step
from ..session import default_store
from .given import Answer, json_of, read, workspace
from .printed import diff_text, params_text, step_text

_MARKS = {"applies": "+", "nothing": "=", "refused": "-", "elsewhere": " "}


def palette(args: argparse.Namespace) -> Answer:
    """``+`` applies, ``=`` applies and changes nothing, ``-`` is refused, blank needs another selection."""
    return workspace(args).palette(args.function, args.path, args.language), _palette_text


def offer(args: argparse.Namespace) -> Answer:
    params = json_of(args.params, "--params") if args.params else {}
    return workspace(args).offer(args.transform, args.function, args.path, **params), _offer_text


def why_not(args: argparse.Namespace) -> Answer:
    step = Step.from_json(json_of(args.step, "--step"), "--step")
    return workspace(args).diagnosis(step.transform, step.function, **step.params), _diagnosis_text


def suggest(args: argparse.Namespace) -> Answer:
    """Measured, best first; ``--quick`` names them only."""
    session = workspace(args)
    if args.quick:
        return session.candidates(args.function, args.path, args.target), _candidates_text
    found = session.suggest(args.function, args.path, args.target, progress=_counting(args))
    return found, _advice_text


def sweep(args: argparse.Namespace) -> Answer:
    """Steps whose values may be ranges, such as ``{"sweep": [8, 16, 32]}``."""
    steps = [json_of(s, "--step") for s in args.step]
    session = workspace(args)
    answer = session.sweep(steps, args.function, args.target, args.most, _counting(args), default_store())
    return answer, _sweep_text


def steps(args: argparse.Namespace) -> Answer:
    """The steps of a script, a schedule or a record, as a trace has them."""
    found = workspace(args).steps_of(read(args.file), args.function)
    return [s.to_json() for s in found], lambda ss: "\n".join(map(step_text, ss))


def repeat(args: argparse.Namespace) -> Answer:
    wanted = [Step.from_json(json_of(s, "--step"), "--step") for s in args.step]
    return workspace(args).repeats(wanted), _points_text


def _palette_text(view: Palette) -> str:
    rows = []
    for verdict in view.verdicts:
        said = verdict.refusal.message if verdict.refusal else ""
        rows.append(f"{_MARKS[verdict.state]} {verdict.transform:30s} {said or params_text(verdict.params)}")
    count = sum(v.state == "applies" for v in view.verdicts)
    return "\n".join([*rows, f"{count} of {len(rows)} apply; {view.seconds * 1e3:.0f} ms"])


def _offer_text(view: Offer) -> str:
    rows = []
    for field in view.fields:
        values = ", ".join(f"{o.label}{f' ({o.note})' if o.note else ''}" for o in field.options)
        rows.append(f"{field.name:20s} {field.value!s:24s} {values}")
    rows.append(step_text(view.step))
    if view.refusal is not None:
        rows += [view.refusal.message, view.refusal.hint]
    return "\n".join(rows + ([diff_text(view.diff)] if view.diff else []))


def _diagnosis_text(view: Diagnosis) -> str:
    if view.refusal is None:
        return "It applies."
    rows = [view.refusal.message, view.refusal.hint]
    for number in view.lines if view.text else ():
        rows.append(f"{number:4d} {view.text.lines[number - 1]}" if view.text else "")
    for remedy in view.remedies:
        rows += [f"{remedy.title}: {remedy.text}", *(f"    {step_text(step)}" for step in remedy.steps)]
    return "\n".join(rows)


def _candidates_text(view: Candidates) -> str:
    rows = []
    for candidate in view.candidates:
        rows += [f"{candidate.title}: {candidate.text}", *(f"    {step_text(s)}" for s in candidate.steps)]
    return "\n".join(rows)


def _advice_text(view: Advice) -> str:
    rows = [f"now {view.now.median_ms:10.4f} ms" if view.now else "not measured now"]
    for one in view.suggestions:
        told = one.error.message if one.error else "not measured"
        if one.measurement is not None:
            wrong = "" if one.measurement.right else "  WRONG"
            told = f"{one.measurement.median_ms:.4f} ms, {one.speedup or 0:.2f} times as fast{wrong}"
        rows += [f"{one.candidate.title}: {told}", f"    {one.candidate.text}"]
        rows += [f"    {step_text(step)}" for step in one.candidate.steps]
    return "\n".join(rows)


def _sweep_text(view: Sweep) -> str:
    """A row a point, in the order of the grid; ``*`` marks the best."""
    rows = [" ".join(f"{axis:>24s}" for axis in view.grid.axes)]
    for n, (point, measured, refusal) in enumerate(
        zip(view.grid.points, view.measurements, view.refusals, strict=True)
    ):
        told = refusal.message if refusal else "not measured"
        if measured is not None:
            told = f"{measured.median_ms:.4f} ms{'' if measured.right else '  WRONG'}"
        mark = "*" if n == view.best else " "
        rows.append(" ".join(f"{value!s:>24s}" for value in point.values) + f" {mark} {told}")
    now = f"; now {view.now.median_ms:.4f} ms" if view.now else ""
    return "\n".join([*rows, f"{len(view.grid.points)} of {view.grid.total} points{now}"])


def _counting(args: argparse.Namespace) -> Callable[[dict[str, Any]], None] | None:
    """Shows on a terminal how far it is."""
    if args.json or not sys.stderr.isatty():
        return None
    return lambda p: print(f"\r{p.get('done', 0)} of {p.get('of', 0)} ", end="", file=sys.stderr)


def _points_text(points: tuple[Point, ...]) -> str:
    rows = []
    for point in points:
        name = " ".join(str(v) for v in point.values if v != "")
        rows.append(
            f"{'-' if point.refusal else '+'} {name:40s} {point.refusal.message if point.refusal else ''}"
        )
    return "\n".join(rows)
