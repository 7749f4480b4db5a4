"""Line breaks of the PDF report: the spaces and whole words of text that is broken into lines."""

import contextlib
import functools
import itertools
import re
import typing

from fmnist_report.report.pdf.tree import Box, Tagged

SPACES = " \t\n"  # at which lines are broken, and which are dropped there
SOFT_HYPHEN = b"/Span <</ActualText <FEFF00AD>>> BDC"
LAST_GLYPH = re.compile(rb"\[(?P<before>.*<[0-9a-f]*)(?P<glyph>[0-9a-f]{4}>[^<>]*)\] TJ", re.DOTALL)


@contextlib.contextmanager
def remember_cuts() -> typing.Iterator[None]:
    """Set the attribute cut of each text box: (text that it is cut from, its start and that of the next line in bytes).

    The function that cuts text into lines is wrapped, because WeasyPrint drops the spaces at the ends of lines and does
    not tell hyphens that it inserts from those of the text; tests fail if another version does not use it.
    """
    from weasyprint.layout import inline

    split = inline.split_text_box

    @functools.wraps(split)
    def remember(context: typing.Any, box: Box, width: float | None, skip: int, *rest: typing.Any, **named: typing.Any):
        piece, resume, preserved = split(context, box, width, skip, *rest, **named)
        if piece is not None:
            piece.cut = (box.text, skip, resume)
        return piece, resume, preserved

    inline.split_text_box = remember
    try:
        yield
    finally:
        inline.split_text_box = split


def keep_spaces(document: typing.Any) -> None:
    """Append the space at which a line is broken, which stands beyond its end, and those that WeasyPrint does not draw.

    It draws none between two inline elements, and a leader, which is no text, takes the place of one.

    Args:
        document: WeasyPrint's document before it is drawn, changed in place.

    Source: ISO 32000-1, 14.8.2.5: tagged text has the white space that separates words in a pure text representation.
    """
    lines = [line for page in document.pages for line in _find_lines(page._page_box)]
    for _, boxes in lines:
        for text, gap in itertools.pairwise(boxes):
            if gap.is_leader or gap.text and not gap.text.strip(SPACES):
                _append_space(text)
    for (block, boxes), (next_block, next_boxes) in itertools.pairwise(lines):
        written = [place for place, box in enumerate(boxes) if not box.is_leader and box.text.strip(SPACES)]
        if block is not next_block or not written:
            continue
        if any(_cut_off(box)[1] for box in boxes[written[-1] :]) or _cut_off(next_boxes[0])[0]:
            _append_space(boxes[written[-1]])


def _find_lines(box: Box) -> typing.Iterator[tuple[typing.Any, list[Box]]]:
    """Yield (HTML element of the block, text boxes and leaders) for each line with text outside page margins."""
    from weasyprint.formatting_structure.boxes import LineBox, MarginBox

    for child in getattr(box, "children", ()):
        child = getattr(child, "_box", child)  # of an absolutely positioned one
        if isinstance(child, LineBox) and (within := list(_find_texts(child))):
            yield box.element, within
        if not isinstance(child, MarginBox):
            yield from _find_lines(child)


def _find_texts(box: Box) -> typing.Iterator[Box]:
    """Yield the text boxes and leaders of a line or an inline box."""
    from weasyprint.formatting_structure.boxes import InlineBox, TextBox

    for child in box.children:
        if isinstance(child, TextBox) or child.is_leader:
            yield child
        elif isinstance(child, InlineBox):
            yield from _find_texts(child)


def _cut_off(text: Box) -> tuple[str, str]:
    """Return the white space that was cut off before and after a text box."""
    whole, start, resume = getattr(text, "cut", ("", 0, None))
    before, within = whole.encode()[:start].decode(), whole.encode()[start:resume].decode()
    return "" if before.strip(SPACES) else before, within[len(within.rstrip(SPACES)) :]


def _append_space(text: Box) -> None:
    if not text.is_leader and not text.pango_layout.text.endswith(" "):
        text.pango_layout.text += " "


def mark_hyphens(pdf: typing.Any, made: Tagged) -> None:
    """Mark the hyphens that divide words at the ends of lines as soft hyphens, so that words are read whole.

    Args:
        pdf: a pydyf.PDF, changed in place.
        made: from remember_elements, for a document made within remember_cuts.

    Source: ISO 32000-1, 14.8.2.2.3 and 14.9.4.
    """
    by_reference = {found.reference: found for found in pdf.objects}
    for page, tags in zip(pdf.page_references, made.pages, strict=True):
        divided = {tag["mcid"] for box, tag in tags.items() if _is_divided(box)}
        words = by_reference[by_reference[page]["Contents"]].stream
        within, shown = False, 0
        for place, word in enumerate(words):
            if isinstance(word, dict):
                within = word.get("MCID") in divided
            elif within and isinstance(word, bytes) and word.endswith(b"TJ"):
                shown = place
            elif within and word == b"EMC":
                words[shown], within = _soften(words[shown]), False


def _is_divided(box: Box) -> bool:
    """Return whether a box holds text that ends with a hyphen that is not in the text that it is cut from."""
    whole, start, resume = getattr(box, "cut", ("", 0, None))
    within = whole.encode()[start:resume].decode()
    return resume is not None and box.text == within + box.style["hyphenate_character"] != within


def _soften(shown: bytes) -> bytes:
    """Mark the last glyph of an operator that shows text."""
    found = LAST_GLYPH.fullmatch(shown)
    if found is None:  # a glyph that is raised
        return shown
    parts = [b"[%b>] TJ" % found["before"], SOFT_HYPHEN, b"[<%b] TJ" % found["glyph"], b"EMC"]
    return b"\n".join(parts)
