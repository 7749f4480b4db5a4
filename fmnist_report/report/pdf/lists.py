"""Lists of the PDF report: terms with definitions, bullets, and the table of contents."""

from fmnist_report.report.pdf.tree import Element, Tree


def mend_lists(tree: Tree) -> None:
    """Tag labels and bodies of lists, and the table of contents (ISO 32000-1, 14.8.4.3.3 and table 333)."""
    for element in tree.of_html():
        tag, kind = tree.tag(element), element["S"]
        if tag == "dl" and kind == "/L":
            _list_definitions(element, tree)
        elif tag == "li" and kind == "/LI":
            _part_item(element, tree)
    for element in tree.of_html():
        if tree.tag(element) == "ol" and element["S"] == "/L" and tree.html(element).get("class") == "toc":
            _name_contents(element, tree)


def _list_definitions(outer: Element, tree: Tree) -> None:
    """Convert a list of terms and definitions to items with labels and bodies each.

    A list that is laid out as a table has a box, and so an element, for the table, its row groups and rows: only the
    outermost stays.
    """
    parent = tree.by_reference[outer["P"]]
    if tree.html(parent) is tree.html(outer):
        return
    items: list[tuple[Element, list[Element], list[Element]]] = []  # item, labels, bodies
    for wrapper in tree.find(outer, lambda found: tree.tag(found) in ("dt", "dd")):
        content = tree.kids(wrapper)
        is_term = tree.tag(wrapper) == "dt"
        if not items or is_term and items[-1][2]:
            items.append((wrapper, [], []))
        items[-1][1 if is_term else 2].extend(content)
        for body in content:
            body["S"] = "/Lbl" if is_term else "/LBody"
    for item, labels, bodies in items:
        tree.put(item, labels + bodies)
    tree.put(outer, [item for item, _, _ in items])


def _part_item(item: Element, tree: Tree) -> None:
    """Wrap the content of a list item in a body next to its label, for bullets inside the line."""
    kids = tree.kids(item)
    if any(kid["S"] not in ("/Lbl", "/LBody") for kid in kids):
        body = tree.add("/LBody")
        tree.put(body, [kid for kid in kids if kid["S"] != "/Lbl"])
        tree.put(item, [*(kid for kid in kids if kid["S"] == "/Lbl"), body])


def _name_contents(listed: Element, tree: Tree) -> None:
    """Convert a list of links to sections to a table of contents."""
    listed["S"] = "/TOC"
    for item in tree.kids(listed):
        item["S"] = "/TOCI"
        for body in tree.find_kinds(item, "/LBody"):
            body["S"] = "/Reference"
