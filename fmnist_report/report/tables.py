"""Rows and lists of the report, computed from the results; templates only display them."""

import collections
import dataclasses
import itertools
import statistics
import typing

from fmnist_report.evaluation.results import STAGES
from fmnist_report.evaluation.schema import AblationRow, Comparison, Results
from fmnist_report.messages import N_
from fmnist_report.networks import BY_STAGE, CHOSEN, COMPARED, MAIN, ON_FEATURES, network_of_stage
from fmnist_report.optimizers import OPTIMIZERS
from fmnist_report.presets import list_values, write_value
from fmnist_report.report.language import Language
from fmnist_report.report.references import METHODS, Method
from fmnist_report.report.terms import GROUPS
from fmnist_report.settings import Settings, limit_batch_size

MOST_ROWS = 24  # of a table of layers
TRAINING_FACTORS = (
    "epochs", "batch_size", "optimizer", "schedule", "learning_rate", "weight_decay", "dropout", "label_smoothing",
)  # fmt: skip
AUGMENTATION = ("shift", "cutout")  # which not every network has
BESIDE = "_grid"  # name of the layer that averages an inner block for the head
FIRST_SHOWN = 3  # epoch, of long learning curves


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and whether it has numbers, which are aligned to the right."""

    label: str
    number: bool = True


class Cell(str):
    """The text of a cell with the number by which its column is sorted in the page."""

    sort: float

    def __new__(cls, text: str, sort: float) -> "Cell":
        made = super().__new__(cls, text)
        made.sort = sort
        return made


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table: texts, the first of which heads the row.

    kind: "chosen" if it is emphasised; "group" if it heads the rows after it, with one cell; empty for others.
    """

    cells: typing.Sequence[str]
    kind: str = ""


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the report.

    name: its name in references; style: classes of the style sheet.
    """

    name: str
    columns: typing.Sequence[Column]
    rows: typing.Sequence[Row]
    style: str = "numbers"


def training_rows(settings: Settings, n_train: int, stages: typing.Iterable[str]) -> list[dict[str, typing.Any]]:
    """Return training settings: rows of factor and one value per stage, None if a network does not have the setting.

    Augmentation has a row if at least one network uses it.

    Args:
        n_train: number of training images; if small, batches are smaller than the setting.
    """
    chosen = [limit_batch_size(getattr(settings, stage), n_train) for stage in stages]
    used = [factor for factor in AUGMENTATION if any(getattr(one, factor, 0) for one in chosen)]
    factors = (*TRAINING_FACTORS, *used)
    return [{"factor": factor, "values": [getattr(one, factor, None) for one in chosen]} for factor in factors]


def tabulate_training(
    settings: Settings, n_train: int, stages: typing.Iterable[str], part: int, language: Language
) -> Table:
    """Tabulate the training settings of a part's networks."""
    stages = list(stages)
    columns = [Column(language.text(N_("Setting")), False)]
    columns += [Column(language.model(network_of_stage(stage))) for stage in stages]
    rows = [
        Row([language.factor(row["factor"]),
             *("–" if value is None else language.value(str(value)) for value in row["values"])])
        for row in training_rows(settings, n_train, stages)
    ]  # fmt: skip
    return Table(f"training_part{part}", columns, rows, "numbers narrow")


def tabulate_layers(results: Results, name: str, table: str, with_trainable: bool, language: Language) -> Table:
    """Tabulate the layers of a network, as listed by network_rows.

    Args:
        table: name of the table; with_trainable: whether it has a column of trainable parameters.
    """
    texts = (N_("Layer"), N_("Kind"), N_("Output"), N_("Parameters"), N_("Trainable"), N_("Operations (MAC)"))
    columns = [Column(language.text(text), number > 2) for number, text in enumerate(texts)]
    rows = [
        [row["name"], row["type"], row["shape"], language.integer(row["n_params"]),
         language.integer(row["n_trainable"]), language.integer(row["macs"])]
        for row in network_rows(results, name)
    ]  # fmt: skip
    if not with_trainable:
        columns, rows = [*columns[:4], columns[5]], [[*row[:4], row[5]] for row in rows]
    return Table(table, columns, [Row(row) for row in rows], "numbers layers")


def name_stage(name: str, language: Language) -> str:
    """Return the name of a stage; a repetition with another seed, ending in -1, -2, …, keeps its number."""
    stage, _, number = name.partition("-")
    named = language.text(STAGES[stage])
    return language.text(N_("{stage}, repetition {number}"), stage=named, number=number) if number else named


def accuracy_list(
    results: Results, measure: typing.Literal["test_accuracy", "val_accuracy", "test_accuracy_without_near"],
    language: Language,
) -> str:  # fmt: skip
    """List the compared networks with one of their accuracies."""
    values = {name: results["models"][name][measure] for name in COMPARED}
    return ", ".join(
        f"{language.name(name)} ({'–' if share is None else language.percent(share, 2)})"
        for name, share in values.items()
    )


