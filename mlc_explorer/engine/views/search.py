"""Finds boxes of a graph, those in closed groups too, by name, operator or shape.

``conv 64`` finds what has both words in its name, operator, function, shape or path in the model;
``op:conv``, ``shape:64``, ``name:lv`` look at one of these only, ``id:lv5`` is the one box called so. Case
does not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tvm.ir import IRModule

from ...schema.graph import GraphMatches, Match, Node
from .graph import grouped
from .groups import Scope
from .sketch import Sketch

MOST = 500  # matches that are given; the count tells of all

_Words = Callable[[Node, str], str]
_FIELDS: dict[str, _Words] = {
    "op": lambda node, _: f"{node.op} {node.function or ''}",
    "shape": lambda node, _: f"{node.shape} {node.shape.replace(' ', '')}",
    "name": lambda node, path: f"{node.id} {node.label} {path}",
    "type": lambda node, _: node.dtype,
}


def search(mod: IRModule, function: str, query: str, names: Mapping[str, str] | None = None) -> GraphMatches:
    """The boxes of `function` that `query` fits; NotFound if there is no such function."""
    names = names or {}
    sketch, root = grouped(mod, function, names)
    terms = query.lower().split()
    found = [n for n in sketch.nodes.values() if terms and _fits(n, names.get(n.id, ""), terms)]
    above = _groups_above(root, sketch)
    matches = tuple(Match(n.id, n.op, n.shape, above.get(n.id, ())) for n in found[:MOST])
    return GraphMatches(function, query, len(found), matches)


def _fits(node: Node, path: str, terms: list[str]) -> bool:
    return all(_fits_term(node, path, term) for term in terms)


def _fits_term(node: Node, path: str, term: str) -> bool:
    field, colon, rest = term.partition(":")
    if field == "id" and colon:
        return node.id.lower() == rest
    if field in _FIELDS and colon:
        return rest in _FIELDS[field](node, path).lower()
    return any(term in words(node, path).lower() for words in _FIELDS.values())


def _groups_above(root: Scope, sketch: Sketch) -> dict[str, tuple[str, ...]]:
    """For each box the groups that must be open for it to show, outermost first."""
    above: dict[str, tuple[str, ...]] = {}

    def visit(scope: Scope, chain: tuple[str, ...]) -> None:
        for member in (*scope.members, *scope.constants):
            if isinstance(member, Scope):
                above[member.id] = chain  # for the call of a fused function
                visit(member, (*chain, member.id))
            else:
                above[member] = chain

    visit(root, ())
    return above
