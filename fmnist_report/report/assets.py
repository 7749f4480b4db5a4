"""Paths and digests of templates, style sheets, catalogues and fonts."""

import io
from pathlib import Path

from fmnist_report.pipeline.files import sha256_file

PACKAGE = Path(__file__).resolve().parents[1]
# Next to the package in a checkout, inside it when installed.
PLACES = (PACKAGE.parent / "templates", PACKAGE / "templates")
TEMPLATES = next(place for place in PLACES if (place / "style.css").is_file())
FONTS = TEMPLATES / "fonts"
# Earlier full training runs, written by benchmarks/full_runs.py: standard with single changes, and best.
FULL_RUNS = TEMPLATES / "full_runs.json"
TRIED_IN_BEST = TEMPLATES / "best_runs.json"


def missing_letters(text: str) -> str:
    """Return the letters that the bundled fonts lack, without repetition."""
    rare = dict.fromkeys(letter for letter in text if not (letter < "\u0180" or "\u0400" <= letter < "\u0460"))
    if not rare:
        return ""
    from fontTools.ttLib import TTFont

    known = [set(TTFont(path, lazy=True).getBestCmap()) for path in FONTS.glob("*-Regular.ttf")]
    return "".join(letter for letter in rare if not letter.isspace() and ord(letter) not in set.intersection(*known))


def template_digests(lang: str) -> dict[str, str]:
    """Digest all templates, style sheets and fonts, and one language's catalogue."""
    files = [path for path in sorted(TEMPLATES.rglob("*")) if path.is_file() and path.suffix not in (".po", ".py")]
    return _digest([path for path in files if "__pycache__" not in path.parts] + [TEMPLATES / f"{lang}.po"])


def catalogue_digests(lang: str) -> dict[str, str]:
    """Digest the inputs of the figures: one language's catalogue, the fonts, and earlier full training runs."""
    return _digest([TEMPLATES / f"{lang}.po", FULL_RUNS, TRIED_IN_BEST, *sorted(FONTS.glob("*.ttf"))])


def _digest(paths: list[Path]) -> dict[str, str]:
    found = [path for path in paths if path.is_file()]  # English has no catalogue
    return {path.relative_to(TEMPLATES).as_posix(): sha256_file(path) for path in found}


def convert_font(font: bytes, flavour: str | None) -> bytes:
    """Convert a font to "woff", compressed to about half its size, or back to TrueType (None); its date is kept."""
    from fontTools.ttLib import TTFont

    opened, file = TTFont(io.BytesIO(font), recalcTimestamp=False), io.BytesIO()
    opened.flavor = flavour
    opened.save(file)
    return file.getvalue()
