"""cache_read, cache_write."""

import pytest
from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.errors import BadTrace
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def add(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.sblock("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = A[vi] + B[vi]


@pytest.mark.parametrize("buffer", ["B", 1])
def test_cache_read(check, buffer):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
        B_global = T.sblock_alloc_buffer((8,))
        for ax0 in range(8):
            with T.sblock("B_global"):
                v0 = T.axis.spatial(8, ax0)
                B_global[v0] = B[v0]
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A[vi] + B_global[vi]

    applied = check(add, after, Step("cache_read", "main", {"block": "C", "buffer": buffer}))
    assert applied.moved == {}


@pytest.mark.parametrize("buffer", ["C", 2, -1])
def test_cache_read_refused_for_a_buffer_that_is_not_read(refuse, buffer):
    refusal = refuse(add, Step("cache_read", "main", {"block": "C", "buffer": buffer}))
    assert refusal.code == "buffer_not_read"
    assert refusal.paths == ("C",)
    assert "A, B" in refusal.hint


def test_cache_read_takes_only_known_memory(module):
    with pytest.raises(BadTrace) as caught:
        apply_step(module(add), Step("cache_read", "main", {"block": "C", "buffer": "A", "scope": "tape"}))
    assert caught.value.place == "scope"


def test_cache_write(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
        C_local = T.sblock_alloc_buffer((8,), scope="local")
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                C_local[vi] = A[vi] + B[vi]
        for ax0 in range(8):
            with T.sblock("C_local"):
                v0 = T.axis.spatial(8, ax0)
                C[v0] = C_local[v0]

    check(add, after, Step("cache_write", "main", {"block": "C", "buffer": "C", "scope": "local"}))


def test_cache_write_refused_for_a_buffer_that_is_not_written(refuse):
    refusal = refuse(add, Step("cache_write", "main", {"block": "C", "buffer": "A"}))
    assert refusal.code == "buffer_not_written"
    assert "It writes: C" in refusal.hint


@T.prim_func(s_tir=True)
def read_twice(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.sblock("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi] + T.float32(1)
    for i in range(8):
        with T.sblock("C"):
            vi = T.axis.spatial(8, i)
            C[vi] = A[vi] * T.float32(2)


def test_cache_read_for_one_of_two_readers(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
        A_local = T.sblock_alloc_buffer((8,), scope="local")
        for ax0 in range(8):
            with T.sblock("A_local"):
                v0 = T.axis.spatial(8, ax0)
                A_local[v0] = A[v0]
        for i in range(8):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + T.float32(1)
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A_local[vi] * T.float32(2)

    params = {"block": "C", "buffer": "A", "scope": "local", "consumer_blocks": ["C"]}
    check(read_twice, after, Step("cache_read", "main", params))


def test_cache_write_for_readers_of_the_copy(check):
    @T.prim_func(s_tir=True)
    def before(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
        for i in range(8):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + T.float32(1)
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B[vi] * T.float32(2)

    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32"), C: T.Buffer((8,), "float32")):
        B_global = T.sblock_alloc_buffer((8,))
        for i in range(8):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                B_global[vi] = A[vi] + T.float32(1)
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = B_global[vi] * T.float32(2)
        for ax0 in range(8):
            with T.sblock("B_global"):
                v0 = T.axis.spatial(8, ax0)
                B[v0] = B_global[v0]

    check(before, after, Step("cache_write", "main", {"block": "B", "consumer_blocks": ["C"]}))


def test_a_consumer_must_read_the_buffer(refuse):
    """TVM makes a copy all the same, which nobody reads."""
    params = {"block": "B", "buffer": "B", "consumer_blocks": ["C"]}
    refusal = refuse(read_twice, Step("cache_write", "main", params))
    assert (refusal.code, refusal.place, refusal.paths) == ("consumer_reads_not", "consumer_blocks", ("C",))
    assert "‘B’" in refusal.message
