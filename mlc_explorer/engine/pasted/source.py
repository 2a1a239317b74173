"""Python text as calls and steps, by its syntax tree only.

Understood are calls on a schedule (``l0, l1 = sch.split(loop=l, factors=[None, 8])``), in TVM's present and
older names, and passes without arguments (``mod = relax.transform.LegalizeOps()(mod)``). The sections of a
script that was exported here start with a comment that names the step; it counts for passes that take
arguments.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tvm.s_tir import Schedule

from ...errors import BadTrace, MlcError
from ...schema.trace import Step
from ..replay import State, apply
from ..transforms.catalogue import TRANSFORMS
from ..transforms.passes import NAMES as PASSES
from ..transforms.wording import words
from .reader import Call, read_schedule

_HEADING = re.compile(r"# Step \d+: (\w+)(?: of (\"[^\"]*\"))?(?:: (.*))?$")
_PARAMETER = re.compile(r"\s*,?\s*(\w+)=")
_OLD_NAMES = {"get_block": "get_sblock"}


@dataclass
class _Schedule:
    """Calls on one schedule; `function` is the one that its module was made of, if the text says so."""

    function: str | None
    calls: list[Call] = field(default_factory=list)


def read_script(state: State, function: str, text: str) -> list[Step]:
    """The steps of a script or of a few lines of it. Raises BadTrace or Refused, naming the line."""
    steps: list[Step] = []
    for part in _parts(text):
        if isinstance(part, _Schedule):
            found, state = read_schedule(state, part.function or function, part.calls)
        else:
            line, step = part
            found, state = [step], _applied(state, step, line)
        steps += found
    if not steps:
        raise BadTrace(**words("paste_nothing"), place="text")
    return steps


def schedule_calls(text: str) -> list[Call]:
    """The calls of a text that is one schedule."""
    return [c for part in _parts(text) if isinstance(part, _Schedule) for c in part.calls]


def _applied(state: State, step: Step, line: int) -> State:
    try:
        return apply(state, step)
    except MlcError as e:
        e.place = f"line {line}"
        raise


def _parts(text: str) -> list[_Schedule | tuple[int, Step]]:
    """Schedules, and passes with their line, in the order of the text."""
    parts: list[_Schedule | tuple[int, Step]] = []
    headings = dict(_headings(text))
    bounds = sorted(headings)
    schedules = {"sch": _Schedule(None)}
    current: _Schedule | None = None
    taken: set[int] = set()
    for node in _tree(text).body:
        heading = max((line for line in bounds if line <= node.lineno), default=None)
        made = _new_schedule(node)
        if made is not None:
            current = schedules[made[0]] = _Schedule(made[1])
            parts.append(current)
            continue
        call = _schedule_call(node, schedules)
        if call is not None:
            if current is None:
                current = schedules["sch"]
                parts.append(current)
            current.calls.append(call)
            continue
        _refuse_hidden(node, schedules)
        step = _pass(node)
        if step is None and heading is not None and TRANSFORMS[headings[heading].transform].level != "loop":
            step = headings[heading]
        if step is not None and heading not in taken:
            current = None
            taken |= {heading} if heading is not None else set()
            parts.append((node.lineno, step))
    return parts


def _tree(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        line = getattr(e, "lineno", None) or 1
        raise BadTrace(**words("paste_syntax", line=line, reason=str(e)), place=f"line {line}") from e


def _headings(text: str) -> Iterator[tuple[int, Step]]:
    """The steps that an exported script names in its comments, by their lines."""
    for number, line in enumerate(text.splitlines(), 1):
        match = _HEADING.match(line)
        if match is None or match[1] not in TRANSFORMS:
            continue
        params: dict[str, Any] = {}
        rest = match[3] or ""
        try:
            while (name := _PARAMETER.match(rest)) is not None:
                params[name[1]], end = json.JSONDecoder().raw_decode(rest, name.end())
                rest = rest[end:]
            yield number, Step(match[1], json.loads(match[2]) if match[2] else None, params)
        except ValueError:
            continue  # a comment that somebody wrote or broke: the code below it counts


def _new_schedule(node: ast.stmt) -> tuple[str, str | None] | None:
    """``sch = Schedule(tvm.IRModule({'f': …}))``: the variable, and the function if it is named."""
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)):
        return None
    target, called = node.targets[0], node.value.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", None)
    if name != "Schedule" or not isinstance(target, ast.Name):
        return None
    dicts = [n for n in ast.walk(node.value) if isinstance(n, ast.Dict)]
    keys = [
        k.value for d in dicts for k in d.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)
    ]
    return target.id, keys[0] if keys else None


def _schedule_call(node: ast.stmt, schedules: dict[str, _Schedule]) -> Call | None:
    """A statement that calls a method of a schedule, with the names that take its results."""
    value = node.value if isinstance(node, (ast.Assign, ast.Expr)) else None
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute)):
        return None
    owner = value.func.value
    method = _OLD_NAMES.get(value.func.attr, value.func.attr)
    if not isinstance(owner, ast.Name) or owner.id not in schedules or not hasattr(Schedule, method):
        return None
    targets = node.targets if isinstance(node, ast.Assign) else []
    return Call(method, value, tuple(_names(targets[0])) if targets else (), node.lineno, _is_list(targets))


def _is_list(targets: list[ast.expr]) -> bool:
    return bool(targets) and isinstance(targets[0], (ast.Tuple, ast.List))


def _names(target: ast.expr) -> list[str]:
    if isinstance(target, ast.Name):
        return [target.id]
    if isinstance(target, (ast.Tuple, ast.List)) and all(isinstance(e, ast.Name) for e in target.elts):
        return [e.id for e in target.elts]  # type: ignore[attr-defined]
    said = words("paste_target", line=target.lineno, text=ast.unparse(target))
    raise BadTrace(**said, place=f"line {target.lineno}")


def _refuse_hidden(node: ast.stmt, schedules: dict[str, _Schedule]) -> None:
    """A loop or a condition around calls on a schedule would be lost without a word."""
    if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)):
        return
    for inner in ast.walk(node):
        called = inner.func if isinstance(inner, ast.Call) else None
        if (
            isinstance(called, ast.Attribute)
            and isinstance(called.value, ast.Name)
            and called.value.id in schedules
        ):
            said = words("paste_not_straight", line=inner.lineno, text=ast.unparse(inner)[:80])
            raise BadTrace(**said, place=f"line {inner.lineno}")


def _pass(node: ast.stmt) -> Step | None:
    """``mod = relax.transform.X()(mod)`` or ``mod = relax.get_pipeline('x')(mod)``."""
    value = node.value if isinstance(node, ast.Assign) else None
    made = value.func if isinstance(value, ast.Call) else None
    if not (isinstance(made, ast.Call) and isinstance(made.func, ast.Attribute)):
        return None
    dotted = ast.unparse(made.func)
    if dotted.endswith("get_pipeline") and len(made.args) == 1 and isinstance(made.args[0], ast.Constant):
        name = str(made.args[0].value)
        return Step(name, None, {}) if name in TRANSFORMS else None
    if made.args or made.keywords or ".transform." not in f".{dotted}":
        return None
    room, _, name = dotted.removeprefix("tvm.").replace(".transform", "").rpartition(".")
    if room == "relax" and name in TRANSFORMS:
        return Step(name, None, {})
    known = f"{room}.{name}"
    return Step("run_pass", None, {"pass_name": known}) if known in PASSES else None
