"""Targets: this CPU as LLVM knows it, and a baseline."""

import platform

import numpy as np
import pytest
import tvm

from mlc_explorer.engine import loaders, targets
from mlc_explorer.engine.build import build
from mlc_explorer.engine.machine import Machine
from mlc_explorer.engine.views.lowered import lowered
from mlc_explorer.errors import NotFound, Refused


def test_cpu_comes_first_then_the_baseline():
    assert [info.name for info in targets.targets()][:2] == ["cpu", "generic"]


def test_other_cpus_say_whether_their_code_runs_here():
    runs = {info.name: info.runs for info in targets.targets()}
    assert runs["cpu"] and runs["generic"]
    assert runs == {name: targets.runs_here(targets.target(name)) for name in runs}
    foreign = {"aarch64", "riscv64"} - {platform.machine()}
    assert not any(runs[name] for name in foreign)


@pytest.mark.parametrize(
    ("name", "vectors"), [("aarch64", (16, 32)), ("riscv64", (16, 32)), ("avx2", (32, 16))]
)
def test_registers_follow_from_the_target_alone(name, vectors):
    if name not in {info.name for info in targets.targets()}:
        pytest.skip(f"this machine has no use for the target {name}")
    found = Machine.of(targets.target(name))
    assert (found.vector_bytes, found.registers) == vectors


def test_code_for_another_cpu_is_compiled_and_not_run():
    name = next(info.name for info in targets.targets() if not info.runs)
    mod = loaders.load("matmul_128").mod
    assert lowered(mod, "main", "asm", targets.target(name)).lines
    with pytest.raises(Refused) as refused:
        build(mod, targets.target(name))
    assert refused.value.code == "target_not_here" and name in refused.value.message


def test_the_local_cpu_is_named():
    info = targets.targets()[0]
    assert info.spec["mcpu"] == str(tvm.get_global_func("target.llvm_get_system_cpu")())
    assert info.spec["mcpu"] in info.label
    assert f"{info.cores} core" in info.label


def test_features_are_what_the_compiler_will_use():
    local, generic, *_ = targets.targets()
    assert set(generic.features) <= set(local.features)
    known = tvm.get_global_func("target.llvm_get_cpu_features")(targets.target("cpu"))
    assert ("AVX2" in local.features) == ("avx2" in {str(name) for name in known})


def test_cores_are_those_that_tvm_was_told(monkeypatch):
    monkeypatch.setenv("TVM_NUM_THREADS", "3")
    assert targets.cores() == 3
    monkeypatch.setenv("TVM_NUM_THREADS", "many")
    assert targets.cores() >= 1


def test_without_a_cpu_info_the_architecture_names_it(monkeypatch, tmp_path):
    monkeypatch.setattr(targets, "_CPU_INFO", tmp_path / "none")
    assert targets._cpu_name().endswith(" CPU")


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("Intel(R) Xeon(R) Platinum 8488C CPU @ 2.40GHz", "Intel Xeon Platinum 8488C"),
        ("AMD EPYC 9B14 96-Core Processor", "AMD EPYC 9B14"),
    ],
)
def test_a_name_without_trade_marks(monkeypatch, tmp_path, told, name):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nmodel name\t: {told}\nflags\t: fpu\n")
    monkeypatch.setattr(targets, "_CPU_INFO", info)
    assert targets._cpu_name() == name


@pytest.mark.parametrize("name", ["cpu", "generic"])
def test_what_is_built_for_it_runs_here(name):
    mod = loaders.load("matmul_128").mod
    built = tvm.compile(mod, target=targets.target(name))
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((128, 128)).astype("float32") for _ in range(2))
    c = tvm.runtime.tensor(np.zeros((128, 128), "float32"))
    built["main"](tvm.runtime.tensor(a), tvm.runtime.tensor(b), c)
    np.testing.assert_allclose(c.numpy(), a @ b, rtol=1e-3, atol=1e-3)


def test_an_unknown_target_names_what_there_is():
    with pytest.raises(NotFound) as refused:
        targets.target("quantum")
    assert refused.value.hint.startswith("There are: cpu, generic")
    assert refused.value.place == "target"


def test_one_line_on_the_machine():
    assert "\n" not in targets.machine()
    assert targets.targets()[0].label in targets.machine()
