"""Texts of a report by place, from HTML, and their comparison number by number."""

from __future__ import annotations

import collections
import dataclasses
import difflib
import html.parser
import re
import typing
import unicodedata

NUMBER = re.compile(r"[−-]?\d+(?:[.,]\d+)*")
SIGNED_RANGE = re.compile(r"(?<=[\d%])[-–](?=\d)")  # a dash between two numbers is no sign
INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
BREAKING = frozenset(
    {"p", "li", "td", "th", "caption", "figcaption", "h1", "h2", "h3", "h4", "h5", "dt", "dd", "div", "section",
     "table", "tr", "ul", "ol", "dl", "figure", "header", "nav", "main", "text", "tspan", "pre", "summary",
     "details", "legend",
     "label", "button", "fieldset", "option", "svg", "body", "thead", "tbody", "article", "blockquote"}
)  # fmt: skip
VOID = frozenset({"meta", "link", "br", "img", "input", "hr", "col", "source", "use", "path", "rect", "line", "circle"})
SILENT = frozenset({"script", "style", "title", "head", "defs", "canvas"})
NAMED_BY = ("caption", "figcaption", "h2", "h3", "h4")
FLOATING = ("", "table", "figure", "listing")
CONTEXT = 60  # characters of a text in a message


class Block(typing.NamedTuple):
    """A piece of text.

    place: the heading, caption or figure that it stands under.
    text: without line breaks.
    kind: "text", "table" or "figure".
    figure: name of the figure that it is drawn in; "" for other text.
    floating: "figure", "table" or "listing" if it is part of one, with its caption; "" for other text.
    """

    place: str
    text: str
    kind: str
    figure: str = ""
    floating: str = ""


class PageReader(html.parser.HTMLParser):
    """Collects the blocks of a page that are printed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, bool]] = []  # tags, and whether their text is left out
        self.blocks: list[Block] = []
        self.parts: list[str] = []
        self.heading, self.figure, self.tables, self.floating = "", "", 0, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in VOID:
            return
        if tag in BREAKING:
            self.flush()
        named = dict(attrs)
        classes = (named.get("class") or "").split()
        silent = tag in SILENT or "hidden" in named or (tag == "details" and "data" in classes)
        silent |= tag == "section" and named.get("id") in ("explorer", "network")
        silent |= tag == "header" or (tag == "nav" and "contents" in classes)
        self.open.append((tag, silent))
        if tag == "figure":
            self.figure = (named.get("id") or "").removeprefix("figure-")
            self.floating = "listing" if "listing" in classes else "figure"
        self.tables += tag == "table"

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Pass over an element without content."""

    def handle_endtag(self, tag: str) -> None:
        """End an element, and those within it that were not ended."""
        if tag in VOID or tag not in [name for name, _ in self.open]:
            return
        if tag in BREAKING:
            text = self.flush()
            if tag in NAMED_BY and text:
                self.heading = text
        while self.open:
            name, _ = self.open.pop()
            self.tables -= name == "table"
            if name == "figure":
                self.figure = self.floating = ""
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        """Collect text."""
        if not any(silent for _, silent in self.open):
            self.parts.append(data)

    def flush(self) -> str:
        """End a block, and return its text."""
        text = " ".join("".join(self.parts).split())
        self.parts = []
        drawn = any(name == "svg" for name, _ in self.open)
        if text:
            kind = "figure" if drawn else "table" if self.tables else "text"
            floating = "table" if self.tables else self.floating
            self.blocks.append(Block(self.heading, text, kind, self.figure if drawn else "", floating))
        return text


def read_page(page: str) -> list[Block]:
    """Return the blocks of a page that are printed, without its title page and contents."""
    reader = PageReader()
    reader.feed(re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.DOTALL))
    reader.flush()
    return reader.blocks


def set_apart(blocks: list[Block]) -> list[Block]:
    """Return other text than figures in order, and then tables, captions of figures and listings, in theirs.

    A PDF has them where a page has room.
    """
    return sorted(
        (block for block in blocks if block.kind != "figure"), key=lambda block: FLOATING.index(block.floating)
    )


