#!/usr/bin/env bash
# weasyprint 70.0, pypdf 7.1.1, Python 3.11, Linux with Pango.
#
# Expected: in a tagged PDF (pdf/ua-1) each cell of a table names the headers above it and beside it, on the grid that
# HTML's rowspan and colspan span.
# Seen: header cells are counted by their place in the row, not on the grid. Under a head of two rows (a cell of two
# rows, then a group of two columns, and below it the two columns) the first number is said to stand under the second
# column of the group, and the last number under no column.
# Source: weasyprint/pdf/tags.py, the attribute Headers.
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet weasyprint==70.0 pypdf==7.1.1 2> /dev/null
"$folder/venv/bin/python" - "$folder" <<'CODE'
import sys

import pypdf
import weasyprint

path = sys.argv[1] + "/table.pdf"
weasyprint.HTML(string="""<html lang="en"><title>t</title><table>
<thead><tr><th scope="col" rowspan="2">class</th><th scope="colgroup" colspan="2">network</th></tr>
<tr><th scope="col">precision</th><th scope="col">recall</th></tr></thead>
<tbody><tr><th scope="row">shirt</th><td>1</td><td>2</td></tr></tbody></table>""").write_pdf(path, pdf_variant="pdf/ua-1")


def walk(element):
    kids = element.get("/K", [])
    for kid in kids if isinstance(kids, list) else [kids]:
        kid = kid.get_object()
        if isinstance(kid, dict) and "/S" in kid:
            yield kid
            yield from walk(kid)


root = pypdf.PdfReader(path).trailer["/Root"]["/StructTreeRoot"]
cells = [element for element in walk(root) if element["/S"] in ("/TH", "/TD")]
names = dict(zip([str(cell.get("/ID")) for cell in cells], ["class", "network", "precision", "recall", "shirt", "1", "2"]))


def headers_of(cell):
    attributes = cell.get("/A", {}).get_object() if "/A" in cell else {}
    each = attributes if isinstance(attributes, list) else [attributes]
    return [names.get(str(name), "?") for one in each for name in one.get_object().get("/Headers", [])]


found = {text: headers_of(cell) for text, cell in zip(("1", "2"), cells[-2:])}
print(found)  # on the grid: precision above 1; network and recall above 2
assert "recall" in found["1"] and "precision" not in found["1"] and found["2"] == ["shirt"]
CODE
