#!/usr/bin/env bash
# WeasyPrint 70.0 with fontTools 4.68.0, Python 3.11, Linux with Pango.
#
# Expected: a page that holds its fonts gives the same PDF each time, whatever their format: the document's identifier
# and dates are fixed by the caller.
# Seen: with the font as TrueType or WOFF2 two prints of one page have equal bytes; with the same font as WOFF they
# differ, because WeasyPrint decodes WOFF by loading and saving it with fontTools, which sets the font's date of
# modification to the present. The date is part of the font that is embedded.
# Archives that compare documents by their digests, and caches keyed by them, see two documents.
# Source: weasyprint/text/fonts.py, add_font_face (TTFont without recalcTimestamp=False; woff2.decompress keeps the date).
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/print.py" <<'PYTHON'
import base64
import hashlib
import io
import time

import weasyprint
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont

pen = TTGlyphPen(None)
pen.moveTo((0, 0))
for point in ((0, 700), (500, 700), (500, 0)):
    pen.lineTo(point)
pen.closePath()
box = pen.glyph()
builder = FontBuilder(1000)
builder.setupGlyphOrder([".notdef", "A"])
builder.setupCharacterMap({65: "A"})
builder.setupGlyf({".notdef": box, "A": box})
builder.setupHorizontalMetrics({".notdef": (600, 0), "A": (600, 0)})
builder.setupHorizontalHeader(ascent=800, descent=-200)
builder.setupNameTable({"familyName": "Box", "styleName": "Regular"})
builder.setupOS2()
builder.setupPost()
file = io.BytesIO()
builder.save(file)


def convert(flavour):
    font, packed = TTFont(io.BytesIO(file.getvalue()), recalcTimestamp=False), io.BytesIO()
    font.flavor = flavour
    font.save(packed)
    return packed.getvalue()


def digest(font, kind):
    face = f"@font-face {{ font-family: Box; src: url(data:font/{kind};base64,{base64.b64encode(font).decode()}) }}"
    page = f"<html lang=en><title>A</title><style>{face} p {{ font: 30px Box }}</style><p>AAA"
    pdf = weasyprint.HTML(string=page).write_pdf(pdf_identifier=b"x")
    return hashlib.sha256(pdf).hexdigest()


for flavour, kind in ((None, "ttf"), ("woff", "woff"), ("woff2", "woff2")):
    font = convert(flavour)
    first = digest(font, kind)
    time.sleep(2.1)
    print(kind, "equal" if digest(font, kind) == first else "different")
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check weasyprint==70.0 fonttools==4.68.0
found=$(env -u SOURCE_DATE_EPOCH "$folder/venv/bin/python" "$folder/print.py")
echo "$found"
test "$found" = "ttf equal
woff different
woff2 equal"
