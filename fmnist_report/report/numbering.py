"""Numbering of figures, tables and sources, and linked references to them."""

import re

import markupsafe

from fmnist_report.messages import N_
from fmnist_report.report.language import Language
from fmnist_report.report.references import Reference

MARK = re.compile("\ue000([a-z]+) ([a-z]+)-([a-z0-9_]+)\ue001")
HEADS = {"figure": N_("Fig.\u00a0{number}"), "table": N_("Table\u00a0{number}")}
INLINE = {"figure": N_("fig.\u00a0{number}"), "table": N_("table\u00a0{number}")}


class Numbering:
    """Numbers of the figures, tables and sources of a page, in order of appearance.

    A text can refer to later figures and tables, so the page is rendered with a placeholder for each number, and
    number_all replaces the placeholders at the end.

    Args:
        language: language of the words before the numbers.
        sources: the list of references, in order.
    """

    def __init__(self, language: Language, sources: list[Reference]) -> None:
        self._language = language
        self._sources = {source.key: number for number, source in enumerate(sources, 1)}

    def head(self, kind: str, name: str) -> markupsafe.Markup:
        """Return the number of a figure or table, for the start of its caption."""
        return _mark("head", f"{kind}-{name}")

    def see(self, text: str, *targets: str) -> markupsafe.Markup:
        """Add references to sources, figures and tables to a text, before its final full stop.

        Args:
            targets: "source-key", "figure-name" or "table-name"; empty ones are skipped.
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
        """Cite sources by their keys: [1, 2]; raise KeyError for an unknown one."""
        numbers = sorted(self._sources[key] for key in keys)
        link = markupsafe.Markup('<a href="#source-{0}">{0}</a>')
        return markupsafe.Markup("[{}]").format(markupsafe.Markup(", ").join(map(link.format, numbers)))

    def number_all(self, html: str) -> str:
        """Replace placeholders by numbers; raise KeyError if a text refers to something that is not in the page."""
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
