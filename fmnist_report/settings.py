"""Settings of the run as frozen dataclasses, and the presets, which are values of them."""

from __future__ import annotations

import dataclasses
import difflib
import math
import typing
from dataclasses import dataclass, field

from fmnist_report.backbones import DEFAULT, MODULES, least_side
from fmnist_report.errors import UsageError

LANGUAGES = ("uk", "en")
# The model that each stage trains, by its name in results.json.
MODEL_OF_NETWORK = {"mlp": "mlp", "cnn": "cnn", "head": "vgg_head", "finetune": "vgg_finetuned"}


@dataclass(frozen=True)
class DataSettings:
    """Which pictures are used, at most so many. The split does not follow --seed: it is drawn once.

    side: in pixels, of the squares to which the pictures of a folder are brought where their sizes differ.
    """

    n_train: int = 55_000
    n_val: int = 5_000
    n_test: int = 10_000
    split_seed: int = 0
    side: int = 28


@dataclass(frozen=True)
class TrainingSettings:
    """What every training has.

    optimizer: adamw, muon, sgd (with Nesterov's momentum) or lion.
    schedule: one_cycle, cosine or constant.
    """

    epochs: int = 1
    batch_size: int = 256
    optimizer: str = "adamw"
    schedule: str = "one_cycle"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1


@dataclass(frozen=True)
class MLPSettings(TrainingSettings):
    """The multilayer perceptron of the previous assignment and its training."""

    widths: tuple[int, ...] = (1024, 1024)
    dropout: float = 0.0
    epochs: int = 16
    batch_size: int = 1024
    optimizer: str = "muon"
    learning_rate: float = 1e-2
    weight_decay: float = 0.02
    label_smoothing: float = 0.05
    shift: int = 1
    cutout: int = 0
    precision: str = "auto"


@dataclass(frozen=True)
class CNNSettings(TrainingSettings):
    """The convolutional network of part 1 and its training.

    stem: channels of the first convolution; widths: of the three stages; kernel: side of all.
    pooling: max or average.
    """

    stem: int = 32
    widths: tuple[int, ...] = (64, 192, 192)
    kernel: int = 3
    pooling: str = "max"
    dropout: float = 0.2
    epochs: int = 7
    batch_size: int = 128
    optimizer: str = "muon"
    learning_rate: float = 6e-3
    shift: int = 2
    cutout: int = 0
    precision: str = "auto"


@dataclass(frozen=True)
class FeatureSettings:
    """The convolutional base, its input and what is read from it.

    backbone: VGG16 or any other network of keras.applications, by Keras's name.
    size: side of its input in pixels, a multiple of 8, at least 32; some networks need more.
    shard: pictures in one HDF5 file; what an interrupted extraction loses at most.
    precision: "auto" takes bfloat16 where this machine multiplies faster in it.
    """

    backbone: str = DEFAULT
    size: int = 48
    batch_size: int = 100
    shard: int = 2_500
    precision: str = "auto"


@dataclass(frozen=True)
class ClassifierSettings:
    """The scikit-learn classifiers on pooled features; lists are tried on validation."""

    logistic_c: tuple[float, ...] = (0.003, 0.01)
    neighbours: tuple[int, ...] = (5, 10)
    neighbour_components: int = 96
    shrinkage: tuple[float, ...] = (1e-3,)


@dataclass(frozen=True)
class HeadSettings(TrainingSettings):
    """The dense head on pooled features, and its training."""

    width: int = 512
    dropout: float = 0.2
    epochs: int = 12
    batch_size: int = 512
    learning_rate: float = 2e-3


@dataclass(frozen=True)
class FineTuneSettings(TrainingSettings):
    """Training of the base's last blocks together with the head.

    unfreeze: the first block that is trained, 4 or 5; a block is what the base computes at one resolution.
    dropout: of the head.
    easy_every: 2 shows pictures that the head already names with less than the mean loss in every
    other epoch, with twice the weight; 1 shows all pictures in every epoch.
    """

    epochs: int = 2
    batch_size: int = 128
    learning_rate: float = 6e-5
    unfreeze: int = 4
    dropout: float = 0.2
    easy_every: int = 2
    precision: str = "auto"


@dataclass(frozen=True)
class SeedSettings:
    """How often every network is trained: n times, with the seeds seed, seed + 1, …

    The report shows the first training and the mean and standard deviation of all.
    """

    n: int = 1


@dataclass(frozen=True)
class StudySettings:
    """The hyperparameter study: one factor at a time around the chosen point, on a subset.

    n_train, n_val: the first pictures of each part; the split is shuffled, so they are a random sample.
    mlp_epochs, cnn_epochs, head_epochs, finetune_epochs: of each training; 0 leaves a network out.
    batch_size: at most so large, that short trainings have enough steps.
    Fine-tuning starts from a head that was trained on the same subset.
    """

    n_train: int = 800
    n_val: int = 1_000
    batch_size: int = 128
    mlp_epochs: int = 8
    cnn_epochs: int = 2
    head_epochs: int = 6
    finetune_epochs: int = 1


