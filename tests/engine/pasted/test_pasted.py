"""Pasted texts become steps: traces, scripts, lines of a schedule, MetaSchedule's records."""

import json

import pytest
import tvm
import tvm_ffi
from tvm.s_tir import Schedule

from mlc_explorer.engine.pasted import steps_of
from mlc_explorer.engine.replay import State, replay
from mlc_explorer.engine.script import script
from mlc_explorer.errors import BadTrace, MlcError, NotFound, Refused
from mlc_explorer.schema.trace import Step, Trace
from mlc_explorer.session import shipped_trace


def no_data(digest: str) -> bytes:
    raise AssertionError(digest)


def bare(model: str) -> State:
    return replay(Trace(model), no_data)


def after(model: str, steps: list[Step]) -> tvm.IRModule:
    return replay(Trace(model, tuple(steps)), no_data).mod


def same(a: tvm.IRModule, b: tvm.IRModule) -> bool:
    return tvm_ffi.structural_equal(a, b)


@pytest.fixture
def matmul() -> State:
    return bare("matmul_1024")


@pytest.mark.parametrize("model", ["matmul_1024", "mlp"])
def test_an_exported_script_gives_its_steps_back(model):
    trace = shipped_trace(model)
    text, _ = script(trace, "cpu", no_data)
    state = bare(model)
    steps = steps_of(state, state.entry, text)
    assert [s.transform for s in steps] == [s.transform for s in trace.steps]
    assert same(after(model, steps), replay(trace, no_data).mod)


def test_an_edit_in_a_script_counts(matmul):
    trace = Trace("matmul_1024", (Step("split", "main", {"loop": "matmul/k", "factors": [None, 8]}),))
    text, _ = script(trace, "cpu", no_data)
    steps = steps_of(matmul, "main", text.replace("factors=[None, 8]", "factors=[None, 16]"))
    assert steps == [Step("split", "main", {"loop": "matmul/k", "factors": [None, 16]})]


def test_json_of_our_own_is_taken_as_it_is(matmul):
    step = Step("vectorize", "main", {"loop": "matmul/j"})
    for data in (step.to_json(), [step.to_json()], Trace("another", (step,)).to_json()):
        assert steps_of(matmul, "main", json.dumps(data)) == [step]


