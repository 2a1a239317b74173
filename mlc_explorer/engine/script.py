"""A trace as a Python script that needs TVM and NumPy only (and ONNX for a model from an ONNX file, and the
libraries that its steps call).

The script is made of a header, `script_parts` copied as text, the untransformed model, a block of code for
each step, and a comparison of both ends. A trace may come from anybody: its strings are written as ASCII
literals, and the code of loop steps, which TVM prints without escaping, is read again and refused if it is
more than calls of a schedule.
"""

from __future__ import annotations

import ast
import datetime
import importlib.metadata
import inspect
import json
import re
from collections.abc import Callable

from tvm.tirx import PrimFunc

from ..errors import JobFailed, Refused
from ..schema.trace import Step, Trace
from . import loaders, script_parts, targets
from .replay import replay
from .transforms import carried_by, catalogue, step_source
from .transforms.wording import words
from .verify import tolerance

ModelData = Callable[[str], bytes]

PINS = ("apache-tvm==0.27.0.post1", "apache-tvm-ffi==0.1.14.post1")
_PARTS = ("local_cpu", "example", "compiled", "call", "largest_relative_error", "median_ms")
_LOCAL = "cpu"  # this target is found out where the script runs; any other is written down
_VARIABLE = r"sch|mod|[a-z]\d+"  # what the code of a step may assign: TVM calls its variables b0, l1, v2
_MOD_CALLS = {"clone", "update_func", "get_global_var"}


def script(trace: Trace, target: str, model_data: ModelData) -> tuple[str, str | None]:
    """The script's text, and the name of the ONNX file that it reads (None if it needs none).

    The file stands beside the script, or its path is the script's argument. Raises what `replay` raises.
    """
    model = loaders.load_cached(trace.model, model_data)
    replay(trace, model_data)  # a trace that fails must fail here, before any text is made
    is_function = isinstance(model.mod[model.entry], PrimFunc)
    model_file = None if is_function else f"{_file_stem(model.name)}.onnx"
    steps, carried, packages = [], {}, {}
    for number, step in enumerate(trace.steps, start=1):
        before = replay(trace.upto(number - 1), model_data)
        steps.append(_step(number, step, step_source(before, step)))
        definitions, needed = carried_by(before, step)
        carried |= dict.fromkeys(definitions)  # each once, however many steps need it
        packages |= dict.fromkeys(needed)
    functions = [inspect.getsource(getattr(script_parts, name)) for name in _PARTS] + list(carried)
    source = _module(model) if is_function else _onnx(str(model_file))
    ending = _ending(model, target, len(trace.steps), is_function)
    header = _header(trace, model, model_file, tuple(packages))
    top = _joined([header, *functions, source], blank_lines=2)
    return _joined([top, *steps, ending], blank_lines=1) + "\n", model_file


def _joined(parts: list[str], blank_lines: int) -> str:
    return ("\n" * (blank_lines + 1)).join(part.strip("\n") for part in parts)


def _header(trace: Trace, model: loaders.LoadedModel, model_file: str | None, more: tuple[str, ...]) -> str:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    packages = " ".join(dict.fromkeys((*PINS, "numpy", *(["onnx"] if model_file else []), *more)))
    usage = "python THIS_FILE" + (f" [path of {model_file}]" if model_file else "")
    packages_here = ("apache-tvm", "apache-tvm-ffi", "numpy")
    made_with = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in packages_here)
    return f"""\
# The model {_literal(model.name)} and {_steps(len(trace.steps))}, exported by MLC Explorer on {today}.
#
# It replays the steps, checks the result against the untransformed model, and times both. Run it with
#     pip install {packages}
#     {usage}
# Made with {made_with};
# other versions of TVM may name things differently.

import os
import sys
import time
from pathlib import Path

# TVM reads these once, when it starts. Binding threads to cores is slower where others use the cores too.
os.environ.setdefault("TVM_NUM_THREADS", str(len(os.sched_getaffinity(0))))
os.environ.setdefault("TVM_BIND_THREADS", "0")

import numpy as np
import tvm
from tvm import relax
from tvm.s_tir import Schedule
from tvm.script import ir as I
from tvm.script import tirx as T
"""


def _onnx(model_file: str) -> str:
    return f"""\
import onnx
from tvm.relax.frontend.onnx import from_onnx

model_file = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name({_literal(model_file)})
model = onnx.load(model_file)
weights = {{w.name for w in model.graph.initializer}}
inputs_only = [i for i in model.graph.input if i.name not in weights]  # old files list weights as inputs too
del model.graph.input[:]
model.graph.input.extend(inputs_only)
mod = untransformed = from_onnx(model)
"""