def plain(text: str) -> str:
    """Return a text in one Unicode form, without invisible characters."""
    return INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def list_numbers(text: str) -> list[str]:
    """Return the numbers in a text, in order."""
    return NUMBER.findall(SIGNED_RANGE.sub(" – ", plain(text)))


def mask(text: str) -> str:
    """Return a text without its numbers and spaces, to find the same text with other numbers."""
    return re.sub(r"\s+", "", NUMBER.sub("#", SIGNED_RANGE.sub("–", plain(text))))


@dataclasses.dataclass(frozen=True)
class Difference:
    """Something that a report prints and that does not follow from its data.

    place: where; printed: what stands there; right: what should; kind: of the block.
    """

    place: str
    printed: str
    right: str
    kind: str = "text"


@dataclasses.dataclass
class Comparison:
    """The outcome of comparing printed blocks with those that follow from the results.

    n_agreed: number of printed numbers that agree, by kind of block.
    differences: those that do not, and texts that are missing or added.
    """

    n_agreed: collections.Counter = dataclasses.field(default_factory=collections.Counter)
    differences: list[Difference] = dataclasses.field(default_factory=list)


def compare_blocks(expected: list[Block], printed: list[Block]) -> Comparison:
    """Compare the numbers of a report with those that it should print, block by block."""
    found = Comparison()
    own, theirs = [mask(block.text) for block in expected], [mask(block.text) for block in printed]
    matcher = difflib.SequenceMatcher(None, own, theirs, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            for right, shown in zip(expected[i:j], printed[k:m], strict=True):
                _compare_numbers(right, shown, found)
        elif any(block.text for block in (*expected[i:j], *printed[k:m])):
            right_text = " ".join(block.text for block in expected[i:j])
            text = " ".join(block.text for block in printed[k:m])
            if mask(right_text) == mask(text) and list_numbers(right_text) == list_numbers(text):
                found.n_agreed[expected[i].kind] += len(list_numbers(text))
                continue
            place = (printed[k:m] or expected[i:j])[0].place
            kind = (printed[k:m] or expected[i:j])[0].kind
            found.differences.append(Difference(place, _cut(text, right_text), _cut(right_text, text), kind))
    return found


def _compare_numbers(right: Block, shown: Block, found: Comparison) -> None:
    wanted, numbers = list_numbers(right.text), list_numbers(shown.text)
    wrong = [(a, b) for a, b in zip(numbers, wanted, strict=True) if a != b]
    found.n_agreed[right.kind] += len(numbers) - len(wrong)
    if wrong:
        place = shown.place if shown.place != shown.text else right.place
        near = "" if shown.kind == "figure" else f" (in “{_shorten(shown.text)}”)"
        found.differences += [Difference(f"{place}{near}", a, b, shown.kind) for a, b in wrong]


def _cut(text: str, other: str) -> str:
    """Return the part of a text that differs from another, with a little of what stands before."""
    n = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    return _shorten(text[max(0, n - 15) :]) or "nothing"


def _shorten(text: str) -> str:
    return text if len(text) <= CONTEXT else text[: CONTEXT - 1] + "…"


def compare_drawings(expected: dict[str, str], printed: dict[str, str], found: Comparison) -> None:
    """Compare the texts of drawings, by name, as a whole: a PDF draws them letter by letter, without spaces."""
    for name, right in expected.items():
        own, theirs = ("".join(plain(text).split()) for text in (right, printed.get(name, "")))
        if own == theirs:
            found.n_agreed["figure"] += len(list_numbers(right))
        else:
            found.differences.append(Difference(f"figure {name}", _cut(theirs, own), _cut(own, theirs), "figure"))


def join_drawings(blocks: list[Block]) -> dict[str, str]:
    """Return the whole text of each drawing, by name."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    for block in blocks:
        if block.kind == "figure":
            found[block.figure].append(block.text)
    return {name: " ".join(texts) for name, texts in found.items()}
