"""Draw the README's images from the committed sample: two PDF pages, and the explorer with the network.

    python benchmarks/readme_pictures.py

Requires Chromium, like the tests of the page.
"""

import io
import shutil
from pathlib import Path

import PIL.Image
import pymupdf
from playwright.sync_api import Page, sync_playwright

DOCS = Path(__file__).resolve().parent.parent / "docs"
PRINTED = DOCS / "sample" / "report.en.pdf"
SHOWN = DOCS / "sample" / "report.en.html"
PAGES = {"report-page.png": 2, "report-page-2.png": 6}  # the summary; errors, heat maps and conclusions of part 1
VIEW = "#net=cnn&true=6&pred=0"  # the shirts that the convolutional network takes for T-shirts
TILE = 3
WIDTH = 1300  # window size in pixels
GAP = 34


def draw_page(number: int, to: Path) -> None:
    """Draw one page of the sample at 100 dpi."""
    with pymupdf.open(PRINTED) as document:
        document[number - 1].get_pixmap(dpi=100).save(to)


def open_explorer(page: Page) -> None:
    """Select a cell of the matrix and one of its images, and pass the image to the network."""
    page.goto(SHOWN.as_uri() + VIEW)
    page.locator("#explorer .tiles button").nth(TILE).click()
    page.locator(".faces button").click()
    page.locator("#network .says .share").first.wait_for()


def draw_explorer(to: Path) -> None:
    """Draw the explorer, and next to it the network above every network's prediction for the image."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=("--no-sandbox",))
        page = browser.new_page(viewport={"width": WIDTH, "height": 1200}, color_scheme="light")
        open_explorer(page)
        network, answer = (_photograph(page, name) for name in ("#network", "#explorer .answer"))
        page.locator("#explorer .answer").evaluate("element => { element.style.display = 'none'; }")
        explorer = _photograph(page, "#explorer")
        browser.close()
    height = max(explorer.height, network.height + GAP + answer.height)
    whole = PIL.Image.new("RGB", (explorer.width + GAP + network.width, height), "white")
    whole.paste(explorer, (0, 0))
    whole.paste(network, (explorer.width + GAP, 0))
    whole.paste(answer, (explorer.width + GAP, network.height + GAP))
    whole.quantize(128).save(to, optimize=True)


def _photograph(page: Page, element: str) -> PIL.Image.Image:
    return PIL.Image.open(io.BytesIO(page.locator(element).screenshot())).convert("RGB")


def main() -> None:
    for name, number in PAGES.items():
        draw_page(number, DOCS / name)
    draw_explorer(DOCS / "report-explorer.png")


if __name__ == "__main__":
    main()
