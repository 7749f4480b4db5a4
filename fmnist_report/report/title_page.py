"""The user's choices for the document: its languages and the title page."""

import codecs
import tomllib
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.errors import UsageError, unknown
from fmnist_report.settings import LANGUAGES

TITLE_FIELDS = ("title", "student", "group", "course", "teacher", "date")
EARLIER = "earlier_accuracy"  # the student's own result for the network of the previous assignment, in percent
DEFAULT_TITLE_PAGE = Path(__file__).resolve().parents[2] / "title_page.toml"


@dataclass(frozen=True)
class Document:
    """Languages to render and title-page fields by language.

    title_pages: {"uk": {"student": …}, "en": {…}}; earlier_accuracy is a fraction, all others are text.
    """

    languages: tuple[str, ...]
    title_pages: dict[str, dict[str, str | float]]

    def title_page(self, lang: str) -> dict[str, str | float]:
        """Return the title page's fields in one language."""
        return self.title_pages[lang]


def read_document(languages: list[str], title_page: Path | None) -> Document:
    """Check the languages and read the title page.

    Args:
        languages: codes; empty means all.
        title_page: a TOML file with title, student, group, course, teacher, date and earlier_accuracy, all
            optional, and tables [uk] and [en] that override them. None: title_page.toml next to
            run_all.py, if it exists.

    Raises:
        UsageError: an unknown language or field, or a file that is missing or not valid TOML.
    """
    for lang in languages:
        if "," in lang:
            raise UsageError(f"--lang expects one language, not {lang!r}; repeat --lang for several.")
        if lang not in LANGUAGES:
            raise UsageError(unknown("language", lang, LANGUAGES))
    chosen = tuple(lang for lang in LANGUAGES if lang in languages or not languages)
    path = title_page or DEFAULT_TITLE_PAGE
    if title_page is None and not path.is_file():
        return Document(chosen, {lang: {} for lang in chosen})
    try:
        fields = tomllib.loads(_decode(path.read_bytes()))
    except OSError as error:
        raise UsageError(f"The title page {str(path)!r} cannot be read ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise UsageError(f"The title page {str(path)!r} is not in UTF-8; save it in that encoding.") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The title page {str(path)!r} is not valid TOML ({error}).") from None
    return Document(chosen, {lang: _title_fields(path, fields, lang) for lang in chosen})


def _decode(content: bytes) -> str:
    """Decode UTF-8, with or without a byte-order mark, and UTF-16 with one, as written by editors on Windows."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig").replace("\r\n", "\n")


def _title_fields(path: Path, fields: dict, lang: str) -> dict[str, str | float]:
    shared = {name: value for name, value in fields.items() if name not in LANGUAGES}
    table = fields.get(lang, {})
    if not isinstance(table, dict):
        raise UsageError(f"In {str(path)!r}: {lang} must be a table, [{lang}], of translated fields, not {table!r}.")
    own = {**shared, **table}
    for name, value in own.items():
        if name not in (*TITLE_FIELDS, EARLIER):
            raise UsageError(f"In {str(path)!r}: " + unknown("title page field", name, (*TITLE_FIELDS, EARLIER)))
        if isinstance(value, (dict, list)):
            raise UsageError(f"In {str(path)!r}: {name} expects text, not {value!r}.")
    return {name: _read_percent(path, value) if name == EARLIER else str(value) for name, value in own.items()}


def _read_percent(path: Path, value: object) -> float:
    """Convert 88.4, "88,4" or "88,4 %" to a fraction."""
    text = str(value).replace("%", "").replace(",", ".").strip()
    try:
        share = float(text) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UsageError(f"In {str(path)!r}: {EARLIER} expects a percentage from 0 to 100, e.g. 88.4, not {value!r}.")
    return share
