"""A server for test_boundary.py: its one page fails in every way a page can."""

from typing import NoReturn

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mlc_explorer.errors import Refused
from mlc_explorer.ui import boundary, serving


def fail() -> NoReturn:
    raise ValueError("a slip of ours")


@st.fragment
def fragment() -> None:
    if st.button("in a fragment"):
        fail()


def main() -> None:
    st.button("in a callback", on_click=fail)
    fragment()
    if st.button("in the page"):
        fail()
    if st.button("on purpose"):
        raise Refused("loop *k* can't run in parallel", hint="Choose a spatial loop.", detail="# TVM says so")
    st.write("all is well")


if get_script_run_ctx(suppress_warning=True) is not None:
    with boundary.guard():
        main()
else:
    app = st.App(__file__, lifespan=serving.lifespan, on_script_error=boundary.show)
    if __name__ == "__main__":
        app.run(config=serving.run_config())
