"""MLC Explorer, as a server and as a script.

Imported or started (`make run`, `python app.py`, `streamlit run app.py`, `uvicorn app:app`), this module
declares the ASGI app. That app runs this same file again for every visit, then inside a script run:
it sets the page up and hands over to the navigation.
"""

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.scriptrunner import get_script_run_ctx

from mlc_explorer.texts import say
from mlc_explorer.ui import answers, blobs, boundary, language, serving
from mlc_explorer.ui.first_picture import FirstPicture

HERE = Path(__file__).resolve().parent


def main() -> None:
    st.set_page_config(page_title="MLC Explorer", page_icon=str(HERE / "static" / "icon.svg"), layout="wide")
    titles = {name: say(f"pages.{name}", language.current()) for name in ("explore", "passes")}
    pages = [st.Page(f"pages/{n}.py", title=title, default=n == "explore") for n, title in titles.items()]
    page = st.navigation(pages, position="hidden")  # the toolbar has the links
    with boundary.guard():
        page.run()


if get_script_run_ctx(suppress_warning=True) is not None:
    main()
else:
    # Streamlit's command line looks for this very form: a call of st.App assigned to a name.
    app = st.App(
        __file__,
        routes=[blobs.route(), answers.route()],
        lifespan=serving.lifespan,
        middleware=[Middleware(FirstPicture)],
        on_script_error=boundary.show,
    )
    if __name__ == "__main__":
        app.run(config=serving.run_config())
