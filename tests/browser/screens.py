"""Screenshots against golden images in tests/golden/screens/, with a stated tolerance.

The same browser draws the same pixels on every run (fixed window, reduced motion, our own fonts);
another Chromium or another font rasteriser draws edges a little differently. So a pixel differs
when a channel is off by more than `CHANNEL`, and a screen when more than `SHARE` of its pixels do.
`make snapshots` writes the images anew: look at them before you commit them.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page

CHANNEL = 16  # of 255
SHARE = 0.002  # of all pixels

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "screens"
FAILURES = Path(__file__).resolve().parent / "failures"


def compare(page: Page, name: str, *, mask: Sequence[Locator] = (), update: bool = False) -> None:
    """Fail when the page does not look like the golden image `name`; masked elements never count.

    A failure leaves `<name>.actual.png` and `<name>.diff.png` (differing pixels in red) in
    tests/browser/failures/.
    """
    shot = page.screenshot(
        animations="disabled", caret="hide", scale="css", mask=list(mask), mask_color="#808080"
    )
    golden = GOLDEN / f"{name}.png"
    if update:
        golden.parent.mkdir(parents=True, exist_ok=True)
        _write_small(shot, golden)
        return
    FAILURES.mkdir(exist_ok=True)
    actual, diff = FAILURES / f"{name}.actual.png", FAILURES / f"{name}.diff.png"
    actual.write_bytes(shot)
    assert golden.is_file(), f"there is no tests/golden/screens/{name}.png: `make snapshots` writes it"
    with Image.open(golden) as wanted_file, Image.open(actual) as seen_file:
        wanted, seen = wanted_file.convert("RGB"), seen_file.convert("RGB")
    assert wanted.size == seen.size, f"{name}: the golden image is {wanted.size}, the screen {seen.size}"
    share, differing = difference(wanted, seen)
    if share <= SHARE:
        actual.unlink()
        return
    seen.paste((255, 0, 0), mask=differing)
    seen.save(diff)
    raise AssertionError(
        f"{name}: {share:.2%} of the pixels differ by more than {CHANNEL} (allowed: {SHARE:.2%}); see"
        f" {actual.name} and {diff.name} in tests/browser/failures/"
    )


def _write_small(shot: bytes, golden: Path) -> None:
    """A third of the bytes by 256 colours, which moves about one pixel in ten thousand beyond `CHANNEL`."""
    with Image.open(io.BytesIO(shot)) as image:
        few = image.convert("RGB").quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    few.save(golden, optimize=True)


def difference(wanted: Image.Image, seen: Image.Image) -> tuple[float, Image.Image]:
    """The share of differing pixels (0..1), and a mask ("L") that is 255 where they are."""
    channels = ImageChops.difference(wanted, seen).split()
    largest = channels[0]
    for channel in channels[1:]:
        largest = ImageChops.lighter(largest, channel)
    mask = largest.point([0] * (CHANNEL + 1) + [255] * (255 - CHANNEL))
    return mask.histogram()[255] / (mask.width * mask.height), mask
