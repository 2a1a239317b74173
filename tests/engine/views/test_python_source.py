"""A function as Python: run in the interpreter, it computes what the compiled function computes."""

import re
from pathlib import Path

import numpy as np
import pytest
import tvm
from tvm import te, tirx
from tvm.s_tir import Schedule

from mlc_explorer.engine.build import build, signature
from mlc_explorer.engine.loaders.functions import FUNCTIONS, TensorFunction
from mlc_explorer.engine.paths import walk
from mlc_explorer.engine.replay import replay
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.views.lookup import names
from mlc_explorer.engine.views.python_source import python
from mlc_explorer.engine.views.text import text
from mlc_explorer.errors import NotFound, Refused
from mlc_explorer.schema.trace import Step, Trace

ITERATIONS = 2_100_000  # what the interpreter does within two seconds

# The sample functions that are beyond it (bmm_relu 34 million, conv2d 116, matmul_1024 a thousand million)
# are run at sizes for the interpreter; the others as they ship.
SMALL = {
    "matmul_1024": {"A": (24, 24), "B": (24, 24)},
    "bmm_relu": {"A": (2, 8, 8), "B": (2, 8, 8)},
    "conv2d": {"X": (1, 3, 6, 6), "W": (4, 3, 3, 3)},
}
ROOT = Path(__file__).resolve().parents[3]
FOLDED = tuple(Step(name) for name in ("FoldLinear", "LegalizeOps", "FuseTIR"))


def at_size(name, inputs):
    """A sample function with the same declaration at another size."""
    whole = FUNCTIONS[name]
    return TensorFunction(inputs, whole.declare, whole.blocks, whole.numpy, whole.operators).module()


@pytest.fixture
def product():
    """The schedule of a product of 16 × 16 matrices, its block, and its loops."""
    sch = Schedule(at_size("matmul_128", {"A": (16, 16), "B": (16, 16)}))
    block = sch.get_sblock("matmul")
    return sch, block, sch.get_loops(block)


def called(mod, function, inputs):
    """What the Python text computes, output by output, from arrays that hold nothing useful."""
    wanted = signature(mod, function)
    arrays = dict(zip((i.name for i in wanted.inputs), inputs))
    arrays |= {o.name: np.full(o.shape, 99, o.dtype) for o in wanted.outputs}
    scope = {}
    exec("\n".join(python(mod, function).lines), scope)
    scope[function](*(arrays[p.name] for p in mod[function].params))
    return [arrays[o.name] for o in wanted.outputs]


