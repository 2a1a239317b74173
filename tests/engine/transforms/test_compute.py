"""compute_at, reverse_compute_at, compute_inline, reverse_compute_inline."""

from tvm.script import tirx as T

from mlc_explorer.engine.transforms import apply_step
from mlc_explorer.schema.trace import Step


@T.prim_func(s_tir=True)
def two_steps(A: T.Buffer((8, 16), "float32"), C: T.Buffer((8, 16), "float32")):
    B = T.sblock_alloc_buffer((8, 16))
    for i, j in T.grid(8, 16):
        with T.sblock("B"):
            vi, vj = T.axis.remap("SS", [i, j])
            B[vi, vj] = A[vi, vj] + T.float32(1)
    for i, j in T.grid(8, 16):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = B[vi, vj] * T.float32(2)


@T.prim_func(s_tir=True)
def inlined(A: T.Buffer((8, 16), "float32"), C: T.Buffer((8, 16), "float32")):
    for i, j in T.grid(8, 16):
        with T.sblock("C"):
            vi, vj = T.axis.remap("SS", [i, j])
            C[vi, vj] = (A[vi, vj] + T.float32(1)) * T.float32(2)


@T.prim_func(s_tir=True)
def matmul_relu(
    A: T.Buffer((8, 8), "float32"), B: T.Buffer((8, 8), "float32"), D: T.Buffer((8, 8), "float32")
):
    C = T.sblock_alloc_buffer((8, 8))
    for i, j, k in T.grid(8, 8, 8):
        with T.sblock("matmul"):
            vi, vj, vk = T.axis.remap("SSR", [i, j, k])
            with T.init():
                C[vi, vj] = T.float32(0)
            C[vi, vj] = C[vi, vj] + A[vi, vk] * B[vk, vj]
    for i, j in T.grid(8, 8):
        with T.sblock("relu"):
            vi, vj = T.axis.remap("SS", [i, j])
            D[vi, vj] = T.max(C[vi, vj], T.float32(0))


def test_compute_at(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), C: T.Buffer((8, 16), "float32")):
        B = T.sblock_alloc_buffer((8, 16))
        for i in range(8):
            for ax0 in range(16):
                with T.sblock("B"):
                    vi, vj = T.axis.remap("SS", [i, ax0])
                    B[vi, vj] = A[vi, vj] + T.float32(1)
            for j in range(16):
                with T.sblock("C"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    C[vi, vj] = B[vi, vj] * T.float32(2)

    applied = check(two_steps, after, Step("compute_at", "main", {"block": "B", "loop": "C/i"}))
    assert applied.moved == {
        "main:B/i": None,
        "main:B/j": None,  # the producer's own loops are gone
        "main:C/i": "main:B/i",  # a loop is named by the first block beneath it
    }


def test_compute_at_takes_a_position_in_the_loop(module):
    """Of two producers moved under one loop, the second goes before or after the first."""

    @T.prim_func(s_tir=True)
    def three(A: T.Buffer((8, 4), "float32"), D: T.Buffer((8, 4), "float32")):
        B = T.sblock_alloc_buffer((8, 4))
        C = T.sblock_alloc_buffer((8, 4))
        for i, j in T.grid(8, 4):
            with T.sblock("B"):
                vi, vj = T.axis.remap("SS", [i, j])
                B[vi, vj] = A[vi, vj] + T.float32(1)
        for i, j in T.grid(8, 4):
            with T.sblock("C"):
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = A[vi, vj] * T.float32(2)
        for i, j in T.grid(8, 4):
            with T.sblock("D"):
                vi, vj = T.axis.remap("SS", [i, j])
                D[vi, vj] = B[vi, vj] + C[vi, vj]

    def order(index):
        mod = module(three)
        for block, where in (("B", -1), ("C", index)):
            params = {"block": block, "loop": "D/i", "index": where}
            mod = apply_step(mod, Step("compute_at", "main", params)).mod
        text = mod.script()
        return sorted("BCD", key=lambda block: text.index(f'T.sblock("{block}")'))

    assert order(-1) == ["B", "C", "D"]
    assert order(-2) == order(0) == ["C", "B", "D"]


def test_compute_at_refused_for_an_output(refuse):
    refusal = refuse(two_steps, Step("compute_at", "main", {"block": "C", "loop": "B/i"}))
    assert refusal.code == "output_block"
    assert refusal.paths == ("C",)
    assert "reverse_compute_at" in refusal.hint


def test_compute_at_refused_within_the_block_s_own_loops(refuse):
    refusal = refuse(matmul_relu, Step("compute_at", "main", {"block": "matmul", "loop": "matmul/i"}))
    assert refusal.code == "scope_mismatch"
    assert refusal.paths == ("matmul/i", "matmul")


def test_compute_at_refused_beneath_a_vectorized_loop(module, refuse):
    """The other order of the same two steps; see `hazards`."""
    mod = apply_step(module(two_steps), Step("vectorize", "main", {"loop": "C/i"})).mod
    refusal = refuse(mod, Step("compute_at", "main", {"block": "B", "loop": "C/i"}))
    assert refusal.code == "vectorized_storage"
    assert refusal.params["buffer"] == "B"


def test_reverse_compute_at(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), C: T.Buffer((8, 16), "float32")):
        B = T.sblock_alloc_buffer((8, 16))
        for i in range(8):
            for j in range(16):
                with T.sblock("B"):
                    vi, vj = T.axis.remap("SS", [i, j])
                    B[vi, vj] = A[vi, vj] + T.float32(1)
            for ax0 in range(16):
                with T.sblock("C"):
                    vi, vj = T.axis.remap("SS", [i, ax0])
                    C[vi, vj] = B[vi, vj] * T.float32(2)

    applied = check(two_steps, after, Step("reverse_compute_at", "main", {"block": "C", "loop": "B/i"}))
    assert applied.moved == {"main:C/i": None, "main:C/j": None}


