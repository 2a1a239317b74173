"""Makes docs/coverage.md: every primitive, pass, rule and pipeline of TVM, offered as what, or why not.

python -m scripts.coverage_doc
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from mlc_explorer.engine.transforms.coverage import SECTIONS, Covered, coverage

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"

HEAD = """\
# What of TVM is offered

Made by `python -m scripts.coverage_doc` from the installed TVM, from the catalogue of transforms
([transforms.md](transforms.md)), and from the reasons in `mlc_explorer/engine/transforms/left_out.py`. A test
fails when TVM has a name that is in neither, and when this file is stale.
"""


def main() -> None:
    DOCUMENT.write_text(document(), encoding="utf-8")


def document() -> str:
    """The whole file: a table a part of TVM."""
    parts = [HEAD]
    for section, rows in groupby(sorted(coverage(), key=_place), key=lambda row: row.section):
        listed = list(rows)
        offered = sum(bool(row.offered) for row in listed)
        title = f"## {SECTIONS[section]}: {offered} of {len(listed)}"
        lines = [title, "", "| name | offered as | why not |", "|---|---|---|", *map(_row, listed)]
        parts.append("\n".join(lines))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _place(row: Covered) -> tuple[int, str]:
    return list(SECTIONS).index(row.section), row.name


def _row(row: Covered) -> str:
    return f"| `{row.name}` | {', '.join(f'`{name}`' for name in row.offered)} | {row.reason} |"


if __name__ == "__main__":
    main()
