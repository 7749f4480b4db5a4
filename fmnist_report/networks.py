"""The networks, one record each: all code that trains, tries, shows, ranks or colours them reads it from here.

docs/architecture.md explains how to add a network.
"""

import dataclasses
import typing
from dataclasses import dataclass

from fmnist_report.messages import N_
from fmnist_report.optimizers import OPTIMIZERS
from fmnist_report.settings import POOLED, FineTuneSettings, Settings, TrainingSettings, first_cached

MULTIPLE = 8  # narrowed widths are multiples of this, for efficient multiplication
UNAUGMENTED = {"shift": 0, "cutout": 0, "mirror": False}
LARGEST_BATCH = 128  # of training with permuted pixels, so that small subsets give enough steps
NO_BLOCK = 6  # value of unfreeze that trains no block


@dataclass(frozen=True)
class MultipleOfBaseline:
    """A value given as a multiple of the baseline's, rounded down if that is an integer."""

    factor: float


@dataclass(frozen=True)
class Trials:
    """How the study varies a network's settings, in short training runs on a subset.

    Args:
        factors: the values that the study tries: {group: {setting: values}}; the baseline's own is left out.
        largest_batch: the study's largest batch size, so that small subsets give enough steps.
    """

    factors: dict[str, dict[str, tuple]]
    largest_batch: int


@dataclass(frozen=True)
class TrialSpec:
    """What the study reads of a network's record: it counts in its key, unlike label and colour.

    Args:
        stage: the stage that trains the network in full.
        settings: the baseline of the trials.
        build, prepare: as in Network.
        varied: factors, as in Trials.
    """

    stage: str
    settings: TrainingSettings
    prepare: str
    build: str
    varied: dict[str, typing.Any]


@dataclass(frozen=True)
class Network:
    """A model of the report: how it is trained, tried and shown. Its settings are the section of its stage's name.

    Args:
        name: name in results.json.
        stage: stage that trains the network; empty for the ensemble.
        part: part of the assignment in which it is shown, 1 or 2; 0 for neither.
        label: translatable name for tables and figures.
        phrase: translatable name for sentences; catalogues have it in every grammatical case.
        colour: its colour everywhere, from the colour-blind safe palette of Okabe and Ito.
        needs: stages that it builds on.
        build: "module:name" of its builder (settings, shape, n_classes), for a network that reads pixels.
        prepare: "module:name" of the function that prepares its training in the study; unused without
            trials.
        narrowed: the settings that short runs divide by width_divisor.
        slow: its training counts as slow for seeds.n_slow.
        trials: how the study varies it; None if it does not.
    """

    name: str
    stage: str
    part: int
    label: str
    phrase: str
    colour: str
    needs: tuple[str, ...] = ()
    build: str = ""
    prepare: str = "fmnist_report.training.pixels:prepare_network"
    narrowed: tuple[str, ...] = ()
    slow: bool = False
    trials: Trials | None = None

    @property
    def determined_by(self) -> tuple[str, ...]:
        """Sections of the settings that determine how its stage trains."""
        return ("data", *self.needs, self.stage)


def _optimisation(stage: str) -> dict[str, tuple]:
    return {
        "optimizer": tuple(name for name, one in OPTIMIZERS.items() if stage in one.studied_in),
    }


REGULARISATION = {"dropout": (0.5,), "label_smoothing": (0.0, 0.1)}
CNN_TRIALS = Trials(
    factors={
        "structure": {
            "architecture": ("blocks", "plain"),
            "widths": (MultipleOfBaseline(1 / 2),),
            "kernel": (3, 5),
            "pooling": ("max", "average"),
            "batch_norm": (True, False),
            "residual": (True, False),
        },
        "optimisation": _optimisation("cnn"),
        "regularisation": {**REGULARISATION, "shift": (0, 2), "mirror": (True, False)},
    },
    largest_batch=128,
)
HEAD_TRIALS = Trials(
    factors={
        "structure": {
            "layers": (*((layer,) for layer in POOLED), POOLED[:2], POOLED[1:]),
            "width": (0, MultipleOfBaseline(1 / 4)),
        },
        "optimisation": _optimisation("head"),
        "regularisation": REGULARISATION,
    },
    largest_batch=256,
)
FINETUNE_TRIALS = Trials(  # its steps are the slowest, so only its own settings are tried
    factors={
        "structure": {"unfreeze": (NO_BLOCK, 4)},
        "regularisation": {"dropout": (0.5,)},
    },
    largest_batch=64,
)

