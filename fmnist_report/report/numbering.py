"""Numbers of figures, tables and sources, and references to them by number, with links."""

import re

import markupsafe

from fmnist_report.messages import N_
from fmnist_report.report.language import Language
from fmnist_report.report.references import Reference

MARK = re.compile("\ue000([a-z]+) ([a-z]+)-([a-z0-9_]+)\ue001")
HEADS = {"figure": N_("Fig.\u00a0{number}"), "table": N_("Table\u00a0{number}")}
INLINE = {"figure": N_("fig.\u00a0{number}"), "table": N_("table\u00a0{number}")}


class Numbering:
    """Numbers what stands in one page, in the order in which it stands there.

    A text refers to figures and tables that come after it, so the page is rendered with a mark in the place of each
    number, and number_all replaces the marks at the end.

    Args:
        language: of the words before the numbers.
        sources: the list of references, in its order.
    """

    def __init__(self, language: Language, sources: list[Reference]) -> None:
        self._language = language
        self._sources = {source.key: number for number, source in enumerate(sources, 1)}

    def head(self, kind: str, name: str) -> markupsafe.Markup:
        """Number a figure or table, where its caption begins."""
        return _mark("head", f"{kind}-{name}")

    def see(self, text: str, *targets: str) -> markupsafe.Markup:
        """Add to a text, before its last full stop, references to sources, figures and tables.

        Args:
            targets: "source-key", "figure-name" or "table-name"; an empty one is left out.
        """
        plain = text.removesuffix(".")
        cited = [target.removeprefix("source-") for target in targets if target.startswith("source-")]
        shown = [target for target in targets if target and not target.startswith("source-")]
        parts = [markupsafe.escape(plain)]
        if cited:
            parts = [markupsafe.Markup("\u00a0").join((*parts, self.cite(*cited)))]
        if shown:
            joined = markupsafe.Markup(", ").join(_mark("inline", target) for target in shown)
            parts.append(markupsafe.Markup("({})").format(joined))
        return markupsafe.Markup(" ").join(parts) + ("." if text.endswith(".") else "")

    def cite(self, *keys: str) -> markupsafe.Markup:
        """Refer to sources by their keys: [1, 2]; KeyError for one that the list lacks."""
        numbers = sorted(self._sources[key] for key in keys)
        link = markupsafe.Markup('<a href="#source-{0}">{0}</a>')
        return markupsafe.Markup("[{}]").format(markupsafe.Markup(", ").join(map(link.format, numbers)))

    def number_all(self, html: str) -> str:
        """Put numbers in the places of the marks; KeyError where a text refers to what the page lacks."""
        numbers: dict[str, int] = {}
        for role, kind, name in MARK.findall(html):
            if role == "head":
                numbers[f"{kind}-{name}"] = 1 + sum(known.startswith(kind) for known in numbers)

        def write(found: re.Match) -> str:
            role, kind, name = found.groups()
            number = numbers[f"{kind}-{name}"]
            if role == "head":
                return self._language.text(HEADS[kind], number=number)
            return f'<a href="#{kind}-{name}">{self._language.text(INLINE[kind], number=number)}</a>'

        return MARK.sub(write, html)


def _mark(role: str, target: str) -> markupsafe.Markup:
    return markupsafe.Markup(f"\ue000{role} {target}\ue001")
