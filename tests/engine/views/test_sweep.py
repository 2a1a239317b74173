"""Every view of many functions: a result that holds together, or a refusal that a person can read.

The functions are those of small models as they come, legalised and fused, and of schedules; each view is
asked for as the screen asks for it.
"""

import ast
import json
import random
from functools import cache

import pytest
import tvm_ffi

from mlc_explorer.engine import service
from mlc_explorer.engine.replay import replay
from mlc_explorer.errors import MlcError
from mlc_explorer.schema.codec import encode
from mlc_explorer.schema.levels import LEVELS
from mlc_explorer.schema.motion import evaluate
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.session import shipped_trace
from mlc_explorer.texts import LANGUAGES, say


def steps(model, *names):
    return Trace(model, tuple(Step(name) for name in names))


def loops(model, *applied):
    """`applied`: transform and parameters, on the function ``main``."""
    return Trace(model, tuple(Step(name, "main", params) for name, params in applied))


FUSED = ("LegalizeOps", "AnnotateTIROpPattern", "FoldConstant", "FuseOps", "FuseTIR", "DeadCodeElimination")
K_SPLIT = ("split", {"loop": "matmul/k", "factors": [None, 5]})
TRACES = {
    "matmul_128": steps("matmul_128"),
    "softmax": steps("softmax"),
    "layer_norm": steps("layer_norm"),
    "bmm_relu": steps("bmm_relu"),
    "mlp": steps("mlp"),
    "mlp shipped": shipped_trace("mlp"),
    "cnn fused": steps("cnn", *FUSED),
    "transformer legalised": steps("transformer", "LegalizeOps"),
    "guarded": loops("matmul_128", K_SPLIT, ("unroll", {"loop": "matmul/k_1"})),
    "partial sums": loops("matmul_128", K_SPLIT, ("rfactor", {"loop": "matmul/k_0"})),
    "bound": loops("matmul_128", ("bind", {"loop": "matmul/i", "thread": "blockIdx.x"})),
    "mixed": loops(
        "matmul_128",
        ("parallel", {"loop": "matmul/i"}),
        ("bind", {"loop": "matmul/j", "thread": "threadIdx.x"}),
    ),
    "conv2d staged": loops("conv2d", ("compute_at", {"block": "pad", "loop": "conv2d/h"})),
}
KINDS = 9  # functions of one trace, no two with the same name but for a number


def no_file(digest):
    raise AssertionError(digest)


@cache
def state(name):
    return replay(TRACES[name], no_file)


def subjects():
    """A trace, and of its functions one of each kind of operator, none twice."""
    seen = set()
    for name, trace in TRACES.items():
        mod, families = state(name).mod, set()
        for function in service.state(trace.to_json(), no_file).functions:
            family, digest = function.name.rstrip("0123456789_"), tvm_ffi.structural_hash(mod[function.name])
            if digest not in seen and family not in families and len(families) < KINDS:
                families.add(family)
                seen.add(digest)
                yield pytest.param(name, function.name, function.kind, id=f"{name}-{function.name}")


def asked(job, name, *args):
    """The job's answer, or None where it is refused in words in every language."""
    try:
        answer = getattr(service, job)(TRACES[name].to_json(), no_file, *args)
    except MlcError as refusal:
        assert refusal.message and refusal.hint and refusal.code
        for language in LANGUAGES:
            for part in ("message", "hint"):
                assert say(f"errors.{refusal.code}.{part}", language, **refusal.params)
        return None
    json.dumps(encode(answer), allow_nan=False)
    return answer


ALL = list(subjects())
LOOPS = [p for p in ALL if p.values[2] == "loops"]


@pytest.mark.parametrize(("name", "function", "kind"), ALL)
def test_a_graph_has_both_ends_of_its_edges(name, function, kind):
    for job in ("graph", "dataflow") if kind == "loops" else ("graph",):
        view = asked(job, name, function)
        boxes = [node.id for node in view.nodes]
        assert len(set(boxes)) == len(boxes)
        assert all({edge.source, edge.target} <= set(boxes) for edge in view.edges)


@pytest.mark.parametrize(("name", "function", "kind"), ALL)
def test_texts_are_linked_to_lines_that_there_are(name, function, kind):
    own = asked("text", name, function)
    assert all(1 <= mark.line <= mark.end <= len(own.lines) for mark in own.marks)
    inside = {k for m in own.marks if m.kind == "loop" for k in range(m.line, m.end + 1)}
    for level in LEVELS:
        view = asked("text", name, function, level.name)
        if level.kind != kind:
            assert view is None
        if view is None or level.name == own.level:
            continue
        assert len(view.links) == len(view.lines)
        assert {link for link in view.links if link is not None} <= set(range(1, len(own.lines) + 1))
        if level.name == "python":
            ast.parse("\n".join(view.lines))
        if view.kinds:
            assert sum(count.instructions for count in view.counts) == sum(k in inside for k in view.links)
            assert all(count.instructions == sum(count.kinds.values()) for count in view.counts)


@pytest.mark.parametrize(("name", "function", "kind"), LOOPS)
def test_no_footprint_is_larger_than_its_buffer(name, function, kind):
    tree = asked("loops", name, function)
    sizes = {buffer.name: buffer.bytes for buffer in tree.buffers}

    def check(node):
        assert all(0 < size <= sizes[buffer] for buffer, size in node.footprint.items())
        for child in node.children:
            check(child)

    for root in tree.roots:
        check(root)


@pytest.mark.parametrize(("name", "function", "kind"), LOOPS)
def test_motion_stays_within_the_buffers(name, function, kind):
    draw = random.Random(0)
    for block in asked("motion", name, function).blocks:
        view = asked("motion", name, function, block)
        shapes = {buffer.name: buffer.shape for buffer in view.buffers}
        for _ in range(20):
            now = {v.var: draw.choice((v.start, v.start + draw.randrange(v.extent))) for v in view.loops}
            if view.predicate is not None and not evaluate(view.predicate, now):
                continue
            for access in view.accesses:
                if access.indices is None or (access.guard is not None and not evaluate(access.guard, now)):
                    continue
                places = [evaluate(index, now) for index in access.indices]
                assert all(0 <= i < n for i, n in zip(places, shapes[access.buffer], strict=True)), access


@pytest.mark.parametrize("name", [name for name, trace in TRACES.items() if trace.steps])
def test_a_diff_has_each_line_of_both_texts_once(name):
    view = asked("diff", name)
    assert [row.old for row in view.rows if row.old] == list(range(1, len(view.before) + 1))
    assert [row.new for row in view.rows if row.new] == list(range(1, len(view.after) + 1))
    assert all(view.before[r.old - 1] == view.after[r.new - 1] for r in view.rows if r.op == " ")