@dataclass(frozen=True)
class TuningSettings:
    """The search by Optuna, on a subset.

    n_train, n_val: the first pictures of each part.
    at_once: trials that are drawn together, so that workers can train them side by side.
    mlp_trials, cnn_trials, head_trials, finetune_trials: trainings of each network; 0 leaves it out.
    mlp_epochs, cnn_epochs, head_epochs, finetune_epochs: of each training that is not pruned.
    """

    n_train: int = 2_000
    n_val: int = 2_000
    at_once: int = 2
    mlp_trials: int = 10
    cnn_trials: int = 0
    head_trials: int = 10
    finetune_trials: int = 0
    mlp_epochs: int = 6
    cnn_epochs: int = 4
    head_epochs: int = 6
    finetune_epochs: int = 1


@dataclass(frozen=True)
class InputSettings:
    """The comparison of ways in which a greyscale picture can enter the base: pictures of each part."""

    n_train: int = 700
    n_val: int = 700


@dataclass(frozen=True)
class OverlapSettings:
    """When a picture counts as a near duplicate of a training picture.

    rms: root-mean-square difference in grey levels of 255, at most.
    cosine: similarity of the averages of the base's blocks 4 and 5, at least.
    """

    rms: float = 10.0
    cosine: float = 0.99


@dataclass(frozen=True)
class ExplainSettings:
    """How many validation pictures the map of the features shows."""

    n_map: int = 1_000


@dataclass(frozen=True)
class ReportSettings:
    """What the document shows beyond its numbers."""

    accent: str = "#0b5cad"
    mistakes: int = 12


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
        study=StudySettings(n_train=500, mlp_epochs=3, cnn_epochs=0, head_epochs=3, finetune_epochs=0),
        tuning=TuningSettings(n_train=500, mlp_trials=5, cnn_trials=0, head_trials=5, mlp_epochs=3, head_epochs=3),
    ),
    "standard": Settings(),
    "best": Settings(
        preset="best",
        mlp=MLPSettings(widths=(2048, 2048, 2048), dropout=0.3, epochs=60),
        cnn=CNNSettings(stem=64, widths=(128, 256, 512), epochs=60, cutout=8),
        features=FeatureSettings(size=64),
        head=HeadSettings(width=1024, epochs=40),
        finetune=FineTuneSettings(epochs=8, learning_rate=3e-4, easy_every=1),
        seeds=SeedSettings(n=3),
        inputs=InputSettings(n_train=20_000, n_val=5_000),
        study=StudySettings(
            n_train=20_000, n_val=5_000, mlp_epochs=20, cnn_epochs=10, head_epochs=12, finetune_epochs=2
        ),
        tuning=TuningSettings(
            n_train=20_000,
            n_val=5_000,
            at_once=8,
            mlp_trials=60,
            cnn_trials=40,
            head_trials=60,
            finetune_trials=20,
            mlp_epochs=15,
            cnn_epochs=8,
            head_epochs=10,
            finetune_epochs=2,
        ),
    ),
}


def preset(name: str) -> Settings:
    """Return the preset's settings; raises UsageError with the nearest valid name."""
    if name not in PRESETS:
        raise UsageError(unknown("preset", name, PRESETS))
    return PRESETS[name]


def unknown(kind: str, name: str, valid: typing.Iterable[str]) -> str:
    """Word the sentence for a name that does not exist, with the nearest one that does."""
    valid = list(valid)
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"choose from: {', '.join(valid)}."
    return f"There is no {kind} {name!r}; {hint}"


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
    hint = typing.get_type_hints(type(part))[name]
    changed = dataclasses.replace(part, **{name: _parse(path, value, hint)})
    return dataclasses.replace(settings, **{section: changed})


def _parse(path: str, value: str, hint: type) -> typing.Any:
    items = typing.get_args(hint)
    try:
        if items:
            parsed = tuple(items[0](item) for item in value.strip("()[]").split(",") if item.strip())
        else:
            parsed = hint(value)
        if not all(math.isfinite(item) for item in (parsed if items else [parsed]) if isinstance(item, float)):
            raise ValueError
        return parsed
    except ValueError:
        kind = f"a list of {items[0].__name__}s, comma-separated" if items else f"{hint.__name__}"
        raise UsageError(f"{path} takes {kind}, not {value!r}.") from None


def setting_names() -> list[str]:
    """Return every name that --set takes, as "section.name"."""
    return [
        f"{section.name}.{entry.name}"
        for section in dataclasses.fields(Settings)
        if dataclasses.is_dataclass(typing.get_type_hints(Settings)[section.name])
        for entry in dataclasses.fields(typing.get_type_hints(Settings)[section.name])
    ]


