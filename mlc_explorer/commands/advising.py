"""What can be done now: the palette, a preview, why not, what next, sweeps, steps from elsewhere."""

from __future__ import annotations

import argparse
from typing import Any

from ..schema.palette import Candidates, Diagnosis, Offer, Palette, Point
from ..schema.trace import Step
from .given import Answer, json_of, read, workspace
from .printed import diff_text

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
    return workspace(args).candidates(args.function, args.path, args.target), _candidates_text


def steps(args: argparse.Namespace) -> Answer:
    """The steps of a script, a schedule or a record, as a trace has them."""
    found = workspace(args).steps_of(read(args.file), args.function)
    return [s.to_json() for s in found], lambda ss: "\n".join(map(_step_text, ss))


def repeat(args: argparse.Namespace) -> Answer:
    wanted = [Step.from_json(json_of(s, "--step"), "--step") for s in args.step]
    return workspace(args).repeats(wanted), _points_text


def _palette_text(view: Palette) -> str:
    rows = []
    for verdict in view.verdicts:
        said = verdict.refusal.message if verdict.refusal else ""
        rows.append(f"{_MARKS[verdict.state]} {verdict.transform:30s} {said or _params_text(verdict.params)}")
    count = sum(v.state == "applies" for v in view.verdicts)
    return "\n".join([*rows, f"{count} of {len(rows)} apply; {view.seconds * 1e3:.0f} ms"])


def _offer_text(view: Offer) -> str:
    rows = []
    for field in view.fields:
        values = ", ".join(f"{o.label}{f' ({o.note})' if o.note else ''}" for o in field.options)
        rows.append(f"{field.name:20s} {field.value!s:24s} {values}")
    rows.append(_step_text(view.step))
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
        rows += [f"{remedy.title}: {remedy.text}", *(f"    {_step_text(step)}" for step in remedy.steps)]
    return "\n".join(rows)


def _candidates_text(view: Candidates) -> str:
    rows = []
    for candidate in view.candidates:
        rows += [f"{candidate.title}: {candidate.text}", *(f"    {_step_text(s)}" for s in candidate.steps)]
    return "\n".join(rows)


def _points_text(points: tuple[Point, ...]) -> str:
    rows = []
    for point in points:
        name = " ".join(str(v) for v in point.values if v != "")
        rows.append(
            f"{'-' if point.refusal else '+'} {name:40s} {point.refusal.message if point.refusal else ''}"
        )
    return "\n".join(rows)


def _step_text(step: Any) -> str:
    where = f"{step['function']}: " if step.get("function") else ""
    return f"{where}{step['transform']}({_params_text(step['params'])})"


def _params_text(params: Any) -> str:
    return ", ".join(f"{k}={v}" for k, v in params.items())
