"""What the history's rows say: a row for each step that is shown, one for a group, with its measured time."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from mlc_explorer.schema.report import Measurement, StepReport
from mlc_explorer.schema.trace import Step
from mlc_explorer.texts import has, say
from mlc_explorer.ui import answers, boundary, catalogue, fast, measuring
from mlc_explorer.ui.history_tree import Entry, Group, Single
from mlc_explorer.ui.workspace import Workspace

_UNFOLDED = {"recipe", "rules"}  # families of transforms for a whole function that stand for primitives


def rows(
    work: Workspace,
    entries: Sequence[Entry],
    opened: set[str],
    found: Mapping[str, Measurement],
    language: str,
) -> list[dict[str, Any]]:
    """The rows of `trace_view` (see `component`): the untransformed model, then `entries`."""
    tokens = _tokens(work, entries, language)
    shown = [_start(work, language)]
    shown += [
        _group(work, entry, entry.id in opened, found, language)
        if isinstance(entry, Group)
        else _single(work, entry, tokens[entry.index], language)
        for entry in entries
    ]
    run = measuring.current()
    pending, errors = (run.pending, run.errors) if run is not None else (set[str](), {})
    for row in shown:
        key = work.keys[row["n"]]
        row["time"] = measuring.shown(found.get(key))
        row["pending"] = key in pending
        if key in errors:
            row["message"] = boundary.message_and_hint(errors[key], language)[0]
    return shown


def keys(work: Workspace, entries: Sequence[Entry]) -> list[str]:
    """The keys of the states whose times the rows say, in the history's order."""
    numbers = {0, work.session.cursor}
    for entry in entries:
        numbers |= {entry.first, entry.end} if isinstance(entry, Group) else {entry.index + 1}
    return [work.keys[n] for n in sorted(numbers)]


def _tokens(work: Workspace, entries: Sequence[Entry], language: str) -> dict[int, str]:
    """The states before the single steps, which explanations and forms ask about."""
    before = [entry.index for entry in entries if isinstance(entry, Single)]
    return dict(zip(before, answers.tokens(work.session, before, work.target, language)))


def _start(work: Workspace, language: str) -> dict[str, Any]:
    return {
        "n": 0,
        "level": 1,
        "title": say("history.start", language),
        "detail": work.info.model,
        "function": None,
        "badges": [],
        "state": "done",
    }


def _single(work: Workspace, entry: Single, token: str, language: str) -> dict[str, Any]:
    step, number = work.session.history.steps[entry.index], entry.index + 1
    is_said = entry.parent is not None and entry.parent.function == step.function
    row: dict[str, Any] = {
        "n": number,
        "level": entry.level,
        "title": step.transform,
        "detail": arguments(step),
        "function": None if is_said else step.function,
        "badges": [],
        "state": "done" if number <= work.session.cursor else "redo",
        "before": token,
        "step": step.to_json(),
        "kind": unfolds(step),
    }
    if number <= len(work.info.steps):
        row["badges"] = _badges(work.info.steps[number - 1], language)
    return row | _broken(work, entry.index, number, language)


def _group(
    work: Workspace, group: Group, is_open: bool, found: Mapping[str, Measurement], language: str
) -> dict[str, Any]:
    steps = work.session.history.steps[group.first : group.end]
    reports = work.info.steps[group.first : group.end]
    title = f"fast.group.{group.name}"
    row: dict[str, Any] = {
        "id": group.id,
        "first": group.first + 1,
        "n": group.end,
        "level": group.level,
        "open": is_open,
        "title": say(title, language) if has(title) else group.name,
        "detail": "",
        "function": group.function,
        "badges": [],
        "state": "done" if group.first < work.session.cursor else "redo",
        "count": len(steps),
        "seconds": sum(r.seconds for r in reports) if len(reports) == len(steps) else None,
        "was": measuring.shown(found.get(work.keys[group.first])),
        "recipes": sum(1 for step in steps if unfolds(step)),
    }
    if group.whole_model:
        row |= {"model": work.info.model, "note": fast.note(work, group, language)}
    return row | _broken(work, group.first, group.end, language)


def _broken(work: Workspace, first: int, end: int, language: str) -> dict[str, Any]:
    if work.broken is None or not first < work.broken[0] <= end:
        return {}
    return {"state": "bad", "message": boundary.message_and_hint(work.broken[1], language)[0]}


def unfolds(step: Step) -> str:
    """``recipe`` or ``rules`` where the step stands for primitives, else empty."""
    return _unfolding().get(step.transform, "") if step.function is not None else ""


@functools.cache
def _unfolding() -> dict[str, str]:
    rules = (s for s in catalogue.transforms() if s.level == "function" and s.family in _UNFOLDED)
    return {rule.name: rule.family for rule in rules}


def arguments(step: Step) -> str:
    """The parameters in code style: ``k, [None, 8]``; a path is shortened to the loop's own name."""
    shown = []
    for name, value in step.params.items():
        if isinstance(value, list):
            text = "[" + ", ".join("None" if v is None else str(v).rpartition("/")[2] for v in value) + "]"
        else:
            text = str(value).rpartition("/")[2] if "->" not in str(value) else str(value)
        shown.append(text if name in ("loop", "loops", "block", "factors") else f"{name}={text}")
    return ", ".join(shown)


def _badges(report: StepReport, language: str) -> list[str]:
    counts = {"changed": report.changed, "added": report.added, "removed": report.removed}
    badges = [say(f"history.{k}", language, count=len(v)) for k, v in counts.items() if v]
    return badges or [say("history.unchanged", language)]
