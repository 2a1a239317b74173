"""The explore page: layout only. Each part is a fragment by its name in `workspace.PARTS`."""

import streamlit as st

from mlc_explorer.ui import (
    history,
    palette,
    panes,
    passes,
    pictures,
    repeating,
    results,
    style,
    toolbar,
    workspace,
)
from mlc_explorer.ui import (
    language as _language,
)

language = _language.current()
style.apply()
toolbar.open_chosen(language)
passes.arrived()
work = workspace.current()

toolbar.show(work, language)
panes.show(language)

left, middle, right = st.container(key="mlc-panels").columns([1.05, 1.35, 0.85], gap="small")
with left.container(border=True, height="stretch"):
    palette.show(language)
with middle.container(border=True, height="stretch"):
    history.show(language)
with right.container(border=True, height="stretch"):
    results.show(language)
    if toolbar.has_pictures(work):
        pictures.show(work, language)
repeating.show(language)
