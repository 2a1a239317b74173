"""The command line: everything the screen shows, as text or JSON.

Exit status: 0; 1 for a refusal or an error (with ``--json`` as JSON on standard output: error, message, hint,
place, …); 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from .commands import advising, fast, looking, tuning
from .commands.given import Answer
from .errors import MlcError
from .schema.codec import encode
from .schema.pipeline import NAMES as PIPELINES
from .texts import LANGUAGES


def main(argv: list[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    args = arguments().parse_args(argv)
    try:
        data, text = args.run(args)
    except MlcError as e:
        _fail(e, args.json)
        return 1
    print(json.dumps(encode(data), ensure_ascii=False) if args.json else text(data))
    return 0


def _fail(error: MlcError, as_json: bool) -> None:
    if as_json:
        print(json.dumps(error.to_json(), ensure_ascii=False))
        return
    where = f" [{error.place}]" if error.place else ""
    print(f"{error.message}{where}", file=sys.stderr)
    if error.hint:
        print(error.hint, file=sys.stderr)


def arguments() -> argparse.ArgumentParser:
    """What the command line takes."""
    parser = argparse.ArgumentParser(prog="python -m mlc_explorer", description=__doc__.split("\n")[0])
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")

    def verb(name: str, run: Callable[[argparse.Namespace], Answer], text: str, model: bool = True) -> Any:
        sub = verbs.add_parser(name, help=text, description=text)
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.set_defaults(run=run)
        if model:
            sub.add_argument("model", metavar="MODEL", help="a sample's name, or a model file")
            sub.add_argument("--trace", metavar="T", help="a trace (JSON file, or - for standard input)")
        return sub

    verb("samples", looking.samples, "the models that ship", model=False)
    verb("transforms", looking.transforms, "the transforms and their parameters", model=False)
    verb("open", looking.open, "functions, inputs and outputs of a model")
    apply = verb("apply", looking.apply, "apply a trace, or single steps, and say what changed")
    apply.add_argument("--step", action="append", metavar="JSON", help="one more step, as in a trace")
    view = verb("view", looking.view, "what a pane shows")
    view.add_argument("--function", metavar="F", help="default: the entry")
    view.add_argument("--level", choices=looking.LEVELS, default="graph")
    view.add_argument("--open", nargs="+", metavar="ID", help="groups of the graph to open (* for all)")
    view.add_argument("--since", type=int, metavar="N", help="diff: against the state after N steps")
    view.add_argument("--find", metavar="WORDS", help="search the graph: conv, op:add, shape:64, name:lv")
    view.add_argument("--block", metavar="PATH", help="motion and cache: the block, or a loop above it")
    view.add_argument("--accesses", type=int, metavar="N", help="cache: how many to simulate (a million)")
    pipeline = verb(
        "pipeline", looking.pipeline, "every pass of a pipeline, with its time and what it changed"
    )
    pipeline.add_argument("--pipeline", choices=PIPELINES, default="compile")
    pipeline.add_argument("--pass", dest="number", type=int, metavar="N", help="this pass, before and after")
    pipeline.add_argument("--function", metavar="F", help="one that it changed (default: the entry)")
    measure = verb("measure", looking.measure, "compile, check and time")
    measure.add_argument("--function", metavar="F", help="one function instead of the whole model")
    measure.add_argument("--seconds", type=float, default=1.0, help="how long to time (default 1)")
    script = verb("script", looking.script, "a Python script that does it all again with TVM alone")
    palette = verb(
        "palette", advising.palette, "which transforms apply to a selection, and why others do not"
    )
    offer = verb("offer", advising.offer, "what one transform would do: its form and the diff")
    offer.add_argument("--transform", required=True, metavar="NAME")
    offer.add_argument("--params", metavar="JSON", help="parameters; what is left out is proposed")
    suggest = verb("suggest", advising.suggest, "promising next steps for a block, measured, best first")
    suggest.add_argument("--quick", action="store_true", help="name them only")
    for sub in (palette, offer, suggest):
        sub.add_argument("--function", metavar="F", help="default: the entry")
        sub.add_argument("--path", metavar="PATH", help="the chosen loop or block, such as matmul/k")
    palette.add_argument("--language", choices=LANGUAGES, default="en")
    sweep = verb("sweep", advising.sweep, "measure steps in which a value is a range")
    sweep.add_argument(
        "--step", action="append", required=True, metavar="JSON", help='a value may be {"sweep": [8, 16]}'
    )
    sweep.add_argument("--function", metavar="F", help="what to measure (default: what the steps change)")
    sweep.add_argument("--most", type=int, default=64, metavar="N", help="points (a sample of a larger grid)")
    why_not = verb("why-not", advising.why_not, "why a step does not apply, and what would make it legal")
    why_not.add_argument("--step", required=True, metavar="JSON", help="the step, as in a trace")
    steps = verb("steps", advising.steps, "the steps of a script, a TVM schedule or a MetaSchedule record")
    steps.add_argument("file", metavar="FILE", help="the text (- for standard input)")
    steps.add_argument("--function", metavar="F", help="the function of a schedule that names none")
    repeat = verb("repeat", advising.repeat, "where else steps of one function would apply")
    repeat.add_argument(
        "--step", action="append", required=True, metavar="JSON", help="a step, as in a trace"
    )
    make_fast = verb("fast", fast.fast, "the trace that makes a model, or one function, fast by recipe")
    make_fast.add_argument("--unfold", action="store_true", help="primitives in the place of recipes")
    explain = verb("explain", fast.explain, "the recipes that would be applied: strategy, numbers, reasons")
    explain.add_argument("--language", choices=LANGUAGES, default="en")
    for sub in (make_fast, explain):
        sub.add_argument("--function", metavar="F", help="one function instead of the whole model")
        sub.add_argument(
            "--recipe", default="", metavar="NAME", help="fast_cpu, fast_gpu, or one for a function"
        )
    tune = verb("tune", tuning.tune, "search for a faster schedule of a function, or of the whole model")
    tune.add_argument("--function", metavar="F", help="one function instead of the whole model")
    tune.add_argument("--trials", type=int, default=tuning.TRIALS, metavar="N", help="candidates to try")
    tune.add_argument("--minutes", type=float, metavar="M", help="the most that it may take")
    tune.add_argument("--around", action="store_true", help="the recipe with other numbers first")
    tune.add_argument("--seed", type=int, default=0, metavar="N", help="another one draws other candidates")
    tune.add_argument(
        "--tracker", metavar="HOST:PORT", help="time on a machine of this TVM RPC tracker (not on the page)"
    )
    tune.add_argument("--key", default="", metavar="K", help="the key of that machine there")
    for sub in (view, pipeline, measure, script, suggest, sweep, make_fast, explain, tune):
        sub.add_argument("--target", metavar="X", default="cpu", help="cpu, generic, … (default cpu)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
