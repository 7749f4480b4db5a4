"""PDF report: print the self-contained HTML with WeasyPrint."""

import base64
import contextlib
import functools
import math
import re
import sys
import tempfile
import typing
from datetime import datetime
from pathlib import Path

from fmnist_report.pipeline.files import UNFINISHED, read_json, replacing
from fmnist_report.pipeline.progress import Progress
from fmnist_report.report.assets import TEMPLATES, convert_font
from fmnist_report.report.pdf.archive import change_slightly, end_plainly, ends_plainly, identify
from fmnist_report.report.pdf.blocks import count_blank
from fmnist_report.report.pdf.lines import keep_spaces, remember_cuts
from fmnist_report.report.pdf.links import join_link_areas
from fmnist_report.report.pdf.placement import place_floats
from fmnist_report.report.pdf.tagging import complete_tags
from fmnist_report.report.pdf.tree import Tagged, remember_elements
from fmnist_report.report.record import PREDICTIONS, RESULTS

MOST_PRINTS = 4  # one run in a hundred needs a second attempt
ON_SCREEN = re.compile(
    r'<details class="data">.*?</details>|<script.*?</script>|<section id="(?:explorer|network)".*?</section>',
    re.DOTALL,
)
PACKED_FONT = re.compile(r"data:font/woff;base64,([A-Za-z0-9+/=]+)")
DRAWING = re.compile(
    r"<svg (?P<attributes>[^>]*)>\s*<title[^>]*>(?P<title>[^<]*)</title>(?P<body>.*?)</svg>", re.DOTALL
)


def write_pdf(out: Path, progress: Progress, *, html: Path) -> None:
    """Stage `pdf`: write report.pdf, accessible (PDF/UA-1) and archivable (PDF/A-3a), with results and predictions.

    The same HTML and results give the same bytes: the attachment has the date of the evaluation.
    """
    import weasyprint

    embedded_only = weasyprint.URLFetcher(allowed_protocols=("data",), allow_redirects=False, fail_on_errors=True)
    text = unpack_fonts(drawings_to_images(leave_out_screen((html / "report.html").read_text("utf-8"))))
    running_heads = weasyprint.CSS(string=(TEMPLATES / "pages.css").read_text("utf-8"), url_fetcher=embedded_only)
    read = functools.partial(weasyprint.HTML, string=text, url_fetcher=embedded_only)
    page, most_blank = read(), math.inf
    evaluated = datetime.fromisoformat(read_json(html / "results.json")["run"]["started"])
    with replacing(out / "report.pdf") as temporary, _temporary_files_in(out):
        former = page.render(stylesheets=[running_heads])
        if place_floats(former, page.etree_element):
            most_blank = count_blank(former)
        for n_changes in range(MOST_PRINTS):
            options = {
                "stylesheets": [running_heads],
                "pdf_variant": "pdf/a-3a",
                "attachments": [
                    _attach(html / "results.json", RESULTS, "All figures of this report", evaluated),
                    _attach(html / "predictions.npz", PREDICTIONS, "The predictions for the test images", evaluated),
                ],
            }
            with remember_cuts(), remember_elements() as made:
                document = page.render(**options)
                if count_blank(document) > most_blank:  # the plan did not hold
                    page, most_blank = read(), math.inf
                    document = page.render(**options)
                join_link_areas(document)
                keep_spaces(document)
                finish = functools.partial(_finish, made=made, n_changes=n_changes)
                document.write_pdf(temporary, finisher=finish, **options)
            if ends_plainly(temporary.read_bytes()):
                break


def _attach(file: Path, name: str, description: str, date: datetime) -> typing.Any:
    """Attach a file; WeasyPrint reads an attachment once."""
    import weasyprint

    return weasyprint.Attachment(
        string=file.read_bytes(),
        name=name,
        description=description,
        created=date,
        modified=date,
        relationship="Data",
    )


def _finish(document: typing.Any, pdf: typing.Any, made: Tagged, n_changes: int) -> None:
    complete_tags(document, pdf, made)
    identify(pdf)
    end_plainly(pdf)
    change_slightly(pdf, n_changes)


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> typing.Iterator[None]:
    """Put temporary files, such as WeasyPrint's font copies, into a folder that is removed even after a killed run.

    This is skipped if the locale cannot encode the folder's name, which WeasyPrint passes to Fontconfig.
    """
    try:
        str(folder).encode(sys.getfilesystemencoding())
    except UnicodeEncodeError:
        yield
        return
    former, unfinished = tempfile.tempdir, folder / UNFINISHED
    unfinished.mkdir(exist_ok=True)
    # A network file system keeps fonts that WeasyPrint still has open; the entry's commit ignores them.
    with tempfile.TemporaryDirectory(dir=unfinished, ignore_cleanup_errors=True) as tempfile.tempdir:
        try:
            yield
        finally:
            tempfile.tempdir = former


def leave_out_screen(html: str) -> str:
    """Remove what a page shows on a screen alone: scripts, interactive sections, and the numbers of figures.

    The style sheet hides them in print too, but WeasyPrint computes the style of every hidden element.
    """
    return ON_SCREEN.sub("", html)


def unpack_fonts(html: str) -> str:
    """Convert the compressed fonts of a page to those of which they were made.

    WeasyPrint 70 reads compressed ones too, but sets their date to the present, so that equal pages would give
    different bytes.
    """

    def unpack(found: re.Match) -> str:
        font = convert_font(base64.b64decode(found[1]), None)
        return f"data:font/ttf;base64,{base64.b64encode(font).decode()}"

    return PACKED_FONT.sub(unpack, html)


def drawings_to_images(html: str) -> str:
    """Convert the SVG elements of a page to images with their titles as alternative text.

    WeasyPrint computes the style of every element of an inline drawing; an image needs none, looks the same, and
    reduces the time to print by a seventh.
    """

    def to_image(drawing: re.Match) -> str:
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" {drawing["attributes"]}>{drawing["body"]}</svg>'
        data = base64.b64encode(svg.encode()).decode()
        return f'<img alt="{drawing["title"]}" src="data:image/svg+xml;base64,{data}">'

    return DRAWING.sub(to_image, html)
