"""Random steps of loops and blocks as such, for `random_schedules`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tvm import IRModule

from mlc_explorer.engine import paths

Drawn = tuple[str, dict[str, Any]]


def loops_and_blocks(
    rng: random.Random, mod: IRModule, block: paths.Place, around: Sequence[str]
) -> list[Drawn]:
    """Steps for `block` and the loops `around` it; whether one is legal is for the catalogue to say."""
    places = paths.walk(mod["main"])
    blocks = [p.path for p in places if p.kind == "block"]
    loops = [p for p in places if p.kind == "loop"] or list(places)
    loop, one = rng.choice(around), rng.choice(loops)
    same_depth = [p.path for p in loops if p.depth == one.depth]
    first = rng.randrange(1, 6)
    axes = list(range(len(block.node.iter_vars)))
    return [
        (
            "loop_partition",
            {"loop": loop, "factors": rng.choice([[first, None], [None, first], [1, None, 2]])},
        ),
        ("merge", {"loops": rng.sample(same_depth, min(2, len(same_depth)))}),
        ("merge", {"loops": sorted(rng.sample(same_depth, min(2, len(same_depth))), key=same_depth.index)}),
        ("add_unit_loop", {"place": rng.choice([loop, block.path])}),
        ("reorder_block_iter_var", {"block": block.path, "order": rng.sample(axes, len(axes)) or [0]}),
        ("transform_block_layout", {"block": block.path, "index_map": _index_map(rng, block)}),
        ("fuse_reduction_epilogue", {"block": block.path, "epilogue": rng.choice(blocks)}),
        ("blockize", {"place": loop}),
        ("blockize", {"place": block.path, "blocks": [rng.choice(blocks)]}),
        ("sample_perfect_tile", {"loop": loop, "n": rng.randrange(2, 4), "seed": rng.randrange(1, 99)}),
        ("sample_partitioned_tile", {"loop": loop, "innerpart_factor": 2, "seed": rng.randrange(1, 99)}),
        ("sample_categorical", {"loop": loop, "seed": rng.randrange(1, 99)}),
        ("sample_compute_location", {"block": block.path, "seed": rng.randrange(1, 99)}),
        ("annotate", {"place": loop, "key": "pragma_loop_partition_hint", "value": 1}),
        ("annotate", {"place": loop, "key": "pragma_unroll_explicit", "value": rng.randrange(2)}),
        ("unannotate", {"place": loop, "key": "pragma_auto_unroll_max_step"}),
    ]


def _index_map(rng: random.Random, block: paths.Place) -> str:
    """The block's axes with one cut in two, two joined, or two changed in place."""
    names = [f"x{i}" for i in range(len(block.node.iter_vars))]
    if not names:
        return "x0 -> x0"
    sizes = [getattr(axis.dom.extent, "value", 1) for axis in block.node.iter_vars]
    i = rng.randrange(len(names))
    left, new = ", ".join(names), list(names)
    way = rng.choice(["cut", "join", "swap"])
    if way == "cut" or len(names) == 1:
        n = rng.choice([2, 3, 4])
        new[i : i + 1] = [f"{names[i]} // {n}", f"{names[i]} % {n}"]
    elif way == "join":
        i = min(i, len(names) - 2)
        new[i : i + 2] = [f"{names[i]} * {sizes[i + 1]} + {names[i + 1]}"]
    else:
        rng.shuffle(new)
    return f"{left} -> {', '.join(new)}"
