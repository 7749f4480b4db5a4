"""Tables of the PDF report: which headers a cell has, on HTML's grid."""

import dataclasses
import typing

from fmnist_report.report.pdf.tree import Element, Tree

GROUPS = ("thead", "tbody", "tfoot")
SCOPES = {"col": "/Column", "colgroup": "/Column", "row": "/Row", "rowgroup": "/Row"}
Html = typing.Any  # xml.etree.ElementTree.Element


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of an HTML table: its place in the grid, its size in rows and columns, and the number of its row group."""

    element: Html
    row: int
    column: int
    height: int
    width: int
    group: int

    @property
    def is_header(self) -> bool:
        return self.element.tag == "th"

    @property
    def is_empty(self) -> bool:
        return not "".join(self.element.itertext()).strip() and self.element.find(".//img") is None

    @property
    def rows(self) -> range:
        return range(self.row, self.row + self.height)

    @property
    def columns(self) -> range:
        return range(self.column, self.column + self.width)


Grid = dict[tuple[int, int], Cell]  # by (row, column), from 0


def place_cells(table: Html) -> Grid:
    """Return the grid of an HTML table.

    Source: HTML Living Standard, 4.9.12.1, Forming a table.
    """
    grid: Grid = {}
    top = 0
    groups = sorted((child for child in table if child.tag in GROUPS), key=lambda group: group.tag == "tfoot")
    for n_group, group in enumerate(groups):
        lines = [line for line in group if line.tag == "tr"]
        for row, line in enumerate(lines):
            column = 0
            for element in line:
                if element.tag not in ("td", "th"):
                    continue
                while (top + row, column) in grid:
                    column += 1
                width, height = max(1, _span(element, "colspan")), _span(element, "rowspan")
                height = min(height or len(lines), len(lines) - row)
                cell = Cell(element, top + row, column, height, width, n_group)
                grid |= {(y, x): cell for y in cell.rows for x in cell.columns}
                column += width
        top += len(lines)
    return grid


def _span(element: Html, name: str) -> int:
    text = element.get(name, "1").strip()
    return int(text) if text.isdigit() else 1


def scope_of(cell: Cell, grid: Grid) -> str:
    """Return "col", "colgroup", "row" or "rowgroup" for a header cell, or "" for one that heads nothing.

    Source: HTML Living Standard, 4.9.12.2: a header without a scope heads its columns if there are no data cells in its
    rows, or else its rows if there are no data cells in its columns.
    """
    scope = cell.element.get("scope", "").lower()
    if scope in SCOPES:
        return scope
    if not any(y in cell.rows and not other.is_header for (y, _), other in grid.items()):
        return "col"
    return "" if any(x in cell.columns and not other.is_header for (_, x), other in grid.items()) else "row"


def headers_of(cell: Cell, grid: Grid, scopes: dict[Cell, str]) -> list[Cell]:
    """Return the header cells of a cell, from near to far: those of its columns, of its rows, and of its row group.

    Differs from the HTML Living Standard, 4.9.12.2, in that a header of a column group heads the columns that it spans,
    even if the table has no colgroup elements, as in browsers; and in that a header of a row group, which is in a row
    of its own, heads only the rows that follow until the next such header, and has no headers.
    """
    if scopes.get(cell) == "rowgroup":
        return []
    found: list[Cell] = []
    for x in cell.columns:
        found += _scan(cell, [(y, x) for y in range(cell.row - 1, -1, -1)], ("col", "colgroup"), grid, scopes)
    for y in cell.rows:
        found += _scan(cell, [(y, x) for x in range(cell.column - 1, -1, -1)], ("row",), grid, scopes)
    heads = [head for head, scope in scopes.items() if scope == "rowgroup" and head.group == cell.group]
    found += [head for head in heads if head.row <= cell.row][-1:]
    return [head for head in dict.fromkeys(found) if not head.is_empty]


def _scan(
    cell: Cell, places: list[tuple[int, int]], wanted: tuple[str, ...], grid: Grid, scopes: dict[Cell, str]
) -> list[Cell]:
    """Return the headers of a cell along a line of places away from it, either upwards or to the left.

    A header is hidden by one of the same size that stands nearer to the cell, beyond data cells.

    Source: HTML Living Standard, 4.9.12.2, the internal algorithm for scanning and assigning header cells.
    """
    upwards = "col" in wanted
    found: list[Cell] = []
    hidden: set[range] = set()
    block = [cell] if cell.is_header else []
    for place in places:
        if (current := grid.get(place)) is None:
            continue
        if current.is_header:
            block.append(current)
            extent = current.columns if upwards else current.rows
            if scopes[current] in wanted and extent not in hidden:
                found.append(current)
        else:
            hidden |= {header.columns if upwards else header.rows for header in block}
            block = []
    return found


def mend_tables(tree: Tree) -> None:
    """Set the identifiers, scopes, spans and headers of cells, and list the identifiers in the root.

    Source: ISO 14289-1, 7.5; ISO 32000-1, 14.8.5.7 and tables 322, 323 and 349.
    """
    import pydyf

    named: dict[str, bytes] = {}
    for number, table in enumerate(found for found in tree.walk() if found["S"] == "/Table"):
        named |= _mend_table(table, number, tree)
    names = [item for name in sorted(named) for item in (pydyf.String(name), named[name])]
    if names:
        tree.root["IDTree"] = pydyf.Dictionary({"Names": pydyf.Array(names)})


def _mend_table(table: Element, number: int, tree: Tree) -> dict[str, bytes]:
    """Mend the cells of a table; return the references of its headers by identifier."""
    import pydyf

    grid = place_cells(tree.html(table))
    places = {id(cell.element): cell for cell in grid.values()}
    scopes = {cell: scope_of(cell, grid) for cell in places.values() if cell.is_header}
    printed = {places[id(tree.html(found))]: found for found in tree.find_kinds(table, "/TH", "/TD")}
    names = {cell: f"table-{number}-{cell.row}-{cell.column}" for cell in printed if cell.is_header}
    rows = {cell.row for cell in printed}
    for cell, element in printed.items():
        attributes: dict[str, typing.Any] = {"O": "/Table"}
        if cell.width > 1:
            attributes["ColSpan"] = cell.width
        if (height := len(rows.intersection(cell.rows))) > 1:
            attributes["RowSpan"] = height
        if cell in names:
            element["ID"] = pydyf.String(names[cell])
            attributes["Scope"] = SCOPES.get(scopes[cell], "/Row")
        if headers := [names[head] for head in headers_of(cell, grid, scopes) if head in names]:
            attributes["Headers"] = pydyf.Array([pydyf.String(name) for name in headers])
        element["A"] = pydyf.Dictionary(attributes)
    return {name: printed[cell].reference for cell, name in names.items()}
