"""What holds inside a block: its loops, what its axes stand for, and when it runs and is initialised.

Gathered on the way from the function's top down to the block, through outer blocks, conditions and bindings.
TVM's analyzer hears of the same, and so knows that ``(j_0 * 64 + j_1) // 64`` is ``j_0``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tvm.ir import Range
from tvm.sym import Analyzer

from ...errors import Refused
from ...schema.motion import Expression
from .. import paths
from .accesses import Irregular
from .index_trees import DataDependent, node, tree


@dataclass
class Scope:
    """What the way from the function's top down to a block brings: loops with their names in expressions,
    what variables stand for, when the block runs (`predicate`) and is initialised (`first`)."""

    loops: list[tuple[paths.Place, str]] = field(default_factory=list)
    bindings: dict[Any, Expression] = field(default_factory=dict)
    matched: dict[Any, tuple[Any, list[Any]]] = field(default_factory=dict)
    predicate: Expression = 1
    first: Expression = 1
    body: Any = None
    analyzer: Analyzer = field(default_factory=Analyzer)

    @staticmethod
    def of(func: Any, places: tuple[paths.Place, ...], chosen: paths.Place) -> Scope:
        scope = Scope()
        below = [func.body]
        for place in chain(places, chosen):
            scope._go(below, place)
            if place.kind == "loop":
                scope._loop(place)
                below = [place.node.body]
            else:
                scope._block(place)
                below = [part for part in (place.node.body, place.node.init) if part is not None]
        scope._own_loops(places, chosen)
        return scope

    def _go(self, below: list[Any], place: paths.Place) -> None:
        """Down to the statement of `place`: a condition on the way narrows when it runs, a binding is kept,
        and what stands in an outer block's initialisation runs where that one does."""
        for i, start in enumerate(below):
            for step, taken in _way(start, place.node) or ():
                if type(step).__name__ == "Bind":
                    self._bind(step.var, step.value)
                elif type(step).__name__ == "IfThenElse":
                    holds = tree(step.condition, self.bindings)
                    self._narrow(holds if taken == "then_case" else node("not", holds))
            if i == 1 and _way(start, place.node) is not None:
                self._narrow(self.first)

    def _narrow(self, condition: Expression) -> None:
        self.predicate = node("and", self.predicate, condition)

    def _bind(self, variable: Any, value: Any) -> None:
        try:
            self.bindings[variable] = tree(value, self.bindings)
        except DataDependent:
            self.bindings.pop(variable, None)

    def _loop(self, place: paths.Place) -> None:
        loop = place.node
        if not all(hasattr(n, "value") for n in (loop.extent, loop.min)):
            raise symbolic(place.path, str(loop.extent))
        if getattr(loop.step, "value", 1) != 1:
            raise Irregular("T.serial(step=…)")
        taken = [var for _, var in self.loops]
        same = sum(var.partition("#")[0] == place.name for var in taken)
        self.loops.append((place, f"{place.name}#{same + 1}" if same else place.name))
        self.bindings[loop.loop_var] = self.loops[-1][1]
        self.analyzer.bind(loop.loop_var, Range.from_min_extent(loop.min, loop.extent))

    def _block(self, place: paths.Place) -> None:
        block, realize = place.node, place.realize
        values = [tree(value, self.bindings) for value in realize.iter_values]
        self._narrow(tree(self.analyzer.simplify(realize.predicate), self.bindings))
        self.first = 1
        for axis, value, said in zip(block.iter_vars, values, realize.iter_values):
            self.bindings[axis.var] = value
            self.analyzer.bind(axis.var, said)
            if int(axis.iter_type) == 2:
                self.first = node("and", self.first, node("==", value, tree(axis.dom.min, self.bindings)))
        for match in block.match_buffers:
            self.matched[match.buffer] = (match.source.source, [r.min for r in match.source.region])
        self.body = block.body

    def _own_loops(self, places: tuple[paths.Place, ...], chosen: paths.Place) -> None:
        """Loops that are the block's whole body run around its statements; the block is initialised in their
        first iteration."""
        at = next(i for i, p in enumerate(places) if p is chosen)
        while type(self.body).__name__ == "For":
            at, place = next((i, p) for i, p in enumerate(places) if p.kind == "loop" and p.parent == at)
            self._loop(place)
            self.first = node("and", self.first, node("==", self.loops[-1][1], int(place.node.min.value)))
            self.body = place.node.body


def _way(statement: Any, target: Any) -> list[tuple[Any, str]] | None:
    """The statements on the way from `statement` to the loop or block `target`, with the part that was taken,
    and the bindings that stand before it; None if it is not there. Other loops and blocks are not entered."""
    kind = type(statement).__name__
    if kind == "For":
        return [] if statement.same_as(target) else None
    if kind == "SBlockRealize":
        if statement.block.same_as(target):
            return []
        is_root = not statement.block.iter_vars and statement.block.name_hint == "root"
        return _way(statement.block.body, target) if is_root else None
    if kind == "SeqStmt":
        before: list[tuple[Any, str]] = []
        for child in statement.seq:
            found = _way(child, target)
            if found is not None:
                return before + found
            if type(child).__name__ == "Bind":
                before.append((child, ""))
        return None
    for part in ("then_case", "else_case", "body"):
        child = getattr(statement, part, None)
        found = None if child is None else _way(child, target)
        if found is not None:
            return [(statement, part), *found]
    return None


def chain(places: tuple[paths.Place, ...], place: paths.Place) -> list[paths.Place]:
    """The loops and blocks around `place`, outermost first, and itself."""
    chain = [place]
    while chain[-1].parent is not None:
        chain.append(places[chain[-1].parent])
    return chain[::-1]


def symbolic(name: str, size: str) -> Refused:
    return Refused(
        f"The size of '{name}' is not a number: {size}.",
        hint="Bind the symbolic size to a number first, or choose a block with fixed sizes.",
        place=name,
        code="motion_symbolic",
        params={"name": name, "size": size},
        paths=(name,),
    )
