"""PDF: WeasyPrint prints the HTML; nothing is fetched but what the page carries itself."""

import base64
import contextlib
import re
import sys
import tempfile
import typing
from datetime import datetime
from pathlib import Path

from fmnist_report.pipeline.files import UNFINISHED, read_json, replacing
from fmnist_report.pipeline.progress import Progress
from fmnist_report.report.assets import TEMPLATES

PRINTED = 4  # an annotation's flag
DRAWING = re.compile(r"<svg (?P<attributes>[^>]*)><title[^>]*>(?P<title>[^<]*)</title>(?P<body>.*?)</svg>", re.DOTALL)


def write_pdf(out: Path, progress: Progress, *, html: Path) -> None:
    """Stage `pdf`: write report.pdf, tagged for accessibility (PDF/UA-1), with results.json attached.

    The same HTML and results give the same bytes: the attachment bears the date of the evaluation.
    """
    import weasyprint

    embedded_only = weasyprint.URLFetcher(allowed_protocols=("data",), allow_redirects=False, fail_on_errors=True)
    text = drawings_to_images((html / "report.html").read_text("utf-8"))
    page = weasyprint.HTML(string=text, url_fetcher=embedded_only)
    running_heads = weasyprint.CSS(string=(TEMPLATES / "pages.css").read_text("utf-8"), url_fetcher=embedded_only)
    evaluated = datetime.fromisoformat(read_json(html / "results.json")["run"]["started"])
    attachment = weasyprint.Attachment(
        string=(html / "results.json").read_bytes(),
        name="results.json",
        description="All figures of this report",
        created=evaluated,
        modified=evaluated,
        relationship="Data",
    )
    with replacing(out / "report.pdf") as temporary, _temporary_files_in(out):
        page.write_pdf(
            temporary,
            finisher=complete_tags,
            stylesheets=[running_heads],
            pdf_variant="pdf/ua-1",
            attachments=[attachment],
        )


@contextlib.contextmanager
def _temporary_files_in(folder: Path) -> typing.Iterator[None]:
    """Let temporary files, WeasyPrint's copies of the fonts, stand where they go with a run that is killed.

    Not where the locale cannot write the folder's name, which WeasyPrint has to tell to Fontconfig.
    """
    try:
        str(folder).encode(sys.getfilesystemencoding())
    except UnicodeEncodeError:
        yield
        return
    former, unfinished = tempfile.tempdir, folder / UNFINISHED
    unfinished.mkdir(exist_ok=True)
    # A network's file system keeps the fonts, which WeasyPrint still holds; the entry's commit leaves them out.
    with tempfile.TemporaryDirectory(dir=unfinished, ignore_cleanup_errors=True) as tempfile.tempdir:
        try:
            yield
        finally:
            tempfile.tempdir = former


def drawings_to_images(html: str) -> str:
    """Turn the SVG elements of a page into images with their titles as alternative text.

    WeasyPrint finds the style of every line and word of a drawing that is part of the page; an image has none to
    be found, looks the same, and prints in a seventh less time.
    """

    def to_image(drawing: re.Match) -> str:
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" {drawing["attributes"]}>{drawing["body"]}</svg>'
        data = base64.b64encode(svg.encode()).decode()
        return f'<img alt="{drawing["title"]}" src="data:image/svg+xml;base64,{data}">'

    return DRAWING.sub(to_image, html)


def complete_tags(document: typing.Any, pdf: typing.Any) -> None:
    """Add what WeasyPrint leaves out of PDF/UA-1.

    Header cells say what they head, links are printed, and running heads and page numbers are artifacts.

    Args:
        document: WeasyPrint's, unused.
        pdf: a pydyf.PDF, changed in place.

    Source: ISO 14289-1, 7.5 and 7.8; ISO 32000-1, 14.8.2.2, 14.8.5.7 and table 165.
    """
    import pydyf

    by_reference = {found.reference: found for found in pdf.objects}
    dictionaries = [found for found in pdf.objects if isinstance(found, pydyf.Dictionary)]
    _mark_running_heads(pdf, by_reference)
    for element in dictionaries:
        if element.get("Subtype") == "/Link":
            element["F"] = PRINTED
        elif element.get("S") == "/TH" and "A" in element:
            row = by_reference[element["P"]]
            in_head = by_reference[row["P"]]["S"] == "/THead"
            element["A"]["Scope"] = "/Column" if in_head else "/Row"


def _mark_running_heads(pdf: typing.Any, by_reference: dict[bytes, typing.Any]) -> None:
    """Turn what is tagged but hangs on no branch of the structure tree, the pages' margins, into artifacts."""
    import pydyf

    root = by_reference[pdf.catalog["StructTreeRoot"]]
    hanging, waiting = set(), list(root["K"])
    while waiting:
        reference = waiting.pop()
        if reference not in hanging and isinstance(reference, bytes):
            hanging.add(reference)
            waiting += by_reference[reference].get("K", [])
    numbers = by_reference[root["ParentTree"]]["Nums"]
    owners = dict(zip(numbers[::2], numbers[1::2], strict=True))
    for page in pdf.page_references:
        page = by_reference[page]
        words = by_reference[page["Contents"]].stream
        for place, word in enumerate(words):
            marked = isinstance(word, pydyf.Dictionary) and "MCID" in word
            if marked and owners[page["StructParents"]][word["MCID"]] not in hanging:
                words[place - 1], words[place] = b"/Artifact", pydyf.Dictionary({"Type": "/Pagination"})
