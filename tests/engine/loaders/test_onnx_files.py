"""A person's own ONNX file: what opens, and what each thing that can be wrong with it says."""

from __future__ import annotations

import hashlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from mlc_explorer.engine.loaders import load, load_file
from mlc_explorer.engine.loaders.images import SAMPLE_MODELS
from mlc_explorer.errors import BadModel, NotFound
from mlc_explorer.texts import LANGUAGES, say

RELU = "g (float[1,4] x) => (float[1,4] y) { [my_relu] y = Relu(x) }"


def refusal(data: bytes) -> BadModel:
    """The error of opening `data`; it must have its text in every language."""
    with pytest.raises(BadModel) as caught:
        load_file("upload", data)
    error = caught.value
    for language in LANGUAGES:
        assert say(f"errors.{error.code}.message", language, **error.params)
        assert say(f"errors.{error.code}.hint", language, **error.params)
    return error


def test_a_file_opens_by_its_digest(onnx_file, run):
    data = onnx_file(RELU)
    model = load(f"sha256:{hashlib.sha256(data).hexdigest()}", data)
    x = np.array([[-1, 0, 1, 2]], np.float32)
    np.testing.assert_array_equal(run(model, [x])[0], [[0, 0, 1, 2]])
    assert model.onnx == data


def test_a_digest_without_its_file_is_not_found():
    with pytest.raises(NotFound) as caught:
        load("sha256:" + "0" * 64, None)
    assert caught.value.code == "model_file_missing"


def test_a_file_under_another_digest_is_refused(onnx_file):
    with pytest.raises(BadModel) as caught:
        load("sha256:" + "0" * 64, onnx_file(RELU))
    assert caught.value.code == "model_digest"


def test_several_outputs_keep_order_name_and_type(onnx_file, run):
    model = load_file("upload", onnx_file(
        "g (float[1,4] x) => (float[1,2] best, int64[1,2] where)"
        "{ k = Constant<value = int64[1] {2}>() best, where = TopK(x, k) }"
    ))  # fmt: skip
    assert [(t.name, t.shape, t.dtype) for t in model.outputs] == [
        ("best", (1, 2), "float32"),
        ("where", (1, 2), "int64"),
    ]
    x = np.array([[3, 9, 1, 7]], np.float32)
    for ours, theirs in zip(run(model, [x]), model.numpy_reference([x]), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_weights_that_are_listed_as_inputs_are_no_inputs():
    """Files of ONNX's first years list every weight as an input as well."""
    model = onnx.load(SAMPLE_MODELS / "mlp.onnx")
    listed = [helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in model.graph.initializer]
    model.graph.input.extend(listed)
    opened = load_file("upload", model.SerializeToString())
    assert [t.name for t in opened.inputs] == ["image"]
    assert len(opened.mod["main"].params) == 1
    assert opened.numpy_reference(opened.example_inputs())[0].shape == (1, 10)


def test_functions_of_the_model_itself_are_inlined(run):
    model = load_file("upload", parser.parse_model("""
        <ir_version: 8, opset_import: ["" : 17, "mine" : 1]>
        g (float[3] x) => (float[3] y) { y = mine.twice(x) }
        <opset_import: ["" : 17], domain: "mine"> twice (a) => (b) { b = Add(a, a) }
    """).SerializeToString())  # fmt: skip
    np.testing.assert_array_equal(run(model, [np.array([1, 2, 3], np.float32)])[0], [2, 4, 6])


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"PK\x03\x04", "ZIP"),
        (b"\n <!DOCTYPE html><html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
        (b'{"format": 1}', "JSON / XML"),
    ],
)
def test_a_wrong_file_is_called_what_it_is(head, kind):
    error = refusal(head + bytes(200))
    assert (error.code, error.params["kind"]) == ("model_wrong_file", kind)
    assert kind in error.message


def test_an_empty_file():
    assert refusal(b"").code == "model_empty"


@pytest.mark.parametrize("length", [10, 1000, 600_000])
def test_a_file_that_was_cut_off(length):
    assert refusal((SAMPLE_MODELS / "mlp.onnx").read_bytes()[:length]).code == "model_not_onnx"


def test_a_damaged_file_is_refused_or_opens_but_never_surprises(onnx_file):
    """Random bytes changed in the graph: names that are no text, types and attributes that do not exist, …"""
    rng = np.random.default_rng(0)
    whole = onnx_file("""
        g (float[1,3,8,8] x) => (float[1,3] y) {
            a = MaxPool<kernel_shape = [2,2], strides = [2,2]>(x)
            b = GlobalAveragePool(a) c = Flatten(b) y = Softmax<axis = -1>(c)
        }""")  # fmt: skip
    seen = set()
    for _ in range(300):
        damaged = bytearray(whole)
        for at in rng.integers(0, len(whole), 2):
            damaged[at] = rng.integers(0, 256)
        try:
            load_file("upload", bytes(damaged))
        except BadModel as error:
            seen.add(error.code)
    assert {"model_not_onnx", "model_check_failed", "model_operator_missing"} <= seen


def test_bytes_of_no_meaning():
    assert refusal(np.random.default_rng(0).bytes(5000)).code == "model_not_onnx"
    assert refusal(b"Hello, this is my model.").code == "model_not_onnx"


