"""Makes docs/transforms.md from the catalogue, so that the list can't differ from what the app offers.

python -m scripts.transforms_doc
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlc_explorer import session
from mlc_explorer.schema.transform import ParamSpec, Shortcut, TransformSpec

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "transforms.md"

HEAD = """\
# Transforms

Made by `python -m scripts.transforms_doc` from the declarations in `mlc_explorer/engine/transforms/`; a test
fails when it is stale. A step of a trace is `{"transform": NAME, "function": FUNCTION, "params": {…}}`; graph
passes take no `function`. Parameters in brackets may be left out. `matmul/k` is the path of a loop (block,
slash, loop variable), `matmul` that of a block. [coverage.md](coverage.md) says
what of TVM is offered as what, and why the rest is not.
"""
LEVELS = {"graph": "Graph passes", "function": "Function passes", "loop": "Loop primitives"}


def main() -> None:
    specs, shortcuts = session.transforms()
    DOCUMENT.write_text(document(specs, shortcuts), encoding="utf-8")


def document(specs: Sequence[TransformSpec], shortcuts: Sequence[Shortcut]) -> str:
    """The whole file: a section a level, then the shortcuts."""
    parts = [HEAD]
    for level, title in LEVELS.items():
        chosen = [s for s in specs if s.level == level]
        if chosen:
            parts.append("\n".join([f"## {title}", *map(_transform, chosen)]))
    rows = map(_shortcut, shortcuts)
    parts.append("\n".join(["## Shortcuts", "", "One click, several steps.", "", *rows]))
    return "\n\n".join(p.strip("\n") for p in parts) + "\n"


def _transform(spec: TransformSpec) -> str:
    name = f"\n### `{spec.name}` – {spec.title['en']} · {spec.title['zh']}"
    params = ", ".join(map(_param, spec.params)) or "none"
    names = "; ".join(filter(None, [f"TVM: `{spec.tvm}`", spec.elsewhere.replace("``", "`")]))
    example = spec.example.replace("``", "`")
    return f"{name}\n{spec.text['en']}\n{spec.text['zh']}\n\n{example}\n\nParameters: {params}. {names}."


def _shortcut(shortcut: Shortcut) -> str:
    steps = ", ".join(f"`{step['transform']}`" for step in shortcut.steps)
    title, text = shortcut.title, shortcut.text
    return f"- **{title['en']}** ({title['zh']}): {steps}.\n  {text['en']} {text['zh']}"


def _param(param: ParamSpec) -> str:
    options = param.options.get("options")
    kind = f"one of {', '.join(options)}" if options else param.kind.replace("_", " ")
    if param.required:
        return f"`{param.name}` ({kind})"
    return f"[`{param.name}`] ({kind}; default {str(param.default).lower()})"


if __name__ == "__main__":
    main()
