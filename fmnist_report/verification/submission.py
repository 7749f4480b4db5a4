"""A document as someone hands it in: a report in PDF or HTML, or its results; read within limits, executing nothing."""

from __future__ import annotations

import base64
import binascii
import contextlib
import dataclasses
import gzip
import io
import json
import re
import signal
import typing
import zlib
from pathlib import Path

import numpy as np

from fmnist_report.errors import ReportError
from fmnist_report.report.record import LABELS, MOST_UNPACKED, PREDICTIONS, RESULTS, unpack_predictions
from fmnist_report.verification.blocks import Block, read_page

MOST_BYTES = 64 * 2**20  # of a document
MOST_PAGES = 400
MOST_SECONDS = 120
MEMORY = 3 * 2**30  # bytes that reading may take in addition
RECORD = re.compile(r'<script type="application/octet-stream" id="(record|predictions)">([A-Za-z0-9+/=]*)</script>')
EXAMPLES = re.compile(r'<script type="application/json" id="examples">(.*?)</script>', re.DOTALL)


@dataclasses.dataclass
class Submission:
    """What was read.

    kind: "pdf", "html" or "json".
    results: as in results.json, with the section document unless it is results.json itself.
    predictions: labels and probabilities, as in record.unpack_predictions; empty if there are none.
    blocks: the printed texts; empty for results.json.
    page: the HTML page; "" for others. explorer: the data of its script.
    strange: what a PDF draws or adds outside its text.
    """

    kind: str
    results: dict[str, typing.Any]
    predictions: dict[str, np.ndarray]
    blocks: list[Block] = dataclasses.field(default_factory=list)
    page: str = ""
    explorer: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    strange: list[str] = dataclasses.field(default_factory=list)


def read_submission(path: Path) -> Submission:
    """Read a report or its results.

    Raises:
        ReportError: it is not a report of this program, or cannot be read within the limits.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ReportError(f"{path.name} has more than {MOST_BYTES // 2**20} MB, as no report has.")
        raw = path.read_bytes()
        if raw.startswith(b"%PDF"):
            return _read_pdf(raw)
        text = raw.decode("utf-8-sig")
        return _read_results(text, path) if text.lstrip().startswith("{") else _read_html(text)
    except (ReportError, MemoryError, RecursionError):
        raise
    except OSError as error:
        raise ReportError(f"{path.name} cannot be read ({error.strerror or error}).") from None
    except Exception as error:  # of a damaged or forged document
        raise ReportError(f"{path.name} cannot be read as a report of this program ({error}).") from None


@contextlib.contextmanager
def limits(name: str) -> typing.Iterator[None]:
    """Limit time and memory, where the system allows it.

    Raises:
        ReportError: more is needed.
    """
    try:
        with _limits():
            yield
    except MemoryError:
        raise ReportError(f"{name} needs more memory than any report.") from None
    except RecursionError:
        raise ReportError(f"{name} is nested more deeply than any report.") from None


@contextlib.contextmanager
def _limits() -> typing.Iterator[None]:
    try:
        import resource
    except ImportError:
        yield
        return

    def stop(number: int, frame: typing.Any) -> None:
        raise ReportError(f"The document takes more than {MOST_SECONDS} seconds to read, as no report does.")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").is_file() else None
    try:
        former = signal.signal(signal.SIGALRM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        signal.alarm(MOST_SECONDS)
        if pages is not None:
            most = pages * resource.getpagesize() + MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _read_pdf(raw: bytes) -> Submission:
    import pypdf

    from fmnist_report.verification.pdf import TaggedText

    pdf = pypdf.PdfReader(io.BytesIO(raw), strict=False)
    if pdf.is_encrypted:
        raise ReportError("The PDF is encrypted; no report is.")
    if len(pdf.pages) > MOST_PAGES:
        raise ReportError(f"The PDF has more than {MOST_PAGES} pages, as no report has.")
    attached = {str(file.name): file.content for file in pdf.attachment_list if file.name in (RESULTS, PREDICTIONS)}
    if RESULTS not in attached:
        raise ReportError("The PDF has no attached results: it is not a report of this program, or they were removed.")
    results = _check_results(json.loads(attached[RESULTS]))
    predictions = unpack_predictions(attached[PREDICTIONS]) if PREDICTIONS in attached else {}
    text = TaggedText(pdf)
    return Submission("pdf", results, predictions, text.blocks(), strange=text.find_strange())


def _read_html(text: str) -> Submission:
    parts = dict(RECORD.findall(text))
    if not parts.get("record"):
        raise ReportError("The page has no record of its results: it is no report of this program, or it was removed.")
    try:
        packed = gzip.GzipFile(fileobj=io.BytesIO(base64.b64decode(parts["record"], validate=True)))
        content = packed.read(MOST_UNPACKED + 1)
    except (OSError, EOFError, zlib.error, binascii.Error) as error:
        raise ReportError(f"The record of the results in the page is damaged ({error}).") from None
    if len(content) > MOST_UNPACKED:
        raise ReportError("The record of the results in the page is larger than any report's.")
    results = _check_results(json.loads(content))
    raw = base64.b64decode(parts.get("predictions", ""), validate=True)
    found = EXAMPLES.search(text)
    explorer = json.loads(found[1]) if found else {}
    return Submission("html", results, unpack_predictions(raw) if raw else {}, read_page(text), text, explorer)


def _read_results(text: str, path: Path) -> Submission:
    predictions: dict[str, np.ndarray] = {}
    beside = path.with_name("predictions.npz")
    if beside.is_file() and beside.stat().st_size <= MOST_BYTES:
        with np.load(beside, allow_pickle=False) as arrays:
            predictions = {name: arrays[name] for name in arrays.files}
        if LABELS not in predictions:
            raise ValueError("predictions.npz beside it has no labels")
    return Submission("json", _check_results(json.loads(text)), predictions)


def _check_results(results: typing.Any) -> dict[str, typing.Any]:
    needed = ("format", "run", "data", "models", "comparisons", "missed_by_all", "mistakes", "stages")
    if not isinstance(results, dict) or any(name not in results for name in needed):
        raise ReportError("The results are not those of this program.")
    return results
