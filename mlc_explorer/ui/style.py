"""The page's own style sheet, beside the theme in `.streamlit/config.toml` and the component's CSS."""

from __future__ import annotations

import functools
from pathlib import Path

import streamlit as st


def apply() -> None:
    """Puts the style sheet into the page."""
    st.html(f"<style>{_sheet()}</style>")


@functools.cache
def _sheet() -> str:
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")
