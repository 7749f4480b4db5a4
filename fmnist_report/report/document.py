"""What all sections of the report are made from: results, settings, language, drawings and numbering."""

import dataclasses
import functools
import typing

import markupsafe

from fmnist_report.backbones import DEFAULT
from fmnist_report.evaluation.schema import FullRun, Model, Results
from fmnist_report.report import full_runs
from fmnist_report.report.conclusions.wording import Sentence, word_captions, word_conclusions
from fmnist_report.report.figures.numbers import tabulate_figures
from fmnist_report.report.language import Language
from fmnist_report.report.numbering import Numbering
from fmnist_report.report.references import Reference, list_references
from fmnist_report.report.tables import Table, list_methods
from fmnist_report.settings import Settings

CHIP = markupsafe.Markup('<span class="chip {name}">{label}</span>')


@dataclasses.dataclass(frozen=True)
class Document:
    """A report in one language, as its sections read it.

    Args:
        results: as in results.json, with the full runs of full_runs.read_full_runs.
        settings: settings of the run.
        title_page: fields of the title page; missing ones are not shown.
        data_name: name of the data set; fashion: whether it is Fashion-MNIST.
        figures: view box and content of every SVG, by name.
        explorer: from build_explorer.
        predictions: file of record.pack_predictions; empty for a page that cannot be checked.
    """

    results: Results
    settings: Settings
    language: Language
    title_page: dict[str, typing.Any]
    data_name: str
    fashion: bool
    figures: dict[str, dict[str, typing.Any]]
    explorer: dict[str, typing.Any]
    predictions: bytes = b""

    @functools.cached_property
    def record(self) -> dict[str, typing.Any]:
        """The results, with what else the text of this report depends on."""
        own = None if self.fashion else self.language.classes
        described = {"lang": self.language.code, "title_page": self.title_page, "data_name": self.data_name}
        return {**self.results, "document": {**described, "classes": own}}

    @property
    def models(self) -> dict[str, Model]:
        """Results of the models, by name."""
        return self.results["models"]

    @property
    def vgg16(self) -> bool:
        """Whether the base is VGG16, as the assignment has it."""
        return self.language.backbone == DEFAULT

    @functools.cached_property
    def sources(self) -> list[Reference]:
        """The list of references, in order."""
        return list_references(list_methods(self.results), self.fashion, self.language.backbone)

    @functools.cached_property
    def numbering(self) -> Numbering:
        """Numbers of figures, tables and sources."""
        return Numbering(self.language, self.sources)

    @functools.cached_property
    def conclusions(self) -> dict[str, list[Sentence]]:
        """Concluding sentences by section."""
        return word_conclusions(self.results, self.language)

    @functools.cached_property
    def findings(self) -> dict[str, str]:
        """The finding of each figure that can have one, by name; empty if there is none."""
        return word_captions(self.results, self.language)

    @functools.cached_property
    def numbers(self) -> dict[str, Table]:
        """The table of the numbers in each figure, by name, unless a table of the report has them already."""
        return tabulate_figures(self.results, self.language)

    def runs(self, part: int) -> dict[str, list[FullRun]]:
        """Full training runs of a part's networks, as in full_runs.rows_of_part."""
        return full_runs.rows_of_part(self.results, part)

    def chip(self, name: str) -> markupsafe.Markup:
        """Return a model's name with its colour."""
        return CHIP.format(name=name, label=self.language.model(name))
