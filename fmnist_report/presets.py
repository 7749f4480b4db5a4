"""Presets, --set overrides, and validation of the settings."""

import dataclasses
import functools
import inspect
import re
import typing

from pydantic import TypeAdapter, ValidationError

from fmnist_report.backbones import MODULES, least_side
from fmnist_report.errors import UsageError, unknown
from fmnist_report.renamed import REMOVED
from fmnist_report.settings import (
    ClassifierSettings,
    CNNSettings,
    DataSettings,
    ExplainSettings,
    FeatureSettings,
    FineTuneSettings,
    HeadSettings,
    InputSettings,
    MechanismSettings,
    MLPSettings,
    SeedSettings,
    Settings,
    StudySettings,
)

BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<", "multipleOf": "multiple of"}
MOST_SEED = 2**31  # libraries accept seeds below 2**32, and repeated runs count up from the seed
PRESETS = {
    "quick": Settings(
        preset="quick",
        data=DataSettings(n_train=3_000, n_val=500, n_test=4_000),
        mlp=MLPSettings(widths=(512, 512), epochs=8, batch_size=128, optimizer="adamw", learning_rate=1e-3),
        cnn=CNNSettings(stem=16, widths=(32, 64, 128), epochs=6, batch_size=64, learning_rate=6e-3),
        features=FeatureSettings(size=32),
        classifiers=ClassifierSettings(components=256),
        head=HeadSettings(width=256, epochs=12, batch_size=256, learning_rate=1e-3),
        finetune=FineTuneSettings(epochs=1, batch_size=32, learning_rate=1e-4),
        mechanisms=MechanismSettings(n_train=3_000, n_val=500, steps=100, block_train=500, block_val=500),
        inputs=InputSettings(n_train=200, n_val=200),
        explain=ExplainSettings(n_map=300),
        study=StudySettings(n_val=500, feature_train=1_000, feature_val=500, cnn_steps=0, head_steps=0, repeats=0),
    ),
    "standard": Settings(
        mlp=MLPSettings(dropout=0.1, epochs=32),
        cnn=CNNSettings(residual=False, shift=1),
        features=FeatureSettings(size=64),
    ),
    "best": Settings(
        preset="best",
        mlp=MLPSettings(dropout=0.1, epochs=40),
        cnn=CNNSettings(residual=False, stem=48, widths=(96, 224, 224), epochs=36, shift=1, cutout=12),
        head=HeadSettings(width=1024, dropout=0.4, epochs=30),
        finetune=FineTuneSettings(
            epochs=24, learning_rate=1.5e-4, unfreeze=3, shift=2, cutout=10, easy_sample_interval=1
        ),
        seeds=SeedSettings(n=3, n_slow=1),
        mechanisms=MechanismSettings(n_val=5_000, steps=300, seeds=4, block_train=4_000, block_val=5_000),
        inputs=InputSettings(n_train=2_000, n_val=2_000),
        study=StudySettings(n_val=5_000, seeds=4, cnn_steps=300, head_steps=240, finetune_steps=120),
    ),
}


def preset(name: str) -> Settings:
    """Return the settings of a preset; raise UsageError with the closest valid name."""
    if name not in PRESETS:
        raise UsageError(unknown("preset", name, PRESETS))
    return PRESETS[name]


def override(settings: Settings, assignments: typing.Iterable[str]) -> Settings:
    """Apply "section.name=value" assignments; raise UsageError for an unknown name or invalid value."""
    for text in assignments:
        path, equals, value = text.partition("=")
        if not equals:
            raise UsageError(f"--set expects section.name=value, for example cnn.epochs=12, not {text!r}.")
        settings = _assign(settings, path.strip(), value.strip())
    return settings


def _assign(settings: Settings, path: str, value: str) -> Settings:
    names = setting_names()
    if gone := REMOVED.get(path.partition(".")[0]):
        raise UsageError(gone)
    if path not in names:
        raise UsageError(unknown("setting", path, names, "`python run_all.py settings` lists all of them"))
    section, _, name = path.partition(".")
    part = getattr(settings, section)
    several = isinstance(getattr(part, name), tuple)
    given = [item.strip() for item in value.strip("()[]").split(",") if item.strip()] if several else value
    try:
        checked = _find_adapter(section).validate_python(dataclasses.asdict(part) | {name: given})
    except ValidationError as error:
        raise UsageError(_describe_error(path, value, error)) from None
    return dataclasses.replace(settings, **{section: checked})


@functools.cache
def _find_adapter(section: str) -> TypeAdapter:
    return TypeAdapter(type(getattr(PRESETS["standard"], section)))


