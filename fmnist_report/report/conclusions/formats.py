"""The types of values in claims: how each is written."""

import functools
import typing

from fmnist_report.messages import N_
from fmnist_report.networks import network_of_stage
from fmnist_report.report.conclusions.claim import Format
from fmnist_report.report.language import Language, Name

# When a validation loss was lowest; fine-tuning begins with that of the head.
BEFORE, AFTER = N_("before fine-tuning"), N_("after epoch {epoch} of {epochs}")


def _effect(language: Language, factor: str, value: str, effect: float) -> str:
    text = f"{language.factor(factor)} = {language.value(value)}".replace(" = ", "\u00a0=\u00a0")
    return f"{text} ({language.difference(effect)})"


def _changed(language: Language, changes: dict[str, str], effect: float, loss_effect: float | None) -> str:
    """Format a change with its effects: on accuracy in points, and on cross-entropy if it is known."""
    points = language.text(N_("{points} points"), points=language.points(effect, 2))
    loss = (
        ""
        if loss_effect is None
        else language.text(N_("cross-entropy {difference}"), difference=language.difference(loss_effect))
    )
    text = language.changes(changes).replace(" = ", "\u00a0=\u00a0")
    return f"{text} ({'; '.join(part for part in (points, loss) if part)})"


def _count(language: Language, n: int, unit: str) -> Name:
    return language.count(unit, n)


def tell_moment(language: Language, values: dict[str, typing.Any]) -> dict[str, str]:
    """Return the text of {moment}, the epoch in values; nothing if they have none."""
    if "epoch" not in values:
        return {}
    counts = {name: language.integer(values[name]) for name in ("epoch", "epochs")}
    return {"moment": language.text(AFTER if values["epoch"] else BEFORE, **counts)}


ACCURACY = Format(lambda language, value: language.percent(value, 2), 0.9123)
INTEGER = Format(lambda language, value: language.integer(value), 1_234)
LOSS = Format(lambda language, value: language.number(value, 3), 0.234)
CORRELATION = Format(lambda language, value: language.number(value, 2), 0.82)
RATIO = Format(lambda language, value: language.number(value, 0 if value >= 10 else 1), 2.5)
P_VALUE = Format(lambda language, value: language.p_value(value), 0.012)
# Differences of accuracies, in percentage points: with their sign, without it, and as the bound of an interval.
POINTS = Format(lambda language, value: language.points(value, 2), -0.0123)
MAGNITUDE = Format(lambda language, value: language.number(abs(100 * value), 2), 0.0123)
UNSIGNED_POINTS = Format(lambda language, value: language.number(100 * value, 2), 0.0123)
BOUND = Format(lambda language, value: language.bound(value), 0.0045)
# Counted things.
TEST_IMAGES, TRAINING_IMAGES, ERRORS, SEEDS, STEPS, VALUES_TRIED, CHANGES = (
    Format(functools.partial(_count, unit=unit), n)
    for unit, n in (
        ("test image", 10_000), ("training image", 4_000), ("error", 21),
        ("seed", 2), ("step", 300), ("value tried", 25), ("change", 11),
    )
)  # fmt: skip
# Names.
MODELS = Format(lambda language, value: language.name_all(value), ("mlp", "cnn"))
MODEL_TITLE = Format(lambda language, value: language.model(value), "vgg_features")
CLASS = Format(lambda language, value: language.quoted([language.class_name(value)]), 6)
CLASSES = Format(lambda language, value: language.quoted(map(language.class_name, value)), (0, 6))
CLASSES_BY_MODEL = Format(
    lambda language, value: language.by_model(
        {name: language.quoted(map(language.class_name, classes)) for name, classes in value.items()}
    ),
    {"mlp": (6,), "cnn": (0, 6)},
)
PAIRS_BY_MODEL = Format(
    lambda language, value: language.by_model(
        {
            name: f"{language.quoted(map(language.class_name, pair[:2]))} ({language.integer(pair[2])})"
            for name, pair in value.items()
        }
    ),
    {"mlp": (0, 6, 217), "cnn": (2, 4, 99)},
)
# Hyperparameters and their effects.
FACTOR = Format(lambda language, value: language.factor(value), "dropout")
VALUE = Format(lambda language, value: language.value(value), "0.5")
WAYS = Format(
    lambda language, value: language.join(
        language.quoted([f"{language.factor(factor)}: {language.value(way)}"]) for factor, way in value
    ),
    (("resizing", "bicubic"),),
)
EFFECTS = Format(
    lambda language, value: "; ".join(_effect(language, *effect) for effect in value),
    (("dropout", "0.5", 0.021), ("shift", "0", -0.004)),
)
EFFECT_BY_NETWORK = Format(
    lambda language, value: language.by_model(
        {network_of_stage(network): _effect(language, *effect) for network, effect in value.items()}
    ),
    {"cnn": ("dropout", "0.5", 0.021)},
)
CHANGED = Format(
    lambda language, value: "; ".join(_changed(language, *effect) for effect in value),
    (({"dropout": "0.5"}, 0.0031, -0.011), ({"shift": "0"}, -0.002, None)),
)
# Steps of an ablation.
COMPONENT = Format(lambda language, value: language.component(value), "batch_norm")
COMPONENTS = Format(lambda language, value: ", ".join(map(language.component, value)), ("batch_norm", "shift"))
COMPONENTS_QUOTED = Format(lambda language, value: language.quoted(map(language.component, value)), ("batch_norm",))
GAINS = Format(
    lambda language, value: "; ".join(f"{language.component(name)} {language.points(gain, 2)}" for name, gain in value),
    (("batch_norm", 0.021),),
)
