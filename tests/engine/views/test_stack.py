"""Spills are told from saved registers, arguments and local arrays, on three architectures."""

import pytest

from mlc_explorer.engine.views.instructions import Kinds
from mlc_explorer.engine.views.lines import Line
from mlc_explorer.engine.views.stack import ARM, RISCV, X86, stack_kinds


def kinds(convention, source):
    """What `stack_kinds` says of each line; "" if nothing."""
    rows = [row.strip() for row in source.strip().splitlines()]
    lines = [Line(row if row.endswith(":") else f"    {row}", is_code=not row.endswith(":")) for row in rows]
    found = stack_kinds(lines, convention)
    return [found.get(i, "") for i in range(len(rows))]


def test_x86_spill_and_frame():
    assert kinds(
        X86,
        """
        f:
        pushq           %rbx
        subq            $24, %rsp
        movq            %rcx, 16(%rsp)
        vmovups         %zmm0, 64(%rsp)
        .L1:
        addq            $256, 16(%rsp)
        vfmadd231ps     64(%rsp), %zmm1, %zmm2
        addq            $24, %rsp
        popq            %rbx
        retq
        """,
    ) == ["", "frame", "frame", "spill", "spill", "", "spill", "spill", "frame", "frame", "frame"]


def test_arguments_on_the_stack_are_no_spill():
    """Written and passed by address, or written by the caller and only read."""
    assert (
        kinds(X86, "f:\nmovq %rsi, 16(%rsp)\nleaq 8(%rsp), %rsi\ncallq *(%rax)\nmovq 96(%rsp), %rax")
        == [""] * 5
    )


def test_slots_of_a_local_array_are_no_spill():
    """Its address is taken at 32, so 40 may be part of it; 8 lies below."""
    source = """
        f:
        movq            %rax, 8(%rsp)
        vmovss          %xmm0, 40(%rsp)
        vmovss          32(%rsp,%rcx,4), %xmm1
        vmovss          40(%rsp), %xmm2
        movq            8(%rsp), %rax
        """
    assert kinds(X86, source) == ["", "spill", "", "", "", "spill"]


def test_aarch64_saves_and_spills():
    assert kinds(
        ARM,
        """
        f:
        stp             x30, x23, [sp, #-48]!
        stp             x22, x21, [sp, #16]
        str             q0, [sp, #32]
        .LBB0_1:
        ldr             q1, [sp, #32]
        ldp             x22, x21, [sp, #16]
        ldp             x30, x23, [sp], #48
        ret
        """,
    ) == ["", "frame", "frame", "spill", "", "spill", "frame", "frame", "frame"]


def test_riscv_saves_and_spills():
    assert kinds(
        RISCV,
        """
        f:
        addi            sp, sp, -112
        sd              s0, 96(sp)
        sd              a3, 0(sp)
        .LBB0_1:
        add             s0, s3, s0
        ld              t2, 0(sp)
        ld              s0, 96(sp)
        addi            sp, sp, 112
        ret
        """,
    ) == ["", "frame", "frame", "spill", "", "", "spill", "frame", "frame", "frame"]


@pytest.mark.parametrize(
    ("text", "link", "kind"),
    [
        ("    incq            %rax", 3, "control"),
        ("    incq            %rax", 5, "other"),
        ("    movss           (%rdi), %xmm0", 3, "load"),
    ],
)
def test_scalar_work_for_a_loop_is_control(text, link, kind):
    assert Kinds("x86_64").of_routine([Line(text, link)], {3}) == [kind]


def test_labels_have_a_kind():
    assert Kinds("x86_64").of_routine([Line(".LBB0_1:", is_code=False), Line("", is_code=False)], ()) == [
        "label",
        "other",
    ]
