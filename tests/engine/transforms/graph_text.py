"""Graphs as short texts, so that a test of a pass shows what comes in and what goes out, and no more.

A function is a signature and its bindings, one a line; it returns what the last one binds. `F32[4, 8]` is a
tensor. ``private`` before the name, and a line ``attrs {…}``, say what they say in TVMScript.
"""

import re
import textwrap

import tvm
from tvm import IRModule


def graph(*functions: str, dataflow: bool = True) -> IRModule:
    """The module of these functions, their bindings in a dataflow block unless `dataflow` is False."""
    body = "\n".join(textwrap.indent(_function(text, dataflow), "    ") for text in functions)
    source = f"@I.ir_module\nclass Module:\n{body}\n"
    return tvm.script.from_source(source, check_well_formed=False)


def _function(text: str, dataflow: bool) -> str:
    lines = [line.strip() for line in _types(text).strip().splitlines()]
    signature, private, name = lines[0], "", lines[0]
    if signature.startswith("private "):
        private, name = "(private=True)", signature.removeprefix("private ")
    attrs = [f"R.func_attr({line.removeprefix('attrs ')})" for line in lines if line.startswith("attrs ")]
    bindings = [line for line in lines[1:] if not line.startswith("attrs ")]
    answer = bindings[-1].partition("=")[0].partition(":")[0].strip()
    opened = ["cls = Module"] if "cls." in text else []
    if dataflow:
        bindings = ["with R.dataflow():", *(f"    {line}" for line in (*bindings, f"R.output({answer})"))]
    return "\n".join(
        [f"@R.function{private}", f"def {name}:"]
        + [f"    {line}" for line in (*opened, *attrs, *bindings, f"return {answer}")]
    )


def _types(text: str) -> str:
    def tensor(match: re.Match[str]) -> str:
        return f'R.Tensor(({match[1]}{"," if match[1] else ""}), "float32")'

    return re.sub(r"F32\[([^\]]*)\]", tensor, text)
