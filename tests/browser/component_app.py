"""A server for test_component.py: the two components alone, on views written by hand.

`?case=` picks what is shown: ``loops`` (a split matmul with its diff), ``refused`` (the same with a problem),
``hostile`` (names that try to be HTML), ``big`` (1,000 nodes and 5,000 lines), ``empty``.
The events that arrive are printed below, one a line.
"""

import json
import time

import streamlit as st
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mlc_explorer.schema.codec import encode
from mlc_explorer.schema.graph import Edge, GraphView, Node
from mlc_explorer.schema.levels import LEVELS
from mlc_explorer.schema.loops import BufferInfo, LoopNode, LoopTree
from mlc_explorer.schema.report import FunctionInfo, StateInfo, StepReport
from mlc_explorer.schema.text import DiffRow, DiffView, Mark, TextView
from mlc_explorer.ui import blobs, component, serving

BEFORE = (
    "def matmul(A, B, C):",
    "    for i in range(128):",
    "        for k in range(64):",
    '            with T.sblock("matmul"):',
    "                C[i] = C[i] + A[i, k] * B[k]",
)
AFTER = (
    "def matmul(A, B, C):",
    "    for i in T.parallel(128):",
    "        for k_0 in range(8):",
    "            for k_1 in range(8):",
    '                with T.sblock("matmul"):',
    "                    C[i] = C[i] + A[i, k_0 * 8 + k_1] * B[k_0 * 8 + k_1]",
)
ROWS = [(" ", 1, 1), ("-", 2, None, None, 2), ("-", 3, None, None, 3), ("+", None, 2, None, 2),
        ("+", None, 3, None, 3), ("+", None, 4), ("~", 4, 5), ("-", 5, None, None, 6),
        ("+", None, 6, None, 5)]  # fmt: skip
PATHS = ("matmul/i", "matmul/k_0", "matmul/k_1", "matmul")
HOSTILE = '<img src=x onerror="window.hacked=1">'
SLOW = "slow"  # a click on this node is answered a second late


def loop_tree() -> LoopTree:
    tree = LoopNode("matmul", "block", "matmul", 3, 5, reads=("A[i, k]", "B[k]"), writes=("C[i]",))
    for path, extent, axis, mark, line in (
        ("matmul/k_1", 8, "reduction", "serial", 4),
        ("matmul/k_0", 8, "reduction", "serial", 3),
        ("matmul/i", 128, "spatial", "parallel", 2),
    ):
        tree = LoopNode(path, "loop", path[7:], line - 2, line, extent, axis, mark, children=(tree,))
    buffers = (BufferInfo("A", (128, 64), "float32", "global", 32768, "input"),)
    return LoopTree("matmul", (tree,), buffers, flops=16384.0, iterations=8192, bytes=33536)


def program(function: str) -> TextView:
    if function != "matmul":
        lines = ("@R.function", "def main(x):", "    lv = R.call_tir(cls.matmul, (x,))", "    return lv")
        return TextView(function, "relax", lines, (Mark("lv", "binding", 3, 3),))
    kinds = ("loop", "loop", "loop", "block")
    marks = tuple(Mark(p, k, i + 2, 6) for i, (p, k) in enumerate(zip(PATHS, kinds, strict=True)))
    return TextView("matmul", "tir", AFTER, marks)


def assembly() -> TextView:
    lines = ("matmul:", "    vmovups (%rdi), %zmm0", "    vfmadd231ps (%rsi), %zmm1, %zmm0", "    retq")
    return TextView("matmul", "asm", lines, (), (None, 3, 6, None), ("other", "load", "fma", "other"))


def big_text() -> TextView:
    return TextView("matmul", "tir", tuple(f"    x{i} = T.float32({i})" for i in range(5000)))


def diff() -> DiffView:
    return DiffView("matmul", BEFORE, AFTER, tuple(DiffRow(*r) for r in ROWS))


def state(step: int) -> StateInfo:
    functions = (FunctionInfo("main", "graph", calls=1), FunctionInfo("matmul", "loops", calls=3))
    report = StepReport(changed=("matmul",), moved={"matmul:matmul/k": "matmul:matmul/k_0"})
    return StateInfo("model", "main", functions, (), (), (report,) if step else ())


