#!/usr/bin/env bash
# WeasyPrint 70.0, Python 3.11, Linux with Pango.
#
# Expected: a paragraph for which a page has room stands there whole, and a list after it that has no room begins the next
# page: the initial value of break-before is auto, and the rendering that the HTML standard suggests for lists has no rule
# of breaking, so browsers part the two.
# Seen: as many lines of the paragraph as the property widows says go along with the list, and their room stays blank,
# because WeasyPrint's own style sheet for HTML has "ol, ul { break-before: avoid }". A paragraph in place of the list
# leaves the first one whole, and so does "break-before: auto" for lists.
# Whoever computes where pages end from the heights of blocks finds other ends than WeasyPrint.
# Source: weasyprint/css/html5_ua.css, "Page breaks and hyphens"; layout/block.py, find_earlier_page_break.
#
# Fails if this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/print.py" <<'PYTHON'
import weasyprint

STYLE = """@page { size: 300px 205px; margin: 0 } * { margin: 0; padding: 0; font-size: 12px; line-height: 20px }
p { orphans: 3; widows: 3 } .whole { break-inside: avoid } ul { list-style: none }"""


def count_lines(second, style=""):
    lines = "<br>".join("abcdefghi")
    page = f"<html lang=en><style>{STYLE} {style}</style><p>{lines}</p>{second}"
    first = weasyprint.HTML(string=page).render().pages[0]._page_box
    return sum(type(box).__name__ == "LineBox" for box in first.descendants())


block = "<br>".join("xyz")
print("paragraph", count_lines(f"<p class=whole>{block}</p>"))
print("list", count_lines(f"<ul><li class=whole>{block}</ul>"))
print("list, auto", count_lines(f"<ul><li class=whole>{block}</ul>", "ul { break-before: auto }"))
PYTHON
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check weasyprint==70.0
found=$("$folder/venv/bin/python" "$folder/print.py")
echo "$found"
test "$found" = "paragraph 9
list 6
list, auto 9"
