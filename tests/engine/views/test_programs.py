"""One door to every level."""

from __future__ import annotations

import pytest

from mlc_explorer.engine import loaders
from mlc_explorer.engine.targets import target
from mlc_explorer.engine.views.programs import _VIEWS, program
from mlc_explorer.errors import NotFound
from mlc_explorer.schema.levels import LEVELS, NAMES


def test_an_unknown_level_is_named_with_those_that_there_are(stage):
    with pytest.raises(NotFound, match="ptx") as refused:
        program(stage("mlp", "fused"), "reshape", "ptx", lambda: None)
    assert "tir" in refused.value.hint and "asm" in refused.value.hint


DEVICES = ("cuda", "opencl", "metal", "webgpu")
LINKED = [level.name for level in LEVELS if level.name not in ("relax", "tir")]
CASES = [(case, level) for case in ("linear_relu", "softmax", "conv2d") for level in LINKED]
CASES += [("scheduled", level) for level in LINKED if level not in DEVICES]  # it is scheduled for a CPU


@pytest.mark.parametrize(("case", "level"), CASES)
def test_every_link_is_a_line_of_the_loop_nest(stage, scheduled, case, level):
    """Whatever line a pane lights up in another, it is there."""
    mod, function = {
        "linear_relu": lambda: (stage("mlp", "fused"), "fused_matmul_add_relu"),
        "scheduled": lambda: (scheduled, "main"),
    }.get(case, lambda: (loaders.load(case).mod, "main"))()
    view = program(mod, function, level, lambda: target("cpu"))
    tir = program(mod, function, "tir", lambda: None)
    assert len(view.links) == len(view.lines)
    assert any(view.links)
    assert all(link is None or 1 <= link <= len(tir.lines) for link in view.links)
    assert not view.kinds or len(view.kinds) == len(view.lines)


def test_every_level_has_a_view():
    assert set(_VIEWS) == set(NAMES)
