"""The blocks of a page that WeasyPrint has laid out: their heights, and the parts between which a page may end."""

import typing
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from fmnist_report.report.pdf.tree import Box

FLOATS = ("figure", "table", "listing")
HEADINGS = ("h2", "h3")
WRAPPERS = ("html", "body", "main", "section", "div")
LINES_TOGETHER = 3  # first and last lines of a paragraph that no page parts (see style.css)
ROWS_TOGETHER = 4  # the same of the rows of a table
WHOLE_TABLE = 0.5  # height, in pages, up to which a table is not parted


@dataclass(frozen=True)
class Block:
    """A paragraph, heading, list, figure, table or listing; all lengths are in pixels.

    pieces: heights of the parts between which a page may end, of a list in columns those of its items. before, after:
    margins. inner: the part of the last piece that is margin. head: height of the rows that each page repeats.
    columns: number of columns; balanced: the height that WeasyPrint gives them on one page, if it is known.
    stays_with_next: no page ends after it. starts_page: a page begins with it.
    """

    element: Element
    pieces: tuple[float, ...]
    before: float = 0.0
    after: float = 0.0
    inner: float = 0.0
    head: float = 0.0
    columns: int = 1
    balanced: float = 0.0
    stays_with_next: bool = False
    starts_page: bool = False


@dataclass
class Section:
    """A section's blocks: text in its order, and by kind the floats, each with the number of texts before it."""

    texts: list[Block] = field(default_factory=list)
    floats: dict[str, list[tuple[int, Block]]] = field(default_factory=lambda: {kind: [] for kind in FLOATS})

    def awaits(self, kind: str, n: int, n_texts: int) -> bool:
        """Return whether, after n_texts texts and n floats of a kind, one of that kind may be placed."""
        return n < len(self.floats[kind]) and self.floats[kind][n][0] <= n_texts

    @property
    def last_heading(self) -> int:
        """Return the number of texts before the last heading; -1 if there is none."""
        return max((n for n, text in enumerate(self.texts) if text.element.tag in HEADINGS), default=-1)


def read_sections(document: typing.Any, root: Element) -> tuple[list[Section], float]:
    """Return the sections of a laid-out document, and the height of its pages.

    What directly follows a heading counts as text, and so does a figure or table without a number.

    Args:
        document: WeasyPrint's document.
        root: the page that it was made from.
    """
    boxes = _collect_boxes(document)
    height = min(page._page_box.height for page in document.pages)
    elements = [element for element in root.iter("section") if element in boxes]
    return [_read_section(element, boxes, height) for element in elements], height


def count_blank(document: typing.Any) -> float:
    """Return how many pages are blank in all, below the last block of every page but the first."""
    blank = 0.0
    for page in document.pages[1:]:
        box = page._page_box
        ends = [found.position_y + found.margin_height() for found in _walk(box) if found.element_tag not in WRAPPERS]
        blank += 1 - max(0.0, max(ends, default=0.0) - box.content_box_y()) / box.height
    return blank


def _read_section(section: Element, boxes: dict[Element, list[Box]], height: float) -> Section:
    read = Section()
    starts_page = boxes[section][0].style["break_before"] == "page"
    for element in _flow(section, boxes):
        block = _measure(element, boxes[element], starts_page and not read.texts, height)
        kind = "listing" if element.get("class") == "listing" else element.tag
        after_text = bool(read.texts) and read.texts[-1].element.tag not in HEADINGS
        if kind in FLOATS and (kind == "listing" or element.get("id")) and after_text:
            read.floats[kind].append((len(read.texts), block))
        else:
            read.texts.append(block)
    return read


def _flow(parent: Element, boxes: dict[Element, list[Box]]) -> typing.Iterator[Element]:
    for child in parent:
        if child.tag == "div" and child in boxes:
            yield from _flow(child, boxes)
        elif child in boxes:
            yield child