def graph(case: str) -> GraphView:
    if case == "big":
        places = [(100 + i % 3 * 150, 30 + i // 3 * 70) for i in range(1000)]
        nodes = [Node(f"n{i}", "conv2d", "conv", "(1, 64)", x=x, y=y, w=110, h=40)
                 for i, (x, y) in enumerate(places)]  # fmt: skip
        edges = [Edge(a.id, b.id, ((a.x, a.y), (a.x, a.y + 20), (b.x, b.y - 30), (b.x, b.y - 20)))
                 for a, b in zip(nodes, nodes[3:], strict=False)]  # fmt: skip
        return GraphView("main", tuple(nodes), tuple(edges), 500, 30 + 334 * 70)
    name = HOSTILE if case == "hostile" else "matmul"
    nodes = (
        Node("x", "input", "input", "(128, 64)", x=100, y=30, w=100, h=40, label="x"),
        Node("w", "const", "constant", x=230, y=30, w=60, h=22),
        Node("lv", name, "matmul", "(128,)", function="matmul", x=100, y=110, w=100, h=40),
        Node(SLOW, "relu", "elementwise", "(128,)", function="relu", x=100, y=190, w=100, h=40),
    )
    edges = (
        Edge("x", "lv", ((100, 50), (100, 60), (100, 80), (100, 90))),
        Edge("w", "lv", ((230, 41), (230, 60), (120, 80), (115, 90))),
        Edge("lv", SLOW, ((100, 130), (100, 140), (100, 160), (100, 170))),
    )
    return GraphView("main", nodes, edges, 300, 220)


def answer(request: Request) -> Response:
    """What `ui.answers` would say; a token is the case and the step."""
    case, step = request.path_params["token"].rsplit("-", 1)
    function = request.query_params.get("function", "")
    views = {
        "state": lambda: state(int(step)),
        "graph": lambda: graph(case),
        "program": lambda: big_text() if case == "big" else program(function),
        "loops": loop_tree,
        "diff": diff,
        "asm": assembly,
    }
    if request.path_params["view"] not in views:
        return JSONResponse({"message": "no such view", "hint": "", "paths": []}, 409)
    return JSONResponse(encode(views[request.path_params["view"]]()))


def linked(case: str) -> None:
    state = st.session_state
    function = "main" if case == "empty" else "matmul"
    state.setdefault("chosen", {"node": "lv", "function": function, "path": None})

    def on_event() -> None:
        what = component.event("linked")
        state.setdefault("events", []).append(what)
        if what["type"] == "node":
            time.sleep(1 if what["id"] == SLOW else 0)
            state.chosen = {"node": what["id"], "function": what["function"], "path": None}
        elif what["type"] == "path":
            state.chosen = {**state.chosen, "path": what["path"]}

    problem = {"message": f"k_0 carries a reduction {HOSTILE}", "paths": ["matmul/k_0"]}
    titles = ("", "split") if case in ("loops", "hostile") else ("",)
    data = {
        "states": [{"token": f"{case}-{n}", "title": title, "detail": "", "function": None}
                   for n, title in enumerate(titles)],
        "cursor": len(titles) - 1,
        "other": None,
        "times": [None] * len(titles),
        "kind": "graph" if function == "main" else "loops",
        "selection": state.chosen,
        "problem": problem if case == "refused" else None,
        "levels": encode(LEVELS),
        "labels": component.labels(st.query_params.get("lang", "en")),
    }  # fmt: skip
    component.linked_view(data, key="linked", on_event_change=on_event)


def trace(case: str) -> None:
    state = st.session_state
    state.setdefault("cursor", 2)

    def on_event() -> None:
        what = component.event("trace")
        state.setdefault("events", []).append(what)
        if what["type"] == "goto":
            state.cursor = what["cursor"]

    def time_of(ms: float, ok: bool = True) -> dict[str, object]:
        return {"median_ms": ms, "p10_ms": ms * 0.9, "p90_ms": ms * 1.2, "max_rel_error": 1e-7 if ok else 0.3,
                "ok": ok, "taken_at": "2026-11-24T10:00:00+00:00"}  # fmt: skip

    empty = {"detail": "", "function": None, "badges": [], "state": "done", "time": None, "pending": False}
    rows = [
        empty | {"n": 0, "title": "", "time": time_of(1950.0)},
        empty
        | {"n": 1, "title": HOSTILE, "detail": "loop='matmul/k', factors=[None, 8]", "time": time_of(18.4)},
        empty
        | {
            "n": 2,
            "title": "parallel",
            "function": "matmul",
            "badges": ["main"],
            "time": time_of(0.0213, False),
        },
        empty | {"n": 3, "title": "bind", "state": "bad", "message": "a reduction can't be bound"},
    ]
    data = {
        "rows": [empty | {"n": 0, "title": ""}] if case == "empty" else rows,
        "cursor": 0 if case == "empty" else state.cursor,
        "lines": {} if case == "empty" else {"numpy": 1.5, "onnxruntime": 1.2},
        "labels": component.labels("en"),
    }
    component.trace_view(data, key="trace", on_event_change=on_event)


def main() -> None:
    st.set_page_config(layout="wide")
    case = st.query_params.get("case", "loops")
    linked(case)
    trace(case)
    st.text("\n".join(json.dumps(e) for e in st.session_state.get("events", [])) or "no event")


if get_script_run_ctx(suppress_warning=True) is not None:
    main()
else:
    app = st.App(
        __file__, lifespan=serving.lifespan, routes=[blobs.route(), Route("/panes/{token}/{view}", answer)]
    )
    if __name__ == "__main__":
        app.run(config=serving.run_config())
