"""The HTML in a real browser: themes, widths, links, sorting, enlarging, accessibility by axe's rules."""

import re
import shutil

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import sync_playwright

from fmnist_report.networks import COMPARED, MAIN
from fmnist_report.pipeline.files import load_arrays, read_json

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
           "--disable-component-update", "--disable-sync")  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield found
        found.close()


@pytest.fixture
def show(browser, real_run):
    """Return a function that opens the report and records every error and request."""
    contexts = []

    def show(lang="uk", theme="light", width=1300, view="", **options):
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.troubles = []
        page.on("console", lambda message: message.type == "error" and page.troubles.append(message.text))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("request", lambda request: not request.url.startswith(("file:", "data:"))
                and page.troubles.append(request.url))  # fmt: skip
        page.goto((real_run.folder / "report" / f"report.{lang}.html").as_uri() + view)
        if options.get("java_script_enabled", True):
            page.locator("#explorer .tiles button").first.wait_for()
        return page

    yield show
    for context in contexts:
        context.close()


@pytest.mark.parametrize("width", [360, 1300, 1920])
@pytest.mark.parametrize("lang", ["uk", "en"])
def test_page_fits_its_window_and_asks_for_nothing(show, lang, width):
    page = show(lang, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.troubles == []


OTHER_WINDOWS = (("light", 360), ("dark", 1300))


@pytest.mark.parametrize(
    ("theme", "width"),
    [("light", 1300), ("dark", 360), *(pytest.param(*other, marks=pytest.mark.slow) for other in OTHER_WINDOWS)],
)
def test_axe_finds_no_violation(show, theme, width):
    page = show(theme=theme, width=width, bypass_csp=True)  # axe is put into the page as a script
    page.locator(".tiles button").first.click()
    assert page.locator(".answer").is_visible()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert len(found.response["passes"]) > 20


def test_the_theme_follows_the_reader(show):
    page = show()

    def look():
        return page.evaluate(
            "() => [getComputedStyle(document.documentElement).backgroundColor,"
            " getComputedStyle(document.querySelector('figure svg')).filter]"
        )

    assert look() == ["rgb(255, 255, 255)", "none"]
    page.emulate_media(color_scheme="dark")
    paper, filtered = look()
    assert sum(map(int, paper[4:-1].split(","))) < 120 and "invert" in filtered
    turned_back = page.evaluate("getComputedStyle(document.querySelector('#figure-activations_part1 image')).filter")
    assert turned_back == "invert(1) hue-rotate(180deg)"  # so that bright still means a strong activation


def test_every_link_of_the_contents_leads_to_its_heading(show):
    page = show()
    links = page.locator(".toc a")
    assert links.count() == 8
    for number in range(links.count()):
        links.nth(number).click()
        heading = page.locator(links.nth(number).get_attribute("href") + " h2")
        assert heading.inner_text() == links.nth(number).inner_text()
        assert heading.evaluate("element => element.getBoundingClientRect().top") < 900


def test_a_table_is_sorted_by_a_click_on_its_heading(show):
    page = show()
    table = page.locator("#summary table")

    def column():
        cells = table.locator("tbody tr td:nth-child(2)").all_inner_texts()
        return [float(text.replace("\u00a0%", "").replace(",", ".")) for text in cells]

    table.locator("thead button").nth(1).click()
    assert column() == sorted(column(), reverse=True) and len(set(column())) > 1
    table.locator("thead button").nth(1).click()
    assert column() == sorted(column())


def test_a_figure_is_enlarged_by_a_click_and_escape_closes_it(show):
    page = show()
    figure = page.locator("#figure-comparison")
    before = figure.locator("svg").bounding_box()["width"]
    figure.locator("button").click()
    assert page.locator("dialog svg").bounding_box()["width"] > before
    assert page.locator("dialog svg text").count() == figure.locator("svg text").count() > 5
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('dialog').open && !document.querySelector('dialog svg')")


def predictions(real_run):
    arrays = np.load(real_run.folder / "report" / "predictions.npz")
    return {name: arrays[name] for name in arrays.files}


def test_every_cell_of_the_explorer_opens_the_images_behind_it(show, real_run):
    page, arrays = show(view="#net=cnn"), predictions(real_run)
    labels, answers = arrays["y_test"], arrays["cnn"].argmax(axis=1)
    results = read_json(real_run.folder / "report" / "results.json")
    cells = [int(text) for text in page.locator(".matrix td button").all_inner_texts()]
    assert np.array_equal(np.reshape(cells, (10, 10)), results["models"]["cnn"]["confusion"])
    for true, pred in ((6, 0), (0, 6), (4, 2)):
        page.locator(".matrix td button").nth(10 * true + pred).click()
        n = int(((labels == true) & (answers == pred)).sum())
        told = [int(number) for number in re.findall(r"\d+", page.locator(".count").inner_text())]
        assert told == ([n, n] if len(told) == 2 else [*told[:2], n] if n else [])  # more than are kept are counted too
        assert f"true={true}&pred={pred}" in page.url
    page.go_back()
    assert "true=0&pred=6" in page.url and page.locator("select[name=true]").input_value() == "0"


def test_filters_keep_the_images_that_they_name(show, real_run):
    page, arrays = show(view="#net=cnn&filter=all"), predictions(real_run)
    wrong = {name: arrays[name].argmax(axis=1) != arrays["y_test"] for name in MAIN}
    shown = {int(number) for tile in page.locator(".tiles button").all()
             for number in re.findall(r"№ (\d+)", tile.get_attribute("aria-label"))}  # fmt: skip
    assert shown and shown <= set(np.flatnonzero(np.all(list(wrong.values()), axis=0)))
    page.locator("select[name=filter]").select_option("only")
    others = np.all([wrong[name] for name in MAIN if name != "cnn"], axis=0)
    shown = {int(number) for tile in page.locator(".tiles button").all()
             for number in re.findall(r"№ (\d+)", tile.get_attribute("aria-label"))}  # fmt: skip
    assert shown <= set(np.flatnonzero(others & ~wrong["cnn"]))


def test_an_image_of_the_explorer_reports_every_network_s_probabilities(show, real_run):
    page, arrays = show("en", view="#net=mlp&filter=wrong"), predictions(real_run)
    page.locator(".tiles button").first.click()
    number = int(re.search(r"img=(\d+)", page.url)[1])
    rows = page.locator(".answer tbody tr")
    assert rows.count() == len(COMPARED)
    for row, name in enumerate(COMPARED):
        share = int(rows.nth(row).locator(".value").first.inner_text().rstrip("%")) / 100
        assert abs(share - arrays[name][number].max()) < 0.01
        right = arrays[name][number].argmax() == arrays["y_test"][number]
        assert rows.nth(row).locator("td").first.inner_text() == ("right" if right else "wrong")
    page.keyboard.press("Escape")
    assert not page.locator(".answer").is_visible()


def test_the_explorer_is_walked_by_the_keyboard(show):
    page = show(view="#net=cnn")
    page.locator(".matrix td button[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    place = page.evaluate("[...document.querySelectorAll('.matrix td button')].indexOf(document.activeElement)")
    assert place == 11 and page.locator(".matrix td button[tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    assert "true=1&pred=1" in page.url


def test_conclusions_lead_to_the_images_of_which_they_speak(show):
    page = show()
    link = page.locator("[data-explore] a").first
    link.click()
    page.wait_for_function("location.hash.includes('both=1')")
    assert page.locator(".matrix button[aria-pressed=true]").count() == 2
    assert page.evaluate("document.activeElement.closest('.matrix') !== null")  # the keyboard goes on in the matrix
    shown = page.locator(".tiles button").count()
    page.locator("select[name=filter]").select_option("wrong")  # all of them are, so both cells remain
    assert page.locator(".tiles button").count() == shown > 0 and "both=1" in page.url


def test_a_second_click_takes_back_the_first(show):
    page = show(view="#net=cnn")
    states = {button.get_attribute("aria-pressed") for button in page.locator(".matrix button").all()}
    assert states == {"false"}
    cell, tile = page.locator(".matrix td button").first, page.locator(".tiles button").first
    tile.click()
    tile.click()
    assert not page.locator(".answer").is_visible()
    cell.click()
    assert cell.get_attribute("aria-pressed") == "true"
    cell.click()
    assert cell.get_attribute("aria-pressed") == "false" and "true=" not in page.url


def test_the_network_in_the_page_predictions_as_keras_does(show, real_run):
    page = show()
    (entry,) = [path for path in (real_run.cache / "browser_model").iterdir() if (path / "manifest.json").is_file()]
    (data,) = [path for path in (real_run.cache / "data").iterdir() if (path / "manifest.json").is_file()]
    kept, images = load_arrays(entry / "browser_model.npz"), load_arrays(data / "images.npz")["test"]
    chosen = range(0, len(images), max(1, len(images) // 200))
    images, expected = [images[i].ravel().tolist() for i in chosen], kept["test"][list(chosen)]
    answers = np.array(page.evaluate("images => images.map(document.getElementById('network').ask)", images))
    assert len(answers) >= min(200, len(images)) and np.abs(answers - expected).max() < 1e-2
    two_best = np.sort(expected, axis=1)[:, -2:]
    clear = two_best[:, 1] - two_best[:, 0] > 1e-2
    assert (answers.argmax(axis=1) == expected.argmax(axis=1))[clear].all() and clear.any()


def read_pad(page):
    """Return the pixels of the network's input image, 0 to 255."""
    script = "() => { const pad = document.querySelector('canvas.pad'); return [...pad.getContext('2d')"
    return np.array(page.evaluate(script + ".getImageData(0, 0, 28, 28).data]; }")).reshape(28, 28, 4)[..., 0]


def test_the_network_is_given_test_images_drawings_and_photos(show, tmp_path):
    page = show(view="#net=cnn")
    page.locator(".tiles button").first.click()
    page.locator(".faces button").click()
    page.wait_for_timeout(500)
    given = read_pad(page)
    assert given.max() > 100 and page.locator("#network .says .share").count() == 5
    page.locator("button[data-move=ArrowRight]").click()
    assert np.array_equal(read_pad(page)[:, 1:], given[:, :-1])
    page.locator("#network button.clear").click()
    assert read_pad(page).max() == 0
    box = page.locator("canvas.pad").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.up()
    drawn = read_pad(page)
    assert drawn[12:16, 12:16].max() == 255 and drawn[:8].max() == 0
    page.locator("input[name=tool][value=cover]").check()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert read_pad(page).max() == 0
    for tool, brightest in (("draw", 255), ("cover", 0)):  # with the keyboard alone
        page.locator(f"input[name=tool][value={tool}]").check()
        page.locator("canvas.pad").press("Space")
        assert read_pad(page)[12:16, 12:16].max() == brightest
    photo = np.full((90, 200), 250, "uint8")  # dark on a light ground, wider than high
    photo[30:60, 40:160] = 20
    Image.fromarray(photo).save(tmp_path / "photo.png")
    page.locator("#network input[type=file]").set_input_files(tmp_path / "photo.png")
    page.wait_for_timeout(500)
    taken = read_pad(page)
    rows, columns = np.nonzero(taken > 128)
    assert (columns.min(), columns.max()) == (0, 27) and 6 <= len(set(rows)) <= 8 and abs(rows.mean() - 13.5) < 1
    for shade in (255, 0):  # cut out, whether light or dark
        cut = np.zeros((90, 200, 4), "uint8")
        cut[30:60, 40:160] = (shade, shade, shade, 255)
        Image.fromarray(cut).save(tmp_path / "cut.png")
        page.locator("#network input[type=file]").set_input_files(tmp_path / "cut.png")
        page.wait_for_timeout(500)
        assert read_pad(page)[12:16].min() > 128 and read_pad(page)[:8].max() == 0
    assert page.troubles == []


def test_a_second_finger_draws_nothing(show):
    page = show(view="#net=cnn", has_touch=True)
    page.locator("#network button.clear").click()
    send = """([x, y, id, primary, kind]) => {
        const pad = document.querySelector('canvas.pad'), box = pad.getBoundingClientRect();
        pad.setPointerCapture = () => {};
        pad.dispatchEvent(new PointerEvent(kind, { clientX: box.left + x * box.width, clientY: box.top + y * box.height,
            pointerId: id, isPrimary: primary, button: 0, bubbles: true })); }"""
    for touch in ((0.1, 0.1, 1, True, "pointerdown"), (0.9, 0.9, 2, False, "pointerdown"),
                  (0.9, 0.8, 2, False, "pointermove"), (0.9, 0.8, 2, False, "pointerup"),
                  (0.2, 0.1, 1, True, "pointermove")):  # fmt: skip
        page.evaluate(send, list(touch))
    drawn = read_pad(page)
    assert drawn[2, 2:6].min() > 128 and drawn[10:].max() == 0


def test_the_page_reads_without_its_script(show):
    page = show(java_script_enabled=False)
    assert page.locator("figure svg").count() > 15 and not page.locator("button:visible").count()
    assert page.locator("#summary table tbody tr").count() == 5
    assert not page.locator("#explorer").is_visible() and page.locator("[data-explore] a").count() == 0
