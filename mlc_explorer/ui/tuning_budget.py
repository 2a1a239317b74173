"""How long to tune: the fields of the tab "Tune", which keep what a person chose in this visit."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from mlc_explorer.schema.tuning import MINUTES, TRIALS
from mlc_explorer.texts import say
from mlc_explorer.ui import workspace

CHOICES = (16, 64, 256)
_OWN, _KEPT = "own", "tuning.budget"
_TRIALS, _OWN_TRIALS, _MINUTES, _AROUND = (
    f"tuning.{name}" for name in ("trials", "own_trials", "minutes", "around")
)
_MOST_TRIALS, _MOST_MINUTES = 4096, 24 * 60.0


@dataclass(frozen=True)
class Budget:
    """What a person chose last: `trials`, at most `minutes` (None: however long), and whether the recipe's
    own numbers are varied first."""

    trials: int = TRIALS
    minutes: float | None = MINUTES
    around: bool = True


def chosen() -> Budget:
    """What was chosen last, in this visit."""
    return st.session_state.setdefault(_KEPT, Budget())


def fields(language: str) -> Budget:
    """The budget's fields. Their values are put in anew each time, because a widget's ends with its page."""
    budget = chosen()
    own = st.session_state.get(_TRIALS) == _OWN or budget.trials not in CHOICES
    st.session_state[_TRIALS] = _OWN if own else budget.trials
    st.session_state[_MINUTES], st.session_state[_AROUND] = budget.minutes, budget.around
    with st.container(horizontal=True, gap="small", key="mlc-tuning-budget"):
        st.segmented_control(
            say("tuning.trials", language),
            [*CHOICES, _OWN],
            key=_TRIALS,
            required=True,
            format_func=lambda n: say("tuning.own", language) if n == _OWN else str(n),
            help=say("tuning.trials_help", language),
            on_change=_remember,
        )
        if own:
            st.session_state[_OWN_TRIALS] = budget.trials
            st.number_input(
                say("tuning.own_trials", language),
                min_value=1,
                max_value=_MOST_TRIALS,
                key=_OWN_TRIALS,
                width=110,
                on_change=_remember,
            )
        st.number_input(
            say("tuning.minutes", language),
            value=None,
            min_value=0.1,
            max_value=_MOST_MINUTES,
            step=1.0,
            format="%g",
            placeholder=say("tuning.no_limit", language),
            key=_MINUTES,
            width=130,
            help=say("tuning.minutes_help", language),
            on_change=_remember,
        )
    return budget


def around(language: str) -> None:
    """The switch, after `fields`."""
    st.toggle(
        say("tuning.around", language),
        key=_AROUND,
        help=say("tuning.around_help", language),
        on_change=_remember,
    )


def _remember() -> None:
    state, old = st.session_state, chosen()
    trials = state.get(_TRIALS) or old.trials
    if trials == _OWN:
        trials = state.get(_OWN_TRIALS) or old.trials
    state[_KEPT] = Budget(int(trials), state.get(_MINUTES), bool(state.get(_AROUND)))
    workspace.redraw("palette")
