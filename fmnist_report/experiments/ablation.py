"""Ablations: from what is usually handed in to what was chosen, one component a step, and what each brought."""

import dataclasses
import typing
from dataclasses import dataclass

from fmnist_report.experiments.noise import step_factor
from fmnist_report.experiments.trials import BLOCK3_MEAN
from fmnist_report.models.base import POOLED
from fmnist_report.settings import CNNSettings, FineTuneSettings, HeadSettings, TrainingSettings

# What introductions to convolutional networks build.
USUAL: dict[str, typing.Any] = {
    "architecture": "plain", "batch_norm": False, "residual": False, "optimizer": "adamw", "learning_rate": 1e-3,
    "weight_decay": 0.0, "schedule": "constant", "label_smoothing": 0.0, "shift": 0, "cutout": 0, "mirror": False,
}  # fmt: skip
# What the steps of the convolutional network add: settings that change together, by the name of the component.
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
    """One step of an ablation.

    Args:
        network: one of trials.NETWORKS.
        component: what it adds to the step below; "start" for the lowest.
        settings: of its training.
        layers: what a classifier on the base reads.
        n_views: over which answers are averaged, 1 or 2.
    """

    network: str
    component: str
    settings: TrainingSettings
    layers: tuple[str, ...] = POOLED
    n_views: int = 2


def list_cnn_steps(base: CNNSettings, mirror: bool) -> list[AblationStep]:
    """List the steps from a plain network of half the width, with Adam, to the point from which the study starts.

    What makes deep networks trainable comes before the deep network.

    Args:
        base: the study's starting point.
        mirror: whether the data may be mirrored.
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


def list_base_steps(head: HeadSettings, finetune: FineTuneSettings | None) -> list[AblationStep]:
    """List the steps on the base: a linear classifier on block 5, on blocks 3 to 5, on a grid, the head, fine-tuning.

    Args:
        finetune: None where fine-tuning is not studied.
    """
    linear = dataclasses.replace(head, width=0)
    steps = [
        AblationStep("head", "start", linear, ("block5_gap",)),
        AblationStep("head", "blocks", linear, (BLOCK3_MEAN, *POOLED[1:])),
        AblationStep("head", "grid", linear),
    ]
    steps += [AblationStep("head", "width", head)] if head.width else []
    return steps + ([AblationStep("finetune", "unfreeze", finetune)] if finetune else [])


def describe_ablation(
    steps: list[AblationStep], accuracies: list[float], sd: float, n_repeated: int, n_val: int
) -> list[dict]:
    """Say what each step reached and brought.

    Args:
        accuracies: of the steps, one training each.
        sd: the deviation of accuracies over seeds at the study's starting point, from n_repeated trainings. That of the
            lower steps is taken to be the same.
        n_val: images on which each was judged.

    Returns:
        Rows of network, component, value, val_accuracy and, of all but the first, gain, low and high (its 95%
        interval, all at once) and beyond (whether it leaves out zero).
    """
    half = max(sd * step_factor(n_repeated, max(1, len(steps) - 1)), 1 / n_val)
    rows: list[dict] = []
    for step, accuracy in zip(steps, accuracies, strict=True):
        row = {"network": step.network, "component": step.component, "val_accuracy": accuracy}
        if rows:
            gain = accuracy - rows[-1]["val_accuracy"]
            row |= {"gain": gain, "low": gain - half, "high": gain + half, "exceeds_noise": abs(gain) > half}
        rows.append(row)
    return rows
