"""The graph of one function, laid out: bindings of a Relax function, or blocks of a PrimFunc. A big one is
grouped, and only what is open is laid out.

What a function's graph is made of is kept for the last few functions: opening a group asks for it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tvm import relax
from tvm.ir import IRModule
from tvm.tirx import PrimFunc

from ...schema.graph import GraphView
from .blockflow import block_sketch
from .dataflow import relax_sketch
from .groups import Scope, structure
from .insides import with_insides
from .layout import lay_out
from .lookup import function as find_function
from .lookup import relax_function
from .opened import at_first, drawn, everything, show, ungrouped
from .sketch import Sketch

# Among the groups to open: all of them; those that are open before a person has chosen.
ALL, AUTO = "*", "auto"
_KEPT = 16

_kept: list[_Kept] = []


@dataclass(frozen=True, eq=False)
class _Kept:
    """`named` holds the names that the groups came from."""

    func: PrimFunc | relax.Function
    named: Mapping[str, str]
    sketch: Sketch
    root: Scope


def graph(
    mod: IRModule,
    function: str,
    opened: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
    plain: bool = False,
) -> GraphView:
    """The graph of `function` in pixels; NotFound if there is no such function.

    `opened` are the ids of the groups to open. ``*`` stands for all, as far as the screen can bear, ``auto``
    (and None) for the graph's own choice: up to some hundred boxes are shown whole, else a few dozen. `names`
    give a call's path in the model that it came from (``/layer1/conv1/Conv``); groups follow it. `plain`:
    spend no time on looks.
    """
    sketch, root = grouped(mod, function, names or {})
    chosen = frozenset(opened if opened is not None else [AUTO])
    if ALL in chosen:
        chosen = everything(root)
    elif AUTO in chosen:
        first = at_first(root, sketch)
        root = ungrouped(root) if first is None else root
        chosen |= first or frozenset()
    shown = show(sketch, root, chosen)
    return lay_out(function, shown, len(sketch.nodes) - len(sketch.insides), plain)


def grouped(mod: IRModule, function: str, names: Mapping[str, str]) -> tuple[Sketch, Scope]:
    """All boxes of `function`, those inside fused functions too, and their tree of groups."""
    func = find_function(mod, function)
    for i, kept in enumerate(_kept):
        if kept.func.same_as(func) and kept.named == names:
            _kept.append(_kept.pop(i))
            return kept.sketch, kept.root
    whole_sketch = with_insides(mod, sketch(mod, function))
    _kept.append(_Kept(func, names, whole_sketch, structure(whole_sketch, names)))
    del _kept[:-_KEPT]
    return _kept[-1].sketch, _kept[-1].root


def sketch(mod: IRModule, function: str) -> Sketch:
    """The boxes and edges of `function`, before they are grouped or laid out."""
    found = find_function(mod, function)
    if isinstance(found, PrimFunc):
        return block_sketch(found, function)
    return relax_sketch(mod, relax_function(mod, function, "graph"))


def same_calls(first: IRModule, now: IRModule, function: str) -> bool:
    """Whether `function` makes the same calls in both modules: as many, called the same, of the same shapes.
    What they call may be another thing: LegalizeOps puts tensor functions in place of operators."""
    if first.same_as(now) or first[function].same_as(now[function]):
        return True
    shapes = [[(n.id, n.shape) for n in drawn(grouped(mod, function, {})[0])] for mod in (first, now)]
    return shapes[0] == shapes[1]


def forget() -> None:
    """Drops the graphs that were kept."""
    _kept.clear()
