"""Settings of the run as frozen dataclasses, their ranges beside them, and the presets, which are values of them."""

import dataclasses
import typing
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from fmnist_report.backbones import DEFAULT, MODULES, least_side
from fmnist_report.errors import UsageError, unknown

LANGUAGES = ("uk", "en")
Chosen = dict[str, typing.Any]  # settings of networks by the stage that trains them
FIRST_CACHED = 4  # the earliest block whose input the features hold
LEAST_MAP = 60  # t-SNE needs more pictures than neighbours and components

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Pixels = Annotated[int, Field(ge=0, le=14)]
Pictures = Annotated[int, Field(ge=20)]
Precision = Literal["auto", "float32", "bfloat16"]
Optimizer = Literal["adamw", "muon", "sgd", "lion"]


@dataclass(frozen=True)
class DataSettings:
    """Which pictures are used, at most so many. The split does not follow --seed: it is drawn once.

    side: in pixels, of the squares to which pictures are brought where their sizes differ or are over 224 pixels.
    skip_unreadable: whether pictures that cannot be read are left out, in place of a refusal that names them.
    """

    n_train: Annotated[int, Field(ge=100)] = 55_000
    n_val: Annotated[int, Field(ge=100)] = 5_000
    n_test: Annotated[int, Field(ge=100)] = 10_000
    split_seed: Count = 0
    side: Annotated[int, Field(ge=8, le=224)] = 28
    skip_unreadable: bool = False


@dataclass(frozen=True)
class TrainingSettings:
    """What every training has.

    optimizer: adamw, muon, sgd (with Nesterov's momentum) or lion.
    schedule: one_cycle, cosine or constant.
    """

    epochs: Positive = 1
    batch_size: Positive = 256
    optimizer: Optimizer = "adamw"
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    learning_rate: Rate = 1e-3
    weight_decay: Decay = 0.05
    label_smoothing: Share = 0.1


@dataclass(frozen=True)
class MLPSettings(TrainingSettings):
    """The multilayer perceptron and its training; mirror is as in CNNSettings."""

    widths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1024, 1024)
    dropout: Share = 0.0
    epochs: Positive = 16
    batch_size: Positive = 1024
    optimizer: Optimizer = "muon"
    learning_rate: Rate = 1e-2
    weight_decay: Decay = 0.02
    label_smoothing: Share = 0.05
    shift: Pixels = 1
    cutout: Pixels = 0
    mirror: bool = True
    precision: Precision = "auto"


@dataclass(frozen=True)
class CNNSettings(TrainingSettings):
    """The convolutional network of part 1 and its training.

    architecture: stages, or plain, which is two convolutions (stem, widths[0]) and a dense layer.
    stem: channels of the first convolution; widths: of the three stages; kernel: side of all.
    normalised: whether batches are normalised; residual: whether each stage has a shortcut.
    mirror: whether images are mirrored in every other epoch and answers averaged over both views, if the data allow it.
    """

    architecture: Literal["stages", "plain"] = "stages"
    stem: Positive = 32
    widths: tuple[Positive, Positive, Positive] = (64, 192, 192)
    kernel: Annotated[int, Field(ge=1, le=28)] = 3
    pooling: Literal["max", "average"] = "max"
    normalised: bool = True
    residual: bool = True
    mirror: bool = True
    dropout: Share = 0.2
    epochs: Positive = 7
    batch_size: Positive = 128
    optimizer: Optimizer = "muon"
    learning_rate: Rate = 6e-3
    shift: Pixels = 2
    cutout: Pixels = 0
    precision: Precision = "auto"


@dataclass(frozen=True)
class FeatureSettings:
    """The convolutional base, its input and what is read from it.

    backbone: VGG16 or any other network of keras.applications, by Keras's name.
    size: side of its input in pixels, a multiple of 8, at least 32; some networks need more.
    shard: pictures in one HDF5 file; what an interrupted extraction loses at most.
    precision: "auto" takes bfloat16 where this machine multiplies faster in it.
    """

    backbone: str = DEFAULT
    size: Annotated[int, Field(ge=32, le=224, multiple_of=8)] = 48
    batch_size: Positive = 100
    shard: Positive = 2_500
    precision: Precision = "auto"


