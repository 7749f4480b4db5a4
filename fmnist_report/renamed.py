"""Former names of settings, of their values and of stages, accepted as aliases."""

import typing

SETTINGS = {
    "cnn.normalised": "cnn.batch_norm",
    "finetune.easy_every": "finetune.easy_sample_interval",
    "seeds.n_long": "seeds.n_slow",
    "study.narrow": "study.width_divisor",
    "study.vgg_train": "study.feature_train",
    "study.vgg_val": "study.feature_val",
}
VALUES = {("cnn.architecture", "stages"): "blocks"}
SECTIONS = {"overlap": "duplicates"}
STAGES = {"answers": "examples", "overlap": "duplicates", "portable": "browser_model"}

# Sections that are gone, and what replaces them.
REMOVED = dict.fromkeys(
    ("search", "tuning"), "The hyperparameter search is gone; `python run_all.py try` trains values in full."
)


def rename_setting(name: str) -> str:
    """Return the current name of a setting, "section.name"."""
    section, dot, rest = name.partition(".")
    return SETTINGS.get(name, f"{SECTIONS.get(section, section)}{dot}{rest}")


def rename_assignments(assignments: typing.Iterable[str], warn: typing.Callable[[str], None]) -> list[str]:
    """Replace former names in "section.name=value" assignments; warn once per name."""
    pairs = [text.partition("=") for text in assignments]
    renamed = [rename_setting(name.strip()) for name, _, _ in pairs]
    _report("setting", [name.strip() for name, _, _ in pairs], renamed, warn)
    values = [VALUES.get((new, value.strip()), value) for new, (_, _, value) in zip(renamed, pairs, strict=True)]
    _report("value", [value.strip() for _, _, value in pairs], [value.strip() for value in values], warn)
    return [new + equals + value for new, (_, equals, _), value in zip(renamed, pairs, values, strict=True)]


def rename_stages(names: typing.Sequence[str], warn: typing.Callable[[str], None]) -> list[str]:
    """Replace former names of stages; warn once per name."""
    renamed = [STAGES.get(name, name) for name in names]
    _report("stage", names, renamed, warn)
    return renamed


def _report(kind: str, former: typing.Sequence[str], current: typing.Sequence[str], warn) -> None:
    for old, new in dict.fromkeys(zip(former, current, strict=True)):
        if old != new:
            warn(f"The {kind} {old} is now called {new}.")
