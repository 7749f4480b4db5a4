"""Accessibility tags of the PDF report that WeasyPrint does not write."""

import contextlib
import functools
import typing

PRINTED = 4  # annotation flag
POINTS = 0.75  # points per CSS pixel
StageResult = list[tuple[typing.Any, typing.Any]]


@contextlib.contextmanager
def remember_elements() -> typing.Iterator[StageResult]:
    """Collect (box, structure element) for everything that WeasyPrint tags in the block, inner ones first.

    WeasyPrint does not pass the HTML source of a structure element to finishers, so the function that creates the
    elements is wrapped; tests fail if another version does not use it.
    """
    from weasyprint.pdf import tags

    made: StageResult = []
    build = tags._build_box_tree

    @functools.wraps(build)
    def remember(box: typing.Any, *rest: typing.Any) -> typing.Iterator[typing.Any]:
        for element in build(box, *rest):
            made.append((getattr(box, "_box", box), element))
            yield element

    tags._build_box_tree = remember
    try:
        yield made
    finally:
        tags._build_box_tree = build


def complete_tags(document: typing.Any, pdf: typing.Any, made: StageResult) -> None:
    """Complete the structure tree.

    Set the scope of header cells and the print flag of links; mark running heads and page numbers as artifacts, and
    text in another language; add bounding boxes, in points from the lower left corner, and captions to figures; tag
    labels of definition lists and the table of contents.

    Args:
        document: WeasyPrint's document.
        pdf: a pydyf.PDF, changed in place.
        made: from remember_elements.

    Source: ISO 14289-1, 7.2 to 7.8; ISO 32000-1, 14.8.2.2, 14.8.4, 14.8.5.4 and 14.8.5.7, tables 165, 333 and 344.
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
    seen: set[int] = set()
    for box, element in made:
        if id(element) in seen or box.element is None:  # such a box repeats its children's elements
            continue
        seen.add(id(element))
        language, kind = box.element.get("lang"), box.element_tag
        if language and kind not in ("html", "body"):
            element["Lang"] = pydyf.String(language)
        if kind == "figure":
            _join_caption(element, by_reference)
        elif element["S"] == "/LI":
            _part_item(element, pdf, by_reference)
        elif kind == "dl" and box.element.get("class") is None:
            _list_definitions(element, by_reference)
        elif kind == "ol" and element["S"] == "/L" and box.element.get("class") == "toc":
            _name_contents(element, by_reference)
    heights = {reference: page.height for reference, page in zip(pdf.page_references, document.pages, strict=True)}
    for element in dictionaries:
        if element.get("S") == "/Figure":
            left, top, right, bottom = element["A"]["BBox"]
            height = heights[element["Pg"]]
            corners = (left, height - bottom, right, height - top)
            element["A"]["BBox"] = pydyf.Array([round(POINTS * corner, 2) for corner in corners])


def _kids(element: typing.Any, by_reference: dict[bytes, typing.Any]) -> list[typing.Any]:
    """Return the child structure elements of an element."""
    found = [by_reference[kid] for kid in element.get("K", []) if isinstance(kid, bytes)]
    return [kid for kid in found if "S" in kid]


def _find(element: typing.Any, kinds: typing.Collection[str], by_reference: dict) -> list[typing.Any]:
    """Return the topmost descendants of the given kinds, in order."""
    found = []
    for kid in _kids(element, by_reference):
        found += [kid] if kid["S"] in kinds else _find(kid, kinds, by_reference)
    return found


def _put(parent: typing.Any, kids: list[typing.Any]) -> None:
    """Replace the children of an element."""
    import pydyf

    parent["K"] = pydyf.Array([kid.reference for kid in kids])
    for kid in kids:
        kid["P"] = parent.reference


def _join_caption(group: typing.Any, by_reference: dict[bytes, typing.Any]) -> None:
    """Move the caption of a figure into it; group is their common parent."""
    drawings, captions = (_find(group, [kind], by_reference) for kind in ("/Figure", "/Caption"))
    if len(drawings) == 1 and len(captions) == 1:
        _put(group, drawings)
        drawings[0]["K"].append(captions[0].reference)
        captions[0]["P"] = drawings[0].reference


def _part_item(item: typing.Any, pdf: typing.Any, by_reference: dict[bytes, typing.Any]) -> None:
    """Wrap the content of a list item in a body next to its label, for bullets inside the line."""
    import pydyf

    kids = _kids(item, by_reference)
    labels = [kid for kid in kids if kid["S"] == "/Lbl"]
    if any(kid["S"] not in ("/Lbl", "/LBody") for kid in kids):
        body = pydyf.Dictionary({"Type": "/StructElem", "S": "/LBody", "Pg": item["Pg"]})
        pdf.add_object(body)
        by_reference[body.reference] = body
        _put(body, [kid for kid in kids if kid["S"] != "/Lbl"])
        _put(item, [*labels, body])


def _list_definitions(outer: typing.Any, by_reference: dict[bytes, typing.Any]) -> None:
    """Convert a list of terms and definitions to items with a label and a body each."""
    items = _find(outer, ["/Div"], by_reference)
    for item in items:
        label, body = _find(item, ["/LBody"], by_reference)
        item["S"], label["S"] = "/LI", "/Lbl"
        _put(item, [label, body])
    _put(outer, items)


def _name_contents(listed: typing.Any, by_reference: dict[bytes, typing.Any]) -> None:
    """Convert a list of links to sections to a table of contents."""
    listed["S"] = "/TOC"
    for item in _kids(listed, by_reference):
        item["S"] = "/TOCI"
        for body in _find(item, ["/LBody"], by_reference):
            body["S"] = "/Reference"


def _mark_running_heads(pdf: typing.Any, by_reference: dict[bytes, typing.Any]) -> None:
    """Convert tagged content outside the structure tree, i.e. page margins, to artifacts."""
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