@dataclass(frozen=True)
class ClassifierSettings:
    """The scikit-learn classifiers on pooled features; lists are tried on validation, and extended at their edges."""

    logistic_c: Annotated[tuple[Rate, ...], Field(min_length=1)] = (0.001, 0.003)
    neighbours: Annotated[tuple[Positive, ...], Field(min_length=1)] = (5, 10)
    neighbour_components: Positive = 96
    shrinkage: Annotated[tuple[Rate, ...], Field(min_length=1)] = (1e-3, 1e-2)


@dataclass(frozen=True)
class HeadSettings(TrainingSettings):
    """The dense head on pooled features, and its training.

    width: of its hidden layer; 0 for none, which leaves a linear classifier.
    """

    width: Count = 512
    dropout: Share = 0.2
    epochs: Positive = 12
    batch_size: Positive = 512
    learning_rate: Rate = 2e-3


@dataclass(frozen=True)
class FineTuneSettings(TrainingSettings):
    """Training of the base's last blocks together with the head.

    unfreeze: the first block that is trained, 2 to 5; a block is what the base computes at one resolution.
    block_decay: each block of the base learns at the rate of the block after it times this (Howard and Ruder,
    "Universal Language Model Fine-tuning for Text Classification", 2018, section 3.2).
    shift, cutout: as in CNNSettings; where one is not 0, or a block before the fourth is trained, training begins at
    the pixels, which takes several times as long as from the cached output of the frozen blocks.
    dropout: of the head.
    easy_every: 2 shows pictures that the head already names with less than the mean loss in every
    other epoch, with twice the weight; 1 shows all pictures in every epoch, as training from pixels always does.
    """

    epochs: Positive = 2
    batch_size: Positive = 128
    learning_rate: Rate = 6e-5
    unfreeze: Annotated[int, Field(ge=2, le=5)] = 4
    block_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    shift: Pixels = 0
    cutout: Pixels = 0
    dropout: Share = 0.2
    easy_every: Annotated[int, Field(ge=1, le=2)] = 2
    precision: Precision = "auto"


@dataclass(frozen=True)
class SeedSettings:
    """How often every network is trained: n times, with the seeds seed, seed + 1, …

    n_long: the same of the convolutional and the fine-tuned network, which take longest; 0 for n.
    The report shows the first training and the mean and standard deviation of all.
    """

    n: Annotated[int, Field(ge=1, le=20)] = 1
    n_long: Annotated[int, Field(ge=0, le=20)] = 0

    def count(self, short: typing.Sequence, long: typing.Sequence) -> list[tuple[typing.Any, int]]:
        """Say how often each of some trainings is done, and each of those that take longest."""
        return [(one, self.n) for one in short] + [(one, self.n_long or self.n) for one in long]


@dataclass(frozen=True)
class StudySettings:
    """The hyperparameter study: one at a time around the chosen point, short trainings, judged on validation.

    n_train, n_val: the first images of each part, for the convolutional network; the split is shuffled, so they are a
    random sample. vgg_train, vgg_val: the same of what reads the base's features.
    narrow: the widths of the convolutional network are divided by it, so that it takes enough steps in the time.
    seeds: so often is the starting point trained; what these trainings differ by is the noise.
    cnn_steps, head_steps, finetune_steps: optimiser steps of each training, whatever its batch; 0 leaves a network out.
    Fine-tuning starts from a head that was trained on the same images.
    """

    n_train: Pictures = 20_000
    n_val: Pictures = 5_000
    vgg_train: Pictures = 10_000
    vgg_val: Pictures = 2_000
    narrow: Positive = 3
    seeds: Annotated[int, Field(ge=3, le=20)] = 5
    cnn_steps: Count = 300
    head_steps: Count = 160
    finetune_steps: Count = 60


@dataclass(frozen=True)
class TuningSettings:
    """The search by Optuna, on a subset.

    n_train, n_val: the first images of each part.
    narrow: as in StudySettings.
    at_once: trials that are drawn together, so that they can be trained side by side.
    cnn_trials, head_trials, finetune_trials: trainings of each network; 0 leaves it out.
    cnn_steps, head_steps, finetune_steps: optimiser steps of each training that is not pruned.
    """

    n_train: Pictures = 4_000
    n_val: Pictures = 2_000
    narrow: Positive = 3
    at_once: Positive = 4
    cnn_trials: Count = 0
    head_trials: Count = 16
    finetune_trials: Count = 0
    cnn_steps: Count = 300
    head_steps: Count = 100
    finetune_steps: Count = 30


@dataclass(frozen=True)
class InputSettings:
    """The comparison of ways in which a greyscale picture can enter the base: pictures of each part."""

    n_train: Pictures = 500
    n_val: Pictures = 500


