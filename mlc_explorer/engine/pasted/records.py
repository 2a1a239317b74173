"""TVM's schedule traces and MetaSchedule's records as lines of Python.

A trace's JSON is ``[instructions, decisions]``. A record is ``[trace, seconds, target, arguments]``, and a
line of a database file ``[workload, record]``. A record stands before MetaSchedule's postprocessing, which
turns its annotations into parallel, vectorized and unrolled loops: so that is done here.
"""

from __future__ import annotations

import math
from typing import Any

from tvm import IRModule
from tvm.s_tir import Schedule
from tvm.s_tir.meta_schedule import postproc
from tvm.s_tir.schedule import Trace as ScheduleTrace
from tvm.tirx import PrimFunc

from ...errors import BadTrace, Refused
from ..transforms.wording import words

_POSTPROCESSING = (postproc.RewriteParallelVectorizeUnroll, postproc.RewriteReductionBlock)


def python_lines(mod: IRModule, function: str, data: Any) -> list[str]:
    """Calls on a schedule ``sch`` that do what `schedule_after` does, which says what it raises."""
    return [str(line) for line in schedule_after(mod, function, data).trace.as_python()]


def schedule_after(mod: IRModule, function: str, data: Any) -> Schedule:
    """A schedule of `function` alone after the trace, or the fastest of the records, in `data`.

    Raises BadTrace if `data` is neither, Refused if it does not apply to `function`.
    """
    trace = _for(function, _trace(data))
    func = mod[function]
    if not isinstance(func, PrimFunc):
        raise Refused(**words("function_has_no_loops", function=function), place="function")
    # Not a copy `func.with_attr(…)`: it shares its body, which the schedule would then change in place.
    sch = Schedule(IRModule({function: func}))
    try:
        ScheduleTrace.apply_json_to_schedule(trace, sch)
        if _is_tuners(trace):
            for rule in _POSTPROCESSING:
                rule().apply(sch)
        return sch
    except Exception as e:  # TVM has no common root: ScheduleError, InternalError, TypeError, …
        reason = str(e).strip().splitlines()
        said = words("paste_trace_refused", function=function, reason=reason[-1] if reason else "-")
        raise Refused(**said, place="text", detail=str(e)[:20_000]) from e


def _trace(data: Any) -> list[Any]:
    if _is_trace(data):
        return list(data)
    records = [r for r in map(_record, [data, *(data if isinstance(data, list) else [])]) if r is not None]
    if not records:
        raise BadTrace(**words("paste_unknown_json"), place="text")
    return list(min(records, key=_seconds)[0])


def _record(data: Any) -> list[Any] | None:
    """The record that `data` is, or that a line of a database holds."""
    if not isinstance(data, list) or not data:
        return None
    if isinstance(data[0], int) and len(data) == 2:
        return _record(data[1])
    return data if _is_trace(data[0]) else None


def _is_trace(data: Any) -> bool:
    if not isinstance(data, list) or len(data) != 2 or not isinstance(data[0], list):
        return False
    return bool(data[0]) and all(
        isinstance(i, list) and len(i) == 4 and isinstance(i[0], str) for i in data[0]
    )


def _is_tuners(trace: list[Any]) -> bool:
    """Whether MetaSchedule wrote it and has not postprocessed it yet."""
    kinds = [(i[0], i[2]) for i in trace[0]]
    notes = [a[0] for k, a in kinds if k == "Annotate" and isinstance(a, list) and a]
    return any(str(n).startswith("meta_schedule.") for n in notes) and "EnterPostproc" not in dict(kinds)


def _seconds(record: list[Any]) -> float:
    """The mean of a record's run times; those without any come last."""
    times = record[1] if len(record) > 1 and isinstance(record[1], list) else []
    numbers = [float(t) for t in times if isinstance(t, (int, float))]
    return sum(numbers) / len(numbers) if numbers else math.inf


def _for(function: str, trace: list[Any]) -> list[Any]:
    """The trace with `function` as the function of every GetSBlock: it may have had another name there."""
    instructions = []
    for kind, inputs, attributes, outputs in trace[0]:
        named = kind == "GetSBlock" and isinstance(attributes, list) and len(attributes) == 2
        instructions.append([kind, inputs, [attributes[0], function] if named else attributes, outputs])
    return [instructions, trace[1]]
