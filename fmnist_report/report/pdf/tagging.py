"""Accessibility tags of the PDF report that WeasyPrint does not write."""

import typing

from fmnist_report.report.pdf.lines import mark_hyphens
from fmnist_report.report.pdf.links import mend_links
from fmnist_report.report.pdf.lists import mend_lists
from fmnist_report.report.pdf.parts import join_parts
from fmnist_report.report.pdf.tables import mend_tables
from fmnist_report.report.pdf.tree import Element, Tagged, Tree

POINTS = 0.75  # points per CSS pixel


def complete_tags(document: typing.Any, pdf: typing.Any, made: Tagged) -> None:
    """Complete the structure tree.

    Join elements that are broken across lines and pages; mend tables, lists, links and divided words; mark text in
    another language; add bounding boxes, in points from the lower left corner, and captions to figures; mark running
    heads, page numbers and leaders as artifacts.

    Args:
        document: WeasyPrint's document.
        pdf: a pydyf.PDF, changed in place.
        made: from remember_elements.

    Source: ISO 14289-1, 7.2 to 7.8; ISO 32000-1, 14.8.2.2, 14.8.4, 14.8.5.4, tables 165, 333 and 344.
    """
    tree = Tree(pdf, made)
    for element in tree.of_html():
        if tree.boxes[id(element)].is_leader:
            tree.take_out(element)
    for top in tree.root["K"]:
        join_parts(tree.by_reference[top], tree)
    mend_lists(tree)
    mend_tables(tree)
    mend_links(document, tree)
    _mark_languages(tree)
    for element in tree.of_html():
        if tree.tag(element) == "figure":
            _join_caption(element, tree)
    _place_figures(document, tree)
    mark_hyphens(pdf, made)
    _mark_artifacts(tree, made)


def _mark_languages(tree: Tree) -> None:
    import pydyf

    for element in tree.of_html():
        language = tree.html(element).get("lang")
        if language and tree.tag(element) not in ("html", "body"):
            element["Lang"] = pydyf.String(language)


def _join_caption(group: Element, tree: Tree) -> None:
    """Move the caption of a figure into it; group is their common parent."""
    drawings, captions = tree.find_kinds(group, "/Figure"), tree.find_kinds(group, "/Caption")
    if len(drawings) == 1 and len(captions) == 1:
        tree.put(group, drawings)
        drawings[0]["K"].append(captions[0].reference)
        captions[0]["P"] = drawings[0].reference


def _place_figures(document: typing.Any, tree: Tree) -> None:
    """Convert the bounding boxes of figures from CSS pixels from the upper left corner."""
    import pydyf

    heights = {reference: page.height for reference, page in zip(tree.pdf.page_references, document.pages, strict=True)}
    for element in tree.walk():
        if element["S"] == "/Figure":
            left, top, right, bottom = element["A"]["BBox"]
            height = heights[element["Pg"]]
            corners = (left, height - bottom, right, height - top)
            element["A"]["BBox"] = pydyf.Array([round(POINTS * corner, 2) for corner in corners])


def _mark_artifacts(tree: Tree, made: Tagged) -> None:
    """Convert tagged content outside the tree to artifacts: page margins, leaders and repeated heads of tables."""
    import pydyf

    outside = set(tree.settle())
    for number, page in enumerate(tree.pdf.page_references):
        boxes = {tag["mcid"]: box for box, tag in made.pages[number].items()}
        words = tree.by_reference[tree.by_reference[page]["Contents"]].stream
        for place, word in enumerate(words):
            if isinstance(word, dict) and (number, word.get("MCID")) in outside:
                kind = "/Layout" if "::" in (boxes[word["MCID"]].element_tag or "") else "/Pagination"
                words[place - 1], words[place] = b"/Artifact", pydyf.Dictionary({"Type": kind})
