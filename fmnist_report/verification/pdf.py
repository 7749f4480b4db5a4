"""The tagged text of a PDF, in reading order; what a screen reader reads."""

from __future__ import annotations

import re
import typing

from fmnist_report.verification.blocks import Block

INLINE = frozenset({"/Span", "/Link", "/Em", "/Strong", "/Reference", "/Quote", "/Annot"})
KINDS = {"/Table": "table", "/Figure": "figure", "/Caption": "text"}
FLOATING = {"/Table": "table", "/Figure": "figure"}
LEFT_OUT = frozenset({"/TOC", "/Lbl"})  # page numbers, and markers of lists
PAGE_REFERENCE = re.compile(r"\s*\([pс]\.\s*\d+\)")
MARKER = re.compile(r"[•\d.\s]*")
PAGE_NUMBER = re.compile(r"[\d\s/.]*")
MOST_DRAWN = 50_000
MOST_GROUPS = 8  # one within another
MOST_ELEMENTS = 500_000
DEEPEST = 60


def _parse(content: typing.Any, pdf: typing.Any) -> typing.Any:
    from pypdf.generic import ContentStream

    return ContentStream(content, pdf).operations


def read_letters(font: typing.Any) -> dict[bytes, str]:
    """Return the text of each glyph of a font, by its two bytes."""
    written = font["/ToUnicode"].get_object().get_data().decode("latin-1")
    pairs = re.findall(r"<([0-9a-f]{4})> <((?:[0-9a-f]{4})+)>", written, re.IGNORECASE)
    return {bytes.fromhex(glyph): bytes.fromhex(text).decode("utf-16-be", "replace") for glyph, text in pairs}


