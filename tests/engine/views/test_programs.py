"""One door to every level."""

from __future__ import annotations

import pytest

from mlc_explorer.engine.views.programs import program
from mlc_explorer.errors import NotFound


def test_an_unknown_level_is_named_with_those_that_there_are(stage):
    with pytest.raises(NotFound, match="ptx") as refused:
        program(stage("mlp", "fused"), "reshape", "ptx", lambda: None)
    assert "tir" in refused.value.hint and "asm" in refused.value.hint
