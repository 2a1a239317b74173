"""The tensor intrinsics that TVM ships, by name, without importing them all.

``tvm.s_tir.tensor_intrin`` registers all of them when it is imported, which takes over ten seconds (CUDA's
alone five). Here just the file that an intrinsic stands in is imported, when it is used. Those for ROCm and
Hexagon are left out: TVM's wheel generates no code for these. Groups have a sentence each in the texts
(``intrinsic.<group>``).
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_PACKAGE = "tvm.s_tir.tensor_intrin"


@dataclass(frozen=True)
class Intrinsic:
    """`file` of TVM's package; `group` names its sentence; `operands` are the types that it reads, `result`
    the one that it writes; `scope` begins the names of the memories that it needs, empty for any."""

    name: str
    file: str
    group: str
    operands: tuple[str, ...]
    result: str
    scope: str = ""


_TYPES = {
    "f16": "float16",
    "f32": "float32",
    "bf16": "bfloat16",
    "s8": "int8",
    "i8": "int8",
    "u8": "uint8",
    "s32": "int32",
    "i32": "int32",
    "u32": "uint32",
    "s4": "int4",
}


def _dot(name: str, file: str, group: str, types: str, scope: str = "") -> Intrinsic:
    a, b, c = (_TYPES[t] for t in types.split())
    return Intrinsic(name, file, group, (a, b), c, scope)


def _wmma() -> list[Intrinsic]:
    """The steps of a product on tensor cores: fill, load both operands, multiply, store."""
    found = []
    for kind, size in (("f16", "16x16x16"), ("s8", "16x16x16")):
        for side in ("a", "b", "a_trans", "b_trans"):
            for memory in ("shared", "shared_dyn"):
                name = f"wmma_load_{size}_{kind}_{side}_{memory}"
                found.append(Intrinsic(name, "cuda", "wmma_load", (_TYPES[kind],), _TYPES[kind], "wmma."))
    for kind in ("f32", "f16", "s32"):
        name = f"wmma_fill_16x16x16_{kind}"
        found.append(Intrinsic(name, "cuda", "wmma_fill", (), _TYPES[kind], "wmma."))
        for memory in ("shared", "shared_dyn", "global"):
            name = f"wmma_store_16x16x16_{kind}_{memory}"
            found.append(Intrinsic(name, "cuda", "wmma_store", (_TYPES[kind],), _TYPES[kind], "wmma."))
    for types in ("f16 f16 f32", "f16 f16 f16", "s8 s8 s32"):
        for end in ("", "_trans"):
            name = f"wmma_sync_16x16x16_{types.replace(' ', '')}{end}"
            found.append(_dot(name, "cuda", "wmma_sync", types, "wmma."))
    return found


def _simdgroup() -> list[Intrinsic]:
    names = {
        "simdgroup_make_filled_8x8x8_f16": ((), "f16"),
        "simdgroup_fill_8x8x8_f32": ((), "f32"),
        "simdgroup_fill_8x8x8_bf16": ((), "bf16"),
        "simdgroup_load_8x8x8_f16_shared": (("f16",), "f16"),
        "simdgroup_load_8x8x8_f16_shared_trans": (("f16",), "f16"),
        "simdgroup_store_8x8x8_f16_global": (("f16",), "f16"),
        "simdgroup_store_8x8x8_f16_shared": (("f16",), "f16"),
        "simdgroup_multiply_accumulate_8x8x8_f16": (("f16", "f16"), "f16"),
    }
    return [
        Intrinsic(name, "metal", "simdgroup", tuple(_TYPES[t] for t in read), _TYPES[out], "metal.")
        for name, (read, out) in names.items()
    ]


_ALL = (
    _dot("dot_16x4_vnni", "x86", "vnni", "u8 i8 i32"),
    _dot("dot_16x4_avx512", "x86", "avx512", "u8 i8 i32"),
    _dot("dot_4x4_i8i8s32_neon", "arm_cpu", "neon", "i8 i8 i32"),
    _dot("dot_4x4_i8i8s32_sdot", "arm_cpu", "arm_dot", "i8 i8 i32"),
    _dot("dot_4x4_u8u8u32_udot", "arm_cpu", "arm_dot", "u8 u8 u32"),
    _dot("dot_4x4_u8u8i32_hdot", "arm_cpu", "arm_dot", "u8 u8 i32"),
    _dot("dp4a_s8s8s32", "dot_product_common", "dp4a", "s8 s8 s32", "shared"),
    _dot("dp4a_u8s8s32", "dot_product_common", "dp4a", "u8 s8 s32", "shared"),
    _dot("dp4a_s8u8s32", "dot_product_common", "dp4a", "s8 u8 s32", "shared"),
    _dot("dp4a_u8u8u32", "dot_product_common", "dp4a", "u8 u8 u32", "shared"),
    *_wmma(),
    *_simdgroup(),
)
INTRINSICS = {one.name: one for one in _ALL}
NAMES = tuple(INTRINSICS)


def fitting(read: Sequence[str], written: Sequence[str], scopes: Sequence[str]) -> list[str]:
    """The intrinsics for a block that reads and writes these types in these memories."""
    return [
        one.name
        for one in _ALL
        if one.result in written
        and not Counter(one.operands) - Counter(read)
        and (not one.scope or any(scope.startswith(one.scope) for scope in scopes))
    ]


def load(name: str) -> None:
    """Registers the intrinsic `name` (and those of its file) with TVM, where it is not yet."""
    file = f"{_PACKAGE}.{INTRINSICS[name].file}"
    if file in sys.modules:
        return
    _import(file)
    if INTRINSICS[name].file == "x86":
        correct_vnni(sys.modules[file])


def _import(file: str) -> None:
    if _PACKAGE in sys.modules:
        importlib.import_module(file)
        return
    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None
    sys.modules[_PACKAGE] = importlib.util.module_from_spec(spec)  # the package, and nothing of it imported
    try:
        importlib.import_module(file)
    finally:
        del sys.modules[_PACKAGE]  # who imports it later gets it whole


def correct_vnni(x86: Any) -> None:
    """Registers ``dot_16x4_vnni`` of TVM's file `x86` anew: since version 21 LLVM's vpdpbusd takes bytes, and
    TVM 0.27 gives it words, which LLVM then refuses to compile."""
    import tvm_ffi
    from tvm import ir, tirx
    from tvm.s_tir import TensorIntrin
    from tvm.target.codegen import llvm_version_major

    def with_bytes(call: ir.Call) -> ir.Call:
        if call.op.name != "tirx.call_llvm_pure_intrin":
            return call
        _, total, *words = call.args
        name = "llvm.x86.avx512.vpdpbusd.512"
        return tirx.call_llvm_pure_intrin(
            "int32x16", name, total, *(tirx.reinterpret("int8x64", word) for word in words)
        )

    if llvm_version_major() >= 21:
        desc, impl = x86.dot_product_16x4_u8i8i32_desc, x86.dot_product_16x4_u8i8i32_vnni
        impl = impl.with_body(tvm_ffi.structural_map(impl.body, (ir.Call, with_bytes)))
        TensorIntrin.register("dot_16x4_vnni", desc, impl, override=True)


def registering(name: str) -> list[str]:
    """Lines of Python that register `name`, for an exported script."""
    file = f"{_PACKAGE}.{INTRINSICS[name].file}"
    line = f"import {file}  # registers {name}; takes some seconds"
    if name != "dot_16x4_vnni":
        return [line]
    return [line, "from typing import Any", inspect.getsource(correct_vnni), f"correct_vnni({file})"]
