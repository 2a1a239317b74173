"""The GPU's group: a rule of dlight's for each function, whose CUDA code can be read without the GPU."""

import pytest
from tvm.tirx import PrimFunc

from mlc_explorer.engine import loaders, targets
from mlc_explorer.engine.recipes.gpu import steps_for_gpu
from mlc_explorer.engine.replay import State, apply
from mlc_explorer.engine.transforms.rules import GPU_RULES
from mlc_explorer.engine.views.programs import program


def opened(name):
    model = loaders.load(name, None)
    return State(model.mod, model.entry)


def after(state, steps):
    for step in steps:
        state = apply(state, step)
    return state


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_every_function_becomes_cuda_code(model):
    state = opened(model)
    steps = steps_for_gpu(state, "cuda")
    state = after(state, steps)
    functions = [var.name_hint for var, func in state.mod.functions_items() if isinstance(func, PrimFunc)]
    assert [step.function for step in steps if step.function] == functions
    for name in functions:
        code = "\n".join(program(state.mod, name, "cuda", targets.target("cpu")).lines)
        assert "__global__ void" in code and "threadIdx.x" in code, name


def test_a_product_gets_its_rule_and_what_no_rule_takes_the_fallback():
    rule_of = {step.function: step.transform for step in steps_for_gpu(opened("cnn"), "cuda")}
    assert rule_of["fused_conv2d_add_relu"] == "gpu_matmul"
    assert rule_of["max_pool2d"] == "gpu_fallback"


def test_all_steps_are_one_group_and_name_the_target():
    steps = steps_for_gpu(opened("mlp"), "opencl")
    assert {step.group for step in steps} == {"fast_gpu"}
    assert all(step.params == {"target_gpu": "opencl"} for step in steps if step.transform in GPU_RULES)
    assert [step.transform for step in steps][:2] == ["LegalizeOps", "AnnotateTIROpPattern"]


def test_a_cpus_name_means_cuda():
    (step,) = steps_for_gpu(opened("softmax"), "cpu")
    assert step.params == {"target_gpu": "cuda"}


def test_what_is_scheduled_already_gets_no_rule_again():
    state = opened("softmax")
    assert steps_for_gpu(after(state, steps_for_gpu(state, "cuda")), "cuda") == []