def write_value(value: typing.Any) -> str:
    """Write a setting's value as --set takes it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


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
    """Check ranges before anything runs; raises UsageError naming the setting and what it takes.

    Args:
        own_data: the data set is not Fashion-MNIST, so that nothing is known of its size.
    """
    size = settings.features.size
    if size % 8 or not 32 <= size <= 224:
        raise UsageError(f"features.size takes a multiple of 8 from 32 to 224, not {size}.")
    backbone = settings.features.backbone
    _check_range("features.backbone", "backbone", backbone)
    if size < least_side(backbone):
        raise UsageError(f"{backbone} takes a features.size of at least {least_side(backbone)}, not {size}.")
    if settings.seed + settings.seeds.n > 2**32:
        raise UsageError(f"--seed takes a number below 2**32, not {settings.seed}.")
    if max(settings.classifiers.neighbours, default=0) > settings.data.n_train:
        raise UsageError(f"classifiers.neighbours takes at most data.n_train, not {settings.classifiers.neighbours}.")
    if not 1 <= settings.seeds.n <= 20:
        raise UsageError(f"seeds.n takes 1 to 20 trainings, not {settings.seeds.n}.")
    for name, most in (("n_train", 55_000), ("n_val", 5_000), ("n_test", 10_000)):
        n = getattr(settings.data, name)
        if n < 100 or n > most and not own_data:
            raise UsageError(f"data.{name} takes 100 to {most} pictures, not {n}.")
    for path in setting_names():
        section, _, name = path.partition(".")
        value = getattr(getattr(settings, section), name)
        _check_range(path, name, value)


LEAST_MAP = 60  # t-SNE needs more pictures than neighbours and components
CHOICES = {
    "backbone": tuple(MODULES),
    "precision": ("auto", "float32", "bfloat16"),
    "optimizer": ("adamw", "muon", "sgd", "lion"),
    "schedule": ("one_cycle", "cosine", "constant"),
    "pooling": ("max", "average"),
}


def _check_range(path: str, name: str, value: typing.Any) -> None:
    if name in CHOICES and value not in CHOICES[name]:
        raise UsageError(unknown(path, value, CHOICES[name]))
    positive = {"epochs", "batch_size", "width", "stem", "shard", "learning_rate", "neighbour_components", "at_once"}
    if name in positive and value <= 0:
        raise UsageError(f"{path} takes a number above 0, not {value}.")
    if name in ("dropout", "label_smoothing") and not 0 <= value < 1:
        raise UsageError(f"{path} takes a number from 0 to below 1, not {value}.")
    if name.endswith(("_epochs", "_trials")) and value < 0:
        raise UsageError(f"{path} takes 0 or more, not {value}.")
    if name in ("n_train", "n_val") and value < 20:
        raise UsageError(f"{path} takes at least 20 pictures, not {value}.")
    if name == "unfreeze" and value not in (4, 5):
        raise UsageError(f"{path} takes 4 or 5, the first block that is trained, not {value}.")
    if path == "data.side" and not 8 <= value <= 224:
        raise UsageError(f"{path} takes a side of 8 to 224 pixels, not {value}.")
    if name == "kernel" and not 1 <= value <= 28:
        raise UsageError(f"{path} takes a side of 1 to 28 pixels, not {value}.")
    if name == "n_map" and value < LEAST_MAP:
        raise UsageError(f"{path} takes at least {LEAST_MAP} pictures, not {value}.")
    if name == "easy_every" and value not in (1, 2):
        raise UsageError(f"{path} takes 1 or 2, not {value}.")
    if name in ("shift", "cutout") and not 0 <= value <= 14:
        raise UsageError(f"{path} takes 0 to 14 pixels, not {value}.")
    if isinstance(value, tuple) and (not value or min(value) <= 0):
        raise UsageError(f"{path} takes at least one number above 0, not {value}.")
    if isinstance(value, tuple) and path == "cnn.widths" and len(value) != 3:
        raise UsageError(f"cnn.widths takes three widths, one a block, not {value}.")


def feature_bytes(settings: Settings) -> int:
    """Return the most bytes that VGG16's features take on disk: two views, float16, border and pooled, uncompressed.

    Most other networks pass fewer channels over the border; ResNet and ConvNeXt up to twice as many.
    """
    n_pictures = settings.data.n_train + settings.data.n_val + settings.data.n_test
    side = settings.features.size // 8
    border = side**2 * 256 if settings.finetune.unfreeze == 4 else (side // 2) ** 2 * 512
    return n_pictures * 2 * 2 * (border + ((side + 1) // 2) ** 2 * 256 + 1024)