def _describe_error(path: str, value: str, error: ValidationError) -> str:
    """Describe the values that a setting accepts."""
    first = error.errors()[0]
    wanted = first["msg"].partition(", unable")[0].partition(" after validation")[0]
    for words in ("Input should be ", "Input should have ", "Tuple should have "):
        wanted = wanted.removeprefix(words)
    if wanted.startswith(("greater", "less")):
        wanted = f"a number {wanted}"
    elif first["type"] == "missing":
        wanted = "3 comma-separated integers"
    return f"{path} expects {wanted}, not {value!r}."


def list_values(settings: Settings) -> dict[str, typing.Any]:
    """Return the value of every setting that --set accepts, by "section.name"."""
    parts = {section: part for section, part in dataclasses.asdict(settings).items() if isinstance(part, dict)}
    return {f"{section}.{name}": value for section, part in parts.items() for name, value in part.items()}


def setting_names() -> list[str]:
    """Return every name that --set accepts, as "section.name"."""
    return list(list_values(PRESETS["standard"]))


class SettingRow(typing.NamedTuple):
    """A row of `run_all.py settings`: section.name, value, accepted values and meaning."""

    name: str
    value: str
    takes: str
    meaning: str


def describe_settings(settings: Settings) -> list[SettingRow]:
    """Return a row for every setting, in the order of setting_names."""
    rows = []
    for path, value in list_values(settings).items():
        section, _, name = path.partition(".")
        kind = type(getattr(settings, section))
        takes = _write_range(_find_adapter(section).json_schema()["properties"][name])
        rows.append(SettingRow(path, write_value(value), takes, _read_meanings(kind)[name]))
    return rows


def group_settings(settings: Settings) -> list[SettingRow]:
    """Return the rows of describe_settings, each section under a heading: its name and what it contains."""
    rows: list[SettingRow] = []
    for row in describe_settings(settings):
        section = row.name.partition(".")[0]
        if not rows or rows[-1].name.partition(".")[0] != section:
            docstring = inspect.getdoc(type(getattr(settings, section))) or ""
            rows.append(SettingRow(section, "", "", docstring.partition(".")[0]))
        rows.append(row)
    return rows


def _read_meanings(section: type) -> dict[str, str]:
    """Return the meaning of each setting from the "name: meaning" lines in a section's and its bases' docstrings."""
    found: dict[str, str] = {}
    for one in reversed(section.__mro__[:-1]):
        _, *parts = re.split(r"^(\w+): ", inspect.cleandoc(one.__doc__ or ""), flags=re.MULTILINE)
        pairs = zip(parts[::2], parts[1::2], strict=True)
        found |= {name: " ".join(words.split()).rstrip(".") for name, words in pairs}
    return found


def _write_range(schema: dict[str, typing.Any]) -> str:
    """Describe briefly the values that a JSON schema allows."""
    if schema["type"] == "array":
        n, each = schema.get("minItems"), schema.get("items") or schema["prefixItems"][0]
        return f"{n if n == schema.get('maxItems') else 'one or more'}, each {_write_range(each)}"
    if "enum" in schema:
        return ", ".join(schema["enum"])
    kind = "true, false" if schema["type"] == "boolean" else schema["type"]
    words = [f"{sign} {schema[bound]:g}" for bound, sign in BOUNDS.items() if bound in schema]
    return " ".join([kind, ", ".join(words)]).rstrip()


def write_value(value: typing.Any) -> str:
    """Format a setting's value as --set accepts it."""
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def reproduce_command(settings: Settings) -> str:
    """Return the command line of a run with these settings: preset, seed, and differences from the preset."""
    words = ["python run_all.py", f"--preset {settings.preset}", f"--seed {settings.seed}"]
    words += ["--deterministic"] if settings.deterministic else []
    default = list_values(PRESETS[settings.preset])
    changed = {path: value for path, value in list_values(settings).items() if value != default[path]}
    return " ".join([*words, *(f"--set {path}={write_value(value)}" for path, value in changed.items())])


def validate(settings: Settings, custom_data: bool = False) -> None:
    """Check the settings, and their combinations, before a run; raise UsageError for invalid ones.

    Args:
        custom_data: the data set is not Fashion-MNIST, so its size is unknown.
    """
    size, backbone = settings.features.size, settings.features.backbone
    if backbone not in MODULES:
        raise UsageError(unknown("features.backbone", backbone, MODULES))
    if size < least_side(backbone):
        raise UsageError(f"{backbone} needs a features.size of at least {least_side(backbone)}, not {size}.")
    if settings.seed >= MOST_SEED:
        raise UsageError(f"--seed expects a number below 2**31, not {settings.seed}.")
    if max(settings.classifiers.neighbours) > settings.data.n_train:
        k = settings.classifiers.neighbours
        raise UsageError(f"classifiers.neighbours expects at most data.n_train, not {k}.")
    for name, most in (("n_train", 55_000), ("n_val", 5_000), ("n_test", 10_000)):
        n = getattr(settings.data, name)
        if n > most and not custom_data:
            raise UsageError(f"data.{name} expects 100 to {most} images, not {n}.")
