"""What a screen reader finds in a PDF: the structure tree, and the text of its elements."""

from collections import Counter

import pypdf
from pypdf.generic import ContentStream, IndirectObject

from fmnist_report.verification.pdf import read_letters


class Spoken:
    """The structure tree of a PDF.

    Attributes:
        texts: text of marked content that has an identifier, by (page, MCID) in the order of drawing, pages from 0; a
            replacement text stands for what it replaces.
        artifacts: the kinds of artifacts, such as "/Layout", and how often they are drawn.
        top: the element of the document.
    """

    def __init__(self, path):
        self.path = path
        self.pdf = pypdf.PdfReader(path)
        self.root = self.pdf.trailer["/Root"]["/StructTreeRoot"]
        (self.top,) = [kid.get_object() for kid in self.root["/K"]]
        self.pages = {page.indirect_reference.idnum: number for number, page in enumerate(self.pdf.pages)}
        self.texts, self.artifacts = {}, Counter()
        for number, page in enumerate(self.pdf.pages):
            self._read(number, page)

    def _read(self, number, page):
        open_ones, letters, fonts = [], {}, {}
        for operands, operator in ContentStream(page["/Contents"].get_object(), self.pdf).operations:
            if operator in (b"BDC", b"BMC"):
                open_ones.append(operands[1] if operator == b"BDC" else {})
                if operands[0] == "/Artifact":
                    self.artifacts[open_ones[-1].get("/Type")] += 1
                if "/MCID" in open_ones[-1]:
                    place = number, int(open_ones[-1]["/MCID"])
                    assert place not in self.texts
                    self.texts[place] = ""
            elif operator == b"EMC":
                open_ones.pop()
            elif operator == b"Tf":
                name = operands[0]
                letters = fonts[name] = fonts.get(name) or read_letters(page["/Resources"]["/Font"][name])
            elif operator == b"TJ" and any("/MCID" in outer for outer in open_ones):
                shown = b"".join(item.original_bytes for item in operands[0] if isinstance(item, (str, bytes)))
                text = "".join(letters[shown[at : at + 2]] for at in range(0, len(shown), 2))
                instead = [outer["/ActualText"] for outer in open_ones if "/ActualText" in outer]
                self.texts[place] += instead[0] if instead else text
        assert not open_ones

    def page_of(self, element):
        return self.pages[element.raw_get("/Pg").idnum]

    def content(self, element):
        """Yield the kids of an element: ("element" or "annotation", dictionary) or ("text", (page, MCID))."""
        kids = element.get("/K", [])
        for kid in kids if isinstance(kids, list) else [kids]:
            found = kid.get_object() if isinstance(kid, IndirectObject) else kid
            if isinstance(found, int):
                yield "text", (self.page_of(element), int(found))
            elif found.get("/Type") == "/OBJR":
                yield "annotation", found["/Obj"]
            else:
                assert found["/P"].get_object() == element
                yield "element", found

    def kids(self, element):
        return [kid for kind, kid in self.content(element) if kind == "element"]

    def kinds(self, element):
        return [kid["/S"] for kid in self.kids(element)]

    def walk(self, element=None):
        """Yield an element, or that of the document, and all elements below it, in reading order."""
        element = element or self.top
        yield element
        for kid in self.kids(element):
            yield from self.walk(kid)

    def find(self, kind, element=None):
        return [found for found in self.walk(element) if found["/S"] == f"/{kind}"]

    def text(self, element):
        return "".join(
            self.texts[kid] if kind == "text" else self.text(kid) if kind == "element" else ""
            for kind, kid in self.content(element)
        )

    def lost_and_repeated(self):
        """Return the marked content that is not reached from the root exactly once, or whose parent is another one."""
        reached = Counter()
        numbers = self.root["/ParentTree"]["/Nums"]
        parents = {int(number): parent for number, parent in zip(numbers[::2], numbers[1::2], strict=True)}
        wrong = []
        for element in self.walk():
            for kind, kid in self.content(element):
                if kind == "text":
                    reached[kid] += 1
                    parent = parents[int(self.pdf.pages[kid[0]]["/StructParents"])].get_object()[kid[1]].get_object()
                elif kind == "annotation":
                    reached[id(kid)] += 1
                    parent = parents[int(kid["/StructParent"])].get_object()
                if kind != "element" and parent != element:
                    wrong.append((kind, kid))
        for page in self.pdf.pages:
            wrong += [found for found in page.get("/Annots", []) if reached[id(found.get_object())] != 1]
        return wrong + [
            place for place in {*self.texts, *(key for key in reached if isinstance(key, tuple))} if reached[place] != 1
        ]