def network_rows(results: Results, name: str) -> list[dict[str, typing.Any]]:
    """Return the layers to show: those with parameters, and those that change the shape."""
    rows: list[dict[str, typing.Any]] = []
    former = None
    for row in results["models"][name]["layers"]:
        if row["type"] == "BatchNormalization" or (row["n_params"] == 0 and row["output_shape"] == former):
            if rows and row["n_params"]:
                rows[-1] = {**rows[-1], "n_params": rows[-1]["n_params"] + row["n_params"]}
            continue
        former = row["output_shape"]
        rows.append({**row, "shape": " × ".join(str(side) for side in row["output_shape"])})
    return rows if len(rows) <= MOST_ROWS else _join_rows(rows)


def _resolution(row: dict[str, typing.Any]) -> tuple[int, bool]:
    """Return the side of a layer's output, 1 if it has none, and whether it is outside the base."""
    return row["output_shape"][0] if len(row["output_shape"]) == 3 else 1, row["name"].endswith(BESIDE)


def _join_rows(rows: list[dict[str, typing.Any]]) -> list[dict[str, typing.Any]]:
    """Merge the layers of a deep network that work at the same resolution."""
    joined = []
    for _, group in itertools.groupby(rows, key=_resolution):
        layers = list(group)
        kinds = collections.Counter(row["type"] for row in layers)
        joined.append(
            {
                **layers[-1],
                "name": " … ".join(dict.fromkeys((layers[0]["name"], layers[-1]["name"]))),
                "type": ", ".join(f"{kind} × {n}" if n > 1 else kind for kind, n in kinds.items()),
                **{count: sum(row[count] for row in layers) for count in ("n_params", "n_trainable", "macs")},
            }
        )
    return joined


def entered_ranges(results: Results, language: Language) -> str:
    """Format the input ranges of the base's channels for grey values from 0 to 255; empty if unchanged."""
    ways = zip(results["features"]["scale"], results["features"]["offset"], strict=True)
    ranges = [f"{language.signed(offset)} … {language.signed(255 * scale + offset)}" for scale, offset in ways]
    return "; ".join(found for found in dict.fromkeys(ranges) if found != "0 … 255")


def ensemble_list(results: Results, language: Language) -> str:
    """List the ensemble's members with their weights, highest first."""
    weights = sorted(results["ensemble_weights"].items(), key=lambda pair: -pair[1])
    return ", ".join(f"{language.name(name)} ({language.percent(weight)})" for name, weight in weights)


def list_methods(results: Results) -> list[Method]:
    """List the methods that a run uses."""
    trained = [found for found in results["run"]["settings"].values() if isinstance(found, dict) and "epochs" in found]
    tried = [*results["study"]["rows"], *results["full_runs"]]
    used = {str(value) for settings in trained for value in (settings["optimizer"], settings["schedule"])}
    used |= {row["value"] for row in tried if row["factor"] in ("optimizer", "schedule")}
    used |= {OPTIMIZERS[name].includes for name in used if name in OPTIMIZERS}
    switched = {name for settings in trained for name in ("cutout", "residual") if settings.get(name)}
    used |= switched | {row["factor"] for row in tried}
    return [method for method in METHODS if not method.when or method.when in used]


def list_skipped(results: Results, language: Language) -> str:
    """List the number of unused files in the folder, by extension."""
    kinds = results["data"]["skipped"]
    ends = {kind: kind or language.text(N_("without an ending")) for kind in kinds}
    return ", ".join(f"{ends[kind]} ({language.integer(n)})" for kind, n in kinds.items())


def mirror_list(results: Results, language: Language) -> str:
    """List the gain in validation accuracy from averaging with the mirror image, by main network, in points."""
    gains = {name: results["models"][name]["mirror_gain"] for name in MAIN}
    return ", ".join(
        f"{language.name(name)} ({language.points(gain, 2)})" for name, gain in gains.items() if gain is not None
    )


def confused_pairs(results: Results, n: int = 6) -> list[dict[str, typing.Any]]:
    """Return the n pairs of classes that the main networks confuse most, in either direction.

    Returns:
        Rows of first and second (classes), counts by model, and total.
    """
    rows: list[dict[str, typing.Any]] = []
    confusions = {name: results["models"][name]["confusion"] for name in MAIN}
    for first, second in itertools.combinations(range(len(results["class_counts"])), 2):
        counts = {name: table[first][second] + table[second][first] for name, table in confusions.items()}
        rows.append({"first": first, "second": second, "counts": counts, "total": sum(counts.values())})
    return sorted(rows, key=lambda row: -row["total"])[:n]


