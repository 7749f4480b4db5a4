"""The structure tree of a printed PDF, with the HTML that each of its elements comes from."""

import contextlib
import dataclasses
import functools
import typing

Element = typing.Any  # pydyf.Dictionary: a structure element
Box = typing.Any  # a layout box of WeasyPrint


@dataclasses.dataclass
class Tagged:
    """What WeasyPrint tags.

    Attributes:
        elements: (box, structure element), inner ones first.
        pages: for each page, the tag of each box with text or an image, {"tag": "Span", "mcid": 7}.
    """

    elements: list[tuple[Box, Element]] = dataclasses.field(default_factory=list)
    pages: list[dict[Box, dict[str, typing.Any]]] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def remember_elements() -> typing.Iterator[Tagged]:
    """Collect what WeasyPrint tags in the block.

    WeasyPrint does not pass the HTML source of a structure element to finishers, so the function that creates the
    elements is wrapped; tests fail if another version does not use it.
    """
    from weasyprint.formatting_structure.boxes import PageBox
    from weasyprint.pdf import tags

    made = Tagged()
    build = tags._build_box_tree

    @functools.wraps(build)
    def remember(box: Box, *rest: typing.Any) -> typing.Iterator[Element]:
        if isinstance(box, PageBox):
            made.pages.append(dict(rest[-1]))  # of which the function takes out one after another
        for element in build(box, *rest):
            made.elements.append((getattr(box, "_box", box), element))
            yield element

    tags._build_box_tree = remember
    try:
        yield made
    finally:
        tags._build_box_tree = build


class Tree:
    """The structure tree of a PDF (ISO 32000-1, 14.7), which its methods change in place.

    Attributes:
        pdf: a pydyf.PDF.
        boxes: the layout box of each structure element that has one, by id of the element.
    """

    def __init__(self, pdf: typing.Any, made: Tagged) -> None:
        self.pdf = pdf
        self.by_reference: dict[bytes, typing.Any] = {found.reference: found for found in pdf.objects}
        self.root = self.by_reference[pdf.catalog["StructTreeRoot"]]
        self.boxes: dict[int, Box] = {}
        for box, element in made.elements:
            if box.element is not None:  # such a box repeats its children's elements, as do those of html and body
                self.boxes.setdefault(id(element), box)

    def html(self, element: Element) -> typing.Any:
        """Return the HTML element (xml.etree) that a structure element comes from, or None."""
        box = self.boxes.get(id(element))
        return None if box is None else box.element

    def tag(self, element: Element) -> str:
        """Return the name of the HTML element or pseudo-element of a structure element, such as "a::after"."""
        box = self.boxes.get(id(element))
        return "" if box is None else box.element_tag

    def kids(self, element: Element) -> list[Element]:
        """Return the child structure elements of an element."""
        found = [self.by_reference[kid] for kid in element.get("K", []) if isinstance(kid, bytes)]
        return [kid for kid in found if "S" in kid]

    def find(self, element: Element, is_wanted: typing.Callable[[Element], bool]) -> list[Element]:
        """Return the topmost descendants that are wanted, in order."""
        found = []
        for kid in self.kids(element):
            found += [kid] if is_wanted(kid) else self.find(kid, is_wanted)
        return found

    def find_kinds(self, element: Element, *kinds: str) -> list[Element]:
        """Return the topmost descendants of the given kinds, such as "/TD", in order."""
        return self.find(element, lambda found: found["S"] in kinds)

    def put(self, parent: Element, kids: list[Element]) -> None:
        """Replace the children of an element."""
        import pydyf

        parent["K"] = pydyf.Array([kid.reference for kid in kids])
        for kid in kids:
            kid["P"] = parent.reference

    def add(self, kind: str) -> Element:
        """Add a structure element without a parent."""
        import pydyf

        element = pydyf.Dictionary({"Type": "/StructElem", "S": kind})
        self.pdf.add_object(element)
        self.by_reference[element.reference] = element
        return element

    def take_out(self, element: Element) -> None:
        """Take an element with all its content out of the tree."""
        self.by_reference[element["P"]]["K"].remove(element.reference)

    def walk(self) -> typing.Iterator[Element]:
        """Yield all elements in reading order."""
        waiting = [self.by_reference[top] for top in reversed(self.root["K"])]
        while waiting:
            yield (element := waiting.pop())
            waiting += reversed(self.kids(element))

    def of_html(self) -> list[Element]:
        """Return the elements that have a layout box, in reading order."""
        return [element for element in self.walk() if id(element) in self.boxes]

    def settle(self) -> list[tuple[int, int]]:
        """Write the parent tree anew, and clear elements that are not in the tree.

        Returns: (page, MCID) of the content that no element holds, pages from 0.

        Source: ISO 32000-1, 14.7.4.4.
        """
        numbers = self.by_reference[self.root["ParentTree"]]["Nums"]
        places = {number: place for place, number in enumerate(numbers) if place % 2 == 0}
        for held in numbers[1::2]:
            if isinstance(held, list):
                held[:] = ["null"] * len(held)
        within = list(self.walk())
        for element in within:
            for kid in element.get("K", []):
                if isinstance(kid, int):
                    numbers[places[self.by_reference[element["Pg"]]["StructParents"]] + 1][kid] = element.reference
                elif self.by_reference[kid].get("Type") == "/OBJR":
                    annotation = self.by_reference[self.by_reference[kid]["Obj"]]
                    numbers[places[annotation["StructParent"]] + 1] = element.reference
        self._clear_all_but({element.reference for element in within})
        pages = [self.by_reference[page]["StructParents"] for page in self.pdf.page_references]
        held = [numbers[places[number] + 1] for number in pages]
        return [(page, mcid) for page, each in enumerate(held) for mcid, owner in enumerate(each) if owner == "null"]

    def _clear_all_but(self, within: set[bytes]) -> None:
        for reference, found in self.by_reference.items():
            if isinstance(found, dict) and found.get("Type") == "/StructElem" and reference not in within:
                found.clear()
