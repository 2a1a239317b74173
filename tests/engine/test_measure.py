"""A measurement: real timings with their check, of whole models and of single functions, right and wrong."""

import math

import numpy as np
import pytest

from mlc_explorer.engine import measure as measuring
from mlc_explorer.engine.build import Signature
from mlc_explorer.engine.measure import measure, run, seeded_inputs
from mlc_explorer.engine.twins import TooSlow, limited, onnxruntime_twin
from mlc_explorer.errors import NotFound, Refused
from mlc_explorer.schema.codec import decode, encode
from mlc_explorer.schema.report import Measurement, TensorInfo
from mlc_explorer.schema.trace import Step, Trace

QUICK = 0.05  # seconds of timing
FOLDED = tuple(Step(name) for name in ("FoldLinear", "LegalizeOps", "FuseTIR"))
SCHEDULED = (
    Step("split", "main", {"loop": "matmul/i", "factors": [None, 8]}),
    Step("parallel", "main", {"loop": "matmul/i_0"}),
)


def no_upload(digest):
    raise AssertionError("samples need no upload")


def quick(trace, function=None, target="generic", progress=lambda stage, fraction: None):
    return measure(trace, function, target, QUICK, progress, no_upload)


def test_a_network_is_timed_and_agrees_with_itself_numpy_and_onnx_runtime():
    pytest.importorskip("onnxruntime", reason="the second opinion on this model")
    found = quick(Trace("mlp", FOLDED), target="cpu")
    assert 0 < found.p10_ms <= found.median_ms <= found.p90_ms
    assert found.runs >= 10
    assert found.threads >= 1
    assert found.compile_s > 0
    assert 0 <= found.max_rel_error < 1e-3
    assert found.reference == "untransformed"
    assert set(found.others) == set(found.other_errors) == {"numpy", "onnxruntime"}
    assert all(ms > 0 for ms in found.others.values())
    assert max(found.other_errors.values()) < 1e-3
    assert {"tvm", "numpy", "onnxruntime"} <= set(found.versions)
    assert found.taken_at.endswith("+00:00")


def test_it_travels_as_json():
    found = quick(Trace("softmax"))
    assert decode(Measurement, encode(found)) == found


def test_a_scheduled_function_agrees_with_its_unscheduled_self():
    found = quick(Trace("matmul_128", SCHEDULED))
    assert found.max_rel_error < 1e-5


def test_one_function_of_a_network_is_compared_with_itself_as_it_first_was():
    steps = (*FOLDED, Step("parallel", "linear_relu", {"loop": "matmul/i1"}))
    found = quick(Trace("mlp", steps), function="linear_relu")
    assert found.function == "linear_relu"
    assert found.max_rel_error < 1e-5
    assert found.others == {}  # nobody else has this function


def test_the_entry_may_be_named_and_is_then_the_whole_model():
    assert "numpy" in quick(Trace("matmul_128"), function="main").others


def test_nobody_else_is_asked_where_that_is_not_wanted():
    found = measure(
        Trace("matmul_128"), None, "generic", QUICK, lambda s, f: None, no_upload, None, twins=False
    )
    assert found.others == found.other_errors == {} and found.right


def test_progress_goes_through_three_stages():
    seen = []
    quick(Trace("softmax"), progress=lambda stage, fraction: seen.append((stage, fraction)))
    assert list(dict.fromkeys(stage for stage, _ in seen)) == ["build", "check", "time"]
    for stage in ("build", "check", "time"):
        fractions = [f for s, f in seen if s == stage]
        assert fractions == sorted(fractions) and fractions[-1] == 1.0


def test_a_wrong_result_is_reported_not_hidden(monkeypatch):
    """No transform of ours gives a wrong result, so the result is spoilt on its way."""
    honest = measuring.build

    def spoilt(mod, target, entry):
        runnable = honest(mod, target, entry)
        if "mcpu" not in target.attrs:
            return runnable

        class Spoilt:
            signature, compile_s, timer = runnable.signature, runnable.compile_s, runnable.timer

            def __call__(self, inputs):
                return [2 * output for output in runnable(inputs)]

        return Spoilt()

    monkeypatch.setattr(measuring, "build", spoilt)
    found = quick(Trace("matmul_128"), target="cpu")
    assert found.max_rel_error == pytest.approx(1.0, rel=1e-3)
    assert found.other_errors["numpy"] > 1


def test_a_function_that_is_not_there_is_named():
    with pytest.raises(NotFound, match="linear_relu"):
        quick(Trace("mlp"), function="linear_relu")


def test_a_changed_signature_leaves_nothing_to_compare_with():
    def square(n):
        return Signature((TensorInfo("x", (n, n), "float32"),), (TensorInfo("y", (n,), "float32"),))

    measuring.refuse_unless_comparable("f", square(3), square(3))
    with pytest.raises(Refused, match=r"float32\[4, 4\] → float32\[4\]") as refusal:
        measuring.refuse_unless_comparable("f", square(4), square(3))
    assert refusal.value.code == "signature_changed"


def test_an_unknown_target_is_named():
    with pytest.raises(NotFound, match="'abacus'"):
        quick(Trace("softmax"), target="abacus")


def test_run_gives_ten_numbers_for_a_shipped_image():
    found = run(Trace("mlp", FOLDED), {"image": 3}, "generic", no_upload)
    (logits,) = found.outputs["logits"]
    assert len(logits) == 10 and all(math.isfinite(v) for v in logits)
    assert found.seconds > 0
    plain = run(Trace("mlp"), {"image": 3}, "generic", no_upload)
    np.testing.assert_allclose(logits, plain.outputs["logits"][0], rtol=1e-4, atol=1e-4)


def test_run_summarises_a_large_output():
    found = run(Trace("softmax"), {}, "generic", no_upload).outputs["Y"]
    assert found["shape"] == [64, 1024]
    assert 0 <= found["min"] < found["mean"] < found["max"] <= 1


@pytest.mark.parametrize("index", [-1, 20, "0", None, True])
def test_run_names_an_image_that_is_not_there(index):
    with pytest.raises(NotFound) as error:
        run(Trace("mlp"), {"image": index}, "generic", no_upload)
    assert error.value.code == "image_missing"


def test_seeded_inputs_are_the_same_every_time_and_safe_as_indices():
    infos = [TensorInfo(dtype, (100,), dtype) for dtype in ("float32", "int64", "bool")]
    first, again = seeded_inputs(infos), seeded_inputs(infos)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))
    assert [a.dtype.name for a in first] == ["float32", "int64", "bool"]
    assert set(first[1]) == {0, 1}


def test_a_python_evaluator_is_stopped_when_its_time_is_up():
    with pytest.raises(TooSlow), limited(0.02):
        while True:
            pass


def test_onnx_runtime_declines_what_it_cannot_load():
    assert onnxruntime_twin(b"no model", 1) is None


def test_a_known_reference_gives_the_same_check():
    """Measuring every step of a trace computes the untransformed model once."""
    trace = Trace("matmul_128", SCHEDULED)
    known = measuring.reference(trace, None, no_upload)
    assert known and known[0]["shape"] == [128, 128]
    reused = measure(trace, None, "generic", QUICK, lambda stage, fraction: None, no_upload, known)
    assert reused.max_rel_error == quick(trace).max_rel_error
    other_layout = [known[0] | {"shape": [64, 256]}]
    assert (
        measure(trace, None, "generic", QUICK, lambda s, f: None, no_upload, other_layout).max_rel_error > 1
    )
