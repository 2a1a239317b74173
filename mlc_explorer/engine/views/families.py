"""Which family an operator or function belongs to, so that a graph can be read by its colours."""

from __future__ import annotations

import re

# In order: a fused function takes the first family that any of its parts has, as it dominates the cost.
_WORDS = {
    "conv": "conv convolution depthwise",
    "matmul": "matmul dense gemm gemv linear einsum attention bmm matvec",
    "pool": "pool",
    "reduce": (
        "sum mean max min softmax norm normalize argmax argmin variance std prod cumsum cumprod topk sort "
        "argsort maxelem expsum median all any"
    ),
    "elementwise": (
        "add subtract sub multiply mul divide div relu gelu silu swish hardswish sigmoid tanh exp log "
        "sqrt rsqrt power maximum minimum where clip cast astype abs negative erf leakyrelu prelu floor ceil "
        "round equal greater less logical bitwise compute square mod dropout bias sin cos select"
    ),
    "shape": (
        "reshape transpose permute dims flatten squeeze expand broadcast concat concatenate split slice "
        "strided take gather scatter pad repeat tile layout transform resize flip stack"
    ),
}
_FAMILY = {word: family for family, words in _WORDS.items() for word in words.split()}
_ORDER = list(_WORDS)

# TVM's OpPatternKind: element-wise, broadcast, injective, reduction. The rest says nothing about the family.
_PATTERNS = {0: "elementwise", 1: "elementwise", 2: "shape", 3: "reduce"}


def family(name: str, pattern: int | None = None, default: str = "other") -> str:
    """The family of what is called `name` (``nn.conv2d``, ``fused_matmul1_add1``); if its words say nothing,
    by TVM's op pattern (the attribute that AnnotateTIROpPattern writes), else `default`."""
    found = {_FAMILY[word] for word in re.findall("[a-z]+", name.lower()) if word in _FAMILY}
    if found:
        return min(found, key=_ORDER.index)
    return _PATTERNS.get(pattern, default) if pattern is not None else default