def _module(model: loaders.LoadedModel) -> str:
    printed = model.mod.script(show_meta=False)
    lines = [line for line in printed.splitlines() if not line.startswith(("# from ", "# import "))]
    return "\n".join(lines).strip() + "\n\n\nmod = untransformed = Module\n"


def _step(number: int, step: Step, source: str) -> str:
    """A comment that says what the step is, and its code."""
    if catalogue.TRANSFORMS[step.transform].level == "loop":
        _vet(source, number)
    where = f" of {_literal(step.function)}" if step.function is not None else ""
    values = ", ".join(f"{_word(k)}={_literal(v)}" for k, v in step.params.items())
    return f"# Step {number}: {_word(step.transform)}{where}{': ' if values else ''}{values}\n{source}"


def _ending(model: loaders.LoadedModel, target: str, steps: int, is_function: bool) -> str:
    where = "local_cpu()" if target == _LOCAL else f"tvm.target.Target({_target(target)!r})"
    inputs = [(tuple(i.shape), i.dtype) for i in model.inputs]
    outputs = [(tuple(o.shape), o.dtype) for o in model.outputs] if is_function else []
    after = f"after {_steps(steps)}"
    limit = max((tolerance(o.dtype) for o in model.outputs), default=0.0)
    return f"""\
# The comparison: both on the same inputs.
rng = np.random.default_rng(0)
inputs = [tvm.runtime.tensor(example(shape, dtype, rng)) for shape, dtype in {inputs!r}]
outputs = [tvm.runtime.tensor(np.zeros(shape, dtype)) for shape, dtype in {outputs!r}]
target = {where}
before, after = compiled(untransformed, target), compiled(mod, target)

expected = call(before, inputs, outputs)
error = largest_relative_error(call(after, inputs, outputs), expected)
print(f"largest relative error  {{error:.1e}}")
assert error <= {limit!r}, "the transformed model computes something else"

old, new = median_ms(before, inputs + outputs), median_ms(after, inputs + outputs)
print(f"threads                 {{os.environ['TVM_NUM_THREADS']}}")
print(f"untransformed           {{old:10.4f}} ms")
print(f"{after:23s} {{new:10.4f}} ms   {{old / new:.2f}} times as fast")
"""


def _vet(source: str, number: int) -> None:
    """JobFailed unless `source` only calls a schedule, and what puts its result back into the module."""
    for node in ast.walk(ast.parse(source)):
        if not _is_harmless(node):
            raise JobFailed(**words("script_unsafe", step=number), place=f"step {number}", detail=source)


_ALLOWED = (
    ast.Module, ast.Assign, ast.Expr, ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.keyword, ast.Tuple,
    ast.List, ast.Dict, ast.Starred, ast.Lambda, ast.arguments, ast.arg, ast.Subscript, ast.BinOp,
    ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context,
)  # fmt: skip


def _is_harmless(node: ast.AST) -> bool:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return re.fullmatch(_VARIABLE, node.id) is not None
    if isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
        return False
    return isinstance(node, _ALLOWED) and (not isinstance(node, ast.Call) or _is_known(node.func))


def _is_known(called: ast.expr) -> bool:
    """`Schedule`, `tvm.IRModule`, a public method of `sch`, one of `mod` in `_MOD_CALLS`, or a number with
    its type, such as `T.float32(0.0)`."""
    if isinstance(called, ast.Name):
        return called.id == "Schedule"
    if not isinstance(called, ast.Attribute) or not isinstance(called.value, ast.Name):
        return False
    owner, name = called.value.id, called.attr
    if owner == "sch":
        return not name.startswith("_")
    if owner == "T":
        return re.fullmatch(r"(bfloat|float|int|uint)\d+|bool", name) is not None
    return (owner == "mod" and name in _MOD_CALLS) or (owner, name) == ("tvm", "IRModule")


def _literal(value: object) -> str:
    """A JSON value on one line, in ASCII: it can't end the comment or the literal that it stands in."""
    return json.dumps(value, ensure_ascii=True)


def _word(text: str) -> str:
    """A declared name; anything else is quoted."""
    return text if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text) else _literal(text)


def _file_stem(name: str) -> str:
    """A file name that is one everywhere."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:60].strip("._") or "model"


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _target(name: str) -> dict[str, object]:
    wanted = targets.target(name)  # NotFound for a name that nobody knows
    if not targets.runs_here(wanted):
        raise Refused(**words("target_not_here", kind=name), place="target")
    return next(dict(t.spec) for t in targets.targets() if t.name == name)
