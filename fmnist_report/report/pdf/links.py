"""Links of the PDF report: one annotation for each line of a link, which says what the link says."""

import typing

from fmnist_report.report.pdf.tree import Tree


def join_link_areas(document: typing.Any) -> None:
    """Drop the areas of boxes within a link, such as leaders and page numbers: the area of the link includes them.

    Args:
        document: WeasyPrint's document before it is drawn, changed in place.
    """
    for page in document.pages:
        page.links = [area for area in page.links if area[3].element_tag == "a"]


def mend_links(document: typing.Any, tree: Tree) -> None:
    """Describe links with their text; generated content in a link is no link of its own.

    Source: ISO 14289-1, 7.18.1 and 7.18.5; ISO 32000-1, 14.8.4.4.2.
    """
    import pydyf

    for page in document.pages:
        for _, target, _, box in page.links:
            if box.link_annotation:
                words = "".join(box.element.itertext()).split()
                box.link_annotation["Contents"] = pydyf.String(" ".join(words) or target)
    for element in tree.of_html():
        if element["S"] == "/Link" and tree.tag(element) != "a":
            element["S"] = "/Span"
