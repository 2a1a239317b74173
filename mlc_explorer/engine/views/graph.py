"""The graph of one function, laid out: bindings of a Relax function, or blocks of a PrimFunc."""

from __future__ import annotations

from tvm.ir import IRModule
from tvm.tirx import PrimFunc

from ...schema.graph import GraphView
from .blockflow import block_sketch
from .dataflow import relax_sketch
from .layout import lay_out
from .lookup import function as find_function
from .lookup import relax_function
from .sketch import Sketch


def graph(mod: IRModule, function: str) -> GraphView:
    """The graph of `function` in pixels; NotFound if there is no such function."""
    return lay_out(function, sketch(mod, function))


def sketch(mod: IRModule, function: str) -> Sketch:
    """The same before it is laid out."""
    found = find_function(mod, function)
    if isinstance(found, PrimFunc):
        return block_sketch(found, function)
    return relax_sketch(mod, relax_function(mod, function, "graph"))