@dataclass(frozen=True)
class OverlapSettings:
    """When a picture counts as a near duplicate of a training picture.

    rms: root-mean-square difference in grey levels of 255, at most.
    cosine: similarity of the averages of the base's blocks 4 and 5, at least.
    """

    rms: Decay = 10.0
    cosine: Annotated[float, Field(ge=-1, le=1)] = 0.99


@dataclass(frozen=True)
class ExplainSettings:
    """How many validation pictures the map of the features shows."""

    n_map: Annotated[int, Field(ge=LEAST_MAP)] = 1_000


@dataclass(frozen=True)
class ReportSettings:
    """What the document shows beyond its numbers."""

    accent: str = "#0b5cad"
    mistakes: Count = 12


@dataclass(frozen=True)
class Settings:
    """Everything that one run depends on, apart from places and verbosity.

    deterministic: TensorFlow takes only operations that give the same bits whenever they are repeated.
    """

    preset: str = "standard"
    seed: int = 0
    deterministic: bool = False
    data: DataSettings = field(default_factory=DataSettings)
    mlp: MLPSettings = field(default_factory=MLPSettings)
    cnn: CNNSettings = field(default_factory=CNNSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    classifiers: ClassifierSettings = field(default_factory=ClassifierSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    finetune: FineTuneSettings = field(default_factory=FineTuneSettings)
    seeds: SeedSettings = field(default_factory=SeedSettings)
    study: StudySettings = field(default_factory=StudySettings)
    tuning: TuningSettings = field(default_factory=TuningSettings)
    inputs: InputSettings = field(default_factory=InputSettings)
    overlap: OverlapSettings = field(default_factory=OverlapSettings)
    explain: ExplainSettings = field(default_factory=ExplainSettings)
    report: ReportSettings = field(default_factory=ReportSettings)


PRESETS = {
    "quick": Settings(
        preset="quick",
        data=DataSettings(n_train=3_000, n_val=500),
        mlp=MLPSettings(widths=(512, 512), epochs=8, batch_size=128, optimizer="adamw", learning_rate=1e-3),
        cnn=CNNSettings(stem=16, widths=(32, 64, 128), epochs=6, batch_size=64, learning_rate=6e-3),
        features=FeatureSettings(size=32),
        head=HeadSettings(width=256, epochs=12, batch_size=256, learning_rate=1e-3),
        finetune=FineTuneSettings(epochs=1, batch_size=32, learning_rate=1e-4),
        inputs=InputSettings(n_train=200, n_val=200),
        explain=ExplainSettings(n_map=300),
        study=StudySettings(
            n_val=500, vgg_train=1_000, vgg_val=500, seeds=3, cnn_steps=0, head_steps=40, finetune_steps=0
        ),
        tuning=TuningSettings(n_train=1_000, n_val=500, head_trials=6, head_steps=40),
    ),
    "standard": Settings(),
    "best": Settings(
        preset="best",
        mlp=MLPSettings(dropout=0.2, epochs=40, cutout=8),
        cnn=CNNSettings(stem=48, widths=(96, 224, 224), epochs=36, cutout=12),
        head=HeadSettings(width=1024, dropout=0.4, epochs=30),
        finetune=FineTuneSettings(epochs=14, learning_rate=1.5e-4, unfreeze=3, shift=2, cutout=8, easy_every=1),
        seeds=SeedSettings(n=3, n_long=1),
        inputs=InputSettings(n_train=2_000, n_val=2_000),
        study=StudySettings(n_train=40_000, cnn_steps=400, head_steps=240, finetune_steps=120),
        tuning=TuningSettings(
            n_train=10_000, n_val=5_000, at_once=8, cnn_trials=24, head_trials=40, cnn_steps=300, head_steps=200
        ),
    ),
}


def preset(name: str) -> Settings:
    """Return the preset's settings; raises UsageError with the nearest valid name."""
    if name not in PRESETS:
        raise UsageError(unknown("preset", name, PRESETS))
    return PRESETS[name]


def override(settings: Settings, assignments: typing.Iterable[str]) -> Settings:
    """Apply "section.name=value" assignments; raises UsageError for an unknown name or bad value."""
    for text in assignments:
        path, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set takes section.name=value, for example cnn.epochs=12, not {text!r}.")
        settings = _assign(settings, path.strip(), value.strip())
    return settings


def _assign(settings: Settings, path: str, value: str) -> Settings:
    names = setting_names()
    if path not in names:
        raise UsageError(unknown("setting", path, names))
    section, _, name = path.partition(".")
    part = getattr(settings, section)
    several = isinstance(getattr(part, name), tuple)
    given = [item.strip() for item in value.strip("()[]").split(",") if item.strip()] if several else value
    try:
        checked = TypeAdapter(type(part)).validate_python(dataclasses.asdict(part) | {name: given})
    except ValidationError as error:
        raise UsageError(_word(path, value, error)) from None
    return dataclasses.replace(settings, **{section: checked})


def _word(path: str, value: str, error: ValidationError) -> str:
    """Say in one sentence what a setting takes."""
    told = error.errors()[0]
    wanted = told["msg"].partition(", unable")[0].partition(" after validation")[0]
    for words in ("Input should be ", "Input should have ", "Tuple should have "):
        wanted = wanted.removeprefix(words)
    if wanted.startswith(("greater", "less")):
        wanted = f"a number {wanted}"
    elif told["type"] == "missing":
        wanted = "a value for each of its parts"
    return f"{path} takes {wanted}, not {value!r}."


def setting_names() -> list[str]:
    """Return every name that --set takes, as "section.name"."""
    return [
        f"{section.name}.{entry.name}"
        for section in dataclasses.fields(Settings)
        if dataclasses.is_dataclass(part := getattr(PRESETS["standard"], section.name))
        for entry in dataclasses.fields(part)
    ]


def write_value(value: typing.Any) -> str:
    """Write a setting's value as --set takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def first_cached(finetune: FineTuneSettings) -> int:
    """Return the first block whose input the features hold."""
    return max(finetune.unfreeze, FIRST_CACHED)


def starts_at_pixels(finetune: FineTuneSettings) -> bool:
    """Tell whether training begins at the pixels: augmented pictures and earlier blocks' input are not cached."""
    return bool(finetune.shift or finetune.cutout) or finetune.unfreeze < FIRST_CACHED


def choose_networks(settings: Settings) -> Chosen:
    """Return the settings of each network that trials start from or that are shown, apart from its epochs."""
    return {name: dataclasses.replace(getattr(settings, name), epochs=1) for name in ("cnn", "head", "finetune")}


def reproduce_command(settings: Settings) -> str:
    """Return the command line of a run with these settings: preset, seed, and what differs from the preset."""
    words = ["python run_all.py", f"--preset {settings.preset}", f"--seed {settings.seed}"]
    words += ["--deterministic"] if settings.deterministic else []
    for path in setting_names():
        section, _, name = path.partition(".")
        value, default = (getattr(getattr(part, section), name) for part in (settings, PRESETS[settings.preset]))
        if value != default:
            words.append(f"--set {path}={write_value(value)}")
    return " ".join(words)


def validate(settings: Settings, own_data: bool = False) -> None:
    """Check before anything runs what several settings must be together; raises UsageError.

    Args:
        own_data: the data set is not Fashion-MNIST, so that nothing is known of its size.
    """
    size, backbone = settings.features.size, settings.features.backbone
    if backbone not in MODULES:
        raise UsageError(unknown("features.backbone", backbone, MODULES))
    if size < least_side(backbone):
        raise UsageError(f"{backbone} takes a features.size of at least {least_side(backbone)}, not {size}.")
    if settings.seed + max(settings.seeds.n, settings.seeds.n_long) > 2**32:
        raise UsageError(f"--seed takes a number below 2**32, not {settings.seed}.")
    if max(settings.classifiers.neighbours) > settings.data.n_train:
        raise UsageError(f"classifiers.neighbours takes at most data.n_train, not {settings.classifiers.neighbours}.")
    for name, most in (("n_train", 55_000), ("n_val", 5_000), ("n_test", 10_000)):
        n = getattr(settings.data, name)
        if n > most and not own_data:
            raise UsageError(f"data.{name} takes 100 to {most} pictures, not {n}.")


def feature_bytes(settings: Settings) -> int:
    """Return the most bytes that VGG16's features take on disk: two views, float16, border and pooled, uncompressed.

    Most other networks pass fewer channels over the border; ResNet and ConvNeXt up to twice as many.
    """
    n_pictures = settings.data.n_train + settings.data.n_val + settings.data.n_test
    side = settings.features.size // 8
    border = side**2 * 256 if first_cached(settings.finetune) == FIRST_CACHED else (side // 2) ** 2 * 512
    return n_pictures * 2 * 2 * (border + ((side + 1) // 2) ** 2 * 256 + 1024)
