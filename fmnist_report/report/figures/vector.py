"""SVG export of figures for inline use in a page: real text, no style sheet, unique ids."""

import io
import itertools
import re
from xml.etree import ElementTree

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
DECIMALS = 2  # of a coordinate in points
LEAST_GAP = 4  # points between two tick labels


def figure_to_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element for an HTML page with several figures.

    Matplotlib's own output has a style sheet that would apply to the whole page, styles forbidden by a content
    security policy, and ids that repeat across figures. Coordinates are rounded to hundredths of a point.

    Args:
        name: prefix of the element's ids.
    """
    file = io.StringIO()
    lay_out(figure)
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    root = ElementTree.fromstring(file.getvalue())
    for part in list(root):
        if part.tag == SVG + "metadata" or part.find(SVG + "style") is not None:
            root.remove(part)
    references = set(re.findall(r'(?:url\(|href=")#([\w.-]+)', file.getvalue()))
    names = {old: f"{name}-{number}" for number, old in enumerate(sorted(references))}
    for element in root.iter():
        _clean(element, names)
    _flatten(root)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("stroke-linejoin", "round")
    root.set("xmlns", SVG[1:-1])
    return ElementTree.tostring(root, "unicode")


def lay_out(figure: Figure) -> None:
    """Compute the layout of a figure's axes once.

    Otherwise Matplotlib does it when it saves the figure, and draws everything twice.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        FigureCanvasSVG(figure)
        figure.set_dpi(72)  # the resolution of SVG, which affects the rounding of text widths
        engine.execute(figure)
        figure.set_layout_engine("none")
        for ax in figure.axes:
            thin_ticks(ax)


def thin_ticks(ax: Axes) -> None:
    """Reduce the ticks on a horizontal axis until their labels do not overlap.

    Matplotlib estimates their width from the font size, but percentages are wider.
    """
    locator = ax.xaxis.get_major_locator()
    if not isinstance(locator, MaxNLocator):
        return
    for n_most in range(5, 1, -1):  # round numbers, if there are any
        if _lie_apart(_list_labels(ax)):
            return
        locator.set_params(nbins=n_most)
    while not _lie_apart(labels := _list_labels(ax)):
        ax.set_xticks([label.get_position()[0] for label in labels[::2]])


def _list_labels(ax: Axes) -> list[Text]:
    """List the visible tick labels of a horizontal axis, from left to right."""
    low, high = sorted(ax.get_xlim())
    labels = [label for label in ax.xaxis.get_majorticklabels() if low <= label.get_position()[0] <= high]
    return sorted(labels, key=lambda label: label.get_window_extent().x0)


def _lie_apart(labels: list[Text]) -> bool:
    boxes = [label.get_window_extent() for label in labels]
    return all(first.x1 + LEAST_GAP <= second.x0 for first, second in itertools.pairwise(boxes))


def _clean(element: ElementTree.Element, names: dict[str, str]) -> None:
    """Convert an element's style to attributes, rename referenced ids and references, and remove all other ids."""
    attributes = dict(element.attrib)
    for declaration in attributes.pop("style", "").split(";"):
        key, _, value = declaration.partition(":")
        if key.strip():
            attributes[key.strip()] = value.strip().strip("'")
    if HREF in attributes:
        attributes["href"] = re.sub(r"\s", "", attributes.pop(HREF))
    own = attributes.pop("id", None)
    if own in names:
        attributes["id"] = names[own]
    for key, value in attributes.items():
        if value.startswith("url(#"):
            attributes[key] = f"url(#{names[value[5:-1]]})"
        elif key == "href" and value.startswith("#"):
            attributes[key] = "#" + names[value[1:]]
        elif key in ("d", "x", "y", "width", "height", "transform"):
            attributes[key] = _shorten(value)
    if attributes.get("transform", "").startswith("rotate(0 "):
        del attributes["transform"]
    element.attrib.clear()
    element.attrib.update(attributes)
    element.tail = None
    element.tag = element.tag.removeprefix(SVG)  # only the root declares the namespace
    if element.tag == "image":
        element.set("image-rendering", "optimizeSpeed")  # SVG 1.1; the page says pixelated, which came later
    if element.tag != "text":
        element.text = None


def _shorten(coordinates: str) -> str:
    def shorten(found: re.Match) -> str:
        return f"{float(found[0]):.{DECIMALS}f}".rstrip("0").rstrip(".")

    rounded = re.sub(r"-?\d+\.\d+", shorten, coordinates)
    return re.sub(r"\s+", " ", re.sub(r"-0(?![\d.])", "0", rounded)).strip()


def _flatten(element: ElementTree.Element) -> None:
    """Replace groups and definitions without attributes by their children."""
    children: list[ElementTree.Element] = []
    for child in element:
        _flatten(child)
        idle = child.tag == "g" and not child.attrib
        children += list(child) if idle else [child]
    element[:] = children
