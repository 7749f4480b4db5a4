"""Placement of figures and tables in the PDF: past text that follows them, where a page would otherwise end half empty.

WeasyPrint has no page floats: a figure that does not fit on a page leaves the rest of it blank. Here a page is laid out
once, and the order in which least stays blank is computed from the heights of its blocks.
"""

from __future__ import annotations

import itertools
import typing
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from fmnist_report.report.pdf.blocks import FLOATS, HEADINGS, Block, Section, read_sections

SLACK = 0.5  # pixels of room that a block must leave to be said to fit
BLANK = 1.3  # cost of a blank page before the end, where one costs 1
PASSED = 0.01  # cost, in pages, of each block of text that a float is moved past
PASSED_HEADING = 0.05
PASSED_LAST = 0.1  # more if it is the last of its section, such as that of the conclusions
MOST_PLANS = 30  # kept of those that have placed the same blocks


@dataclass(frozen=True)
class Position:
    """Where the next block goes; all lengths are in pixels.

    y: the height that is filled. margin: after it. kept: height of the blocks that must stay with the next one; gap:
    the margin before them.
    """

    y: float = 0.0
    margin: float = 0.0
    kept: float = 0.0
    gap: float = 0.0


@dataclass(frozen=True)
class Plan:
    """An order of blocks, the last first, its cost in pages, and where it ends.

    placed: numbers of texts and of floats of each kind in the present section.
    """

    cost: float = 0.0
    position: Position = Position()
    placed: tuple[int, ...] = (0,) * (1 + len(FLOATS))
    order: tuple | None = None

    def add(self, block: Block, kind: int, height: float, penalty: float = 0.0) -> Plan:
        """Return this plan with one block more, of the kind with this index in placed."""
        position, blank = put(block, self.position, height)
        placed = tuple(n + (number == kind) for number, n in enumerate(self.placed))
        return Plan(self.cost + BLANK * blank / height + penalty, position, placed, (block.element, self.order))


def place_floats(document: typing.Any, root: Element) -> bool:
    """Move figures, tables and listings of a laid-out page past text that follows them, where that leaves less blank.

    Each stays in its section, after the text that it followed, and in the order of its kind. What directly follows a
    heading stays there. Tables that the plan does not part are marked, so that no page parts them.

    Args:
        document: WeasyPrint's document.
        root: the page that it was made from, changed in place.

    Returns:
        Whether the page was changed.
    """
    sections, height = read_sections(document, root)
    plans = [Plan()]
    for section in sections:
        plans = extend_plans(plans, section, height)
    tables = [block for section in sections for _, block in section.floats["table"] if len(block.pieces) == 1]
    for table in tables:
        table.element.set("style", "break-inside: avoid")
    return _reorder(root, choose_order(plans, height)) or bool(tables)


def extend_plans(plans: list[Plan], section: Section, height: float) -> list[Plan]:
    """Extend plans by all blocks of a section in every order that is allowed; return the cheapest."""
    plans = [Plan(plan.cost, plan.position, order=plan.order) for plan in plans]
    for _ in range(len(section.texts) + sum(map(len, section.floats.values()))):
        best: dict[tuple, Plan] = {}
        for plan in plans:
            for further in _extend(plan, section, height):
                key = further.placed, further.position
                if key not in best or further.cost < best[key].cost:
                    best[key] = further
        alike = itertools.groupby(sorted(best.values(), key=lambda plan: (plan.placed, plan.cost)), _placed)
        plans = [plan for _, some in alike for plan in itertools.islice(some, MOST_PLANS)]
    return plans


def _placed(plan: Plan) -> tuple[int, ...]:
    return plan.placed


def _extend(plan: Plan, section: Section, height: float) -> typing.Iterator[Plan]:
    n_texts, *n_floats = plan.placed
    if n_texts < len(section.texts):
        text = section.texts[n_texts]  # a table that stands under a heading passes no other
        alike = zip(FLOATS, n_floats, strict=True)
        if not any(name == text.element.tag and section.awaits(name, n, n_texts) for name, n in alike):
            yield plan.add(text, 0, height)
    if n_texts and section.texts[n_texts - 1].element.tag in HEADINGS:
        return
    for kind, (name, n) in enumerate(zip(FLOATS, n_floats, strict=True), 1):
        if section.awaits(name, n, n_texts):
            followed, block = section.floats[name][n]
            passed = [text.element.tag in HEADINGS for text in section.texts[followed:n_texts]]
            penalty = sum(PASSED_HEADING if heading else PASSED for heading in passed)
            if followed <= section.last_heading < n_texts:
                penalty += PASSED_LAST
            yield plan.add(block, kind, height, penalty)


