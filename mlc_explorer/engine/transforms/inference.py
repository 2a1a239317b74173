"""Our own passes towards fast inference on a CPU: simplify, then lay data and weights out for vectors."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from types import ModuleType
from typing import ClassVar

from tvm import IRModule

from ...errors import Refused
from ...schema.params import Integer, param
from . import (
    blocked_graph,
    blocked_te,
    channel_blocker,
    channel_orders,
    lanes,
    packed_te,
    product_packer,
    rewriting,
    simplifier,
)
from .base import GraphTransform
from .wording import words

_IMPORTS = "from collections.abc import Sequence\nfrom typing import Any\n\nfrom tvm import te, tirx"


@dataclass(frozen=True)
class SimplifyForInference(GraphTransform):
    """Computes what is constant; folds batch norm and other scales of channels into the convolution before.

    Ours; TVM: ``relax.transform.FoldBatchnormToConv2D`` and ``FoldConstant`` do parts of it. Constants are
    computed by NumPy, at once; sums over a stack become sums, dropout goes, roots replace some powers.

    ``R.nn.batch_norm(R.nn.conv2d(x, w), …)`` → ``R.add(R.nn.conv2d(x, w2), b2)``
    """

    name: ClassVar[str] = "SimplifyForInference"
    family: ClassVar[str] = "cleaning"
    tvm: ClassVar[str] = "relax.transform.FoldBatchnormToConv2D"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")

    def run(self, mod: IRModule) -> IRModule:
        return simplifier.Simplifier.applied(mod)

    def source(self) -> str:
        return "mod = Simplifier.applied(mod)"

    def carried(self, mod: IRModule) -> tuple[str, ...]:
        return _carried(rewriting, simplifier)


@dataclass(frozen=True)
class BlockChannels(GraphTransform):
    """Runs convolutions and what stands between them on blocks of channels, with weights packed for it.

    Ours; TVM: ``relax.transform.ConvertLayout`` to ``NCHW16c`` does the like where the block divides the
    channels. Here channels are filled up with zeros, groups that are too small become dense, and convolutions
    get their loops at once.

    channels: channels in a block: as many as a vector register holds.

    ``R.nn.conv2d(x, w)`` with 64 channels → ``conv2d_blocked(block(x), w2)`` on ``(N, 4, H, W, 16)``
    """

    name: ClassVar[str] = "BlockChannels"
    family: ClassVar[str] = "layout"
    tvm: ClassVar[str] = "relax.transform.ConvertLayout"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")

    channels: int = param(Integer(2, 64), default=16)

    def run(self, mod: IRModule) -> IRModule:
        before = {var.name_hint for var in mod.get_global_vars()}
        after = channel_blocker.ChannelBlocker.applied(mod, self.channels)
        made = {var.name_hint for var in after.get_global_vars()} - before
        if not any(name.startswith("conv2d_") for name in made):
            raise Refused(**words("nothing_to_block"))
        return after

    def source(self) -> str:
        return f"mod = ChannelBlocker.applied(mod, {self.channels})"

    def carried(self, mod: IRModule) -> tuple[str, ...]:
        modules = (rewriting, lanes, blocked_te, blocked_graph, channel_orders, channel_blocker)
        return (_IMPORTS, *_carried(*modules))


@dataclass(frozen=True)
class PackMatmul(GraphTransform):
    """Puts the columns of constant matrices into panels, so that a product reads them front to back.

    Ours; TVM: ``relax.transform.AttachAttrLayoutFreeBuffers`` marks what tuning may lay out anew like this;
    MLIR: ``linalg.pack``. Whether the file held the matrix transposed does not matter any more.

    columns: columns of a panel, some vectors wide; half as many where that fills up fewer with zeros.

    ``R.matmul(x, w)`` with w ``(784, 200)`` → ``matmul_packed(x, w2)`` with w2 ``(13, 784, 16)``
    """

    name: ClassVar[str] = "PackMatmul"
    family: ClassVar[str] = "layout"
    tvm: ClassVar[str] = "relax.transform.AttachAttrLayoutFreeBuffers"
    needs: ClassVar[tuple[str, ...]] = ("graph", "operators", "dataflow")

    columns: int = param(Integer(1, 256), default=32)

    def run(self, mod: IRModule) -> IRModule:
        before = len(mod.get_global_vars())
        after = product_packer.ProductPacker.applied(mod, self.columns)
        if len(after.get_global_vars()) == before:
            raise Refused(**words("nothing_to_pack"))
        return after

    def source(self) -> str:
        return f"mod = ProductPacker.applied(mod, {self.columns})"

    def carried(self, mod: IRModule) -> tuple[str, ...]:
        return (_IMPORTS, *_carried(rewriting, packed_te, product_packer))


def _carried(*modules: ModuleType) -> tuple[str, ...]:
    """The classes and functions of these files, as a script can hold them."""
    return tuple(_without_imports(inspect.getsource(module)) for module in modules)


def _without_imports(text: str) -> str:
    body = text[re.search(r"^(class|def) ", text, re.MULTILINE).start() :]  # type: ignore[union-attr]
    return (
        body.replace("  # type: ignore[no-untyped-def]", "")
        .replace("blocked_te.", "")
        .replace("packed_te.", "")
    )
