"""Part 1: the convolutional network against the perceptron."""

import dataclasses
import typing

from fmnist_report.messages import N_
from fmnist_report.networks import BY_NAME, networks_of_part, stages_of_part
from fmnist_report.report.conclusions.wording import Sentence
from fmnist_report.report.document import Document
from fmnist_report.report.language import Name
from fmnist_report.report.listings import Listing, list_code
from fmnist_report.report.sections.runs import Parameters, describe_parameters
from fmnist_report.report.tables import Table, first_epoch_shown, tabulate_training
from fmnist_report.settings import CNNSettings

POOLING = {"max": N_("max pooling"), "average": N_("average pooling")}


@dataclasses.dataclass(frozen=True)
class Part1:
    """Values of part 1.

    optimizer, epochs: of the perceptron.
    earlier, ours: accuracy of the student's earlier network, empty if not given, and of the perceptron; as text.
    cnn: settings of the convolutional network; pooling: its kind in words.
    n_params: parameters by network, as a list in words.
    layer_tables: references to the tables of layers.
    listings: the networks as a few lines of Keras.
    shift: common maximum shift, None if it differs; shifts: by network, in words.
    mirrored, cutout: "all", "none" or "some" of the networks, which names_mirrored and names_cutout name.
    may_mirror: whether the data set allows mirroring; smoothed: whether all networks smooth labels.
    first_epoch: first epoch that the axes of the curves cover.
    accuracies: validation accuracy by network, as a list in words.
    """

    optimizer: str
    epochs: Name
    earlier: str
    ours: str
    cnn: CNNSettings
    pooling: str
    n_filters: Name
    n_params: str
    layer_tables: list[str]
    listings: list[Listing]
    shift: Name | None
    shifts: str
    mirrored: str
    names_mirrored: Name
    may_mirror: bool
    cutout: str
    names_cutout: Name
    smoothed: bool
    training: Table
    first_epoch: int
    accuracies: str
    parameters: Parameters
    networks: Name
    conclusions: list[Sentence]


def describe(document: Document) -> Part1:
    """Gather the values of part 1."""
    language, settings, names = document.language, document.settings, networks_of_part(1)
    own: dict[str, typing.Any] = {name: getattr(settings, BY_NAME[name].stage) for name in names}
    shifts = {one.shift for one in own.values()}
    mirrored, cut = ([name for name in names if getattr(own[name], key)] for key in ("mirror", "cutout"))
    earlier = document.title_page.get("earlier_accuracy")
    models = {name: document.models[name] for name in names}
    return Part1(
        optimizer=language.value(settings.mlp.optimizer),
        epochs=language.count("epoch", settings.mlp.epochs),
        earlier="" if earlier is None else language.percent(earlier, 2),
        ours=language.percent(models["mlp"]["test_accuracy"], 2),
        cnn=settings.cnn,
        pooling=language.text(POOLING[settings.cnn.pooling]),
        n_filters=language.count("filter", settings.cnn.stem),
        n_params=language.by_model({name: language.compact(one["n_params"]) for name, one in models.items()}),
        layer_tables=[f"table-layers_{name}" for name in names],
        listings=list_code(document, names),
        shift=language.count("pixel", shifts.pop()) if len(shifts) == 1 else None,
        shifts=language.by_model({name: language.integer(one.shift) for name, one in own.items()}),
        mirrored=tell_share(mirrored, names),
        names_mirrored=language.name_all(mirrored),
        may_mirror=document.results["data"]["mirror"],
        cutout=tell_share(cut, names),
        names_cutout=language.name_all(cut),
        smoothed=all(one.label_smoothing for one in own.values()),
        training=tabulate_training(settings, document.results["data"]["n_train"], stages_of_part(1), 1, language),
        first_epoch=first_epoch_shown([one["history"] for one in models.values()]),
        accuracies=language.by_model({name: language.percent(one["val_accuracy"]) for name, one in models.items()}),
        parameters=describe_parameters(document, 1),
        networks=language.name_all(names),
        conclusions=document.conclusions["part1"],
    )


def tell_share(some: typing.Sequence[str], every: typing.Sequence[str]) -> str:
    """Return whether a setting is used by "all", "some" or "none" of the networks."""
    return "all" if len(some) == len(every) else "some" if some else "none"
