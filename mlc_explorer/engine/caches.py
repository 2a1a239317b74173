"""The data caches of the machine that this runs on, as Linux tells them; a usual pair where it does not."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from ..schema.motion import Cache

USUAL = (Cache(1, 32 << 10, 8, 64), Cache(2, 1 << 20, 16, 64))
_FOLDER = Path("/sys/devices/system/cpu/cpu0/cache")


@functools.cache
def caches() -> tuple[Cache, Cache]:
    """The first and second level of one core, nearest first."""
    return read(_FOLDER)


def read(folder: Path) -> tuple[Cache, Cache]:
    """What `folder` (one `index*` a cache) says; for a level that it does not tell, the usual one."""
    found = {cache.level: cache for cache in map(_read, sorted(folder.glob("index*"))) if cache}
    return found.get(1, USUAL[0]), found.get(2, USUAL[1])


def _read(index: Path) -> Cache | None:
    try:
        said = {
            name: (index / name).read_text().strip()
            for name in ("type", "level", "size", "ways_of_associativity", "coherency_line_size")
        }
    except OSError:
        return None
    size = re.fullmatch(r"(\d+)([KM])", said["size"])
    if said["type"] == "Instruction" or not size:
        return None
    try:
        ways, line = int(said["ways_of_associativity"]), int(said["coherency_line_size"])
        cache = Cache(int(said["level"]), int(size[1]) << (10 if size[2] == "K" else 20), ways, line)
    except ValueError:
        return None
    return cache if ways > 0 and line > 0 and cache.size >= ways * line else None
