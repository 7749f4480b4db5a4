"""PDF: WeasyPrint prints the HTML; nothing is fetched but what the page carries itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from fmnist_report.cache import read_json, replacing
from fmnist_report.language import TEMPLATES
from fmnist_report.progress import Progress


def write_pdf(out: Path, progress: Progress, *, html: Path) -> None:
    """Stage `pdf`: write report.pdf, tagged for accessibility (PDF/UA-1), with results.json attached.

    The same HTML and results give the same bytes: the attachment bears the date of the evaluation.
    """
    import weasyprint

    embedded_only = weasyprint.URLFetcher(allowed_protocols=("data",), allow_redirects=False, fail_on_errors=True)
    page = weasyprint.HTML(string=(html / "report.html").read_text("utf-8"), url_fetcher=embedded_only)
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
    with replacing(out / "report.pdf") as temporary:
        page.write_pdf(temporary, stylesheets=[running_heads], pdf_variant="pdf/ua-1", attachments=[attachment])