def put(block: Block, position: Position, height: float) -> tuple[Position, float]:
    """Put a block on a page, or on several, of a height in pixels.

    Returns:
        The position after it, and the pixels that stay blank at the ends of pages.
    """
    y, blank, gap = position.y, 0.0, max(position.margin, block.before)
    if block.columns > 1:
        gap = position.margin + block.before  # margins around columns do not collapse
    if block.starts_page:  # after such a break, and no other, the margin stays
        blank, y, gap = height - y if y else 0.0, block.before, 0.0
    before, kept = (position.gap, position.kept + gap) if position.kept else (gap, 0.0)
    if block.stays_with_next:
        return Position(y, block.after, kept + sum(block.pieces), before), blank
    if block.columns > 1:
        y, further = _put_columns(block, y, before, kept, height)
        return Position(y, block.after), blank + further
    for number, piece in enumerate([kept + block.pieces[0], *block.pieces[1:]]):
        margin = before if number == 0 and y else 0.0
        if y and y + margin + piece > height - SLACK:
            blank, margin = blank + height - y, 0.0
            y = block.head if number else 0.0
        y += margin + piece
    return Position(round(y - block.inner, 1), block.after), blank


def _put_columns(block: Block, y: float, before: float, kept: float, height: float) -> tuple[float, float]:
    """Return the height that is filled after a block in columns, and the pixels that stay blank.

    Where a page ends, columns are filled one after another; the last ones are balanced.
    """
    pieces, blank, top = block.pieces, 0.0, y + (before if y else 0.0) + kept
    if y and not fill_columns(pieces, height - SLACK - top, block.columns):
        blank, top = height - y, kept
    while 0 < (n := fill_columns(pieces, height - SLACK - top, block.columns)) < len(pieces):
        pieces, top = pieces[n:], 0.0
    filled = balance_columns(pieces, block.columns)
    if len(pieces) == len(block.pieces):
        filled = max(filled, block.balanced)
    return round(top + filled, 1), blank


def balance_columns(pieces: typing.Sequence[float], n_columns: int) -> float:
    """Return the least height of columns that hold all pieces, to a twentieth of a pixel."""
    low, high = max(pieces), sum(pieces)
    while high - low > 0.05:
        middle = (low + high) / 2
        fits = fill_columns(pieces, middle, n_columns) == len(pieces)
        low, high = (low, middle) if fits else (middle, high)
    return high


def fill_columns(pieces: typing.Sequence[float], height: float, n_columns: int) -> int:
    """Return how many pieces columns of a height hold, if none is parted."""
    n = 0
    for _ in range(n_columns):
        filled = 0.0
        while n < len(pieces) and filled + pieces[n] <= height + 0.01:
            filled, n = filled + pieces[n], n + 1
    return n


def choose_order(plans: list[Plan], height: float) -> list[Element]:
    """Return the order of the cheapest plan, the blank end of its last page included."""
    rest = min(plans, key=lambda plan: plan.cost - plan.position.y / height).order
    order: list[Element] = []
    while rest:
        element, rest = rest
        order.append(element)
    return order[::-1]


def _reorder(root: Element, order: list[Element]) -> bool:
    """Move elements, each within its section, so that they come in this order; return whether any was moved."""
    parents = {child: parent for parent in root.iter() for child in parent}
    sections = {element: section for section in root.iter("section") for element in section.iter()}
    place: dict[Element, float] = {element: number for number, element in enumerate(root.iter())}
    moved = False
    for former, element in itertools.pairwise(order):
        if place[element] < place[former] and sections[element] is sections[former]:
            parents[element].remove(element)
            if not len(parents[element]) and not parents[element].get("id"):
                parents[parents[element]].remove(parents[element])
            parents[element] = parents[former]
            parents[former].insert(list(parents[former]).index(former) + 1, element)
            place[element], moved = place[former] + 0.5, True
    return moved
