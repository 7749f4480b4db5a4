"""Cumulative ablation: from a typical homework network to the chosen one, one component per step."""

import dataclasses
import typing
from dataclasses import dataclass

from fmnist_report.experiments.noise import step_factor
from fmnist_report.experiments.trials import BLOCK3_MEAN
from fmnist_report.settings import POOLED, CNNSettings, FineTuneSettings, HeadSettings, TrainingSettings

# A typical introductory convolutional network.
USUAL: dict[str, typing.Any] = {
    "architecture": "plain", "batch_norm": False, "residual": False, "optimizer": "adamw", "learning_rate": 1e-3,
    "weight_decay": 0.0, "schedule": "constant", "label_smoothing": 0.0, "shift": 0, "cutout": 0, "mirror": False,
}  # fmt: skip
# Components added to the convolutional network: settings that change together, by component name.
COMPONENTS = {
    "widths": ("stem", "widths"),
    "batch_norm": ("batch_norm",),
    "schedule": ("schedule",),
    "optimizer": ("optimizer", "learning_rate", "weight_decay"),
    "architecture": ("architecture",),
    "residual": ("residual",),
    "label_smoothing": ("label_smoothing",),
    "shift": ("shift",),
    "cutout": ("cutout",),
    "mirror": ("mirror",),
}


@dataclass(frozen=True)
class AblationStep:
    """One step of a cumulative ablation.

    Args:
        network: the stage that trains it in full.
        component: the component added to the previous step; "start" for the first.
        settings: settings of its training.
        layers: layers of the base that a classifier reads.
        n_views: number of views over which predictions are averaged, 1 or 2.
    """

    network: str
    component: str
    settings: TrainingSettings
    layers: tuple[str, ...] = POOLED
    n_views: int = 2


def list_cnn_steps(base: CNNSettings, mirror: bool) -> list[AblationStep]:
    """List the steps from a plain network of half the width, with AdamW without weight decay, to the study's baseline.

    Components that make deep networks trainable come before the deep network.

    Args:
        base: the study's baseline.
        mirror: whether the data set allows mirroring.
    """
    first, second, third = (max(1, width // 2) for width in base.widths)
    usual = dataclasses.replace(base, stem=max(1, base.stem // 2), widths=(first, second, third), **USUAL)
    steps = [AblationStep("cnn", "start", usual, n_views=1)]
    for component, names in COMPONENTS.items():
        changes: dict[str, typing.Any] = {name: getattr(base, name) for name in names}
        settings = dataclasses.replace(steps[-1].settings, **changes)
        if settings != steps[-1].settings and (mirror or component != "mirror"):
            steps.append(AblationStep("cnn", component, settings, n_views=1))
    if mirror and base.mirror:
        steps.append(AblationStep("cnn", "views", base))
    return steps


def list_transfer_steps(head: HeadSettings, finetune: FineTuneSettings | None) -> list[AblationStep]:
    """List the steps on the base: a linear classifier on block 5, on blocks 3 to 5, on a grid, the head, fine-tuning.

    Args:
        finetune: None if fine-tuning is not studied.
    """
    linear = dataclasses.replace(head, width=0)
    steps = [
        AblationStep("head", "start", linear, ("block5_gap",)),
        AblationStep("head", "blocks", linear, (BLOCK3_MEAN, *POOLED[1:])),
        AblationStep("head", "grid", linear),
    ]
    steps += [AblationStep("head", "width", head)] if head.width else []
    return steps + ([AblationStep("finetune", "unfreeze", finetune)] if finetune else [])


def describe_ablation(steps: list[AblationStep], accuracies: list[float], sd: float, df: int, n_val: int) -> list[dict]:
    """Describe the accuracy and the gain of each step.

    Args:
        accuracies: accuracies of the steps, one training run each.
        sd, df: standard deviation of the accuracies over seeds, pooled over all values of the study, and its degrees of
            freedom. It is assumed to be the same for the steps.
        n_val: number of validation images.

    Returns:
        Rows of network, component, val_accuracy and, except for the first, gain, low and high (its simultaneous
        95% interval) and exceeds_noise (whether the interval excludes zero).
    """
    half = max(sd * step_factor(df, max(1, len(steps) - 1)), 1 / n_val)
    rows: list[dict] = []
    for step, accuracy in zip(steps, accuracies, strict=True):
        row = {"network": step.network, "component": step.component, "val_accuracy": accuracy}
        if rows:
            gain = accuracy - rows[-1]["val_accuracy"]
            row |= {"gain": gain, "low": gain - half, "high": gain + half, "exceeds_noise": abs(gain) > half}
        rows.append(row)
    return rows
