"""Searching for a schedule: what was tried, how fast the best is beside the recipe, and its steps."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from ..schema.tuning import TRIALS, Heard, Tuned, Tuning
from ..session import default_store
from .given import Answer, workspace
from .printed import step_text

__all__ = ["TRIALS", "tune"]


def tune(args: argparse.Namespace) -> Answer:
    """Ctrl+C ends the search and keeps the best so far. With ``--tracker`` candidates are timed elsewhere."""
    found = workspace(args).tune(
        args.function,
        args.target,
        args.trials,
        args.minutes,
        args.around,
        args.seed,
        _telling(args),
        default_store(),
        (args.tracker, args.key) if args.tracker else None,
    )
    return found, _tuning_text


def _telling(args: argparse.Namespace) -> Callable[[Heard], None] | None:
    if args.json or not sys.stderr.isatty():
        return None
    return lambda h: print(
        f"\r\033[K{h.trials} of {h.of}  {h.seconds:.0f} s  best {_ms(h.best_ms)}  {h.function}",
        end="",
        file=sys.stderr,
    )


def _tuning_text(found: Tuning) -> str:
    """The trials in order, the functions, and the steps of the best."""
    rows = [
        f"{t.number:4d} {t.kind:7s} {_ms(t.ms):>14s}  {t.function}  {t.error}".rstrip() for t in found.trials
    ]
    if found.function is None:
        rows += map(_function_text, found.functions)
    times = {"as it was": found.started_ms, "recipe": found.recipe_ms, "best": found.best_ms}
    rows += [f"{name:10s} {_ms(ms):>14s}" for name, ms in times.items()]
    rows += [f"ended by {found.ended} after {found.seconds:.0f} s", *map(step_text, found.best)]
    return "\n".join(rows)


def _function_text(one: Tuned) -> str:
    return f"{one.function}: {one.calls} calls, {_ms(one.started_ms)} → {_ms(one.best_ms)} ({one.best_kind})"


def _ms(ms: float | None) -> str:
    return "-" if ms is None else f"{ms:.4f} ms"