def group_list(results: Results, networks: tuple[str, ...], language: Language) -> str:
    """List the groups of hyperparameters studied in the given networks, each with its members."""
    found: dict[str, dict[str, None]] = {}
    for row in (row for row in results["study"]["rows"] if row["network"] in networks):
        found.setdefault(row["group"], {})[language.factor(row["factor"])] = None
    return "; ".join(f"{language.text(GROUPS[group])} ({', '.join(names)})" for group, names in found.items())


def study_points(results: Results, networks: tuple[str, ...], language: Language) -> str:
    """Describe in sentences the run length, the learning rate and the baseline accuracy of each studied network."""
    bases, n_steps = results["study"]["baselines"], results["study"]["n_steps"]
    n_train = {name: results["study"]["n_train" if BY_STAGE[name].build else "feature_train"] for name in bases}
    n_val = {name: results["study"]["n_val" if BY_STAGE[name].build else "feature_val"] for name in bases}
    return " ".join(
        language.text(
            N_(
                "For {network} a run takes {steps} of {images} out of {train}, at the learning rate {rate}, the "
                "best of {tried} for so few steps, and is judged on {val}; with the chosen settings it reaches "
                "{accuracy} on validation."
            ),
            network=language.name(network_of_stage(name)),
            steps=language.count("step", n_steps[name]),
            images=language.count("image", min(bases[name]["batch_size"], n_train[name])),
            rate=language.value(f"{bases[name]['learning_rate']:g}"),
            tried=language.integer(len(bases[name]["rates"])),
            train=language.count("training image", n_train[name]),
            val=language.count("validation image", n_val[name]),
            accuracy=language.percent(statistics.fmean(bases[name]["accuracies"]), 2),
        )
        for name in networks
        if name in bases
    )


def ablation_rows(results: Results, part: str) -> list[AblationRow]:
    """Return the steps of a part's ablation, simplest first; empty if it was not studied."""
    return results["study"]["ablations"].get(part, [])


def first_epoch_shown(histories: list[dict[str, typing.Any]]) -> int:
    """Return the epoch whose values start the axes of learning curves; earlier ones would flatten the rest."""
    return FIRST_SHOWN if min(len(history["val_loss"]) for history in histories) > 2 * FIRST_SHOWN else 1


def comparison_rows(results: Results) -> list[Comparison]:
    """Return the tested pairs without duplicates: the chosen classifier can be the dense head under another name."""
    rows: dict[tuple[str, str], Comparison] = {}
    for row in results["comparisons"]:
        a, b = (CHOSEN if name == results["chosen_classifier"] else name for name in (row["a"], row["b"]))
        rows.setdefault((a, b), row)
    return list(rows.values())


def classifier_rows(results: Results, language: Language) -> list[dict[str, typing.Any]]:
    """Return classifiers on frozen features, best on validation first."""
    names = sorted((row.name for row in ON_FEATURES), key=lambda name: -results["models"][name]["val_accuracy"])
    return [
        {
            "name": name,
            "parameter": _write_parameter(results, name, language),
            "chosen": name == results["chosen_classifier"],
        }
        for name in names
    ]


def count_components(results: Results) -> int:
    """Return the maximum number of principal components that a classifier reads; 0 if they read the features."""
    return max(one.get("n_components", 0) for one in results["classifiers"].values())


RUNTIMES = {"keras": "Keras", "mnn": "MNN"}


def describe_measured_speed(results: Results, language: Language) -> dict[str, str]:
    """Return the measured speeds, as text, and the runtime of the features; empty if nothing was measured."""
    speed = results["features"].get("speed")
    if not speed or not (speed["inference"] and speed["training"]):
        return {}

    def write_rates(rates: dict[str, float]) -> str:
        return ", ".join(f"{name} {language.integer(round(rate))}" for name, rate in rates.items())

    mnn = {"MNN": speed["mnn"]} if speed["mnn"] else {}
    return {
        "forward": write_rates(speed["inference"] | mnn), "training": write_rates(speed["training"]),
        "runtime": RUNTIMES[results["features"]["runtime"]],
    }  # fmt: skip


PARAMETERS = {"logistic_regression": "C = {value}", "lda": N_("shrinkage = {value}"), "k_neighbours": "k = {value}"}


def _write_parameter(results: Results, name: str, language: Language) -> str:
    """Format the hyperparameter chosen for a classifier; empty if it has none."""
    kind = name.removeprefix("vgg_")
    if kind not in results["classifiers"]:
        return ""
    value = f"{results['classifiers'][kind]['parameter']:.4g}"
    return language.text(PARAMETERS[kind], value=language.value(value))


def list_settings(settings: Settings, recorded: dict[str, typing.Any]) -> list[tuple[str, str]]:
    """Return (name, value) of every setting that the run recorded, as --set accepts them."""
    pairs = ((path, path.partition("."), value) for path, value in list_values(settings).items())
    return [
        (path, write_value(value)) for path, (section, _, name), value in pairs if name in recorded.get(section, {})
    ]