def _measure(element: Element, boxes: list[Box], starts_page: bool, height: float) -> Block:
    """Measure a block, which has a box on each of its pages."""
    style, n_columns = boxes[0].style, 1
    pieces = [piece for number, box in enumerate(boxes) for piece in _find_pieces(box, number > 0)]
    inner = head = 0.0
    if tables := list(_tables(boxes[0])):
        heads = [row.height for table in tables for group in table.children if group.is_header
                 for row in group.children]  # fmt: skip
        if len(boxes) == 1:
            pieces[0] += _border_height(boxes[0]) - sum(pieces)  # the lines between rows
        n_above = 1 + len(heads)  # with the caption
        pieces, head = _join([sum(pieces[:n_above]), *pieces[n_above:]], ROWS_TOGETHER), sum(heads)
        if sum(pieces) <= WHOLE_TABLE * height:
            pieces = [sum(pieces)]
    elif style["column_count"] != "auto":
        n_columns = style["column_count"]
    elif element.tag in ("ul", "ol"):
        inner = boxes[-1].children[-1].margin_bottom
    return Block(
        element, tuple(pieces), _pixels(style["margin_top"]), _pixels(style["margin_bottom"]), inner, head, n_columns,
        _border_height(boxes[0]) if len(boxes) == 1 else 0.0,
        style["break_after"] == "avoid", starts_page or style["break_before"] == "page",
    )  # fmt: skip


def _find_pieces(box: Box, continued: bool) -> typing.Iterator[float]:
    """Yield the heights of the parts of a box between which a page may end.

    Args:
        continued: the box continues one on the page before.
    """
    from weasyprint.formatting_structure.boxes import LineBox

    children, tables = getattr(box, "children", ()), list(_tables(box))
    if tables and not any(table.style["break_inside"] == "avoid" for table in tables):
        yield from (child.margin_height() for child in children if child not in tables)
        for group in (group for table in tables for group in table.children if not (continued and group.is_header)):
            yield from (row.height for row in group.children)
    elif tables or box.style["break_inside"] == "avoid" or not children:
        yield _border_height(box)
    elif box.style["column_count"] != "auto":
        yield from (item.margin_height() for item in _walk(box) if item.element_tag == "li")
    elif isinstance(children[0], LineBox):
        yield from _join([line.height for line in children], LINES_TOGETHER)
    else:
        for child in children:
            *others, last = [*_find_pieces(child, False)] or [0.0]
            yield from others
            yield last + child.margin_bottom


def _join(pieces: list[float], n: int) -> list[float]:
    """Join the first n pieces, and the last n; all if there are fewer than 2 n."""
    return [sum(pieces[:n]), *pieces[n:-n], sum(pieces[-n:])] if len(pieces) >= 2 * n else [sum(pieces)]


def _tables(box: Box) -> typing.Iterator[Box]:
    from weasyprint.formatting_structure.boxes import TableBox

    return (child for child in getattr(box, "children", ()) if isinstance(child, TableBox))


def _border_height(box: Box) -> float:
    return box.margin_height() - box.margin_top - box.margin_bottom


def _pixels(margin: typing.Any) -> float:
    return 0.0 if margin == "auto" else margin.value


def _collect_boxes(document: typing.Any) -> dict[Element, list[Box]]:
    """Return the outermost block of each element on each page."""
    boxes: dict[Element, list[Box]] = {}
    for page in document.pages:
        seen: set[Element] = set()
        for box in _walk(page._page_box):
            if box.element is not None and box.element not in seen:
                seen.add(box.element)
                boxes.setdefault(box.element, []).append(box)
    return boxes


def _walk(box: Box) -> typing.Iterator[Box]:
    """Yield the blocks in a page or block, outer ones first."""
    from weasyprint.formatting_structure.boxes import BlockLevelBox, MarginBox

    for child in getattr(box, "children", ()):
        if isinstance(child, BlockLevelBox) and not isinstance(child, MarginBox):
            yield child
            yield from _walk(child)
