"""Which language the screen speaks, and how the choice sticks.

The choice lives in the address (`?lang=zh`), so that it survives a reload, a bookmark and a link
handed to somebody else. Without one, the browser's own language decides.
"""

from __future__ import annotations

import streamlit as st

from mlc_explorer.texts import LANGUAGES

QUERY = "lang"


def current() -> str:
    """The language's code: the address's choice, else the browser's language, else English."""
    chosen = st.query_params.get(QUERY, "")
    if chosen in LANGUAGES:
        return chosen
    locale = (st.context.locale or "").lower()
    return next((code for code in LANGUAGES if locale.startswith(code)), "en")


def switch() -> None:
    """A switch between the languages; the choice goes into the address."""
    st.segmented_control(
        "Language / 语言",
        list(LANGUAGES),
        default=current(),
        format_func=LANGUAGES.__getitem__,
        key="language",
        label_visibility="collapsed",
        required=True,
        on_change=lambda: st.query_params.update({QUERY: st.session_state["language"]}),
    )
