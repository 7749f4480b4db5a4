"""The HTML in a real browser: themes, widths, links, sorting, enlarging, accessibility by axe's rules."""

import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

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
    """Return a function that opens the report and tells of every error and request."""
    contexts = []

    def show(lang="uk", theme="light", width=1300, **options):
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.troubles = []
        page.on("console", lambda message: message.type == "error" and page.troubles.append(message.text))
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("request", lambda request: not request.url.startswith(("file:", "data:"))
                and page.troubles.append(request.url))  # fmt: skip
        page.goto((real_run.folder / "report" / f"report.{lang}.html").as_uri())
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


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1300])
def test_axe_finds_no_violation(show, theme, width):
    page = show(theme=theme, width=width, bypass_csp=True)  # axe is put into the page as a script
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
    links = page.locator(".contents a")
    assert links.count() == 7
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


def test_the_page_reads_without_its_script(show):
    page = show(java_script_enabled=False)
    assert page.locator("figure svg").count() > 15 and page.locator("button").count() == 0
    assert page.locator("#summary table tbody tr").count() == 5