def agree(mod, function="main"):
    """Runs both on the same seeded inputs."""
    random = np.random.default_rng(0)
    inputs = [(3 * random.standard_normal(i.shape)).astype(i.dtype) for i in signature(mod, function).inputs]
    compiled = build(mod, target("generic"), function)(inputs)
    for ours, expected in zip(called(mod, function, inputs), compiled, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def from_te(*tensors):
    return tvm.IRModule({"main": te.create_prim_func(list(tensors)).with_attr("global_symbol", "main")})


def elementwise(body, dtype="float32", count=12):
    x = te.placeholder((count,), dtype, name="X")
    return from_te(x, te.compute((count,), lambda i: body(x(i), i), name="Y"))


def iterations(func):
    """How often the innermost statements of `func` run."""
    places = walk(func)
    total = 0
    for place in places:
        if place.kind == "block":
            count, at = 1, place.parent
            while at is not None:
                count *= int(places[at].node.extent) if places[at].kind == "loop" else 1
                at = places[at].parent
            total += count
    return total


def replayed(name):
    """A network after the trace that ships with it."""
    trace = (ROOT / "sample_models" / "traces" / f"{name}.json").read_text(encoding="utf-8")
    return replay(Trace.loads(trace), lambda _: b"").mod


def code(mod, function="main"):
    return "\n".join(python(mod, function).lines)


# -- it computes the same


@pytest.mark.parametrize("name", FUNCTIONS)
def test_sample_functions(name):
    mod = FUNCTIONS[name].module()
    assert (name in SMALL) == (iterations(mod["main"]) > ITERATIONS)
    agree(at_size(name, SMALL.get(name, FUNCTIONS[name].inputs)))


@pytest.mark.parametrize("form", ["legalised", "folded"])
@pytest.mark.parametrize("model", ["mlp", "cnn", "transformer"])
def test_every_function_of_a_network(stage, model, form):
    """None is too big: the largest is cnn's second convolution, 907,264 iterations."""
    mod = stage(model, form) if form == "legalised" else replay(Trace(model, FOLDED), lambda _: b"").mod
    functions = [name for name in names(mod) if isinstance(mod[name], tirx.PrimFunc)]
    assert functions and all(iterations(mod[name]) <= ITERATIONS for name in functions)
    for name in functions:
        agree(mod, name)


def test_the_shipped_schedule_of_mlp():
    agree(replayed("mlp"), "linear_relu")


# -- whatever a schedule did


def test_tiles_that_do_not_fit(product):
    """A split with a remainder (a guard), another order, all kinds of loops, a reduction taken apart."""
    sch, block, (i, j, k) = product
    outer, inner = sch.split(i, [None, 5])
    k_outer, k_inner = sch.split(k, [None, 4])
    sch.reorder(outer, k_outer, inner, k_inner, j)
    sch.parallel(outer)
    sch.vectorize(j)
    sch.unroll(k_inner)
    sch.decompose_reduction(block, k_outer)
    source = code(sch.mod)
    assert "for i_0 in range(4):  # parallel, here serial" in source
    assert "v_i = i_0 * 5 + i_1" in source
    assert "if i_0 * 5 + i_1 < 16:" in source
    agree(sch.mod)


def test_fused_loops(product):
    sch, _, (i, j, _) = product
    sch.fuse(i, j)
    assert "v_i = i_j_fused // 16" in code(sch.mod) and "v_j = i_j_fused % 16" in code(sch.mod)
    agree(sch.mod)


def test_a_packed_operand_and_a_local_result(product):
    sch, block, (i, *_) = product
    packed = sch.cache_read(block, 1, "global")
    sch.transform_layout(packed, ("write", 0), lambda a, b: (b // 4, a, b % 4))
    result = sch.cache_write(block, 0, "local")
    sch.reverse_compute_at(result, i)
    source = code(sch.mod)
    assert 'B_global = np.empty((4, 16, 4), dtype="float32")' in source
    assert 'C_local = np.empty((16, 16), dtype="float32")' in source
    agree(sch.mod)


def test_rfactor(product):
    sch, _, (_, _, k) = product
    outer, _ = sch.split(k, [None, 4])
    sch.rfactor(outer, 0)
    agree(sch.mod)


def test_compute_at():
    sch = Schedule(at_size("bmm_relu", SMALL["bmm_relu"]))
    sch.reverse_compute_at(sch.get_sblock("relu"), sch.get_loops(sch.get_sblock("bmm"))[2])
    agree(sch.mod)
    sch = Schedule(at_size("conv2d", SMALL["conv2d"]))
    sch.compute_at(sch.get_sblock("pad"), sch.get_loops(sch.get_sblock("conv2d"))[2])
    agree(sch.mod)


def test_blockize(product):
    sch, _, (i, j, k) = product
    i_0, i_1 = sch.split(i, [None, 4])
    j_0, j_1 = sch.split(j, [None, 8])
    sch.reorder(i_0, j_0, k, i_1, j_1)
    sch.blockize(i_1)
    assert "# block matmul_o" in code(sch.mod)
    agree(sch.mod)


def test_thread_bound_loops(product):
    """They can't be compiled for a CPU: compared with the same function before its loops were bound."""
    sch, _, (i, j, _) = product
    before = sch.mod
    sch.bind(i, "blockIdx.x")
    sch.bind(j, "threadIdx.x")
    assert "for i in range(16):  # bound to blockIdx.x, here serial" in code(sch.mod)
    inputs = [np.random.default_rng(0).standard_normal((16, 16)).astype("float32") for _ in "AB"]
    np.testing.assert_array_equal(called(sch.mod, "main", inputs)[0], called(before, "main", inputs)[0])


# -- every expression


@pytest.mark.parametrize(
    "body",
    [
        lambda x, i: tirx.Select(i > 3, tirx.erf(x) * tirx.tanh(x), tirx.sigmoid(x) - (x - tirx.exp(x))),
        lambda x, i: tirx.max(x, tirx.const(0.25, "float32")) * tirx.min(x, tirx.const(-0.1, "float32")),
        lambda x, i: tirx.sqrt(tirx.abs(x)) + tirx.rsqrt(tirx.abs(x)) * tirx.power(x, 3.0),
        lambda x, i: tirx.log(x * x) - tirx.log2(x * x) / tirx.log10(x * x + tirx.const(2, "float32")),
        lambda x, i: tirx.sin(x) - (tirx.cos(x) - tirx.tan(x)) / (tirx.sinh(x) / tirx.cosh(x)),
        lambda x, i: tirx.floor(x) + tirx.ceil(x) * tirx.trunc(x) - tirx.nearbyint(x),
        lambda x, i: tirx.atan(x) + tirx.asin(x / 20) + tirx.acos(x / 20),
        lambda x, i: -x * tirx.Cast("float32", i * 3 // 2 % 5 - 1),
        lambda x, i: tirx.Cast("float32", tirx.Cast("int32", x * 10) >> 1),
        lambda x, i: tirx.Select(tirx.Not(tirx.any(x > 1, tirx.all(i >= 2, i != 5))), x, x + 1),
        lambda x, i: tirx.if_then_else(i == 0, tirx.infinity("float32"), x),
    ],
)  # fmt: skip
def test_expressions(body):
    agree(elementwise(body))


@pytest.mark.parametrize("dtype", ["int64", "int32", "int8", "uint8"])
@pytest.mark.parametrize(
    "body",
    [
        lambda x, i: x // tirx.const(3, x.ty) + x % tirx.const(3, x.ty),
        lambda x, i: tirx.truncdiv(x, tirx.const(3, x.ty)) - tirx.truncmod(x, tirx.const(3, x.ty)),
        lambda x, i: (x & tirx.const(6, x.ty)) | (x ^ tirx.const(1, x.ty)),
        lambda x, i: tirx.max(x, tirx.Cast(x.ty, i)),
    ],
)
def test_integers(body, dtype):
    """Division rounds down or towards zero, as TVM says."""
    agree(elementwise(body, dtype))


def test_division_of_large_integers_is_exact():
    """Not by way of float64, which has 53 bits."""
    mod = elementwise(lambda x, i: tirx.truncdiv(x, tirx.const(3, "int64")), "int64", 2)
    large = np.array([2**62 + 1, -(2**62) - 1])
    assert called(mod, "main", [large])[0].tolist() == [(2**62 + 1) // 3, -((2**62 + 1) // 3)]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_operation_rounds_to_its_type(dtype):
    """A thousand small terms are lost one by one, or not, as in the compiled code: to the bit."""
    x = te.placeholder((2000,), dtype, name="X")
    k = te.reduce_axis((0, 2000), name="k")
    mod = from_te(x, te.compute((1,), lambda _: te.sum(x[k] * tirx.const(0.1, dtype), axis=k), name="S"))
    inputs = [np.full(2000, 1.1, dtype)]
    np.testing.assert_array_equal(called(mod, "main", inputs), build(mod, target("generic"))(inputs))


def test_the_side_that_is_not_taken_is_not_read():
    """X[-1] would be Python's last element, X[12] an error."""
    x = te.placeholder((12,), name="X")
    zero = tirx.const(0, "float32")

    def neighbours(i):
        left = tirx.if_then_else(i >= 1, x[i - 1], zero)
        return left + tirx.if_then_else(i < 11, x[i + 1], zero)

    agree(from_te(x, te.compute((12,), neighbours, name="Y")))


def test_names_that_python_keeps_for_itself():
    x = te.placeholder((4,), name="lambda")
    agree(from_te(x, te.compute((4,), lambda i: x[i] + 1, name="max")))


# -- it can be read beside TVMScript


def test_golden_matmul(golden):
    golden("views/matmul_128.python.txt", code(FUNCTIONS["matmul_128"].module()) + "\n")


def test_golden_linear_relu(golden):
    golden("views/mlp_scheduled_linear_relu.python.txt", code(replayed("mlp"), "linear_relu") + "\n")


def test_each_line_links_to_the_same_loop_block_or_store(scheduled):
    view, tir = python(scheduled, "main"), text(scheduled, "main", "tir").lines
    assert len(view.links) == len(view.lines)
    linked = [(line.strip(), tir[link - 1].strip()) for line, link in zip(view.lines, view.links) if link]
    assert len(linked) == len([line for line in view.lines if line and not line.startswith("import")])
    for line, source in linked:
        if line.startswith("for "):
            assert line.split()[1] == source.split()[1]
        elif line.startswith("# block "):
            assert source == f'with T.sblock("{line.removeprefix("# block ")}"):'
        elif line.startswith("if "):
            assert source.startswith(("with T.init():", "T.where("))
        else:
            assert re.split(r"\W", line)[0] == re.split(r"\W", source)[0]


def test_guard_and_init_link_to_where_and_init(product):
    sch, _, (i, *_) = product
    sch.split(i, [None, 5])
    view, tir = python(sch.mod, "main"), text(sch.mod, "main", "tir").lines
    links = [tir[k - 1].strip() for line, k in zip(view.lines, view.links) if line.strip().startswith("if ")]
    assert links[0].startswith("T.where(") and links[1] == "with T.init():"


def test_marks_name_the_loops_and_blocks_of_the_tree(scheduled):
    view, tir = python(scheduled, "main"), text(scheduled, "main", "tir")
    assert [(m.path, m.kind) for m in view.marks] == [(m.path, m.kind) for m in tir.marks]
    for mark in view.marks:
        head = view.lines[mark.line - 1].strip()
        assert head.startswith("for " if mark.kind == "loop" else "# block ")
        assert mark.line < mark.end <= len(view.lines)


# -- and what it can't say, it refuses


@pytest.mark.parametrize(
    ("mod", "what"),
    [
        (lambda: elementwise(lambda x, i: tirx.call_intrin("float32", "tirx.round", x)), "round"),
        (lambda: elementwise(lambda x, i: x, "bfloat16"), "bfloat16"),
        (lambda: elementwise(lambda x, i: tirx.call_extern("float32", "f", x)), "call_extern"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(mod, what):
    with pytest.raises(Refused) as refused:
        python(mod(), "main")
    assert refused.value.code == "view_not_python"
    assert what in refused.value.params["what"]


def test_a_graph_function_has_no_loops_to_write(stage):
    with pytest.raises(NotFound):
        python(stage("mlp", "raw"), "main")
