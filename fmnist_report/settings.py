"""Settings of the run as frozen dataclasses, and the presets, which are values of them."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from dataclasses import dataclass, field

from fmnist_report.errors import UsageError

LANGUAGES = ("uk", "en")


@dataclass(frozen=True)
class DataSettings:
    """Which pictures are used. The split does not follow --seed: it is drawn once."""

    n_train: int = 55_000
    n_val: int = 5_000
    n_test: int = 10_000
    split_seed: int = 0


@dataclass(frozen=True)
class MLPSettings:
    """The multilayer perceptron of the previous assignment and its training."""

    widths: tuple[int, ...] = (1024, 1024)
    dropout: float = 0.2
    epochs: int = 16
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    shift: int = 1
    cutout: int = 0


@dataclass(frozen=True)
class CNNSettings:
    """The convolutional network of part 1 and its training."""

    widths: tuple[int, ...] = (48, 96, 192)
    dropout: float = 0.2
    epochs: int = 8
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    shift: int = 2
    cutout: int = 8
    precision: str = "auto"


@dataclass(frozen=True)
class FeatureSettings:
    """VGG16's input and what is read from it.

    size: side of VGG16's input in pixels, a multiple of 8, at least 32.
    shard: pictures in one HDF5 file; what an interrupted extraction loses at most.
    precision: "auto" takes bfloat16 where this machine multiplies faster in it.
    """

    size: int = 48
    batch_size: int = 100
    shard: int = 2_500
    precision: str = "auto"


@dataclass(frozen=True)
class ClassifierSettings:
    """The scikit-learn classifiers on pooled features; lists are tried on validation."""

    logistic_c: tuple[float, ...] = (0.01, 0.1)
    neighbours: tuple[int, ...] = (5, 10, 20)
    neighbour_components: int = 96
    shrinkage: tuple[float, ...] = (1e-4, 1e-2)


@dataclass(frozen=True)
class HeadSettings:
    """The dense head on pooled features, and its training."""

    width: int = 512
    dropout: float = 0.3
    epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1


@dataclass(frozen=True)
class FineTuneSettings:
    """Training of VGG16's blocks 4 and 5 together with the head."""

    epochs: int = 2
    batch_size: int = 64
    learning_rate: float = 2e-4
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    precision: str = "auto"


@dataclass(frozen=True)
class ReportSettings:
    """What the document shows beyond its numbers."""

    accent: str = "#0b5cad"
    mistakes: int = 12


@dataclass(frozen=True)
class Settings:
    """Everything that one run depends on, apart from places and verbosity."""

    preset: str = "standard"
    seed: int = 0
    data: DataSettings = field(default_factory=DataSettings)
    mlp: MLPSettings = field(default_factory=MLPSettings)
    cnn: CNNSettings = field(default_factory=CNNSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    classifiers: ClassifierSettings = field(default_factory=ClassifierSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    finetune: FineTuneSettings = field(default_factory=FineTuneSettings)
    report: ReportSettings = field(default_factory=ReportSettings)


PRESETS = {
    "quick": Settings(
        preset="quick",
        data=DataSettings(n_train=3_000, n_val=500),
        mlp=MLPSettings(widths=(512, 512), epochs=8, batch_size=128),
        cnn=CNNSettings(widths=(32, 64, 128), epochs=6, batch_size=64, cutout=0),
        features=FeatureSettings(size=32),
        head=HeadSettings(width=256, epochs=12),
        finetune=FineTuneSettings(epochs=1, batch_size=32, learning_rate=1e-4),
    ),
    "standard": Settings(),
    "best": Settings(
        preset="best",
        mlp=MLPSettings(widths=(2048, 2048, 2048), dropout=0.3, epochs=60),
        cnn=CNNSettings(widths=(64, 192, 384), epochs=40),
        features=FeatureSettings(size=64),
        head=HeadSettings(width=1024, epochs=40),
        finetune=FineTuneSettings(epochs=8),
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
            return tuple(items[0](item) for item in value.strip("()[]").split(",") if item.strip())
        return hint(value)
    except ValueError:
        kind = f"a list of {items[0].__name__}s, comma-separated" if items else f"{hint.__name__}"
        raise UsageError(f"{path} takes {kind}, not {value!r}.") from None


def setting_names() -> list[str]:
    """Return every name that --set takes, as "section.name"."""
    return [
        f"{section.name}.{entry.name}"
        for section in dataclasses.fields(Settings)
        if section.name not in ("preset", "seed")
        for entry in dataclasses.fields(typing.get_type_hints(Settings)[section.name])
    ]


def validate(settings: Settings) -> None:
    """Check ranges before anything runs; raises UsageError naming the setting and what it takes."""
    size = settings.features.size
    if size % 8 or not 32 <= size <= 224:
        raise UsageError(f"features.size takes a multiple of 8 from 32 to 224, not {size}.")
    for name, most in (("n_train", 55_000), ("n_val", 5_000), ("n_test", 10_000)):
        n = getattr(settings.data, name)
        if not 100 <= n <= most:
            raise UsageError(f"data.{name} takes 100 to {most} pictures, not {n}.")
    for name in ("cnn", "features", "finetune"):
        precision = getattr(settings, name).precision
        if precision not in ("auto", "float32", "bfloat16"):
            raise UsageError(unknown(f"{name}.precision", precision, ("auto", "float32", "bfloat16")))
    for path in setting_names():
        section, _, name = path.partition(".")
        value = getattr(getattr(settings, section), name)
        _check_range(path, name, value)


def _check_range(path: str, name: str, value: typing.Any) -> None:
    positive = {"epochs", "batch_size", "width", "shard", "learning_rate", "neighbour_components"}
    if name in positive and value <= 0:
        raise UsageError(f"{path} takes a number above 0, not {value}.")
    if name in ("dropout", "label_smoothing") and not 0 <= value < 1:
        raise UsageError(f"{path} takes a number from 0 to below 1, not {value}.")
    if name in ("shift", "cutout") and not 0 <= value <= 14:
        raise UsageError(f"{path} takes 0 to 14 pixels, not {value}.")
    if isinstance(value, tuple) and (not value or min(value) <= 0):
        raise UsageError(f"{path} takes at least one number above 0, not {value}.")
    if isinstance(value, tuple) and path == "cnn.widths" and len(value) != 3:
        raise UsageError(f"cnn.widths takes three widths, one a block, not {value}.")


def feature_bytes(settings: Settings) -> int:
    """Return about how many bytes the features take on disk: two views, float16, border and pooled."""
    n_pictures = settings.data.n_train + settings.data.n_val + settings.data.n_test
    return n_pictures * 2 * 2 * ((settings.features.size // 8) ** 2 * 256 + 1280)