NETWORKS = (
    Network(
        "mlp", "mlp", 1, N_("Multilayer perceptron"), N_("the multilayer perceptron"), "#7a7a7a",
        build="fmnist_report.models.mlp:build_mlp", narrowed=("widths",),
    ),
    Network(
        "cnn", "cnn", 1, N_("Convolutional network"), N_("the convolutional network"), "#d55e00",
        build="fmnist_report.models.cnn:build_cnn", narrowed=("stem", "widths"), slow=True, trials=CNN_TRIALS,
    ),
    Network(
        "vgg_features", "classifiers", 2, N_("{backbone}, frozen features"),
        N_("the classifier on the frozen features of {backbone}"), "#0072b2", ("features",),
    ),
    Network(
        "vgg_finetuned", "finetune", 2, N_("{backbone}, fine-tuned"), N_("fine-tuned {backbone}"), "#009e73",
        ("features", "head"), prepare="fmnist_report.experiments.trials:prepare_finetune_trial", slow=True,
        trials=FINETUNE_TRIALS,
    ),
    Network("ensemble", "", 0, N_("Ensemble"), N_("the ensemble"), "#aa4499"),
)  # fmt: skip
# Classifiers on frozen features; the one with the best validation accuracy becomes vgg_features.
ON_FEATURES = (
    Network("vgg_logistic_regression", "classifiers", 2, N_("Logistic regression"), N_("logistic regression"),
            "#0072b2", ("features",)),
    Network("vgg_lda", "classifiers", 2, N_("Linear discriminant analysis"), N_("linear discriminant analysis"),
            "#0072b2", ("features",)),
    Network("vgg_k_neighbours", "classifiers", 2, N_("Nearest neighbours"), N_("the nearest-neighbour classifier"),
            "#0072b2", ("features",)),
    Network("vgg_head", "head", 2, N_("Dense head"), N_("the dense head"), "#0072b2", ("features",),
            prepare="fmnist_report.training.head:prepare_head", trials=HEAD_TRIALS),
)  # fmt: skip
# Only the head, trained for as many further epochs as in fine-tuning.
CONTROL = Network(
    "vgg_control", "control", 2, N_("Dense head, trained further"), N_("the further-trained dense head"), "#56b4e9",
    ("features", "head"),
)  # fmt: skip
OF_INPUTS = Network(
    "vgg_input", "inputs", 2, N_("Logistic regression on {backbone}’s features"),
    N_("logistic regression on the features of {backbone}"), "#0072b2",
)  # fmt: skip

CHOSEN, ENSEMBLE = "vgg_features", "ensemble"
COMPARED = tuple(row.name for row in NETWORKS)
MAIN = tuple(row.name for row in NETWORKS if row.stage)
BY_NAME = {row.name: row for row in (*NETWORKS, *ON_FEATURES, CONTROL, OF_INPUTS)}
BY_STAGE = {row.stage: row for row in BY_NAME.values() if row.stage and row.stage != BY_NAME[CHOSEN].stage}
# Pairs tested for a difference, the first minus the second: all pairs, and fine-tuning against the head from which it
# starts and against the control run.
PAIRS = [(a, b) for number, b in enumerate(COMPARED) for a in COMPARED[number + 1 :]]
PAIRS += [("vgg_finetuned", "vgg_head"), ("vgg_finetuned", CONTROL.name)]
COLOURS = {name: row.colour for name, row in BY_NAME.items()}


def networks_of_part(part: int) -> tuple[str, ...]:
    """Return the names of the compared networks in a part of the assignment."""
    return tuple(row.name for row in NETWORKS if row.part == part)


def stages_of_part(part: int) -> tuple[str, ...]:
    """Return the names of the stages that train a network of a part, in pipeline order."""
    rows = (*ON_FEATURES, *NETWORKS) if part == 2 else NETWORKS
    return tuple(row.stage for row in rows if row.part == part and row.stage in BY_STAGE)


def network_of_stage(stage: str) -> str:
    """Return the name of the network that a stage trains.

    Raises:
        KeyError: it trains none, or several.
    """
    if stage not in BY_STAGE:
        raise KeyError(f"the stage {stage!r} trains no network of its own; add it to networks.py")
    return BY_STAGE[stage].name


def make_trial_specs(settings: Settings) -> dict[str, TrialSpec]:
    """Return the specification of every network that the study trains, by stage.

    In the baseline, widths are divided by width_divisor and rounded down to multiples of 8, and the batch size is at
    most largest_batch. Fine-tuning has settings with which it can read cached features of all images.
    """
    divisor, found = settings.study.width_divisor, {}
    for stage in (*stages_of_part(1), *stages_of_part(2)):
        row, own = BY_STAGE[stage], getattr(settings, stage)
        if row.trials:
            changes: dict[str, typing.Any] = {name: _narrow(getattr(own, name), divisor) for name in row.narrowed}
            changes |= {"epochs": 1, "batch_size": min(own.batch_size, row.trials.largest_batch)}
            if isinstance(own, FineTuneSettings):
                changes |= {"unfreeze": first_cached(own), "shift": 0, "cutout": 0, "easy_sample_interval": 1}
            baseline = dataclasses.replace(own, **changes)
            found[stage] = TrialSpec(stage, baseline, row.prepare, row.build, row.trials.factors)
    return found


def make_permutation_specs(settings: Settings) -> dict[str, TrialSpec]:
    """Return the specification of every network of part 1 for training with permuted pixels, by stage.

    Widths are divided by width_divisor and batches limited, as in the study, and images are not augmented, because
    permuted ones cannot be shifted or mirrored.
    """
    divisor, found = settings.study.width_divisor, {}
    for stage in stages_of_part(1):
        row, own = BY_STAGE[stage], getattr(settings, stage)
        changes: dict[str, typing.Any] = {name: _narrow(getattr(own, name), divisor) for name in row.narrowed}
        changes |= {"epochs": 1, "batch_size": min(own.batch_size, LARGEST_BATCH)}
        changes |= {name: value for name, value in UNAUGMENTED.items() if hasattr(own, name)}
        found[stage] = TrialSpec(stage, dataclasses.replace(own, **changes), row.prepare, row.build, {})
    return found


def _narrow(width: typing.Any, divisor: int) -> typing.Any:
    if isinstance(width, tuple):
        return tuple(_narrow(one, divisor) for one in width)
    return max(MULTIPLE, width // divisor // MULTIPLE * MULTIPLE)


def count_runs(settings: Settings, stage: str) -> int:
    """Return the number of training runs of a stage's network, each with another seed."""
    return (BY_STAGE[stage].slow and settings.seeds.n_slow) or settings.seeds.n