def scheduled(mod: tvm.IRModule) -> Schedule:
    sch = Schedule(tvm.IRModule({"main": mod["main"]}))  # a schedule changes the module that it is given
    block = sch.get_sblock("matmul", "main")
    i, j, k = sch.get_loops(block)
    factors = sch.sample_perfect_tile(j, 2, 16, decision=[64, 16])
    outer, inner = sch.split(j, factors)
    sch.reorder(i, outer, k, inner)
    sch.vectorize(inner)
    sch.cache_write(block, 0, "local")
    copied = sch.cache_read(block, 1, "global")
    sch.transform_layout(copied, ("write", 0), lambda k, j: [j // 16, k, j % 16])
    return sch


def test_the_trace_of_a_schedule_as_json_and_as_python(matmul):
    """What was sampled is a number by then, and the index map is text."""
    sch = scheduled(matmul.mod)
    texts = [
        json.dumps(tvm_json(sch.trace.as_json())),
        "\n".join(str(line) for line in sch.trace.as_python()),
    ]
    for text in texts:
        steps = steps_of(matmul, "main", text)
        assert same(after("matmul_1024", steps), sch.mod)
        assert steps[0] == Step("split", "main", {"loop": "matmul/j", "factors": [64, 16]})
        assert [s.transform for s in steps] == [
            "split", "reorder", "vectorize", "cache_write", "cache_read", "transform_layout",
        ]  # fmt: skip


def tvm_json(value):
    """TVM's JSON holds its own lists and numbers."""
    if isinstance(value, (list, tvm_ffi.Array)):
        return [tvm_json(v) for v in value]
    return value if isinstance(value, (str, bool, float, type(None))) else int(value)


def test_a_metaschedule_record_is_postprocessed_and_the_fastest_of_a_file_counts(matmul):
    """A record's annotations on the root become parallel, vectorized and unrolled loops."""

    def record(inner: int, seconds: float) -> str:
        sch = Schedule(tvm.IRModule({"main": matmul.mod["main"]}))
        block, root = sch.get_sblock("matmul", "main"), sch.get_sblock("root", "main")
        sch.annotate(block, "meta_schedule.tiling_structure", "SSRS")
        i, j, k = sch.get_loops(block)
        outer, vector = sch.split(j, sch.sample_perfect_tile(j, 2, 64, decision=[1024 // inner, inner]))
        sch.reorder(i, outer, k, vector)
        for key, value in (("parallel", 32), ("vectorize", 64), ("unroll_explicit", 16)):
            sch.annotate(root, f"meta_schedule.{key}", value)
        return json.dumps([0, [tvm_json(sch.trace.as_json()), [seconds], {"kind": "llvm"}, []]])

    steps = steps_of(matmul, "main", "\n".join([record(8, 0.5), record(16, 0.25)]))
    assert steps[0] == Step("split", "main", {"loop": "matmul/j", "factors": [64, 16]})
    assert {s.transform for s in steps} >= {"split", "reorder", "parallel", "vectorize", "annotate"}
    now = after("matmul_1024", steps)["main"].script()
    assert "T.parallel" in now and "T.vectorized(16)" in now and "meta_schedule" not in now


@pytest.mark.parametrize(
    ("drawn", "steps"),
    [(-1, []), (-2, [Step("compute_inline", "main", {"block": "exp"})])],
)
def test_a_drawn_place_may_be_the_root_or_within_the_consumer(drawn, steps):
    text = f"""
b = sch.get_sblock("exp")
l = sch.sample_compute_location(block=b, decision={drawn})
sch.compute_at(block=b, loop=l, preserve_unit_loops=True)
i, j = sch.get_loops("divide")
sch.parallel(i)
"""
    found = steps_of(bare("softmax"), "main", text)
    assert found == [*steps, Step("parallel", "main", {"loop": "divide/i"})]


def test_older_names_positional_arguments_and_plain_variables(matmul):
    text = """
import tvm
sch = tvm.tir.Schedule(MyModule)
block = sch.get_block("matmul", "whatever")
i, j, k = sch.get_loops(block)
loops = sch.split(j, [None, 4])
sch.show()
"""
    assert steps_of(matmul, "main", text) == [
        Step("split", "main", {"loop": "matmul/j", "factors": [None, 4]})
    ]


def test_passes_and_schedules_one_after_the_other():
    state = bare("mlp")
    text = "mod = relax.transform.LegalizeOps()(mod)\nmod = tvm.relax.transform.ToNonDataflow()(mod)\n"
    steps = steps_of(state, state.entry, text)
    assert steps[0] == Step("LegalizeOps", None, {})
    assert len(steps) == 2
    name = "relu"
    text += f'sch = Schedule(tvm.IRModule({{"{name}": mod["{name}"]}}))\n'
    text += 'b = sch.get_sblock("compute")\nl0, l1 = sch.get_loops(b)\nsch.vectorize(l1)\n'
    assert steps_of(state, state.entry, text)[-1].function == name


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", "paste_empty", "text"),
        ("{}", "trace_bad", "version"),
        ("[1, 2]", "paste_unknown_json", "text"),
        ("x = 1", "paste_nothing", "text"),
        ("b = sch.get_sblock(", "paste_syntax", "line 1"),
        ("x = 1\nb = sch.get_sblock('no such block')", "paste_refused", "line 2"),
        ("b = sch.get_sblock('matmul')\nsch.mod(b)", "paste_refused", "line 2"),
        (
            "b = sch.get_sblock('matmul')\nfor l in sch.get_loops(b):\n    pass",
            "paste_not_straight",
            "line 2",
        ),
        ("b = sch.get_sblock('matmul')\nl, = sch.get_loops(b)", "paste_count", "line 2"),
        ("b = sch.get_sblock('matmul')\nx.y = sch.get_loops(b)", "paste_target", "line 2"),
        ("b = sch.get_sblock(open('/etc/passwd').read())", "paste_value", "line 1"),
        (
            "b = sch.get_sblock('matmul')\ni, j, k = sch.get_loops(b)\nsch.vectorize(k)",
            "reduction_axis",
            "line 3",
        ),
    ],
)
def test_what_can_not_be_read_says_where(matmul, text, code, place):
    with pytest.raises(MlcError) as caught:
        steps_of(matmul, "main", text)
    assert (caught.value.code, caught.value.place) == (code, place)
    assert caught.value.hint


def test_a_trace_for_another_function_is_refused(matmul):
    sch = scheduled(matmul.mod)
    with pytest.raises(Refused) as caught:
        steps_of(bare("softmax"), "main", json.dumps(tvm_json(sch.trace.as_json())))
    assert caught.value.code == "paste_trace_refused"


def test_nothing_that_is_pasted_is_run(matmul, tmp_path):
    file = tmp_path / "made"
    text = f"import pathlib\npathlib.Path({str(file)!r}).touch()\nb = sch.get_sblock('matmul')\n"
    with pytest.raises(BadTrace):
        steps_of(matmul, "main", text)
    assert not file.exists()


def test_a_schedule_of_a_function_that_is_not_there(matmul):
    text = "sch = Schedule(tvm.IRModule({'gone': mod['gone']}))\nb = sch.get_sblock('matmul')\n"
    with pytest.raises(NotFound):
        steps_of(matmul, "main", text)
