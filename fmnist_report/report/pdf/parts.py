"""Elements of the PDF report that are broken across lines, columns and pages: joined, so that each is read as one."""

from fmnist_report.report.pdf.tree import Element, Tree

REPEATED = ("/THead", "/TFoot")
CELLS = ("/TH", "/TD")


def join_parts(parent: Element, tree: Tree) -> None:
    """Join the parts of each HTML element below an element, and take out the head of a table where it is repeated.

    The entry Pg tells the page of marked content that an element holds itself (ISO 32000-1, table 323): elements that
    hold any, such as links, are joined only on one page, and others lose the entry if they are on several. Repeated
    heads are artifacts (ISO 32000-1, 14.8.2.2.2).
    """
    kept: list[Element] = []
    for kid in tree.kids(parent):
        before = _find_part(kid, kept, tree)
        if before is None:
            kept.append(kid)
        else:
            tree.take_out(kid)
            if kid["S"] not in REPEATED:
                _move_content(kid, before, tree)
    for kid in kept:
        join_parts(kid, tree)


def _find_part(kid: Element, kept: list[Element], tree: Tree) -> Element | None:
    """Return the former part of an element; only heads and cells of tables may stand apart from it."""
    for before in reversed(kept if kid["S"] in CELLS + REPEATED else kept[-1:]):
        is_same = tree.html(kid) is not None and tree.html(kid) is tree.html(before)
        is_alike = tree.tag(kid) == tree.tag(before) and kid["S"] == before["S"]
        holds_content = any(isinstance(inner, int) for inner in [*kid["K"], *before["K"]])
        if is_same and is_alike and (kid.get("Pg") == before.get("Pg") or not holds_content):
            return before
    return None


def _move_content(source: Element, target: Element, tree: Tree) -> None:
    for inner in tree.kids(source):
        inner["P"] = target.reference
    if source.get("Pg") != target.get("Pg"):
        target.pop("Pg", None)
    target["K"] += source["K"]
    source["K"].clear()
