"""Draws the insides of fused functions into a graph, so that a call of one can be opened on the spot.

An inner box is called ``<call>/<its name>``. What flowed into the call flows to the inner boxes that take the
parameter; what flowed out of it comes from those that make the result.
"""

from __future__ import annotations

from dataclasses import replace

from tvm import relax
from tvm.ir import IRModule

from .dataflow import relax_sketch
from .sketch import Sketch

_OUTSIDE = ("input", "constant", "output")


def with_insides(mod: IRModule, sketch: Sketch, above: tuple[str, ...] = ()) -> Sketch:
    """`sketch` with the inside of every call of a graph function that makes at least two calls itself.

    `above` are the functions that the sketch stands within: one that calls itself is not drawn in again.
    """
    drawn: dict[str, Sketch] = {}
    for call in sketch.arguments:
        name = sketch.nodes[call].function
        if name not in drawn and name not in above:
            drawn[name] = with_insides(mod, _inside(mod, name), (*above, name))
    inner = {
        call: drawn[sketch.nodes[call].function]
        for call in sketch.arguments
        if len(_calls(drawn.get(sketch.nodes[call].function))) >= 2
    }
    if not inner:
        return sketch
    result = Sketch()
    makers = {call: _made_by(call, inside) for call, inside in inner.items()}

    def sources(name: str) -> tuple[str, ...]:
        return makers.get(name, (name,))

    for name, node in sketch.nodes.items():
        result.nodes[name] = node
        if name in inner:
            _draw_in(result, name, inner[name], sketch.arguments[name], sources)
    for source, target in sketch.edges:
        if target not in inner:
            result.edges.update(dict.fromkeys((s, target) for s in sources(source)))
    return result


def _inside(mod: IRModule, name: str) -> Sketch:
    func = mod[name]
    assert isinstance(func, relax.Function)
    return relax_sketch(mod, func)


def _calls(inside: Sketch | None) -> list[str]:
    if inside is None:
        return []
    deeper = {call for calls in inside.insides.values() for call in calls}
    return [n.id for n in inside.nodes.values() if n.family not in _OUTSIDE and n.id not in deeper]


def _made_by(call: str, inside: Sketch) -> tuple[str, ...]:
    """The inner boxes that the result comes from."""
    outputs = {n.id for n in inside.nodes.values() if n.family == "output"}
    inputs = {n.id for n in inside.nodes.values() if n.family == "input"}
    return tuple(f"{call}/{s}" for s, t in inside.edges if t in outputs and s not in inputs)


def _draw_in(result, call, inside, arguments, sources) -> None:
    """Puts the boxes and edges of `inside` into `result`, joined to what the call's arguments are made of."""
    inputs = [n.id for n in inside.nodes.values() if n.family == "input"]
    fed = {name: arguments[i] if i < len(arguments) else () for i, name in enumerate(inputs)}
    for name, node in inside.nodes.items():
        if node.family not in ("input", "output"):
            result.nodes[f"{call}/{name}"] = replace(node, id=f"{call}/{name}")
    for source, target in inside.edges:
        if inside.nodes[target].family == "output":
            continue
        froms = [s for name in fed[source] for s in sources(name)] if source in fed else [f"{call}/{source}"]
        result.edges.update(dict.fromkeys((s, f"{call}/{target}") for s in froms))
    result.insides[call] = tuple(f"{call}/{name}" for name in _calls(inside))
    for outer, calls in inside.insides.items():
        result.insides[f"{call}/{outer}"] = tuple(f"{call}/{c}" for c in calls)