def test_an_operator_that_tvm_lacks_is_named_with_its_node(onnx_file):
    error = refusal(onnx_file(
        "g (float[2,1,4] x, float[1,12,4] w, float[1,12,3] r) => (float[2,1,1,3] y)"
        "{ z = Relu(x) [my_lstm] y = LSTM<hidden_size = 3>(z, w, r) }"
    ))  # fmt: skip
    assert (error.code, error.place) == ("model_operator_missing", "LSTM/my_lstm")
    assert "LSTM" in error.message and "my_lstm" in error.message


def test_an_operator_inside_a_branch_is_found(onnx_file):
    error = refusal(onnx_file("""
        g (bool c, float[4] x) => (float[4] y) {
            y = If (c) <then_branch = a () => (float[4] p) { p = Celu(x) },
                        else_branch = b () => (float[4] q) { q = Relu(x) }>
        }"""))  # fmt: skip
    assert error.place == "Celu/p"


def test_a_stranger_s_operator_of_a_known_name_is_not_taken_for_it(onnx_file):
    error = refusal(onnx_file("g (float[1,4] x) => (float[1,4] y) { y = com.acme.Relu(x) }"))
    assert error.place == "com.acme.Relu/y"


def test_a_node_that_cannot_be_imported_is_named_with_the_reason(onnx_file):
    error = refusal(onnx_file(
        "g (float[2,3] x, int64[2] shape) => (float[N,M] y)"
        "{ z = Relu(x) [my_reshape] y = Reshape(z, shape) }"
    ))  # fmt: skip
    assert (error.code, error.place) == ("model_node_failed", "Reshape/my_reshape")
    assert "requires the input new shape to be Shape" in error.message
    assert error.detail


def test_a_symbolic_shape_names_input_and_axis_and_the_command_that_fixes_it(onnx_file):
    error = refusal(onnx_file("g (float[N,3,8] x) => (float[N,3,8] y) { y = Relu(x) }"))
    assert (error.code, error.place) == ("model_symbolic_shape", "x[0]")
    assert "'N'" in error.message
    assert "make_dynamic_shape_fixed --input_name 'x' --input_shape 1,3,8" in error.hint


def test_a_shape_that_depends_on_the_data(onnx_file):
    error = refusal(onnx_file("g (float[4] x) => (int64[1,N] y) { y = NonZero(x) }"))
    assert (error.code, error.place) == ("model_output_dynamic", "y")


def test_an_output_that_tvm_imports_with_another_shape(onnx_file):
    """LayerNormalization's mean has shape (2, 1); TVM's importer gives it none, and says nothing."""
    error = refusal(onnx_file(
        "g (float[2,4] x, float[4] s, float[4] b) => (float[2,4] y, float[2,1] mean)"
        "{ y, mean = LayerNormalization(x, s, b) }"
    ))  # fmt: skip
    assert (error.code, error.place) == ("model_output_mismatch", "mean")


@pytest.mark.parametrize("opset", [5, 99])
def test_an_opset_from_before_or_after_our_time(onnx_file, opset):
    error = refusal(onnx_file(RELU, opset=opset))
    assert (error.code, error.params["version"]) == ("model_opset", opset)


def test_weights_in_another_file():
    model = onnx.load(SAMPLE_MODELS / "mlp.onnx")
    weight = model.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="weights.bin")
    error = refusal(model.SerializeToString())
    assert (error.code, error.place) == ("model_external_data", "w0")
    assert "weights.bin" in error.message


@pytest.mark.parametrize(
    ("graph", "reason"),
    [
        ("g (float[4] x) => (float[4] y) { y = Relu(z) }", "input 'z'"),
        ("g (float[4] x) => (float[4] z) { y = Relu(x) }", "output 'z'"),
        ('g (float[4] x) => (float[4] y) { y = Softmax<axis = "a">(x) }', "axis"),
    ],
)
def test_a_graph_that_onnx_itself_rejects(onnx_file, graph, reason):
    error = refusal(onnx_file(graph))
    assert error.code == "model_check_failed"
    assert reason in error.detail


@pytest.mark.parametrize("kind", ["string[2]", "seq(float[2])"])
def test_an_input_that_is_no_tensor_of_numbers(onnx_file, kind):
    error = refusal(onnx_file(f"g ({kind} x) => ({kind} y) {{ y = Identity(x) }}"))
    assert (error.code, error.place) == ("model_input_kind", "x")


def test_the_importer_prints_nothing(onnx_file, capfd):
    """It prints whole tensors when a node fails; a worker's standard output is not for that."""
    refusal(onnx_file("g (float[1,4] x, float[5,2] w) => (float[1,2] y) { y = MatMul(x, w) }"))
    assert capfd.readouterr().out == ""


def test_integer_inputs_are_safe_to_index_with(onnx_file, run):
    data = onnx.ModelProto.FromString(onnx_file("g (int64[3] at) => (float[3] y) { y = Gather(table, at) }"))
    data.graph.initializer.append(numpy_helper.from_array(np.array([5, 7], np.float32), "table"))
    model = load_file("upload", data.SerializeToString())
    inputs = model.example_inputs()
    np.testing.assert_array_equal(run(model, inputs)[0], model.numpy_reference(inputs)[0])
