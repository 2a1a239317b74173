"""The explore page: for now its title and the language switch."""

import streamlit as st

from mlc_explorer.texts import say
from mlc_explorer.ui import language

st.title("MLC Explorer")
language.switch()
st.write(say("pages.explore_intro", language.current()))
