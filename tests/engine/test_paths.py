"""Paths name loops and blocks uniquely, whatever the schedule did to them."""

import pytest
import tvm
from tvm import te
from tvm.s_tir import Schedule

from mlc_explorer.engine import paths
from mlc_explorer.errors import Refused


@pytest.fixture
def sch() -> Schedule:
    a = te.placeholder((64, 64), name="A")
    b = te.placeholder((64, 64), name="B")
    k = te.reduce_axis((0, 64), name="k")
    c = te.compute((64, 64), lambda i, j: te.sum(a[i, k] * b[k, j], axis=k), name="C")
    d = te.compute((64, 64), lambda i, j: c[i, j] + 1.0, name="D")
    return Schedule(tvm.IRModule({"main": te.create_prim_func([a, b, d])}))


def names(sch: Schedule) -> list[str]:
    return [p.path for p in paths.walk(sch.mod["main"])]


def test_loops_are_named_by_the_first_block_beneath(sch):
    assert names(sch) == ["C/i", "C/j", "C/k", "C", "D/i", "D/j", "D"]


def test_every_path_finds_its_own_place(sch):
    i, _, k = sch.get_loops(sch.get_sblock("C"))
    sch.reverse_compute_at(sch.get_sblock("D"), i)
    sch.decompose_reduction(sch.get_sblock("C"), k)
    func = sch.mod["main"]
    places = paths.walk(func)
    assert len({p.path for p in places}) == len(places)
    for place in places:
        assert paths.find(func, place.path).node.same_as(place.node)


def test_a_shared_loop_is_found_through_any_block_beneath(sch):
    i = sch.get_loops(sch.get_sblock("C"))[0]
    sch.reverse_compute_at(sch.get_sblock("D"), i)
    func = sch.mod["main"]
    assert paths.find(func, "D/i").path == "C/i"


def test_repeated_names_are_numbered(sch):
    sch.cache_read(sch.get_sblock("C"), 0, "global")
    sch.cache_read(sch.get_sblock("C"), 1, "global")
    for block in ("A_global", "B_global"):
        for loop in sch.get_loops(sch.get_sblock(block)):
            assert paths.find(sch.mod["main"], f"{block}/{sch.get(loop).loop_var.name}").node.same_as(
                sch.get(loop)
            )


def test_variables_for_the_schedule(sch):
    loop = paths.loop_rv(sch, "main", "C/k")
    assert sch.get(loop).loop_var.name == "k"
    assert sch.get(paths.block_rv(sch, "main", "D")).name_hint == "D"


@pytest.mark.parametrize("path", ["C/nope", "X", "X/i", "C/i#7", ""])
def test_what_does_not_exist_is_refused_with_what_does(sch, path):
    with pytest.raises(Refused) as caught:
        paths.find(sch.mod["main"], path)
    assert "C" in caught.value.hint


def test_a_loop_is_no_block_and_a_block_no_loop(sch):
    with pytest.raises(Refused, match="is a loop"):
        paths.block_rv(sch, "main", "C/i")
    with pytest.raises(Refused, match="is a block"):
        paths.loop_rv(sch, "main", "C")
