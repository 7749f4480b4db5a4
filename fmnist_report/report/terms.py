"""Names of classes, hyperparameters and their values in the report."""

from fmnist_report.messages import N_, N_n
from fmnist_report.optimizers import OPTIMIZERS

CLASS_NAMES = (
    N_("T-shirt"), N_("Trousers"), N_("Pullover"), N_("Dress"), N_("Coat"),
    N_("Sandals"), N_("Shirt"), N_("Sneakers"), N_("Bag"), N_("Ankle boots"),
)  # fmt: skip
ORIGINAL_CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FACTORS = {
    "channels": N_("channels"),
    "size": N_("side (pixels)"),
    "resizing": N_("resizing"),
    "layers": N_("blocks of {backbone}"),
    "widths": N_("layer widths"),
    "width": N_("layer width"),
    "kernel": N_("kernel"),
    "pooling": N_("pooling"),
    "epochs": N_("epochs"),
    "optimizer": N_("optimiser"),
    "learning_rate": N_("learning rate"),
    "schedule": N_("schedule"),
    "batch_size": N_("batch size"),
    "dropout": N_("dropout"),
    "weight_decay": N_("weight decay"),
    "label_smoothing": N_("label smoothing"),
    "unfreeze": N_("first block that is trained"),
    "block_decay": N_("rate of a block relative to the next"),
    "easy_sample_interval": N_("easy images shown every (epochs)"),
    "shift": N_("shift (pixels)"),
    "cutout": N_("cutout (pixels)"),
    "architecture": N_("architecture"),
    "batch_norm": N_("batch normalisation"),
    "residual": N_("residual connections"),
    "mirror": N_("mirroring"),
    "split_seed": N_("split of the training images"),
}
# Components of an ablation; the first is the starting point.
COMPONENTS = {
    "start": N_("simplest form"),
    "architecture": N_("three blocks in place of a dense layer"),
    "batch_norm": N_("batch normalisation"),
    "residual": N_("residual connections"),
    "widths": N_("twice the width"),
    "schedule": N_("learning-rate schedule"),
    "optimizer": N_("optimiser"),
    "label_smoothing": N_("label smoothing"),
    "shift": N_("random shifts"),
    "cutout": N_("cutout"),
    "mirror": N_("mirroring"),
    "views": N_("averaging over both views"),
    "blocks": N_("blocks 3 and 4 as well"),
    "grid": N_("block 3 on a grid"),
    "width": N_("dense head instead of a linear classifier"),
    "unfreeze": N_("fine-tuning of the upper blocks"),
}
GROUPS = {
    "structure": N_("structure"),
    "optimisation": N_("learning and optimisation"),
    "regularisation": N_("regularisation"),
}
VALUES = {
    "imagenet_mean": N_("mean of each channel subtracted"),
    "expected": N_("as {backbone} expects it"),
    "one_mean": N_("one mean subtracted"),
    "no_mean": N_("no mean subtracted"),
    "divided": N_("divided by 255"),
    "learned": N_("learned 1 × 1 convolution"),
    "nearest": N_("nearest pixel"),
    "bilinear": N_("bilinear"),
    "bicubic": N_("bicubic"),
    "max": N_("maximum"),
    "average": N_("average"),
    "both": N_("average and maximum"),
    "none": N_("none"),
    "one_cycle": N_("one cycle"),
    "cosine": N_("cosine"),
    "constant": N_("constant"),
    "blocks": N_("three blocks"),
    "plain": N_("two convolutions and a dense layer"),
    "whole": N_("as chosen"),
    "half": N_("half"),
    "True": N_("yes"),
    "False": N_("no"),
    **{name: optimizer.label for name, optimizer in OPTIMIZERS.items()},
}
# Counted nouns; a catalogue has each in every grammatical case and number of its language.
UNITS = {
    "image": N_n("{n} image", "{n} images"),
    "training image": N_n("{n} training image", "{n} training images"),
    "validation image": N_n("{n} validation image", "{n} validation images"),
    "test image": N_n("{n} test image", "{n} test images"),
    "class": N_n("{n} class", "{n} classes"),
    "epoch": N_n("{n} epoch", "{n} epochs"),
    "step": N_n("{n} step", "{n} steps"),
    "seed": N_n("{n} seed", "{n} seeds"),
    "trial": N_n("{n} trial", "{n} trials"),
    "value tried": N_n("{n} value tried", "{n} values tried"),
    "change": N_n("{n} change", "{n} changes"),
    "error": N_n("{n} error", "{n} errors"),
    "filter": N_n("{n} filter", "{n} filters"),
    "feature": N_n("{n} feature", "{n} features"),
    "pixel": N_n("{n} pixel", "{n} pixels"),
    "core": N_n("{n} core", "{n} cores"),
}
