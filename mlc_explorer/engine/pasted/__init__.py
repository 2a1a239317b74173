"""Steps from what people have at hand: a trace, an exported script, TVM's own schedule trace, a record of
MetaSchedule's.

Nothing that was pasted is ever run as Python: it is parsed, and only calls of schedule primitives and passes
are understood. Each step is applied as it is read, so that an error names the line.
"""

from __future__ import annotations

import json
from typing import Any

from ...errors import BadTrace
from ...schema.trace import Step, Trace
from ..replay import State
from ..transforms.wording import words
from . import records, source
from .reader import read_schedule

MOST_CHARACTERS = 4 << 20


def steps_of(state: State, function: str, text: str) -> list[Step]:
    """The steps that `text` stands for, to be applied after `state`.

    A schedule that names no function of the model is read for `function`. Raises BadTrace for a text that is
    nothing of this kind (`place`: the line), and Refused where a step does not apply.
    """
    if not text.strip():
        raise BadTrace(**words("paste_empty"), place="text")
    if len(text) > MOST_CHARACTERS:
        raise BadTrace(**words("paste_too_long", size=len(text), most=MOST_CHARACTERS), place="text")
    data = _json(text)
    if data is None:
        return source.read_script(state, function, text)
    steps = _own(data)
    if steps is not None:
        return steps
    calls = source.schedule_calls("\n".join(records.python_lines(state.mod, function, data)))
    return read_schedule(state, function, calls)[0]


def _json(text: str) -> Any:
    """The JSON value, or for a file of tuning records the list of its lines; None for anything else."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        return None


def _own(data: Any) -> list[Step] | None:
    """The steps of our own forms: a trace, a step, a list of steps; None for what is no such thing."""
    if isinstance(data, dict) and "transform" in data:
        return [Step.from_json(data, "step 1")]
    if isinstance(data, dict):
        return list(Trace.from_json(data).steps)
    if isinstance(data, list) and data and all(isinstance(s, dict) for s in data):
        return [Step.from_json(s, f"step {n}") for n, s in enumerate(data, 1)]
    return None
