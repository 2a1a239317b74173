"""Reads LLVM IR: the bodies of a function's routines without debug records and metadata, each line with the
source line that its ``!dbg`` names."""

from __future__ import annotations

import re

from .lines import Line, Routine

_DEFINE = re.compile(r"^define .*@\"?([\w.$]+)\"?\(")
_LOCATION = re.compile(r"^(!\d+) = (?:distinct )?!DILocation\(line: (\d+)", re.MULTILINE)
_DEBUG = re.compile(r"!dbg (!\d+)")
_METADATA = re.compile(r",? ![\w.]+ ![\d{][^,]*")
_GROUPS = re.compile(r"( unnamed_addr| local_unnamed_addr)?( #\d+)+( \{)?$")
_LABEL = re.compile(r"^[\w.$\"-]+:")


def read_llvm(source: str) -> list[Routine]:
    """All routines, each from ``define`` to the closing brace."""
    line_of = {name: int(line) or None for name, line in _LOCATION.findall(source)}
    routines: list[Routine] = []
    inside = False
    for line in source.splitlines():
        define = _DEFINE.match(line)
        if define:
            routines.append(Routine(define[1]))
            inside = True
        if not inside or line.lstrip().startswith("#dbg_"):
            continue
        debug = _DEBUG.search(line)
        link = line_of.get(debug[1]) if debug else None
        is_code = not define and bool(line.strip()) and line != "}" and not _LABEL.match(line)
        routines[-1].lines.append(Line(_plain(line), link, is_code))
        inside = line != "}"
    return routines


def _plain(line: str) -> str:
    """Without attached metadata and attribute groups, which are explained only at the end of the file."""
    bare = _METADATA.sub("", line)
    return _GROUPS.sub(lambda match: match[3] or "", bare).rstrip()
