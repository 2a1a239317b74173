"""Makes docs/picture.png, the README's picture: the real page after its ready-made schedule was measured.

make picture
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from mlc_explorer.schema.trace import pack
from mlc_explorer.session import shipped_trace
from mlc_explorer.texts import say
from tests.browser import launch

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "picture.png"
COLOURS = 200  # enough for flat areas and text; a third of the bytes
IDLE = "[data-testid=stApp][data-test-script-state=notRunning]"


def main() -> int:
    executable = launch.find_chromium()
    if executable is None:
        print(launch.MISSING, file=sys.stderr)
        return 1
    with (
        tempfile.TemporaryDirectory() as home,
        launch.serve(Path(home)) as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=launch.FLAGS)
        page = browser.new_page(viewport={"width": 1600, "height": 1130}, color_scheme="dark")
        page.add_init_script("localStorage.setItem('mlc.linked.hint.seen', 'true')")
        page.goto(f"{url}/?w={_link()}")
        _measure(page)
        page.screenshot(path=PICTURE)
        browser.close()
    Image.open(PICTURE).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
        PICTURE, optimize=True
    )
    print(f"{PICTURE.name}: {PICTURE.stat().st_size >> 10} KiB")
    return 0


def _link() -> str:
    """`mlp` after the shipped schedule, with the loop that counts chosen."""
    trace = shipped_trace("mlp")
    assert trace is not None
    steps = max(i for i, s in enumerate(trace.steps, 1) if s.function == "linear_relu")
    chosen = {"function": "linear_relu", "path": "matmul_update/k_0"}
    return pack({"trace": trace.to_json(), "cursor": steps, "selection": chosen})


def _measure(page: Page) -> None:
    page.wait_for_selector(".linked-view[data-painted]")
    page.wait_for_selector(IDLE)
    page.get_by_role("button", name=say("history.measure_all")).click()
    page.get_by_role("button", name=say("history.cancel")).wait_for()
    page.get_by_role("button", name=say("history.measure_all")).wait_for(timeout=300_000)
    page.wait_for_selector(IDLE)
    page.mouse.move(5, 5)
    page.wait_for_timeout(1500)  # tooltips fade


if __name__ == "__main__":
    sys.exit(main())