class TaggedText:
    """Text of marked content and the structure tree of a PDF that this program wrote.

    Args:
        pdf: a pypdf.PdfReader.
    """

    def __init__(self, pdf: typing.Any) -> None:
        self.pdf = pdf
        self.pages = {page.indirect_reference.idnum: number for number, page in enumerate(pdf.pages)}
        self.texts: dict[tuple[int, int], str] = {}
        self.fonts: dict[typing.Any, dict[bytes, str]] = {}
        self.n_elements = self.n_figures = self.n_groups = 0
        self.artifacts: list[tuple[int, str]] = []
        self.untagged: list[tuple[int, str]] = []
        self.markers: list[str] = []
        self.invisible: set[int] = set()
        for number, page in enumerate(pdf.pages):
            self._read(number, page, _parse(page["/Contents"].get_object(), pdf))

    def _read(
        self, number: int, page: typing.Any, operations: typing.Any, within: list[tuple[str, typing.Any]] | None = None
    ) -> None:
        """Collect the text of a page or, within the marked content that draws it, of a group on it."""
        depth = len(within or ())
        within = list(within or ())
        letters: dict[bytes, str] = {}
        for operands, operator in operations:
            if operator in (b"BDC", b"BMC"):
                properties = operands[1] if operator == b"BDC" else {}
                within.append((operands[0], properties if hasattr(properties, "get") else {}))
            elif operator == b"EMC" and within:
                within.pop()
            elif operator == b"Tf":
                letters = self._letters(page["/Resources"]["/Font"].raw_get(operands[0]))
            elif operator == b"Do" and depth < MOST_GROUPS:
                drawn = page["/Resources"]["/XObject"][operands[0]].get_object()
                self.n_groups += 1
                if self.n_groups > MOST_DRAWN:
                    raise ValueError("it draws more groups than any report")
                if drawn.get("/Subtype") == "/Form":
                    self._read(number, drawn, _parse(drawn, self.pdf), [*within, ("/Form", {})])
            elif operator == b"Tr" and operands[0] in (3, 7):
                self.invisible.add(number)
            elif operator in (b"TJ", b"Tj", b"'", b'"'):
                operands = operands if operator == b"TJ" else [[operands[-1]]]
                place = next(((number, int(p["/MCID"])) for _, p in reversed(within) if "/MCID" in p), None)
                shown = b"".join(item.original_bytes for item in operands[0] if hasattr(item, "original_bytes"))
                text = "".join(letters.get(shown[at : at + 2], "�") for at in range(0, len(shown), 2))
                if place is None:
                    artifact = any(tag == "/Artifact" for tag, _ in within)
                    (self.artifacts if artifact else self.untagged).append((number, text))
                    continue
                instead = [str(p["/ActualText"]) for _, p in within if "/ActualText" in p]
                self.texts[place] = self.texts.get(place, "") + (instead[0] if instead else text)

    def _letters(self, reference: typing.Any) -> dict[bytes, str]:
        key = getattr(reference, "idnum", id(reference))
        if key not in self.fonts:
            self.fonts[key] = read_letters(reference.get_object())
        return self.fonts[key]

    def blocks(self) -> list[Block]:
        """Return the blocks from the first section on, in reading order."""
        found: list[Block] = []
        (top,) = self._kids(self.pdf.trailer["/Root"]["/StructTreeRoot"])
        self._gather(top, found, "text", "", 0)
        return found

    def _gather(self, element: typing.Any, found: list[Block], kind: str, floating: str, depth: int) -> str:
        """Collect the blocks below an element, and return the text that belongs to none of them."""
        self.n_elements += 1
        if self.n_elements > MOST_ELEMENTS or depth > DEEPEST:
            raise ValueError("its structure tree is too large")
        role = str(element.get("/S", ""))
        if role == "/TOC":
            found.clear()  # the title page
            self.markers.clear()
        if role in LEFT_OUT:
            self.markers += [self._whole(element, 0)] if role == "/Lbl" else []
            return ""
        self.n_figures += role == "/Figure"
        kind, kids = KINDS.get(role, kind), self._kids(element)
        floating = FLOATING.get(role, floating)
        if not floating and any(not isinstance(kid, int) and kid.get("/S") == "/Caption" for kid in kids):
            floating = "listing"
        texts: list[str] = []
        for kid in kids:
            if isinstance(kid, int):
                page = element.raw_get("/Pg").idnum
                texts.append(self.texts.get((self.pages[page], kid), ""))
            elif "/MCID" in kid:
                page = (kid if "/Pg" in kid else element).raw_get("/Pg").idnum
                texts.append(self.texts.get((self.pages[page], int(kid["/MCID"])), ""))
            elif kid.get("/Type") != "/OBJR":
                if texts and str(kid.get("/S", "")) not in INLINE:
                    self._add(found, "".join(texts), kind, floating)
                    texts = []
                texts.append(self._gather(kid, found, kind, floating, depth + 1))
        text = "".join(texts)
        if role not in INLINE:
            self._add(found, text, kind, floating)
            return ""
        return text

    def _whole(self, element: typing.Any, depth: int) -> str:
        """Return all text of an element."""
        texts = []
        for kid in self._kids(element) if depth < DEEPEST else ():
            if isinstance(kid, int):
                texts.append(self.texts.get((self.pages[element.raw_get("/Pg").idnum], kid), ""))
            elif kid.get("/Type") != "/OBJR":
                texts.append(self._whole(kid, depth + 1))
        return "".join(texts)

    def find_strange(self) -> list[str]:
        """List what is drawn or added outside the text that blocks returns, and is no running head or page number."""
        whole = "".join("".join(self.texts.values()).split())
        untagged = [(number, text) for number, text in self.untagged if text.strip()]
        found = [f"page {number + 1}, text outside the structure: {text[:40]!r}" for number, text in untagged]
        for number, text in self.artifacts:
            if not PAGE_NUMBER.fullmatch(text) and "".join(text.split()) not in whole:
                found.append(f"page {number + 1}, text as decoration: {text[:40]!r}")
        found += [f"a list's marker: {text[:40]!r}" for text in self.markers if not MARKER.fullmatch(text)]
        found += [f"page {number + 1}, invisible text" for number in sorted(self.invisible)]
        for number, page in enumerate(self.pdf.pages):
            kinds = {str(note.get_object().get("/Subtype")) for note in page.get("/Annots") or ()}
            found += [f"page {number + 1}, an annotation {kind}" for kind in sorted(kinds - {"/Link"})]
        return found

    def _add(self, found: list[Block], text: str, kind: str, floating: str) -> None:
        text = " ".join(PAGE_REFERENCE.sub("", text).split())
        if text:
            found.append(Block("", text, kind, str(self.n_figures - 1) if kind == "figure" else "", floating))

    def _kids(self, element: typing.Any) -> list[typing.Any]:
        kids = element.get("/K", [])
        kids = kids.get_object() if hasattr(kids, "get_object") else kids
        listed = kids if isinstance(kids, list) else [kids]
        return [kid.get_object() if hasattr(kid, "get_object") else kid for kid in listed]
