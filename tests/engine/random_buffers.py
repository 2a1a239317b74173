"""What `random_schedules` draws of the primitives of buffers and layouts: steps that may be legal or not."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from tvm import IRModule

from mlc_explorer.engine.paths import Place
from mlc_explorer.engine.transforms.catalogue import TRANSFORMS
from mlc_explorer.engine.transforms.scope import Scope

Drawn = tuple[str, dict[str, Any]]


def buffers_and_layouts(rng: random.Random, mod: IRModule, block: Place, loops: Sequence[str]) -> list[Drawn]:
    """One of each for `block`; `loops` are the loops around it, or any if it has none."""
    reads, writes = block.node.reads, block.node.writes
    read = str(rng.choice(reads).source.name) if reads else "none"
    write = str(writes[0].source.name) if writes else "none"
    loop, scope = rng.choice(loops), rng.choice(["global", "local"])
    here = {"block": block.path}

    def proposed(transform: str, parameter: str, **chosen: Any) -> Any:
        values = TRANSFORMS[transform].proposes[parameter](Scope(mod, mod["main"], block.path), here | chosen)
        return rng.choice(list(values) or [None])

    axes = len(block.node.iter_vars)
    padding = [rng.choice([1, 1, 3, 4]) for _ in range(max(1, axes))]
    return [
        ("reindex", here | {"buffer": rng.choice([read, write])}),
        ("read_at", here | {"buffer": read, "loop": loop, "scope": scope}),
        ("write_at", here | {"loop": loop, "scope": scope}),
        ("cache_inplace", here | {"buffer": read}),
        ("cache_index", here),
        ("storage_align", here | {"axis": -1, "factor": rng.choice([4, 8]), "offset": rng.choice([0, 1])}),
        ("set_scope", here | {"scope": scope}),
        ("unsafe_set_dtype", here | {"dtype": "float64"}),  # the one type that keeps what it is given
        ("decompose_padding", here | {"loop": loop}),
        ("pad_einsum", here | {"padding": padding}),
        ("rolling_buffer", here),
        ("unsafe_hide_buffer_access", here | {"positions": [rng.randrange(2)]}),
        *(
            (name, here | {"buffer": buffer, "index_map": text})
            for name, buffer in (("reindex_cache_read", read), ("reindex_cache_write", write))
            if (text := proposed(name, "index_map", buffer=buffer))
        ),
        *(
            ("annotate_buffer_access", here | {"buffer": buffer, "region": text})
            for buffer in (read, write)
            if (text := proposed("annotate_buffer_access", "region", buffer=buffer))
        ),
        *_layouts(rng, block, rng.choice([read, write])),
    ]


def _layouts(rng: random.Random, block: Place, buffer: str) -> list[Drawn]:
    """The buffer's last axis in panels, with empty places if its size is no multiple of theirs."""
    found = [r.source for r in (*block.node.reads, *block.node.writes) if str(r.source.name) == buffer]
    if not found or not len(found[0].ty.shape):
        return []
    names = [f"x{i}" for i in range(len(found[0].ty.shape))]
    size, last = rng.choice([2, 3, 5]), names[-1]
    panels = [f"{last} // {size}", *names[:-1], f"{last} % {size}"]
    text = f"{', '.join(names)} -> {', '.join(panels)}"
    params = {"block": block.path, "buffer": buffer, "index_map": text, "pad_value": 9}
    return [("transform_layout", params)]