def test_reverse_compute_at_refused_where_not_all_producers_are(refuse):
    @T.prim_func(s_tir=True)
    def before(A: T.Buffer((8,), "float32"), D: T.Buffer((8,), "float32")):
        B = T.sblock_alloc_buffer((8,))
        C = T.sblock_alloc_buffer((8,))
        for i in range(8):
            with T.sblock("B"):
                vi = T.axis.spatial(8, i)
                B[vi] = A[vi] + T.float32(1)
        for i in range(8):
            with T.sblock("C"):
                vi = T.axis.spatial(8, i)
                C[vi] = A[vi] + T.float32(2)
        for i in range(8):
            with T.sblock("D"):
                vi = T.axis.spatial(8, i)
                D[vi] = B[vi] + C[vi]

    refusal = refuse(before, Step("reverse_compute_at", "main", {"block": "D", "loop": "B/i"}))
    assert refusal.code == "producers_outside"
    assert refusal.paths == ("B", "C")


def test_compute_inline(check):
    applied = check(two_steps, inlined, Step("compute_inline", "main", {"block": "B"}))
    assert applied.moved == {"main:B": None, "main:B/i": None, "main:B/j": None}


def test_compute_inline_refused_for_a_reduction(refuse):
    refusal = refuse(matmul_relu, Step("compute_inline", "main", {"block": "matmul"}))
    assert refusal.code == "inline_reduction"
    assert refusal.paths == ("matmul",)


def test_reverse_compute_inline(check):
    @T.prim_func(s_tir=True)
    def after(A: T.Buffer((8, 16), "float32"), C: T.Buffer((8, 16), "float32")):
        for i, j in T.grid(8, 16):
            with T.sblock("B"):  # the block that is left is the producer
                vi, vj = T.axis.remap("SS", [i, j])
                C[vi, vj] = (A[vi, vj] + T.float32(1)) * T.float32(2)

    applied = check(two_steps, after, Step("reverse_compute_inline", "main", {"block": "C"}))
    assert applied.moved == {"main:C": None, "main:C/i": None, "main:C/j": None}


def test_reverse_compute_inline_refused_into_a_reduction(refuse):
    refusal = refuse(matmul_relu, Step("reverse_compute_inline", "main", {"block": "relu"}))
    assert refusal.code == "producer_not_single"
    assert "reverse_compute_at" in refusal.hint
