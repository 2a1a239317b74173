"""A form for any transform, made from its declaration: one widget per kind of parameter.

`show` draws the widgets and returns how to read them (also in a callback, which runs before the next draw);
nothing here knows a transform by name.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mlc_explorer.schema.loops import LoopNode, LoopTree
from mlc_explorer.schema.transform import ParamSpec, TransformSpec
from mlc_explorer.texts import has, say
from mlc_explorer.ui.views import places


@dataclass(frozen=True)
class Scope:
    """What a form may refer to: the loops and blocks of the chosen function, and the chosen path."""

    tree: LoopTree | None
    path: str | None

    @property
    def loops(self) -> list[LoopNode]:
        return places(self.tree, "loop") if self.tree else []

    @property
    def blocks(self) -> list[LoopNode]:
        return places(self.tree, "block") if self.tree else []

    @property
    def block(self) -> str | None:
        """The chosen block, or the first one under the chosen loop, or the first of all."""
        head = (self.path or "").rpartition("/")[0] or self.path
        names = [b.path for b in self.blocks]
        return head if head in names else (names[0] if names else None)

    def nest(self) -> list[str]:
        """The loops around the chosen block, outermost first."""
        if self.tree is None or self.block is None:
            return []
        return [n.path for n in _way(self.tree.roots, self.block) if n.kind == "loop"]

    @property
    def loop(self) -> str | None:
        """The chosen loop, or the innermost around the chosen block."""
        if self.path and "/" in self.path:
            return self.path
        nest = self.nest()
        return nest[-1] if nest else None


def show(spec: TransformSpec, scope: Scope, language: str) -> Callable[[], dict[str, Any]]:
    """Draws the widgets of `spec`; the returned function reads them (ValueError names the field)."""
    readers = {p.name: _widget(spec, p, scope, language) for p in spec.params}

    def read() -> dict[str, Any]:
        values = {}
        for param in spec.params:
            value = readers[param.name]()
            if value != param.default or param.required:
                values[param.name] = value
        return values

    return read


Reader = Callable[[], Any]


def _widget(spec: TransformSpec, param: ParamSpec, scope: Scope, language: str) -> Reader:
    key = f"form.{spec.name}.{param.name}"
    if (
        param.kind in _FOLLOW_SELECTION
    ):  # its default is the selection, so another selection is another widget
        key = f"{key}.{scope.tree.function if scope.tree else ''}.{scope.path}"
    label = say(f"param.{param.name}", language) if has(f"param.{param.name}") else param.name
    return _WIDGETS.get(param.kind, _text)(param, label, key, scope, language)


def _loop(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    extents = {n.path: n.extent for n in scope.loops}
    return _select(list(extents), scope.loop, label, key, language, lambda p: f"{p}  ·  {extents.get(p)}")


def _block(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    return _select([n.path for n in scope.blocks], scope.block, label, key, language)


def _place(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    options = [n.path for n in scope.loops] + [n.path for n in scope.blocks]
    return _select(options, scope.path if scope.path in options else scope.loop, label, key, language)


def _buffer(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    block = next((b for b in scope.blocks if b.path == scope.block), None)
    regions = (block.reads if param.options.get("access") == "read" else block.writes) if block else ()
    return _select(list(range(len(regions))), 0, label, key, language, lambda i: regions[i])


def _select(
    options: list[Any], chosen: Any, label: str, key: str, language: str, show: Callable[[Any], str] = str
) -> Reader:
    index = options.index(chosen) if chosen in options else (0 if options else None)
    st.selectbox(
        label, options, index=index, key=key, format_func=show, placeholder=say("form.nothing", language)
    )

    def read() -> Any:
        value = st.session_state[key]
        if value is None:
            raise ValueError(say("form.required", language, name=label))
        return value

    return read


def _loops(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    nest = scope.nest()
    at = nest.index(scope.loop) if scope.loop in nest else 0
    pair = nest[at : at + 2] if len(nest[at : at + 2]) == 2 else nest[-2:]
    if param.options.get("swapped"):
        pair = pair[::-1]
    st.multiselect(
        label, [n.path for n in scope.loops], default=pair, key=key, help=say("form.loops_help", language)
    )
    return lambda: list(st.session_state[key])


def _factors(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    extent = next((n.extent for n in scope.loops if n.path == scope.loop), None)
    st.text_input(label, value="None, 8", key=key, help=_factors_help(extent, language))

    def read() -> list[int | None]:
        text = st.session_state[key].strip().strip("[]()").replace("null", "None")
        try:
            numbers = ast.literal_eval(f"[{text}]")
        except (ValueError, SyntaxError):
            numbers = None
        if not isinstance(numbers, list) or not all(n is None or isinstance(n, int) for n in numbers):
            raise ValueError(say("form.factors_bad", language, text=st.session_state[key]))
        return numbers

    return read


def _factors_help(extent: int | None, language: str) -> str:
    if not extent:
        return say("form.factors_help", language)
    divisors = [d for d in range(2, min(extent, 1024) + 1) if extent % d == 0]
    return say("form.factors_divisors", language, extent=extent, divisors=", ".join(map(str, divisors)))


def _choice(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    return _select(list(param.options.get("options", ())), param.default, label, key, language)


def _integer(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    least, most = param.options.get("least", 0), param.options.get("most", 1 << 31)
    value = param.default if param.default is not None else least
    st.number_input(label, least, most, value=value, key=key)
    return lambda: int(st.session_state[key])


def _flag(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    st.checkbox(label, value=bool(param.default), key=key)
    return lambda: st.session_state[key]


def _scalar(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    st.text_input(label, value="" if param.default is None else str(param.default), key=key)

    def read() -> Any:
        text = st.session_state[key]
        try:
            number = ast.literal_eval(text.strip())
        except (ValueError, SyntaxError):
            return text
        return number if isinstance(number, (bool, int, float)) else text

    return read


def _text(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    st.text_input(label, value="" if param.default is None else str(param.default), key=key)
    return lambda: st.session_state[key]


def _index_map(param: ParamSpec, label: str, key: str, scope: Scope, language: str) -> Reader:
    example = str(param.default or "i, j -> j // 16, i, j % 16")
    st.text_input(label, value=example, key=key, help=say("form.index_map_help", language))
    return lambda: st.session_state[key]


def _way(nodes: tuple[LoopNode, ...], path: str) -> list[LoopNode]:
    """From a root down to the node named `path`, itself included; empty if it is not there."""
    for node in nodes:
        if node.path == path:
            return [node]
        below = _way(node.children, path)
        if below:
            return [node, *below]
    return []


_FOLLOW_SELECTION = {"loop", "loops", "block", "buffer", "place"}
_WIDGETS: dict[str, Callable[[ParamSpec, str, str, Scope, str], Reader]] = {
    "loop": _loop,
    "loops": _loops,
    "block": _block,
    "buffer": _buffer,
    "factors": _factors,
    "choice": _choice,
    "integer": _integer,
    "flag": _flag,
    "scalar": _scalar,
    "text": _text,
    "index_map": _index_map,
    "place": _place,
}
