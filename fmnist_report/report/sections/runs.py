"""What changing the parameters brought: the full training runs of a part's networks, for its section and appendix."""

import dataclasses
import typing

from fmnist_report.evaluation.schema import FullRun
from fmnist_report.networks import network_of_stage
from fmnist_report.report import full_runs
from fmnist_report.report.conclusions.training import is_trained_as
from fmnist_report.report.conclusions.verdicts import EffectOfChange, effect_on_accuracy, effect_on_loss, verdict
from fmnist_report.report.document import Document
from fmnist_report.report.language import Language, Name
from fmnist_report.report.tables import Column, Row, Table

Rows = list[FullRun]


@dataclasses.dataclass(frozen=True)
class KnownRuns:
    """Earlier full training runs of the project.

    network: the network that was trained.
    n_better, n_changes: how many changes were better, of how many.
    as_standard: whether this report's network has the settings that were varied.
    tried: accuracies of few settings of best, as a list in words; empty without any.
    missed: the largest half-width of the intervals of accuracy, in points; empty if unknown.
    apart: difference in points that two runs exceed by chance with probability 0.05; empty if unknown.
    head_instead: accuracy of the head trained further, minus that of fine-tuning, in points; empty if unknown.
    """

    network: Name
    n_better: str
    n_changes: str
    as_standard: bool
    tried: str
    missed: str
    apart: str
    head_instead: str
    table: Table


@dataclasses.dataclass(frozen=True)
class Parameters:
    """The full training runs that changed settings of a part's networks.

    own: the table of the reader's own runs; None if there are none.
    known: earlier runs of the project; None for other data.
    explains: whether this is the first such table of the report, whose caption explains the intervals.
    """

    part: int
    own: Table | None
    known: KnownRuns | None
    explains: bool

    @property
    def figure(self) -> str:
        """Name of the figure of these runs."""
        return f"runs_part{self.part}"

    @property
    def shown(self) -> Table | None:
        """The table in the body: the reader's own runs, or else the earlier ones."""
        return self.own or (self.known.table if self.known else None)


def describe_parameters(document: Document, part: int) -> Parameters:
    """Gather the full training runs of a part."""
    rows, language = document.runs(part), document.language
    own = tabulate_runs(f"runs_part{part}", rows["own"], language) if rows["own"] else None
    known = describe_known(document, part, rows["known"]) if document.fashion and rows["known"] else None
    former = document.runs(1) if part == 2 else {"own": [], "known": []}
    explained = bool(former["own"] or (document.fashion and former["known"]))
    return Parameters(part, own, known, not explained)


def describe_known(document: Document, part: int, rows: Rows) -> KnownRuns:
    """Gather the earlier runs of a part's networks."""
    results, language = document.results, document.language
    head, apart = full_runs.head_instead(results) if part == 2 else None, rows[0]["apart"]
    halves = [(row["high"] - row["low"]) / 2 for row in rows if row["low"] is not None and row["high"] is not None]
    return KnownRuns(
        network=language.name("cnn" if part == 1 else "vgg_finetuned"),
        n_better=language.integer(full_runs.count_better(results, part)),
        n_changes=language.integer(sum(bool(row["changes"]) for row in rows)),
        as_standard=is_trained_as("standard", results, "cnn" if part == 1 else "finetune"),
        tried=full_runs.tried_list(results, language) if part == 1 else "",
        missed=language.number(100 * max(halves), 2) if halves else "",
        apart="" if apart is None else language.number(100 * apart, 2),
        head_instead="" if head is None else language.points(head, 2),
        table=tabulate_runs(f"full_part{part}", rows, language),
    )


def tabulate_runs(name: str, rows: Rows, language: Language) -> Table:
    """Tabulate full training runs: what was changed, expected and found; grouped if there are several networks."""
    t, noted, stages = language.text, any(row["notes"] for row in rows), {row["stage"] for row in rows}
    labels = (t("Runs"), t("Validation accuracy"), t("Against the baseline (pp)"),
              t("Cross-entropy against the baseline"))  # fmt: skip
    columns = [Column(t("Change"), False), *([Column(t("Expected"), False)] if noted else []), *map(Column, labels),
               Column(t("Finding"), False)]  # fmt: skip
    found, former = [], ""
    for row in rows:
        if row["stage"] != former and len(stages) > 1:
            found.append(Row([language.model(network_of_stage(row["stage"]))], "group"))
        former = row["stage"]
        found.append(Row(_cells_of_run(row, noted, language), "" if row["changes"] else "chosen"))
    return Table(name, columns, found, "numbers layers wide runs")


def _cells_of_run(row: FullRun, noted: bool, language: Language) -> list[str]:
    t = language.text
    accuracy = language.percent(row["val_accuracy"], 2)
    if row["sd"] is not None:
        accuracy += f" ± {language.number(100 * row['sd'], 2)}"
    effect = write_effect(effect_on_accuracy(row), lambda value: language.points(value, 2), language.bound)
    loss = write_effect(effect_on_loss(row), language.difference, language.loss_bound)
    loss = t("diverged") if row["val_loss"] is None else loss
    finding = {
        "chosen": t("kept"), "better": t("better"), "worse": t("worse"), "same": t("not significant"),
        "unknown": t("undecided"),
    }[verdict(row)]  # fmt: skip
    notes = ["; ".join(row["notes"])] if noted else []
    return [language.changes(row["changes"]), *notes, language.integer(row["n_seeds"]), accuracy, effect, loss, finding]


Format = typing.Callable[[float], str]


def write_effect(effect: EffectOfChange, write: Format, bound: Format) -> str:
    """Format an effect, and the bounds of its interval; empty for the chosen settings."""
    difference, low, high, _ = effect
    if difference is None:
        return ""
    return write(difference) if low is None or high is None else f"{write(difference)} ({bound(low)} … {bound(high)})"
